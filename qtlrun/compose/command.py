"""One command line to plain plans, one a point of a sweep."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from argparse import Namespace
from importlib import metadata
from pathlib import Path

from qtlrun import disk
from qtlrun import plan as plans
from qtlrun.compose import flag, grammar, hydra_error, reserved
from qtlrun.compose.check import check, rows
from qtlrun.compose.isolation import isolated
from qtlrun.plan import Refused
from qtlrun.plan.override import parse

SCRATCH = "qtlrun-"  # in the names of the folders that Hydra writes into


def compose(words: list[str]) -> list[dict]:
    """The plans of a command line, or those of its study's runs; none where it asked for help or a
    listing.
    """
    jobs = _composed(words)
    study = jobs[0].get("study") if jobs else None
    runs = study.get("runs") if isinstance(study, dict) else None
    if runs is not None:
        jobs = _runs(jobs, runs, words)
    return [job | {"command": ["qtlrun", *words]} for job in jobs]


def _runs(jobs: list[dict], runs: object, words: list[str]) -> list[dict]:
    """The plans of each of a study's `runs`, which are more words to the same command line."""
    if not isinstance(runs, list) or not runs or not all(isinstance(run, str) for run in runs):
        raise Refused(
            f"study.runs={plans.text(runs)}: command lines are needed here, as"
            " study.runs=['experiment=spirals','experiment=moons']."
        )
    if len(jobs) > 1:
        raise Refused("study.runs: this study has runs of its own; leave out -m.")
    mine = [
        override
        for override in parse(words)
        if override.key != "study.runs" and override.text not in ("--run", "-r")
    ]
    made = []
    typed = {override.key: override.text for override in mine if override.sets}
    for run in runs:
        run = _expand(run)
        with _named(run):
            more = _split(run)
            both = [
                typed[override.key]
                for override in parse(more)
                if override.text != typed.get(override.key, override.text)
            ]
            if both:
                raise Refused(
                    f"{both[0]}: this run says it otherwise; leave it out, or name runs of your own"
                    " with study.runs=[...]."
                )
            made += [
                job | {"name": jobs[0]["name"], "run": run}
                for job in _composed(
                    ["-m", *(override.text for override in mine), *more, "study.runs=null"]
                )
            ]
    return made


@contextlib.contextmanager
def _named(run: str):
    """Refusals within say which of the runs they are about."""
    try:
        yield
    except Refused as error:
        raise Refused(f"study.runs, {run}: {error}") from error


def _expand(run: str) -> str:
    """A run with the environment's variables in place of $NAME, nothing where one is not set: what
    could be typed.
    """
    expanded = re.sub(r"\$(\w+)", lambda name: os.environ.get(name[1], ""), run)
    return run if expanded == run else " ".join(expanded.split())


def _split(run: str) -> list[str]:
    """The words of a run, as a shell would split them."""
    try:
        return shlex.split(run)
    except ValueError as error:
        raise Refused(f"it cannot be read as a command line ({error}).") from error


def _composed(words: list[str]) -> list[dict]:
    """The plans that Hydra composes, one a point of a sweep."""
    flagged, overrides = flag.sort(words)
    if "--version" in flagged:
        print(f"qtlrun {metadata.version('qtlrun')}")
        return []
    flags = flag.read(flagged, overrides)
    with isolated():
        return _compose(flags, overrides)


def _compose(flags: Namespace, words: list[str]) -> list[dict]:
    """The plans that Hydra composes of flags and words; none where it was asked to print."""
    folders = flag.folders(flags)
    flags.run = not any(
        (
            flags.help,
            flags.hydra_help,
            flags.multirun,
            flags.cfg,
            flags.info,
            flags.shell_completion,
        )
    )
    if flags.hydra_help:
        words = []  # they change nothing of it
    elif not flags.shell_completion:
        read = grammar.read(
            words, flags.multirun, lambda group: hydra_error.options(group, folders)
        )
        for override in read.overrides:
            reserved.check(override)
            hydra_error.check(override, folders)
        words = read.texts
    scratch = _scratch(words)
    jobs = []
    errors = []
    known = hydra_error.KNOWN if _launched(words) else hydra_error.RAISED
    try:
        _run_hydra(
            [*flag.written(flags), *words],
            lambda config: _job(config, jobs, errors, scratch),
            scratch,
        )
        if errors:
            raise errors[0]
    except Refused:
        raise
    except known as error:
        raise Refused(hydra_error.word(error, folders, words)) from error
    else:
        jobs = jobs or [
            json.loads(path.read_text()) | {"fresh": False}
            for path in sorted(scratch.glob("*.json"))
        ]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _warn_of_shadows(folders)
    return jobs


