"""Hydra's own settings: which a command line may change, and what replaces the others."""

from hydra.core.override_parser.types import Override

from qtlrun.error import UsageError, nearest

HEEDED_SETTINGS = ("launcher",)  # those of Hydra that have an effect here
OUTPUTS_ADVICE = "results go to OUTPUTS/DATE/TIME-NAME; name another folder with outputs=FOLDER."
LOG_ADVICE = (
    "a run writes log.txt into its folder; HYDRA_FULL_ERROR=1 shows where an error comes from."
)
SET_ADVICE = "qtlrun sets it itself; leave it out."
# By setting that has no effect here: what to use in its place.
ADVICE = {
    "run": OUTPUTS_ADVICE,
    "sweep": OUTPUTS_ADVICE,
    "output_subdir": OUTPUTS_ADVICE,
    "job_logging": LOG_ADVICE,
    "hydra_logging": LOG_ADVICE,
    "verbose": LOG_ADVICE,
    "job": (
        "a run stays in the folder that it is started in and is named by its preset; outputs=FOLDER"
        " names another for results."
    ),
    "searchpath": "--config-dir DIR adds options of yours.",
    "callbacks": "none is called here; leave it out.",
    "mode": "a sweep is asked for with the flag -m.",
    "sweeper": (
        "a sweep's values stand on the command line, as -m circuit.qubits=2,4; tune=K draws K"
        " values of each row's space."
    ),
    "help": SET_ADVICE,
    "hydra_help": SET_ADVICE,
    "env": SET_ADVICE,
    "output": SET_ADVICE,
    "runtime": SET_ADVICE,
    "overrides": SET_ADVICE,
    "defaults": SET_ADVICE,
}
SWEEPERS = ("optuna", "ax", "nevergrad")  # which choose points by a value of each
SWEEPER_ADVICE = (
    "a sweep here gives no value to go by; tune=K does the same: it draws K values of each row's"
    " space and chooses by validation; -m circuit.qubits=2,4 trains every point of a grid."
)
# What brings Hydra's launchers; those of the extra are tested here.
PACKAGES = {
    "joblib": "'qtlrun[launch]'",
    "submitit_local": "'qtlrun[launch]'",
    "submitit_slurm": "'qtlrun[launch]'",
    "ray": "'hydra-ray-launcher' 'hydra-core<1.4'",
    "ray_aws": "'hydra-ray-launcher' 'hydra-core<1.4'",
    "rq": "'hydra-rq-launcher' 'hydra-core<1.4'",
}


def check(override: Override) -> None:
    """Refuse a word that changes a setting of Hydra without effect here, or one not meant."""
    top, *names = override.key_or_group.replace("/", ".").split(".")
    if top != "hydra":
        return
    word = override.input_line
    if not names or override.package is not None:
        raise UsageError(
            "Hydra's settings are given one by one, as hydra/launcher=joblib", key=word
        )
    if names == ["sweeper"] and "/" in override.key_or_group:
        raise UsageError(sweeper(override.value()), key=word)
    if names[0] in ADVICE:
        raise UsageError(ADVICE[names[0]], key=word)
    if names[0] not in HEEDED_SETTINGS:
        raise UsageError(
            "there is no such key",
            "qtlrun --cfg hydra prints those of Hydra",
            key=override.key_or_group,
        )
    if override.is_sweep_override():
        raise UsageError("Hydra's settings are not swept", key=word)
    if names == ["launcher"] and not isinstance(override.value(), str):
        raise UsageError(launcher(override.value()), key=word)


def sweeper(name: object) -> str:
    """Words on why a sweeper is refused."""
    return SWEEPER_ADVICE if name in SWEEPERS else ADVICE["sweeper"]


def launcher(name: object) -> str:
    """Words on how to install a launcher, or on its right name."""
    if isinstance(name, str) and name in PACKAGES:
        return f"Hydra has no such option here; pip install {PACKAGES[name]} brings it."
    return f"Hydra has no such launcher; {nearest(name, ['basic', *PACKAGES])}"


def settings(name: str) -> str:
    """Words on how to see the settings of a launcher that starts no job, and what to use else."""
    words = f"qtlrun hydra/launcher={name} --cfg hydra -p hydra.launcher prints its settings"
    return words if name == "joblib" else f"{words}, and hydra/launcher=joblib needs no cluster"
