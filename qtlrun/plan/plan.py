"""Plan: what one point of a command line asks for."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from qtlrun import disk
from qtlrun.plan.label import Labels, label
from qtlrun.plan.letter import letter_of
from qtlrun.plan.override import Override, parse
from qtlrun.plan.redraw import Redraw, list_redraws
from qtlrun.plan.reference import References
from qtlrun.plan.seal import SealedPlan
from qtlrun.plan.setting import Settings
from qtlrun.plan.variant import Part, Variant

COMPOSED = "composed"  # name of a composed model that has no letter


@dataclass(frozen=True)
class Plan:
    """Values of a composed point, and what follows from them, each worked out once.

    values: plain values by key, as composed and as plan.yaml has them
    refusal: why the point is left out, where its study excuses that
    sealed: point of the seal that it is a run of
    unfit: why a reference that nobody typed does not apply to the composed parts, by its name
    """

    values: dict[str, Any]
    refusal: str = ""
    sealed: SealedPlan | None = None
    unfit: dict[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """Top-level keys."""
        return Settings(
            **{each.name: self.values[each.name] for each in dataclasses.fields(Settings)}
        )

    @cached_property
    def model(self) -> Variant:
        """Composed model."""
        return Variant.of(self.values)

    @property
    def study(self) -> Part:
        """Values of the study."""
        return self.values["study"]

    @property
    def published(self) -> dict[str, Any]:
        """Published figures of a preset, with their source."""
        return self.values.get("published", {})

    @property
    def name(self) -> str:
        """Name of the output folder, after the experiment or its parts."""
        return self.values["name"]

    @property
    def command(self) -> list[str]:
        """Words of the command line."""
        return self.values["command"]

    @property
    def line(self) -> str | None:
        """Command line, of the study's `runs`, that asked for this point."""
        return self.values.get("line")

    @cached_property
    def line_overrides(self) -> tuple[Override, ...]:
        """Overrides of the study's command line that asked for this point."""
        return tuple(parse(shlex.split(self.line or "")))

    @property
    def changes(self) -> dict[str, Any]:
        """Values of each reference that differ from the composed ones, by name."""
        changes = self.values.get("compare") or {}
        return {name: change for name, change in changes.items() if name not in self.unfit}

    @property
    def lenses(self) -> dict[str, Part]:
        """Values of the lenses that its trained rows are looked at through, by name."""
        return self.values.get("lens") or {}

    @cached_property
    def overrides(self) -> tuple[Override, ...]:
        """Words that this point was composed from."""
        return tuple(parse(self.values.get("overrides", ())))

    @property
    def references(self) -> dict[str, Variant]:
        """Variants that the composed model is compared with, by name."""
        return self._references.variants

    @cached_property
    def composed(self) -> str:
        """Name of the composed model: its letter, where it has one that no other variant has."""
        name, _ = letter_of(self.model)
        other = self.references.get(name, self.model)
        return name if name and other.identity_key == self.model.identity_key else COMPOSED

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """All models by name, the composed one first."""
        return {self.composed: self.model} | self.references

    @cached_property
    def labels(self) -> Labels:
        """Labels of the variants that are rows of their own."""
        return label(self.variants, self.changes, self.overrides)

    @cached_property
    def claims(self) -> dict[str, str]:
        """Claim of each reference that is a row of its own, by its name."""
        return {
            name: self.labels.isolates[label]
            for name, label in self.labels.names.items()
            if name != self.composed
        }

    @cached_property
    def declared(self) -> frozenset[str] | None:
        """Labels of the references whose contrast a seal declares; None without a seal."""
        if self.sealed is None:
            return None
        names = self.labels.names
        rows = {self.variants[name].identity_key: label for name, label in names.items()}
        keys = [
            self.references[name].identity_key
            for name in self.sealed.declared
            if name in self.references
        ]
        return frozenset(map(rows.__getitem__, keys))

    @cached_property
    def notes(self) -> list[str]:
        """Lines on references that do not apply, are equal, or are not what their letter means."""
        return [*self._references.notes, *self.unfit.values(), *self.labels.notes]

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds that the settings name."""
        return self.settings.seed_list()

    @cached_property
    def redraws(self) -> list[Redraw]:
        """Divisions of the items, with their trainings and draws of tuning."""
        return list_redraws(self.settings, self.model.dataset, self.variants.values())

    @cached_property
    def reader_key(self) -> str:
        """Identity among readers of a test split: all values that its figures depend on."""
        rows = sorted(variant.identity_key for variant in self.variants.values())
        redraws = [dataclasses.asdict(redraw) for redraw in self.redraws]
        values = {"rows": rows, "redraws": redraws}
        return disk.digest(json.dumps(values, sort_keys=True).encode())

    def sets(self, key: str) -> bool:
        """Whether the command line gives a key a value."""
        return any(override.sets and override.key == key for override in self.overrides)

    def types(self, name: str) -> bool:
        """Whether the command line chooses, makes or changes a reference."""
        return self._references.is_typed(name)

    def changed(self, values: Mapping[str, object]) -> "Plan":
        """Copy with other values, by `key` or `group.key`."""
        changes = dict(self.values)
        for key, value in values.items():
            group, _, name = key.partition(".")
            changes[group] = changes[group] | {name: value} if name else value
        return dataclasses.replace(self, values=changes)

    def under(self, sealed: SealedPlan) -> "Plan":
        """Copy that is a run of a sealed plan."""
        return dataclasses.replace(self, sealed=sealed)

    def without(self, name: str, reason: str) -> "Plan":
        """Copy without a reference that does not apply, for this reason."""
        return dataclasses.replace(self, unfit=self.unfit | {name: reason})

    @cached_property
    def _references(self) -> References:
        return References(self.model, self.changes, self.overrides)
