"""Cases: a model with a batch of training items, and what one pass back through it gives."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pennylane as qml
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from qtlrun.diagnosis import quantum_node
from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.composition import Composition
from qtlrun.diagnosis.evaluation import Evaluation, evaluate
from qtlrun.diagnosis.rehearsal import MAX_STEPS, FirstSteps, rehearse
from qtlrun.diagnosis.trace import CallTrace, trace_pass

EXERCISE_RATE = 0.01  # of Adam
MAX_LONG_STEPS = 400
IGNORED_LABEL = -100  # of torch's cross-entropy


@dataclass(frozen=True, eq=False)
class Case:
    """Model under examination, with a batch of training items.

    Whatever changes the model is done to another one of the same seed: `start_again()`.

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
    seed: of its start values and batch
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
    seed: int = 0

    def start_again(self) -> "Case":
        """Case of the same model from the same seed."""
        return self.start(self.seed)

    @property
    def is_solved(self) -> bool:
        """Whether its head is solved for, so that no gradient trains it."""
        return self.composition is not None and self.composition.parts.solved

    @property
    def data(self) -> Composition:
        """Composed model's own parts, for the checks that need them."""
        assert self.composition is not None
        return self.composition

    @cached_property
    def circuits(self) -> list[CircuitUse]:
        """Circuits as the model calls them on the batch; none where its forward pass fails."""
        return self.find_circuits(self)

    @cached_property
    def first_pass(self) -> "Pass":
        """Pass forward and back on the batch in training, of a model that is thrown away."""
        return take_pass(self.start_again())

    @cached_property
    def refused_node(self) -> qml.QNode | None:
        """Node whose method and shots make the first pass fail; None where it fails for others.

        The pass is taken again with each node's best method and without shots.
        """
        if self.composition is not None or self.first_pass.error is None:
            return None
        return _find_refused(self)

    @cached_property
    def trace(self) -> CallTrace:
        """Forward pass in training, as its modules and activations see it."""
        case = self.start_again()
        return trace_pass(case.model, case.items)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Logits of the batch and of parts of it, in evaluation mode."""
        case = self.start_again()
        return evaluate(case.model, case.items)

    @cached_property
    def rehearsal(self) -> FirstSteps | None:
        """Some steps of the optimizer on the batch; None without one, or where no pass comes back.

        Its model is thrown away.
        """
        if self.optimizer is None or self.first_pass.error is not None:
            return None
        case = self.start_again()
        assert case.optimizer is not None
        return rehearse(case.model, case.optimizer, case.items, case.labels)

    @cached_property
    def exercise(self) -> FirstSteps | None:
        """Some steps of Adam at a usual rate, which tell the model from its optimizer.

        None where no pass comes back. Its model is thrown away.
        """
        return self._take_exercise(MAX_STEPS)

    @cached_property
    def long_exercise(self) -> FirstSteps | None:
        """The same steps and as many more as there is time for."""
        return self._take_exercise(MAX_LONG_STEPS)

    def _take_exercise(self, most: int) -> FirstSteps | None:
        if self.first_pass.error is not None or not self.trained:
            return None
        case = self.start_again()
        optimizer = torch.optim.Adam(case.trained.values(), lr=EXERCISE_RATE)
        return rehearse(case.model, optimizer, case.items, case.labels, most)

    @cached_property
    def slopes(self) -> list[Any]:
        """Slopes of the loss by module, beside their finite differences; none of one by chance."""
        from qtlrun.diagnosis.slope import find_slopes  # of a case

        return find_slopes(self)

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """Weights that training is meant to move, by name."""
        # Of a lazy layer whose forward pass fails
        lazy = torch.nn.parameter.UninitializedParameter
        absent = {name for name, each in self.model.named_parameters() if isinstance(each, lazy)}
        return {
            name: weight
            for name, weight in self.model.named_parameters()
            if weight.requires_grad and name not in self.frozen | absent
        }


@dataclass(frozen=True, eq=False)
class Pass:
    """Pass forward and back through a model.

    logits: what it gives, of a user's module whatever; None where the pass failed before
    loss: mean cross-entropy in nats; None where it failed before
    gradients: of its weights by name; None of those that the loss does not reach
    error: that ended it; None
    """

    logits: Any
    loss: Tensor | None
    gradients: dict[str, Tensor | None]
    error: Exception | None


def take_pass(case: Case) -> Pass:
    """Pass the batch of a case forward and back through its model, in training mode."""
    case.model.train()
    case.model.zero_grad(set_to_none=True)
    logits, error = attempt(lambda: case.model(case.items))
    loss = None
    if error is None:
        loss, error = attempt(lambda: find_loss(logits, case.labels))
    if loss is not None and loss.requires_grad:
        _, error = attempt(loss.backward)
    gradients = {}
    for name, weight in case.trained.items():
        gradients[name] = weight.grad
        if weight.grad is not None and weight.grad.is_sparse:
            gradients[name] = weight.grad.to_dense()
    return Pass(logits, loss, gradients, error)


def _find_refused(case: Case) -> qml.QNode | None:
    """First node of a pass that fails, where it succeeds by other methods without shots."""
    nodes: list[qml.QNode] = []

    def answer(node: qml.QNode, args: tuple, kwargs: dict) -> Any:
        nodes.append(node)
        other = copy.copy(qml.set_shots(node, None))
        other.diff_method = "best"
        other.gradient_kwargs = {}
        return quantum_node.call(other, args, kwargs)

    with quantum_node.intercept(answer):
        again, _ = attempt(lambda: take_pass(case.start_again()))
    return nodes[0] if nodes and again is not None and again.error is None else None


def find_loss(logits: Any, labels: Int64[Tensor, " batch"]) -> Tensor:
    """Mean cross-entropy in nats; whatever torch raises where the logits cannot have one."""
    return nn.functional.cross_entropy(logits, labels)
