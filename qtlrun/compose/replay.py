"""Points of a run's plan.yaml, with what the command line says beside `plan=`."""

from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from qtlrun.compose import earlier
from qtlrun.compose.check import folder
from qtlrun.error import UsageError
from qtlrun.plan.option import group_names
from qtlrun.plan.override import Override as Word
from qtlrun.plan.override import parse
from qtlrun.runfolder import FIX, PLAN_FILE, read_plans


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
    return earlier.force(Word.of(text))


def replay(values: dict[str, Any], words: list[str]) -> list[dict[str, Any]]:
    """Points of the file that `plan` names; `values` are those that the words compose."""
    typed = [word for word in parse(words) if word.key != "plan"]
    return [earlier.merge(document, values, typed) for document in _read(values)]


def _read(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Plans of a file or a run's folder; those that were left out as well."""
    name = str(values["plan"])
    if not name:
        raise UsageError("a file is needed here", FIX, key="plan", value=name)
    path = folder("plan", name)
    if not path.is_file():
        path = earlier.locate("plan", name, values["outputs"], PLAN_FILE)
    return read_plans("plan", name, path)
