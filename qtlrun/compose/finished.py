"""Plans of finished runs, which `run=` names by a folder, a tail of one, or `last`."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from qtlrun.compose.check import folder
from qtlrun.error import UsageError
from qtlrun.plan import Plan
from qtlrun.plan.override import Override

LAST = "last"
WEIGHTS_FILE = "weights.json"
PLAN_FILE = "plan.yaml"
# Top-level keys that the command line gives, and not the run's plan
COMMAND_KEYS = ("study", "run", "home", "outputs", "accelerator")
# What may be named at another place than when the run was made
PLACED_KEYS = ("plugins", "backbone.weights")
POINT = "point-"  # begins the name of a point's folder in that of its sweep
MAX_LISTED = 4


def take_run(plans: list[Plan]) -> list[Plan]:
    """Plans of the finished run that the command line names, or the plans themselves.

    The study, the folders and the accelerator are those of the command line; `run` is the folder in
    full. Refuses a run that is not there, and overrides that the run's own plan answers.
    """
    plan = plans[0]
    name = plan.values.get("run")
    if not isinstance(name, str):
        return plans  # none, or of a type that its check refuses
    if len(plans) > 1:
        raise UsageError("one run comes back at a time", "leave out -m", key="run")
    _check_overrides(plan)
    path = _find(name, folder("outputs", str(plan.values["outputs"])))
    values = _read_plan(path, name)
    values = plan.values | values
    values |= {key: plan.values[key] for key in COMMAND_KEYS}
    values |= {"seal": None, "run": str(path)} | {
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
        or top in ("study", "hydra")
        or override.key.startswith("hydra/")
    )


def _value(plan: Plan, key: str) -> object:
    """Value of a key of the command line, `key` or `group.key`."""
    group, _, name = key.partition(".")
    return plan.values[group][name] if name else plan.values[group]


def _find(name: str, outputs: Path) -> Path:
    """Folder with the weights of the run of this name."""
    path = folder("run", name)
    if name != LAST and path.is_dir():
        return _single(name, path)
    # OUTPUTS/DATE/TIME-NAME, and in that of a sweep its points
    runs = {file.parent for file in outputs.glob(f"*/*/{WEIGHTS_FILE}")}
    points = {file.parent for file in outputs.glob(f"*/*/{POINT}*/{WEIGHTS_FILE}")}
    runs |= {point.parent for point in points}
    if name == LAST:
        if not runs:
            raise _refusal(
                name,
                f"no folder in {outputs} has trained rows",
                "train some with qtlrun, or name where they are with outputs=FOLDER",
            )
        return _single(name, max(runs, key=lambda run: run.parts[-2:]))
    ends = tuple(f"{mark}{name.rstrip('/')}" for mark in "/-")
    tails = sorted(run for run in runs | points if f"/{run}".endswith(ends))
    if len(tails) > 1:
        raise _refusal(name, f"{len(tails)} runs end so: {_list(tails)}", "give more of the name")
    if not tails:
        raise _refusal(
            name,
            f"there is no such folder, and no run in {outputs} whose name ends so",
            f"{LAST} is the newest one",
        )
    return _single(name, tails[0])


def _single(name: str, path: Path) -> Path:
    """Folder of a run in full, or of the only point of a sweep."""
    if (path / WEIGHTS_FILE).is_file():
        return path.absolute()
    points = sorted(path.glob(f"{POINT}*/{WEIGHTS_FILE}"), key=_number)
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
    command = _read_plan(path, name).get("command", ["qtlrun"])
    raise _refusal(
        name,
        f"{path} has no weights of trained rows",
        f"its command was `{shlex.join(command)}`; study=compare, the default, writes them",
    )


def _number(file: Path) -> int:
    """Number of a point, of its file."""
    digits = file.parent.name.removeprefix(POINT)
    return int(digits) if digits.isdecimal() else 0


def _read_plan(path: Path, name: str) -> dict[str, Any]:
    """Values of the plan in a run's folder, or of a point's in that of its sweep."""
    is_point = not (path / PLAN_FILE).is_file()
    file = path.parent / PLAN_FILE if is_point else path / PLAN_FILE
    number = _number(path / PLAN_FILE) if is_point else 0
    try:
        documents = list(yaml.safe_load_all(file.read_text()))
    except FileNotFoundError as error:
        raise _refusal(name, f"{path} has no {PLAN_FILE}", "restore it") from error
    except OSError as error:
        raise _refusal(name, f"{file} cannot be read ({error.strerror})", "mend it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refusal(name, f"{file} is no YAML", "restore it") from error
    if number >= len(documents) or not isinstance(documents[number], dict):
        raise _refusal(name, f"{file} has no plan of this point", "restore it")
    return documents[number]


def _list(paths: list[Path]) -> str:
    """Paths as text, the first few."""
    listed = ", ".join(map(str, paths[:MAX_LISTED]))
    return f"{listed} and {len(paths) - MAX_LISTED} more" if len(paths) > MAX_LISTED else listed


def _refusal(name: str, reason: str, fix: str) -> UsageError:
    return UsageError(reason, fix, key="run", value=name)
