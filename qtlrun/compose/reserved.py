"""Hydra's own settings: those that a command line may change, and what to use in place of the
others.
"""

from hydra.core.override_parser.types import Override

from qtlrun.plan import Refused, nearest

FREE = ("launcher",)  # settings that are Hydra's to heed
OUTPUTS = "results go to OUTPUTS/DATE/TIME-NAME; name another folder with outputs=FOLDER."
LOG = "a run writes log.txt into its folder; HYDRA_FULL_ERROR=1 shows where an error comes from."
SET = "qtlrun sets it itself; leave it out."
INSTEAD = {
    "run": OUTPUTS,
    "sweep": OUTPUTS,
    "output_subdir": OUTPUTS,
    "job_logging": LOG,
    "hydra_logging": LOG,
    "verbose": LOG,
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
    "help": SET,
    "hydra_help": SET,
    "env": SET,
    "output": SET,
    "runtime": SET,
    "overrides": SET,
    "defaults": SET,
}
SWEEPERS = ("optuna", "ax", "nevergrad")  # that are fed with a value of each point
UNFED = (
    "a sweep here gives no value to go by; tune=K does the same: it draws K values of each row's"
    " space and chooses by validation."
)
PACKAGES = {  # the launchers that there are for Hydra, and what brings them
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "ray": "hydra-ray-launcher",
    "ray_aws": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
}


def check(override: Override) -> None:
    """Refuse a word that would change a setting of Hydra which has no effect here, or another one
    than is meant.
    """
    top, *names = override.key_or_group.replace("/", ".").split(".")
    if top != "hydra":
        return
    word = override.input_line
    if not names or override.package is not None:
        raise Refused(f"{word}: Hydra's settings are given one by one, as hydra/launcher=joblib.")
    if names == ["sweeper"] and "/" in override.key_or_group:
        raise Refused(f"{word}: {sweeper(override.value())}")
    if names[0] in INSTEAD:
        raise Refused(f"{word}: {INSTEAD[names[0]]}")
    if names[0] not in FREE:
        raise Refused(
            f"{override.key_or_group}: there is no such key; qtlrun --cfg hydra prints those of"
            " Hydra."
        )
    if override.is_sweep_override():
        raise Refused(f"{word}: Hydra's settings are not swept.")
    if names == ["launcher"] and not isinstance(override.value(), str):
        raise Refused(f"{word}: {launcher(override.value())}")


def sweeper(name: object) -> str:
    """Why a sweeper is not taken."""
    return INSTEAD["sweeper"] if name == "basic" else UNFED


def launcher(name: object) -> str:
    """How a launcher that is not here can be had."""
    if isinstance(name, str) and name in PACKAGES:
        return (
            f"Hydra has no such option here; pip install '{PACKAGES[name]}' 'hydra-core<1.4'"
            " brings it."
        )
    return f"Hydra has no such launcher; {nearest(name, ['basic', *PACKAGES])}"
