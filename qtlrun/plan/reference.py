"""References of a plan: variants that differ from the composed model in parts or in keys."""

import dataclasses
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from qtlrun.error import UsageError, nearest
from qtlrun.plan.claim import CLAIMS, check_claim
from qtlrun.plan.override import Override
from qtlrun.plan.part import check_group
from qtlrun.plan.variant import GROUPS, Part, Variant


@dataclass(frozen=True)
class References:
    """References of a composed model, and which of them apply to it.

    model: the composed model
    changes: values of each reference that differ from the model's, by name and group
    overrides: words of the command line
    """

    model: Variant
    changes: dict[str, Any]
    overrides: tuple[Override, ...]

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """Variants by name, without those that do not apply to the model.

        A part of a reference that has a `_target_` replaces the composed part; one without is
        merged into it. Refuses a reference whose keys the composed part lacks where it was typed;
        one that a default or preset asked for does not apply.
        """
        return {
            name: self._variant(change)
            for name, change in self._asked.items()
            if not self._lacking(change)
        }

    @cached_property
    def notes(self) -> list[str]:
        """A line for each reference that does not apply."""
        return [
            self._excuse(name) + "."
            for name, change in self._asked.items()
            if self._lacking(change)
        ]

    def is_typed(self, name: str) -> bool:
        """Whether the command line chooses, makes or changes a reference."""
        is_made = any(override.key == f"compare.{name}" for override in self.overrides)
        return is_made or self._is_chosen(name) or self._is_changed(name)

    @cached_property
    def _asked(self) -> dict[str, dict]:
        """Changes of the references that the user or a preset chose."""
        changes = {}
        for name, change in self.changes.items():
            _check_change(name, change)
            if self._is_asked(name, change):
                if self._lacking(change) and self.is_typed(name):
                    raise UsageError(self._excuse(name), "leave it out")
                changes[name] = change
        return changes

    def _is_asked(self, name: str, change: dict) -> bool:
        """Whether a reference is chosen; a preset may change a shipped one in case it is."""
        if set(CLAIMS) & set(change) or self._is_chosen(name):
            return True
        if self._is_changed(name):
            raise UsageError(
                "it is changed, but not among the references",
                f"choose it with +compare={name}",
                key=f"compare.{name}",
            )
        return not _is_shipped(name)

    def _is_chosen(self, name: str) -> bool:
        """Whether the command line chooses a reference by its name."""
        choices = [override for override in self.overrides if override.key == "compare"]
        return any(name in override.options() for override in choices)

    def _is_changed(self, name: str) -> bool:
        """Whether the command line changes something of a reference."""
        return any(override.is_below(f"compare.{name}") for override in self.overrides)

    def _lacking(self, change: dict) -> list[str]:
        """Keys that a reference changes and the composed parts do not take."""
        lacking = []
        for group in GROUPS:
            part = change.get(group, {})
            if "_target_" not in part:
                taken = {*self.model.part(group), *self.model.values_taken(group)}
                lacking += [f"{group}.{key}" for key in part if key not in taken]
        return lacking

    def _excuse(self, name: str) -> str:
        """Why a reference does not apply to the composed model."""
        lacking = ", ".join(self._lacking(self.changes[name]))
        return f"compare={name}: it changes {lacking}, which the composed model does not have"

    def _variant(self, change: dict) -> Variant:
        """Composed model with the changes of a reference."""
        parts = {group: change[group] for group in GROUPS if group in change}
        changed: dict[str, Any] = {
            group: _changed(self.model.part(group), part) for group, part in parts.items()
        }
        return dataclasses.replace(self.model, **changed)


def _changed(part: Part, change: Part) -> Part:
    """Part of a reference: a whole one replaces the composed part, keys are merged into it."""
    return dict(change) if "_target_" in change else part | change


def _check_change(name: str, change: object) -> None:
    """Refuse a change that no reference can make, by its name, type, keys or claim."""
    if not re.fullmatch(r"\w[\w-]{0,63}", str(name)):  # it becomes a part of file names
        raise UsageError(
            "a reference's name is made of letters, digits, - and _, at most 64 of them",
            key=f"compare.{name}",
        )
    if not isinstance(change, dict):
        raise UsageError(
            "a reference is a group of values",
            f"compare=[{name}] chooses it",
            key=f"compare.{name}",
            value=change,
        )
    if name == "composed":
        raise UsageError(
            "the composed model is called so",
            "name the reference otherwise",
            key="compare.composed",
        )
    for key, value in change.items():
        if key not in (*GROUPS, *CLAIMS):
            raise UsageError(
                "there is no such key", nearest(key, GROUPS), key=f"compare.{name}.{key}"
            )
        if key in GROUPS:
            check_group(f"compare.{name}.{key}", value)
    check_claim(name, change)


def _is_shipped(name: str) -> bool:
    """Whether a reference is an option of this program, not the user's own."""
    return (files("qtlrun.conf") / "compare" / f"{name}.yaml").is_file()
