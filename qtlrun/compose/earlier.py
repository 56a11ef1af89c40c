"""Plans of earlier runs under a command line that names one, by `plan=`, `run=` or `runs=`.

What is shared: how a run is named, and how its values and those of the command at hand become one
plan. `plan=` asks for new rows, so replay.py lets any word change them; `run=` brings back the rows
that were trained, so finished.py refuses each word but those that say where things are.
"""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qtlrun.compose.check import folder
from qtlrun.error import UsageError, nearest
from qtlrun.plan.option import SEVERAL
from qtlrun.plan.override import Override, parse
from qtlrun.runfolder import find_run

# Keys of the command at hand, whatever the earlier run has
PRESENT_KEYS = ("home", "outputs", "fresh", "seal", "plan", "run", "runs")


def asks(words: list[str], key: str) -> bool:
    """Whether a command line names an earlier run by a key, `plan` or `run`."""
    return any(word.key == key and word.value not in (None, "null") for word in parse(words))


def force(word: Override) -> str:
    """Word with which Hydra composes a value for a key that its choice of options may lack."""
    return f"++{word.change}"


def locate(key: str, name: str, outputs: object, file: str) -> Path:
    """Folder of an earlier run with this file, which a key names."""
    folder(key, name)
    return find_run(key, name, folder("outputs", str(outputs)), file)


def merge(
    document: dict[str, Any],
    values: dict[str, Any],
    typed: list[Override],
    present: Iterable[str] = PRESENT_KEYS,
) -> dict[str, Any]:
    """Values of an earlier plan, with typed ones and those of the command at hand.

    `values` are those of the command at hand, which has a value for each typed word; keys that an
    older plan lacks have theirs as well.
    """
    none_chosen: dict[str, Any] = {group: {} for group in SEVERAL}
    values = none_chosen | values
    point = values | none_chosen | copy.deepcopy(document)
    point |= {key: values[key] for key in present}
    point.pop("refused", None)
    if "published" not in document:
        point.pop("published", None)
    for word in typed:
        _set(point, values, word.key)
    keys = {word.key for word in typed}
    earlier = [word.text for word in parse(document["overrides"]) if word.key not in keys]
    return point | {"overrides": [*earlier, *(word.change for word in typed)]}


def _set(point: dict[str, Any], values: dict[str, Any], key: str) -> None:
    """Give a key of a point the value that was composed for it."""
    *groups, name = key.split(".")
    branch = point
    value: Any = values
    for group in groups:
        if not isinstance(branch.get(group), dict):
            raise _no_key(key, group, branch)
        branch = branch[group]
        value = value[group]
    if name not in branch:
        raise _no_key(key, name, branch)
    branch[name] = value[name]


def _no_key(key: str, name: str, branch: dict[str, Any]) -> UsageError:
    return UsageError("the plan has no such key", nearest(name, branch), key=key)
