"""Points of a run's plan.yaml, with what the command line says beside `plan=`."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override

from qtlrun.error import UsageError, nearest
from qtlrun.plan.option import group_names
from qtlrun.plan.override import Override as Word
from qtlrun.plan.override import parse

FILE = "plan.yaml"
# Keys of the command at hand, whatever the file has
PRESENT_KEYS = ("home", "outputs", "fresh", "seal", "plan", "run", "runs")
WHOLE_KEYS = ("dataset", "backbone", "head", "recipe", "study", "name", "overrides")  # of any plan


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
    return [_apply(document, values, typed) for document in _read(values["plan"])]


def _apply(document: dict[str, Any], values: dict[str, Any], typed: list[Word]) -> dict[str, Any]:
    """A plan of the file with typed values, and with the keys of the command at hand."""
    point = values | copy.deepcopy(document) | {key: values[key] for key in PRESENT_KEYS}
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


def _read(name: object) -> list[dict[str, Any]]:
    """Plans of a file, or of the file in a run's folder; those that were left out as well."""
    if not name:
        raise _unusable(name, "a file is needed here")
    path = Path(str(name)).expanduser()
    file = path / FILE if path.is_dir() else path
    try:
        documents = list(yaml.safe_load_all(file.read_text()))
    except FileNotFoundError as error:
        reason = f"there is no {FILE} in it" if path.is_dir() else "there is no such file or folder"
        raise _unusable(name, reason) from error
    except OSError as error:
        raise _unusable(name, f"it cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unusable(name, "its text is no YAML") from error
    for document in documents:
        lacking = [
            key for key in WHOLE_KEYS if not isinstance(document, dict) or key not in document
        ]
        if lacking:
            raise _unusable(name, f"it is no plan: it has no {lacking[0]}")
        document.pop("refused", None)
    if not documents:
        raise _unusable(name, "it is empty")
    return documents


def _unusable(name: object, reason: str) -> UsageError:
    return UsageError(
        reason,
        f"name the {FILE} of a run, or its folder OUTPUTS/DATE/TIME-NAME",
        key="plan",
        value=name,
    )
