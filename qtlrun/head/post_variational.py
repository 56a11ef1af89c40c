"""Fixed circuits whose Pauli words a linear layer weighs: post-variational networks."""

import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qtlrun.circuit import readout
from qtlrun.error import BadValue, UsageError
from qtlrun.head import scikit
from qtlrun.layer import Linear, Start
from qtlrun.plan import facts
from qtlrun.tape import measurement
from qtlrun.tape.tape import copies_of, inputs_of, is_direct

MAX_NUMBERS = 10_000  # that the linear layer takes


@facts(title=("linear layer on Pauli words of {circuit}",), fixed=True)
class PostVariational(nn.Module):
    """Logistic regression on Pauli words of a circuit at fixed angles, fitted to convergence.

    The angles are 0, and every choice of up to `order` of them turned by a quarter either way; of
    each such circuit all words on up to `locality` wires are measured (Huang and Rebentrost,
    arXiv:2307.10560, with both of its expansions). Inputs are pi/2 tanh of the principal components
    of the training features, each divided by its deviation. Validation chooses the L2 penalty, as
    in head=logistic. Neither seed nor learning rate plays a part, and no angle is trained.

    Arguments:
        features: numbers of an item.
        classes: logits of an item.
        circuit: at fixed angles; what it measures itself is left out.
        device: what it runs on.
        start: where start values come from, for each run.
        locality: wires of a word at most.
        order: angles that are turned at once at most.
        penalties: on half the squared weights beside the mean loss over the items.
    """

    center: Tensor
    components: Tensor

    def __init__(
        self,
        features: int,
        classes: int,
        circuit,
        device,
        start: Start,
        locality: int,
        order: int,
        penalties: list[float],
    ):
        super().__init__()
        if not 1 <= locality <= circuit.qubits:
            raise BadValue("locality", locality, f"wires of a word, from 1 to {circuit.qubits}")
        if order < 0:
            raise BadValue("order", order, "angles that are turned at once, from 0 up")
        inputs = inputs_of(circuit)
        _check_circuit(circuit, inputs)
        words = readout.count_words(circuit.qubits, locality)
        self.circuits = _count_settings(math.prod(circuit.shape), order)
        if self.circuits * words > MAX_NUMBERS:
            raise BadValue(
                "order",
                order,
                f"{self.circuits:,} circuits of {words:,} words; {MAX_NUMBERS:,} is the most",
                "use a lower one, or fewer qubits or layers",
            )
        self.penalties = scikit.strengths("penalties", penalties)
        self.settings = len(self.penalties)
        self.circuit = readout.in_words(circuit, inputs, locality)
        self.run = device.run(self.circuit)
        self.fixed = _settings(circuit.shape, order)
        runs = len(start.seeds)
        self.register_buffer("center", torch.zeros(runs, features, dtype=start.dtype))
        self.register_buffer("components", torch.zeros(runs, inputs, features, dtype=start.dtype))
        self.linear = Linear(start, "post", self.circuits * words, classes)

    @property
    def bases(self) -> int:
        """Bases that each circuit is measured in."""
        return measurement.count_bases(self.run.reading.measurements, self.circuit.qubits)

    def executions(self) -> int:
        """Executions of one item; there is no gradient."""
        return self.circuits * self.bases

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        runs = zip(x, self.center, self.components, strict=True)
        return self.linear(torch.stack([self._measure(*run) for run in runs]))

    def feed(
        self, x: Float[Tensor, "1 batch features"]
    ) -> tuple[Float[Tensor, "circuits batch inputs"], Float[Tensor, "circuits ..."]]:
        """Inputs of all circuits on each item, by the first run's components, and their angles."""
        return self._feed(x[0], self.center[0], self.components[0])

    @torch.no_grad()
    def solve(
        self,
        train: tuple[Float[Tensor, "items features"], Int[Tensor, " items"]],
        validation: tuple[Float[Tensor, "others features"], Int[Tensor, " others"]],
    ) -> None:
        """Measure the items, then fit once per penalty; all runs have the same fit."""
        projection = _principal_components(train[0], self.components.shape[1])
        fitted = self._measure(train[0], *projection), train[1]
        others = self._measure(validation[0], *projection), validation[1]
        weights, bias = scikit.logistic(fitted, others, self.penalties)
        self.center.copy_(projection[0].expand_as(self.center))
        self.components.copy_(projection[1].expand_as(self.components))
        self.linear.weight.copy_(weights.expand_as(self.linear.weight))
        self.linear.bias.copy_(bias.expand_as(self.linear.bias))

    def _measure(
        self,
        x: Float[Tensor, "batch features"],
        center: Float[Tensor, " features"],
        components: Float[Tensor, "inputs features"],
    ) -> Float[Tensor, "batch words"]:
        """Words of all circuits on each item."""
        values = self.run(*self._feed(x, center, components))
        return values.transpose(0, 1).flatten(1)

    def _feed(
        self,
        x: Float[Tensor, "batch features"],
        center: Float[Tensor, " features"],
        components: Float[Tensor, "inputs features"],
    ) -> tuple[Tensor, Tensor]:
        """Inputs of all circuits, and their angles."""
        inputs = math.pi / 2 * ((x - center) @ components.T).tanh()
        return inputs.expand(self.circuits, -1, -1), self.fixed.to(x)


def _check_circuit(circuit, inputs: int) -> None:
    """Refuse a circuit without angles for inputs, and several side by side."""
    if not inputs:
        raise UsageError("it takes no inputs", "choose another circuit", key="circuit")
    if is_direct(circuit):
        raise UsageError(
            "it takes features as they are, and this head feeds it angles",
            "use another circuit, or head=quantum",
            key="circuit",
        )
    copies = copies_of(circuit)
    if copies > 1:
        raise UsageError(
            "this head turns the angles of one circuit", "use 1", key="circuit.copies", value=copies
        )


def _principal_components(
    x: Float[Tensor, "items features"], count: int
) -> tuple[Float[Tensor, " features"], Float[Tensor, "count features"]]:
    """Mean, and the first directions, each by its deviation; zeros where there are fewer."""
    center = x.mean(0)
    _, sizes, directions = torch.linalg.svd((x - center).double(), full_matrices=False)
    deviations = sizes / math.sqrt(max(1, len(x) - 1))
    scaled = directions / deviations.clamp_min(1e-12).unsqueeze(1)
    scaled[deviations < 1e-9 * deviations[0]] = 0
    components = x.new_zeros(count, x.shape[1])
    components[: len(scaled)] = scaled[:count].to(x)
    return center, components


def _count_settings(angles: int, order: int) -> int:
    """Count the choices of up to `order` angles, each turned either way."""
    return sum(math.comb(angles, turned) * 2**turned for turned in range(order + 1))


def _settings(shape: tuple[int, ...], order: int) -> Float[Tensor, "settings ..."]:
    """Angles of each circuit: 0, then each choice of up to `order` of them, turned either way."""
    count = math.prod(shape)
    rows = []
    for turned in range(order + 1):
        for chosen in itertools.combinations(range(count), turned):
            for signs in itertools.product((1, -1), repeat=turned):
                row = torch.zeros(count, dtype=torch.float64)
                row[list(chosen)] = math.pi / 2 * torch.tensor(signs, dtype=torch.float64)
                rows.append(row)
    return torch.stack(rows).unflatten(1, shape)
