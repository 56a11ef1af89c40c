"""Command line to plans, one per point of a sweep."""

import contextlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from argparse import Namespace
from importlib import metadata
from pathlib import Path
from typing import Any

from qtlrun import temporary
from qtlrun.compose import (
    completion,
    earlier,
    finished,
    flag,
    grammar,
    help,
    hydra_error,
    hydra_run,
    replay,
    reserved,
    worker,
)
from qtlrun.compose.isolation import isolated
from qtlrun.error import UsageError
from qtlrun.plan import Plan, option
from qtlrun.plan.check import ORIGIN_KEYS
from qtlrun.plan.override import parse

DEFAULT_HOME = "~/.cache/qtlrun"  # as conf/config.yaml has it
SCRATCH_PREFIX = "qtlrun-"  # of the folders that Hydra writes into

Values = dict[str, object]  # of one point, as Hydra composes them


def compose(words: list[str]) -> list[Plan]:
    """Plans of a command line, or of its study's runs; none where it only prints."""
    points = _compose_points(words)
    study = points[0].get("study") if points else None
    runs = study.get("runs") if isinstance(study, dict) else None
    if runs is not None:
        points = _compose_runs(points, runs, words)
    return [Plan(point | {"command": ["qtlrun", *words]}) for point in points]


def _compose_runs(points: list[Values], runs: object, words: list[str]) -> list[Values]:
    """Points of each of a study's `runs`: words that are added to the same command line."""
    if not isinstance(runs, list) or not runs or not all(isinstance(run, str) for run in runs):
        raise UsageError(
            (
                "command lines are needed here, as"
                " study.runs=['experiment=spirals','experiment=moons']"
            ),
            key="study.runs",
            value=runs,
        )
    if len(points) > 1:
        raise UsageError("this study has runs of its own", "leave out -m", key="study.runs")
    common = [
        override
        for override in parse(words)
        if override.key != "study.runs" and override.text not in ("--run", "-r")
    ]
    typed = {override.key: override.text for override in common if override.sets}
    joined = []
    for run in map(_expand, runs):
        with _named(run):
            more = _split(run)
            _check_agreement(more, typed)
            line = ["-m", *(override.text for override in common), *more, "study.runs=null"]
            joined += [
                point | {"name": points[0]["name"], "line": run} for point in _compose_points(line)
            ]
    return joined


def _check_agreement(words: list[str], typed: dict[str, str]) -> None:
    """Refuse a run that gives a key another value than the command line; `typed` is by key."""
    for override in parse(words):
        word = typed.get(override.key, override.text)
        if override.text != word:
            raise UsageError(
                "this run says it otherwise",
                "leave it out, or name runs of your own with study.runs=[...]",
                key=word,
            )


@contextlib.contextmanager
def _named(run: str):
    """Name the run that refusals within are about."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"study.runs, {run}: {error}") from error


def _expand(run: str) -> str:
    """Replace $NAME in a run by the environment's variable, nothing where it is not set."""
    expanded = re.sub(r"\$(\w+)", lambda name: os.environ.get(name[1], ""), run)
    return run if expanded == run else " ".join(expanded.split())


def _split(run: str) -> list[str]:
    """Words of a run, as a shell would split them."""
    try:
        return shlex.split(run)
    except ValueError as error:
        raise UsageError(f"it cannot be read as a command line ({error})") from error


def _compose_points(words: list[str]) -> list[Values]:
    """Points that Hydra composes; a single run has one."""
    flagged, overrides = flag.sort(words)
    if "--version" in flagged:
        print(f"qtlrun {metadata.version('qtlrun')}")
        return []
    if completion.is_query(words):
        print("\n".join(completion.answer(os.environ)))
        return []
    flags = flag.read(flagged, overrides)
    if flags.shell_completion:
        (command,) = parse(overrides)
        print(completion.script(command))
        return []
    if flags.help:
        folders = flag.folders(flags)
        print(help.text(folders))
        _warn_of_shadows(folders)
        return []
    with isolated():
        return _let_compose(flags, overrides)


