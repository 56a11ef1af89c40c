"""Folders of runs: names of their files, their plans, and how a command names one."""

from pathlib import Path
from typing import Any

import yaml

from qtlrun.error import UsageError

LAST = "last"
PLAN_FILE = "plan.yaml"
WEIGHTS_FILE = "weights.json"
POINT = "point-"  # begins the name of a point's folder in that of its sweep
WHOLE_KEYS = ("dataset", "backbone", "head", "recipe", "study", "name", "overrides")  # of any plan
MAX_LISTED = 4
FIX = f"name the {PLAN_FILE} of a run, or its folder OUTPUTS/DATE/TIME-NAME"


def find_run(key: str, name: str, outputs: Path, file: str) -> Path:
    """Folder of a run with this file, by a folder's name, a tail of it, or `last`.

    A point has the plan of its sweep. Refuses, about the key, a name of no run, or of several.
    """
    path = Path(name).expanduser()
    if name != LAST and path.is_dir():
        return path
    # OUTPUTS/DATE/TIME-NAME, and in that of a sweep its points
    runs = {each.parent for each in outputs.glob(f"*/*/{file}")}
    points = {each.parent for each in outputs.glob(f"*/*/{POINT}*/{file}")}
    if file == PLAN_FILE:
        points |= {each for run in runs for each in run.glob(f"{POINT}*")}
    runs |= {point.parent for point in points}
    if name == LAST:
        if not runs:
            raise UsageError(
                f"no folder in {outputs} has trained rows",
                "train some with qtlrun, or name where they are with outputs=FOLDER",
                key=key,
                value=name,
            )
        return max(runs, key=lambda run: run.parts[-2:])
    ends = tuple(f"{mark}{name.rstrip('/')}" for mark in "/-")
    tails = sorted(run for run in runs | points if f"/{run}".endswith(ends))
    if len(tails) > 1:
        reason = f"{len(tails)} runs end so: {_list(tails)}"
        raise UsageError(reason, "give more of the name", key=key, value=name)
    if not tails:
        raise UsageError(
            f"there is no such folder, and no run in {outputs} whose name ends so",
            f"{LAST} is the newest one",
            key=key,
            value=name,
        )
    return tails[0]


def read_plans(key: str, name: str, path: Path) -> list[dict[str, Any]]:
    """Values of the plans of a file, or of a run's folder; that alone of a point of a sweep.

    Refuses, about the key, what is no plan.
    """
    folder = run_folder(path)
    is_point = folder != path
    file = folder / PLAN_FILE if path.is_dir() else path
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        is_absent = not path.is_dir()
        reason = "there is no such file or folder" if is_absent else f"{folder} has no {PLAN_FILE}"
        raise UsageError(reason, FIX, key=key, value=name) from error
    except OSError as error:
        reason = f"{file} cannot be read ({error.strerror})"
        raise UsageError(reason, FIX, key=key, value=name) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no YAML", FIX, key=key, value=name) from error
    if is_point:
        number = point_number(path)
        documents = documents[number : number + 1]
    if not documents:
        raise UsageError(f"{file} has no plan", FIX, key=key, value=name)
    for document in documents:
        is_plan = isinstance(document, dict)
        lacking = [each for each in WHOLE_KEYS if not is_plan or each not in document]
        if lacking:
            reason = f"{file} is no plan: it has no {lacking[0]}"
            raise UsageError(reason, FIX, key=key, value=name)
    return documents


def run_folder(path: Path) -> Path:
    """Folder with the plans of a run: of a point the one of its sweep."""
    is_point = path.name.startswith(POINT) and not (path / PLAN_FILE).is_file()
    return path.parent if is_point else path


def point_number(path: Path) -> int:
    """Number of a point, of its folder."""
    digits = path.name.removeprefix(POINT)
    return int(digits) if digits.isdecimal() else 0


def _list(paths: list[Path]) -> str:
    """Paths as text, the first few."""
    listed = ", ".join(map(str, paths[:MAX_LISTED]))
    return f"{listed} and {len(paths) - MAX_LISTED} more" if len(paths) > MAX_LISTED else listed
