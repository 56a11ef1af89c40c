"""The composed model under examination, with a batch of its items, untrained."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device.method import Method
from qtlrun.experiment import Experiment
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.network import Module, has_inner_circuit
from qtlrun.experiment.parts import Parts
from qtlrun.layer import generator
from qtlrun.plan import Plan, Variant


@dataclass(frozen=True, eq=False)
class CircuitBatch:
    """Compiled circuit with inputs of a batch of items, and angles.

    run: function of inputs and weights, which has `outputs` and `reading`
    by_inputs: whether training needs the gradient by the inputs
    by_weights: whether it needs that by the angles
    """

    run: Any
    inputs: Float[Tensor, "circuits batch inputs"]
    weights: Float[Tensor, "circuits ..."]
    by_inputs: bool
    by_weights: bool

    @property
    def items(self) -> int:
        """Count of the items."""
        return self.inputs.shape[1]

    def first(self, items: int) -> "CircuitBatch":
        """The first items alone."""
        return dataclasses.replace(self, inputs=self.inputs[:, :items])

    def double(self) -> "CircuitBatch":
        """Inputs and angles in float64."""
        return dataclasses.replace(self, inputs=self.inputs.double(), weights=self.weights.double())


@dataclass(frozen=True, eq=False)
class Specimen:
    """Composed model of a plan at its start, with items of its first training split.

    batch: items of a step; None: the recipe's
    budget: seconds that methods, cost and flow may take, each
    plateau_budget: seconds that plateaus may take
    """

    plan: Plan
    experiment: Experiment
    batch: int | None
    budget: float
    plateau_budget: float

    @property
    def variant(self) -> Variant:
        """The composed model, on its first division of the items."""
        return self.plan.model.redrawn(self.plan.redraws[0].change)

    @property
    def seed(self) -> int:
        """The first seed."""
        return self.plan.redraws[0].seeds[0]

    @cached_property
    def parts(self) -> Parts:
        """Parts of the composed model."""
        return Parts(self.variant, self.experiment.session)

    @cached_property
    def ensemble(self) -> Ensemble:
        """The composed model before its first step, with its data."""
        return build_ensemble([Training(self.parts, self.seed)])

    @property
    def head(self) -> Module:
        """Head of the composed model."""
        return self.ensemble.head

    @property
    def has_circuit(self) -> bool:
        """Whether its head has a circuit between two layers."""
        return has_inner_circuit(self.head)

    @property
    def items(self) -> int:
        """Items of a step, no more than there are to train on."""
        return min(self.batch or self.parts.recipe.batch_size, self.ensemble.data["train"].count)

    def features(self, items: int) -> Float[Tensor, "1 items features"]:
        """Features that the head sees; those of the training items again, where these are few."""
        index = torch.arange(items) % self.ensemble.data["train"].count
        return self.ensemble.features("train", index).unsqueeze(0)

    def circuit_batch(
        self, method: Method, items: int, changes: Mapping[str, object] | None = None
    ) -> CircuitBatch:
        """Circuit of the head under a method, at uniform angles on (-pi, pi).

        `changes` are other values of the model, as `circuit.qubits`. Raises UsageError where the
        method cannot have the circuit, or the circuit the values.
        """
        variant = dataclasses.replace(self.variant.changed(changes or {}), device=method.part)
        parts = Parts(variant, self.experiment.session)
        features = self.features(items)
        head = parts.head(features.shape[-1], [self.seed])
        encoded = head.encode(features)
        angles = head.circuit_weights
        angles = head.angles if angles is None else angles
        draw = generator(self.seed, "derivative")
        uniform = torch.rand(angles.shape, generator=draw, dtype=torch.float64)
        weights = ((2 * uniform - 1) * math.pi).to(angles)
        return CircuitBatch(
            head.run,
            encoded.detach(),
            weights,
            by_inputs=encoded.requires_grad or not self.parts.fixed,
            by_weights=angles.requires_grad,
        )