def _let_compose(flags: Namespace, words: list[str]) -> list[Values]:
    """Points that Hydra composes from flags and words; none where it was asked to print."""
    folders = flag.folders(flags)
    flags.run = not any(
        (
            flags.hydra_help,
            flags.multirun,
            flags.cfg,
            flags.info,
        )
    )
    if flags.hydra_help:
        words = []  # they change nothing of it
    else:
        read = grammar.read(words, flags.multirun, lambda group: option.options(group, folders))
        for override in read.overrides:
            reserved.check(override)
            hydra_error.check(override, folders)
        words = read.texts
        if earlier.asks(words, "plan"):
            _check_printing(flags)
            words = replay.force(read.overrides, folders)
        words = finished.force(words)
    scratch = _make_scratch(words)
    points: list[Values] = []
    errors: list[Exception] = []
    try:
        hydra_run.run(
            flags, words, lambda config: _take_point(config, points, errors, scratch), scratch
        )
        if errors:
            raise errors[0]
    except UsageError:
        raise
    except hydra_error.COMPOSING_ERRORS as error:
        _check_launcher(error, words, scratch)
        raise UsageError(hydra_error.word(error, folders, words)) from error
    else:
        points = points or worker.read_points(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _warn_of_shadows(folders)
    return points


def _launcher(words: list[str]) -> str | None:
    """Launcher that the command line names, or None."""
    chosen = [each for each in parse(words) if each.key == "hydra/launcher" and each.sets]
    return chosen[-1].value if chosen else None


def _check_launcher(error: Exception, words: list[str], scratch: Path) -> None:
    """Refuse a launcher that fails before its first job; what fails within a job is raised."""
    name = _launcher(words)
    if name is None or isinstance(error, hydra_error.HYDRA_ERRORS):
        return
    if worker.read_points(scratch):
        raise error
    raise UsageError(
        f"it starts no job here ({error})",
        reserved.settings(name),
        key="hydra/launcher",
        value=name,
    ) from error


def _make_scratch(words: list[str]) -> Path:
    """Make a folder for what Hydra writes; under the shared home where machines launch jobs."""
    folder = Path(tempfile.gettempdir())
    if _launcher(words):
        folder = _home(words) / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
    temporary.clean_prefix(folder, SCRATCH_PREFIX)
    return Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX + temporary.writer(), dir=folder))


def _home(words: list[str]) -> Path:
    """Home folder as it is typed, or as the environment or the default has it."""
    typed = [override.value for override in parse(words) if override.key == "home"]
    home = typed[-1] if typed else os.environ.get("QTLRUN_HOME", DEFAULT_HOME)
    return Path(home).expanduser()


def _take_point(config, points: list, errors: list, scratch: Path) -> None:
    """Take one composed config; in a process of a parallel launcher train it into the store."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    chosen = HydraConfig.get()
    alone = chosen.mode == RunMode.RUN or chosen.launcher._target_.endswith("BasicLauncher")
    try:
        _check_sweeper(chosen)
        values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        if foreign := set(values) & set(ORIGIN_KEYS) - {"compare", "lens", "published"}:
            raise UsageError("there is no such key", key=min(foreign))
    except (OmegaConfBaseException, UsageError) as error:
        if not alone:
            raise
        errors.append(error)  # raised here, Hydra would print it first
        return
    values = {
        "name": _folder_name(dict(chosen.runtime.choices)),
        "overrides": list(chosen.overrides.task),
    } | values
    try:
        replayed = [values]
        if values["plan"] is not None:
            replayed = replay.replay(values, list(chosen.overrides.task))
        if len(replayed) > 1 and not alone:
            raise UsageError(
                f"it has {len(replayed)} points, and a launcher's processes take one each",
                "leave out the launcher",
                key="plan",
                value=values["plan"],
            )
    except UsageError as error:
        if not alone:
            raise
        errors.append(error)
        return
    points += replayed
    if not alone:
        worker.train(replayed[0], scratch, chosen.job.num)


def _check_printing(flags: Namespace) -> None:
    """Refuse to print what Hydra composes in place of the plans of a file."""
    if flags.cfg or flags.info:
        raise UsageError("the file has the composed values already", "leave out --cfg", key="plan")


def _folder_name(choices: dict[str, str | None]) -> str:
    """Name of an output folder, by the options chosen of each group."""
    study = choices.get("study", "compare")
    names = [study]
    if study == "compare":
        names = [choices[group] for group in ("dataset", "head") if group in choices]
    return choices.get("experiment") or "-".join(Path(name).stem for name in names)


def _check_sweeper(chosen) -> None:
    """Refuse a sweeper that chooses points by values, even where a config chose it."""
    target = chosen.sweeper._target_
    if any(f"hydra_{name}_sweeper" in target for name in reserved.SWEEPERS):
        name = chosen.runtime.choices.get("hydra/sweeper")
        raise UsageError(reserved.SWEEPER_ADVICE, key="hydra/sweeper", value=name)


def _warn_of_shadows(folders: list[Path]) -> None:
    """Warn of options of an added folder that Hydra passes over for shipped ones of that name."""
    shipped = option.shipped()
    for folder in folders:
        for path in folder.glob("*/*.yaml"):
            if (shipped / path.relative_to(folder)).is_file():
                print(
                    f"qtlrun: {path} is not used: qtlrun ships an option of that name; rename it.",
                    file=sys.stderr,
                )
