"""Finished runs that `run=` and `runs=` name, each by a folder, a tail of one, or `last`."""

import shlex
from pathlib import Path

from qtlrun.compose import earlier
from qtlrun.error import UsageError
from qtlrun.plan import Plan
from qtlrun.plan.override import Override, parse
from qtlrun.runfolder import (
    PLAN_FILE,
    POINT,
    WEIGHTS_FILE,
    point_number,
    read_plans,
)

# Keys of the command at hand: a finished run is looked at by its study, under its name
COMMAND_KEYS = (*earlier.PRESENT_KEYS, "study", "lens", "accelerator", "name", "command")
TYPED_KEYS = ("study", "run", "home", "outputs", "accelerator")  # those of them that may be typed
# Keys that say where a thing is now
PLACE_KEYS = ("plugins", "backbone.weights", "dataset.root", "dataset.path")


def force(words: list[str]) -> list[str]:
    """Words with which Hydra composes a run's places, for keys that its choice of options lacks."""
    if not earlier.asks(words, "run"):
        return words
    return [earlier.force(word) if word.key in PLACE_KEYS else word.text for word in parse(words)]


def take_run(plans: list[Plan]) -> list[Plan]:
    """Plan of the finished run that the command line names, or the plans themselves.

    Study, lenses, folders and accelerator are those of the command line; `run` is the folder in
    full. Refuses a run that is not there, and overrides that the run's own plan answers.
    """
    plan = plans[0]
    name = plan.values.get("run")
    if not isinstance(name, str):
        return plans  # none, or of a type that its check refuses
    if len(plans) > 1:
        raise UsageError("one run comes back at a time", "leave out -m", key="run")
    _check_overrides(plan)
    path = _single(name, earlier.locate("run", name, plan.values["outputs"], WEIGHTS_FILE))
    (document,) = read_plans("run", name, path)
    places = [word for word in plan.overrides if word.key in PLACE_KEYS]
    values = earlier.merge(document, plan.values, places, COMMAND_KEYS)
    return [Plan(values | {"run": str(path)})]


def find_runs(plans: list[Plan]) -> list[Plan]:
    """Plans with the folders, in full, of the runs that `runs` names."""
    return [_find_runs(plan) for plan in plans]


def _find_runs(plan: Plan) -> Plan:
    names = plan.values.get("runs")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return plan  # its check refuses it
    outputs = plan.values["outputs"]
    paths = [earlier.locate("runs", name, outputs, WEIGHTS_FILE) for name in names]
    return plan.changed({"runs": [str(path.absolute()) for path in paths]})


def _check_overrides(plan: Plan) -> None:
    """Refuse words that the plan of a run answers."""
    for override in plan.overrides:
        if not _is_allowed(override):
            raise UsageError(
                "the run has its own plan, and is taken as it was trained",
                "leave it out, or train another run with it",
                key=override.text,
            )


def _is_allowed(override: Override) -> bool:
    """Whether a word may stand beside a run."""
    top = override.key.partition(".")[0]
    return override.sets and (
        override.key in (*TYPED_KEYS, *PLACE_KEYS) or top in ("study", "lens")
    )


def _single(name: str, path: Path) -> Path:
    """Folder of a run in full, or of the only point of a sweep."""
    if (path / WEIGHTS_FILE).is_file():
        return path.absolute()
    points = sorted(
        path.glob(f"{POINT}*/{WEIGHTS_FILE}"), key=lambda file: point_number(file.parent)
    )
    if len(points) == 1:
        return points[0].parent.absolute()
    if points:
        raise _refusal(
            name,
            f"{path} is a sweep of {len(points)} points",
            f"name one, as run={points[0].parent}",
        )
    if not (path / PLAN_FILE).is_file():
        raise _refusal(name, "this folder is none that a run wrote", f"it has no {PLAN_FILE}")
    command = read_plans("run", name, path)[0].get("command", ["qtlrun"])
    raise _refusal(
        name,
        f"{path} has no weights of trained rows",
        f"its command was `{shlex.join(command)}`; study=compare, the default, writes them",
    )


def _refusal(name: str, reason: str, fix: str) -> UsageError:
    return UsageError(reason, fix, key="run", value=name)
