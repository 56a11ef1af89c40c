"""Cases: a model with a batch of training items, and what one pass back through it gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pennylane as qml
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.composition import Composition

# Whatever code of a user's, PennyLane or torch may raise in a pass; the checks name it
PASS_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    ArithmeticError,
    AssertionError,
    ImportError,
    qml.exceptions.QuantumFunctionError,
    qml.exceptions.DeviceError,
    qml.exceptions.WireError,
    qml.exceptions.QueuingError,
    qml.exceptions.DecompositionError,
    qml.exceptions.TransformError,
    qml.exceptions.NonDifferentiableError,
    qml.exceptions.OperatorPropertyUndefined,
)


@dataclass(frozen=True, eq=False)
class Case:
    """Model under examination, with a batch of training items.

    Whatever changes the model is done to another one of the same seed: `start(0)`.

    name: of the model
    model: items to logits (batch, classes)
    items: of the batch
    labels: class of each
    classes: their number
    optimizer: of this model's weights; None where the user gives none
    frozen: names of the model's weights that are not trained
    start: the case of the same model from another seed
    circuits: its circuits as it calls them on the batch
    composition: parts of a composed model; None of a module of the user's
    """

    name: str
    model: nn.Module
    items: Tensor
    labels: Int64[Tensor, " batch"]
    classes: int
    optimizer: torch.optim.Optimizer | None
    frozen: frozenset[str]
    start: Callable[[int], "Case"]
    find_circuits: Callable[["Case"], list[CircuitUse]]
    composition: Composition | None = None

    @cached_property
    def circuits(self) -> list[CircuitUse]:
        """Circuits as the model calls them on the batch; none where its forward pass fails."""
        return self.find_circuits(self)

    @cached_property
    def first_pass(self) -> "Pass":
        """Pass forward and back on the batch in training, of a model that is thrown away."""
        return take_pass(self.start(0))

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """Weights that training is meant to move, by name."""
        return {
            name: weight
            for name, weight in self.model.named_parameters()
            if weight.requires_grad and name not in self.frozen
        }


@dataclass(frozen=True, eq=False)
class Pass:
    """Pass forward and back through a model.

    logits: what it gives; None where the pass failed before
    loss: mean cross-entropy in nats; None where it failed before
    gradients: of its weights by name; None of those that the loss does not reach
    error: that ended it; None
    """

    logits: Tensor | None
    loss: Tensor | None
    gradients: dict[str, Tensor | None]
    error: Exception | None


def take_pass(case: Case) -> Pass:
    """Pass the batch of a case forward and back through its model, in training mode."""
    logits = loss = None
    error = None
    case.model.train()
    case.model.zero_grad(set_to_none=True)
    try:
        logits = case.model(case.items)
        loss = find_loss(logits, case.labels)
        if loss.requires_grad:
            loss.backward()
    except PASS_ERRORS as reason:
        error = reason
    gradients = {name: weight.grad for name, weight in case.trained.items()}
    return Pass(logits, loss, gradients, error)


def find_loss(
    logits: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats."""
    return nn.functional.cross_entropy(logits, labels)
