"""Variant: one model of a plan, composed or reference, with all values of its training."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qtlrun.plan import annotation, code, plugin
from qtlrun.plan.fact import Facts, Part
from qtlrun.plan.part import OFFERED, bare, facts_of, is_plugin, parameters
from qtlrun.plan.signature import Parameters

GROUPS = ("dataset", "backbone", "freeze", "recipe", "circuit", "head", "parametrization", "device")


@dataclass(frozen=True)
class Variant:
    """Values of each part of a model, its accelerator and its precision."""

    dataset: Part
    backbone: Part
    freeze: Part
    recipe: Part
    circuit: Part
    head: Part
    parametrization: Part
    device: Part
    dtype: str
    accelerator: str
    plugins: list[str]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Variant":
        """Composed model of a point, by the point's values; other values are left out."""
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})

    @property
    def parts(self) -> dict[str, Part]:
        """Parts by group."""
        return {group: self.part(group) for group in GROUPS}

    def part(self, group: str) -> Part:
        """Values of a group's part."""
        return getattr(self, group)

    def target(self, group: str) -> str:
        """Dotted name of the class or function that a group's part is built from."""
        return self.part(group)["_target_"]

    def facts(self, group: str) -> Facts:
        """Facts that a group's part declares."""
        return facts_of(group, self.target(group), tuple(self.plugins))

    def runs_code(self, group: str) -> bool:
        """Whether a group's part runs code of the user's, a plugin's or a file's that it names."""
        return is_plugin(self.target(group)) or bool(self.facts(group).code)

    def code_name(self, group: str) -> str:
        """Name of a group's part in words on its code: FILE.py:NAME, or its class."""
        key = self.facts(group).code
        return self.part(group)[key] if key else self.target(group)

    @property
    def runs_any_code(self) -> bool:
        """Whether it loads code of the user's, of which more may run than any of its parts."""
        return bool(self.plugins) or any(map(self.runs_code, GROUPS))

    def takes(self, group: str) -> Parameters:
        """Parameters of the constructor of a group's part."""
        return parameters(group, self.target(group), tuple(self.plugins))

    def values_taken(self, group: str) -> list[str]:
        """Names of the values that a group's part takes, whether its YAML gives them or not."""
        return [name for name in self.takes(group) if name not in OFFERED.get(group, ())]

    @property
    def head_parts(self) -> list[str]:
        """Names of those values of its head that say whether a part of it is trained."""
        switches = [
            name
            for name, parameter in self.takes("head").items()
            if annotation.is_switch(parameter.annotation)
        ]
        return [name for name in switches if name in self.head]

    def has(self, key: str) -> bool:
        """Whether its parts have a value, `group.key`."""
        group, _, name = key.partition(".")
        return name in self.part(group)

    def value(self, key: str) -> object:
        """A value of its parts, by `group.key`."""
        group, _, name = key.partition(".")
        return self.part(group)[name]

    def changed(self, values: Mapping[str, object]) -> "Variant":
        """Copy with those of the values, by `group.key`, that its parts have."""
        parts: dict[str, Any] = {}
        for key, value in values.items():
            if self.has(key):
                group, _, name = key.partition(".")
                parts[group] = parts.get(group, self.part(group)) | {name: value}
        return dataclasses.replace(self, **parts)

    def distinct_draws(self, draws: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Draws of those values that this variant has, each once; an empty one has its own."""
        keys = dict.fromkeys(key for draw in draws for key in draw)
        distinct = []
        for draw in draws:
            values = {key: draw.get(key, self.value(key)) for key in keys if self.has(key)}
            if values not in distinct:
                distinct.append(values)
        return distinct

    def redrawn(self, change: Part) -> "Variant":
        """Copy on another division of its dataset."""
        return dataclasses.replace(self, dataset=self.dataset | change)

    @cached_property
    def key(self) -> str:
        """Text of all its values, the same for equal variants alone."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Values that its constructors take, without the dataset's.

        A head that takes no circuit has none of it in its identity, or only what the sizes depend
        on that it names; the circuit is whole where the head takes its number of angles.
        """
        values = {
            name: getattr(self, name)
            for name in (
                "backbone",
                "freeze",
                "recipe",
                "head",
                "parametrization",
                "dtype",
                "accelerator",
            )
        }
        if "device" in self.takes("parametrization"):
            values["device"] = self.device
        if "circuit" in self.takes("head"):
            values |= {"circuit": self.circuit, "device": self.device}
            if self.head.get("product") and self.facts("circuit").is_product(self.circuit):
                values["head"] = self.head | {"product": False}
        else:
            values["circuit"] = self._sizes()
        values = {
            name: self._identify(name, bare(value)) if isinstance(value, dict) else value
            for name, value in values.items()
        }
        return values | {"plugins": plugin.identity(self.plugins)}

    @cached_property
    def identity_key(self) -> str:
        """Text of its identity and dataset: equal ones are the same model."""
        return json.dumps([self.identity, self.dataset], sort_keys=True)

    def _identify(self, group: str, part: Part) -> Part:
        """Values of a part, with the content of the user's file in place of its path."""
        key = self.facts(group).code
        return part | {key: code.identity(part[key])} if key in part else part

    def _sizes(self) -> Part:
        """Values of the circuit that the sizes depend on which a head without a circuit names."""
        takes = self.takes("head")
        names: list[str] = [name for name in ("qubits", "depth") if name in takes]
        is_whole = bool({"circuit_angles", "circuit_frequencies"} & set(takes))
        if {"circuit_inputs", "circuit_outputs"} & set(takes):
            widths = self.facts("circuit").widths
            names += widths
            is_whole |= not widths
        if is_whole or set(names) - set(self.circuit):
            return self.circuit
        values = {name: self.circuit[name] for name in dict.fromkeys(names)}
        # Circuits with equal values may measure other wires
        return values | ({"kind": self.target("circuit")} if "circuit_outputs" in takes else {})