def _launched(words: list[str]) -> bool:
    """Whether the command line names a launcher, whose processes may fail in ways of their own."""
    return any(override.key == "hydra/launcher" and override.sets for override in parse(words))


def _scratch(words: list[str]) -> Path:
    """A folder for what Hydra writes; under the home, which a cluster's machines share, where they
    launch the jobs.
    """
    place = Path(tempfile.gettempdir())
    if _launched(words):
        place = Path(os.environ.get("QTLRUN_HOME", "~/.cache/qtlrun")).expanduser() / "scratch"
        place.mkdir(parents=True, exist_ok=True)
    disk.clean_temporary(place, SCRATCH)
    return Path(tempfile.mkdtemp(prefix=SCRATCH + disk.writer(), dir=place))


def _run_hydra(words: list[str], task, scratch: Path) -> None:
    """Let Hydra compose, and call `task` for each point, or print; what it complains of, and ends,
    is an error.
    """
    import hydra

    run = hydra.main(version_base="1.3", config_path="pkg://qtlrun.conf", config_name="config")(
        task
    )
    complaint = io.StringIO()
    listens = (
        contextlib.redirect_stderr(complaint)
        if any(word.startswith("--cfg=") for word in words)
        else contextlib.nullcontext()
    )
    try:
        with _hydra_words(words, scratch), listens:
            run()
    except SystemExit as stopped:  # it printed help or a listing
        if stopped.code:
            raise ValueError(complaint.getvalue().strip() or "Hydra ended.") from stopped


def _job(config, jobs: list, errors: list, scratch: Path) -> None:
    """Take one composed config as a plain plan; in a process of a parallel launcher, also train it
    into the store.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    chosen = HydraConfig.get()
    alone = chosen.mode == RunMode.RUN or chosen.launcher._target_.endswith("BasicLauncher")
    try:
        _check_sweeper(chosen)
        job = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        if taken := set(job) & {"name", "overrides", "command", "run", "refused"}:
            raise Refused(f"{min(taken)}: there is no such key.")
    except (OmegaConfBaseException, Refused) as error:
        if not alone:
            raise
        errors.append(error)  # raised here, Hydra would print it first
        return
    choices = chosen.runtime.choices
    study = choices.get("study", "compare")
    parts = (
        [choices[group] for group in ("dataset", "head") if group in choices]
        if study == "compare"
        else [study]
    )
    job = {
        "name": choices.get("experiment") or "-".join(Path(part).stem for part in parts),
        "overrides": list(chosen.overrides.task),
    } | job
    jobs.append(job)
    if not alone:
        disk.write(scratch / f"{chosen.job.num:06d}.json", json.dumps(job))
        experiment = check([job])
        draws = plans.draws(rows(job), job["tune"])
        seeds = plans.seeds(job)
        for row in rows(job):
            for number, change in enumerate(plans.redraws(job)):
                with contextlib.suppress(Exception):  # the parent meets it again, and tells
                    experiment.row(
                        "",
                        row | {"dataset": row["dataset"] | change},
                        plans.apart(seeds, number),
                        "",
                        draws,
                    )


def _check_sweeper(chosen) -> None:
    """Refuse a sweeper that is fed with values, whoever chose it."""
    target = chosen.sweeper._target_
    if any(f"hydra_{name}_sweeper" in target for name in reserved.SWEEPERS):
        raise Refused(
            f"hydra/sweeper={chosen.runtime.choices.get('hydra/sweeper')}: {reserved.UNFED}"
        )


@contextlib.contextmanager
def _hydra_words(words: list[str], scratch: Path):
    """Hydra's command line, with the folders that it insists on in a scratch folder, and its own
    logging off.
    """
    before = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    folders = [f"hydra.{key}.dir={grammar.quoted(str(scratch))}" for key in ("run", "sweep")]
    sys.argv = [
        "qtlrun",
        *words,
        *folders,
        "hydra.sweep.subdir=.",
        "hydra.output_subdir=null",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]
    if "--shell-completion" in words:
        sys.argv = ["qtlrun", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that its exceptions arrive here
    try:
        yield
    finally:
        sys.argv = before[0]
        os.environ.pop("HYDRA_FULL_ERROR")
        if before[1] is not None:
            os.environ["HYDRA_FULL_ERROR"] = before[1]


def _warn_of_shadows(folders: list[Path]) -> None:
    """Warn of options of an added folder that Hydra passes over for shipped ones of that name."""
    shipped = hydra_error.conf()
    for folder in folders:
        for path in folder.glob("*/*.yaml"):
            if (shipped / path.relative_to(folder)).is_file():
                print(
                    f"qtlrun: {path} is not used: qtlrun ships an option of that name; rename it.",
                    file=sys.stderr,
                )
