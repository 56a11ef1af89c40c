"""Points of a run's plan.yaml, with what the command line says beside `plan=`."""

import copy
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from qtlrun.compose.check import folder
from qtlrun.error import UsageError, nearest
from qtlrun.plan.option import SEVERAL, group_names
from qtlrun.plan.override import Override as Word
from qtlrun.plan.override import parse
from qtlrun.runfolder import FIX, PLAN_FILE, find_run, read_plans

# Keys of the command at hand, whatever the file has
PRESENT_KEYS = ("home", "outputs", "fresh", "seal", "plan", "run", "runs")


def asked(words: list[str]) -> bool:
    """Whether a command line names a file of plans."""
    return any(word.key == "plan" and word.value not in (None, "null") for word in parse(words))


def force(overrides: list[Override], folders: list[Path]) -> list[str]:
    """Words with which Hydra composes values for keys that its own choice of options may lack.

    Refuses words that a plan does not take.
    """
    return [_force(override, folders) for override in overrides]


def _force(override: Override, folders: list[Path]) -> str:
    key = override.key_or_group
    text = override.input_line
    if override.is_delete() or override.package is not None:
        raise UsageError(
            "a plan has its values, and loses none", "give one another value", key=text
        )
    if key == "experiment":
        raise UsageError(
            "a preset is chosen before a plan is made",
            "leave out plan=FILE, or give values and options of groups",
            key=text,
        )
    if key == "compare" and override.is_add():
        raise UsageError(
            "a plan has its references", "name all of them, as compare=[C,twin]", key=text
        )
    if key.startswith("hydra") or key in group_names(folders):
        return text
    return f"++{Word.of(text).change}"


def replay(values: dict[str, Any], words: list[str]) -> list[dict[str, Any]]:
    """Points of the file that `plan` names; `values` are those that the words compose."""
    typed = [word for word in parse(words) if word.key != "plan"]
    return [_apply(document, values, typed) for document in _read(values)]


def _apply(document: dict[str, Any], values: dict[str, Any], typed: list[Word]) -> dict[str, Any]:
    """A plan of the file with typed values, and with the keys of the command at hand."""
    none_chosen: dict[str, Any] = {group: {} for group in SEVERAL}
    values = none_chosen | values
    point = values | none_chosen | copy.deepcopy(document)
    point |= {key: values[key] for key in PRESENT_KEYS}
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


def _read(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Plans of a file or a run's folder; those that were left out as well."""
    name = str(values["plan"])
    if not name:
        raise UsageError("a file is needed here", FIX, key="plan", value=name)
    path = folder("plan", name)
    if not path.is_file():
        outputs = folder("outputs", str(values["outputs"]))
        path = find_run("plan", name, outputs, PLAN_FILE)
    documents = read_plans("plan", name, path)
    for document in documents:
        document.pop("refused", None)
    return documents
