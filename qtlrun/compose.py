"""From the command line to plans, to a study, to an exit code: all of Hydra is here."""
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from qtlrun import disk, plan as plans
from qtlrun.plan import Refused, nearest

DONE, FAILED, REFUSED, BUG, RESOURCE, STOPPED = 0, 1, 2, 3, 4, 130
VALUED = ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--cfg", "-c", "--package", "-p", "--info", "-i",
          "--experimental-rerun")  # Hydra's flags that are followed by a value


def main(words: list[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 done, 1 something failed, 2 the user's error and nothing started, 3 a bug, 4 disk, memory or time, 130 and 143 a
    signal: what was finished is kept.
    """
    words = sys.argv[1:] if words is None else words
    stop = _listen()
    try:
        jobs = compose(words)
        return DONE if not jobs else DONE if _study(jobs)[1] else FAILED
    except Refused as error:
        return _say(f"qtlrun: {error}", REFUSED, error)
    except KeyboardInterrupt:
        return _say("qtlrun: stopped; what was finished is in the store, and the same command goes on from there.", stop[0])
    except MemoryError as error:
        return _say("qtlrun: out of memory; a smaller batch, fewer seeds or fewer qubits need less.", RESOURCE, error)
    except OSError as error:
        return _say(f"qtlrun: {error.filename or 'disk'}: {error.strerror or error}.", RESOURCE, error)
    except Exception as error:
        return _say(f"qtlrun: a bug: {type(error).__name__}: {error}\nHYDRA_FULL_ERROR=1 shows where.", BUG, error)


def frame(overrides: tuple[str, ...]):
    """The rows of a command line as a data frame; what `qtlrun.run` calls."""
    return _study(compose(list(overrides)))[0]


def compose(words: list[str]) -> list[dict]:
    """The plain plans of a command line, one a point of a sweep; none where it asked for help or a listing."""
    import hydra
    from omegaconf.errors import OmegaConfBaseException
    flags, overrides = _sort(words)
    scratch = Path(tempfile.mkdtemp(prefix="qtlrun-"))
    jobs, errors = [], []
    try:
        with _hydra_words(flags, overrides, scratch):
            hydra.main(version_base="1.3", config_path="pkg://qtlrun.conf", config_name="config")(
                lambda config: _job(config, jobs, errors, scratch))()
        if errors:
            raise errors[0]
        _warn_of_shadows(flags)
        return jobs or [json.loads(path.read_text()) for path in sorted(scratch.glob("*.json"))]
    except (hydra.errors.HydraException, OmegaConfBaseException) as error:
        raise Refused(_word(error, flags, overrides)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _job(config, jobs: list, errors: list, scratch: Path) -> None:
    """Take one composed config as a plain plan; in a process of a parallel launcher, also train it into the store."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    chosen = HydraConfig.get()
    try:
        job = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        errors.append(error)  # raised here, Hydra would print it first
        return
    choices = chosen.runtime.choices
    job["name"] = choices.get("experiment") or "-".join(Path(choices[group]).stem for group in ("dataset", "head") if group in choices)
    job["overrides"] = list(chosen.overrides.task)
    jobs.append(job)
    if not chosen.launcher._target_.endswith("BasicLauncher"):
        disk.write(scratch / f"{chosen.job.num:06d}.json", json.dumps(job))
        experiment = _check([job])
        for row in _rows(job):
            experiment.row("", row, plans.seeds(job))


def _study(jobs: list[dict]):
    """Check every plan, then run the study on all of them; gives its rows, and whether all went well."""
    experiment = _check(jobs)
    from rich.console import Console
    console = Console() if sys.stdout.isatty() else Console(width=100)
    study = plans.build("study", jobs[0]["study"], jobs[0]["plugins"])
    out = _folder(jobs[0])
    try:
        frame, well = study.run(jobs, out, experiment, console)
    finally:
        if not any(out.iterdir()):
            out.rmdir()
    console.print(f"Written to {out}", markup=False, highlight=False)
    return frame, well


def _check(jobs: list[dict]):
    """Refuse what cannot be, in every plan and before anything starts: names and types, then parts, then weights and data."""
    for job in jobs:
        plans.check(job)
        plans.references(job)
    from qtlrun.experiment import Experiment
    experiment = Experiment(jobs[0]["home"], jobs[0]["fresh"])
    for job in jobs:
        plans.build("study", job["study"], job["plugins"])
        for row in _rows(job):
            experiment.check(row)
    for job in jobs:
        for row in _rows(job):
            experiment.load(row)
    return experiment


def _rows(job: dict) -> list[dict]:
    return [plans.row_plan(job), *plans.references(job)[0].values()]


def _folder(job: dict) -> Path:
    """A new folder OUTPUTS/DATE/TIME-NAME, found writable before anything is trained."""
    try:
        return disk.new_folder(Path(job["outputs"]).expanduser() / time.strftime("%Y-%m-%d"), time.strftime("%H-%M-%S-") + job["name"])
    except OSError as error:
        raise Refused(f"outputs={job['outputs']}: no folder can be made there ({error.strerror}); name another with "
                      "outputs=FOLDER.") from error


def _sort(words: list[str]) -> tuple[list[str], list[str]]:
    """Flags and overrides, which may stand in any order."""
    flags, overrides = [], []
    for before, word in zip(["", *words], words, strict=False):
        (flags if word.startswith("-") or before in VALUED else overrides).append(word)
    return flags, overrides


@contextlib.contextmanager
def _hydra_words(flags: list[str], overrides: list[str], scratch: Path):
    """Hydra's command line, with the folders that it insists on in a scratch folder, and its own logging off."""
    before = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["qtlrun", *flags, *overrides, f"hydra.run.dir={scratch}", f"hydra.sweep.dir={scratch}", "hydra.sweep.subdir=.",
                "hydra.output_subdir=null", "hydra/job_logging=none", "hydra/hydra_logging=none"]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that its exceptions arrive here
    try:
        yield
    finally:
        sys.argv = before[0]
        os.environ.pop("HYDRA_FULL_ERROR")
        if before[1] is not None:
            os.environ["HYDRA_FULL_ERROR"] = before[1]


def _word(error: Exception, flags: list[str], overrides: list[str]) -> str:
    """A composition error in a sentence: what was given, and what would be right."""
    text = str(error)
    if found := re.search(r"Could not override '([^']+)'", text):
        key = found[1].partition("@")[0]
        return f"{key}: there is no such group or key; {nearest(key, _keys(key, flags))}"
    if found := re.search(r"Could not (?:find|load) '(\w+)/([^']+)'", text):
        group, option = found.groups()
        return f"{group}={option}: there is no such option; {nearest(option, _options(group, flags))}"
    if found := re.search(r"Ambiguous value for argument '([^=]+)=([^']+)'", text):
        return f"{found[1]}={found[2]}: several values are a sweep and need the flag -m; a list is written [{found[2]}]."
    if found := re.search(r"Missing mandatory value[^$]*full_key: (\S+)", text):
        return f"{found[1]}: it has no default; give it, as {found[1]}=VALUE."
    lines = [line for line in text.splitlines() if line.strip() and "hydra.cc" not in line]
    return " ".join(lines[:2]).replace("Error parsing override", "no override is") + (
        "" if "parsing" not in text and "viable" not in text else "; an override is KEY=VALUE, quoted for the shell where it has brackets.")


def _keys(key: str, flags: list[str]) -> list[str]:
    """The keys beside a key, in the default composition."""
    from hydra import compose, initialize_config_module
    from omegaconf import DictConfig
    with initialize_config_module("qtlrun.conf", version_base="1.3"):
        node = compose("config")
    path = key.split(".")
    for name in path[:-1]:
        inside = node.get(name) if isinstance(node, DictConfig) else None
        if not isinstance(inside, DictConfig):
            break
        node = inside
    prefix = key.rpartition(".")[0] + "." if node._get_full_key(None) else ""
    groups = [] if prefix else [path.name for path in plans.PACKAGE.parent.joinpath("conf").glob("[a-z]*/")]
    return sorted({prefix + str(name) for name in node if name != "_target_"} | set(groups))


def _options(group: str, flags: list[str]) -> list[str]:
    """The options of a group: those shipped, and those in the folders that the command line adds."""
    return sorted({path.stem if path.suffix == ".yaml" else path.name for folder in (_conf(), *_added(flags))
                   for path in (folder / group).glob("*.yaml")})


def _warn_of_shadows(flags: list[str]) -> None:
    """Say which options of an added folder Hydra passes over, because one of that name is shipped."""
    for folder in _added(flags):
        for path in folder.glob("*/*.yaml"):
            if (_conf() / path.relative_to(folder)).is_file():
                print(f"qtlrun: {path} is not used: qtlrun ships an option of that name; rename it.", file=sys.stderr)


def _added(flags: list[str]) -> list[Path]:
    pairs = [*zip(flags, flags[1:], strict=False), *(flag.split("=", 1) for flag in flags if "=" in flag)]
    return [Path(value) for flag, value in pairs if flag in ("--config-dir", "-cd")]


def _conf() -> Path:
    """The folder of the shipped options, of a checkout or of an installed wheel."""
    from importlib.resources import files
    return Path(str(files("qtlrun.conf")))


def _listen() -> list[int]:
    """Let both signals stop the run as Ctrl-C does, even where the shell had them ignored; gives the exit code to be."""
    stop = [STOPPED]

    def heard(number, _):
        stop[0] = 128 + number
        signal.signal(number, signal.SIG_DFL)  # a second one stops at once
        raise KeyboardInterrupt
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(number, heard)
    return stop


def _say(words: str, code: int, error: Exception | None = None) -> int:
    if error is not None and os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(words, file=sys.stderr)
    return code
