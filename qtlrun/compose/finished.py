"""Plans of finished runs, which `run=` names by a folder, a tail of one, or `last`."""

import shlex
from pathlib import Path

from qtlrun.compose.check import folder
from qtlrun.error import UsageError
from qtlrun.plan import Plan
from qtlrun.plan.override import Override, parse
from qtlrun.runfolder import (
    PLAN_FILE,
    POINT,
    WEIGHTS_FILE,
    find_run,
    point_number,
    read_plans,
)

# Top-level keys that the command line gives, and not the run's plan
COMMAND_KEYS = ("study", "run", "home", "outputs", "accelerator")
# What may be named at another place than when the run was made
PLACED_KEYS = ("plugins", "backbone.weights", "dataset.root", "dataset.path")


def force(words: list[str]) -> list[str]:
    """Words with which Hydra composes a run's places, for keys that its choice of options lacks."""
    typed = parse(words)
    if not any(word.key == "run" and word.value not in (None, "null") for word in typed):
        return words
    return [f"++{word.change}" if word.key in PLACED_KEYS else word.text for word in typed]


def take_run(plans: list[Plan]) -> list[Plan]:
    """Plans of the finished run that the command line names, or the plans themselves.

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
    folder("run", name)
    outputs = folder("outputs", str(plan.values["outputs"]))
    path = _single(name, find_run("run", name, outputs, WEIGHTS_FILE))
    (document,) = read_plans("run", name, path)
    values = plan.values | {"compare": {}} | document  # of its own references, if any
    values |= {key: plan.values[key] for key in COMMAND_KEYS}
    values |= {"seal": None, "run": str(path), "lens": plan.lenses} | {
        key: plan.values[key] for key in ("name", "command")
    }
    placed = [key for key in PLACED_KEYS if plan.sets(key)]
    changes = {key: _value(plan, key) for key in placed}
    return [Plan(values).changed(changes)]


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
        override.key in (*COMMAND_KEYS, *PLACED_KEYS)
        or top in ("study", "lens", "hydra")
        or override.key.startswith("hydra/")
    )


def _value(plan: Plan, key: str) -> object:
    """Value of a key of the command line, `key` or `group.key`."""
    group, _, name = key.partition(".")
    return plan.values[group][name] if name else plan.values[group]


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
