"""Dressed quantum network, and networks with something else in its circuit's place.

Each is a linear layer, a squashing to angles, a middle, and a linear layer.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.error import BadValue, UsageError
from qtlrun.head import dressing, published
from qtlrun.head.direct import check_direct, fill, find_norms
from qtlrun.head.reading import check_reading, rank
from qtlrun.head.squashing import RIGHT_ANGLE, saturated, squash
from qtlrun.layer import Linear, Start, hold, join_copies, part_copies
from qtlrun.plan import facts
from qtlrun.tape import measurement
from qtlrun.tape.tape import copies_of, inputs_of, is_direct


@facts(
    title=(
        ("product", True, "product in place of "),
        "{circuit}",
        ("angles", "frozen", ", angles frozen"),
        ("angles", "random", ", angles random"),
        ("angles", "zero", ", angles zero"),
        ("entangle", False, ", unentangled"),
        ("pre", "frozen", ", first layer frozen"),
        ("post", "frozen", ", last layer frozen"),
    )
)
class Quantum(nn.Module):
    """Circuit between two linear layers.

    Its input angles are pi/2 tanh of the first layer's values, in radians. A direct circuit takes
    the features themselves, without a first layer, and zeros behind them where they are fewer than
    its inputs; an item of zeros alone is to it a first feature of 1 and zeros. Source: Mari et al.,
    arXiv:1912.08278, eq. 10. Raises ValueError where `state` or `layout` does not fit, where
    nothing reaches the measured wires from the others without entangling gates, and for more
    features than a direct circuit takes.

    Arguments:
        features: numbers of an item.
        classes: logits of an item.
        circuit: the circuit in the middle; as an attribute, the one that runs. Of `copies` each
            has inputs and angles of its own, and the last layer takes the outputs of all.
        device: what it runs on.
        start: where start values come from, for each run.
        angles: of the circuit: trained from a normal start, frozen at that start, random (uniform
            on (-pi, pi), never trained) or zero.
        entangle: whether the circuit's entangling gates are in it.
        spread: standard deviation of the normal start, in radians.
        state: file of published weights to start from.
        product: put the product circuit of as many qubits, inputs and angles in the circuit's
            place; <Z> of every wire is then its output, whatever the circuit measured. Angles that
            were published for the circuit are no start for it, and it keeps its own.
        layout: publication whose draw of start values is repeated.
        pre: the layer before the circuit, trained or frozen at its start.
        post: the layer behind it, likewise.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        circuit,
        device,
        start: Start,
        angles: Literal["trained", "frozen", "random", "zero"] = "trained",
        entangle: bool = True,
        spread: float = 0.01,
        state: str | None = None,
        product: bool = False,
        layout: Literal["mari2019"] | None = None,
        pre: Literal["trained", "frozen"] = "trained",
        post: Literal["trained", "frozen"] = "trained",
    ):
        super().__init__()
        if not (math.isfinite(spread) and spread >= 0):
            raise BadValue("spread", spread, "a standard deviation in radians, 0 or more")
        if state is not None and layout is not None:
            raise BadValue(
                "layout",
                layout,
                "state gives the start values already",
                "leave one of the two null",
            )
        copies = copies_of(circuit)
        if direct := is_direct(circuit):
            check_direct(features, circuit, product, pre, state or layout)
        if product:
            from qtlrun.circuit import product as products

            circuit = products.sized(circuit.qubits, inputs_of(circuit), math.prod(circuit.shape))
        if not inputs_of(circuit):
            raise UsageError(
                "it takes no inputs, and this head feeds it features",
                "choose another circuit, or use it in a parametrization",
                key="circuit",
            )
        self.circuit = circuit
        self.circuits = copies
        self.entangle = entangle
        self.run = device.run(circuit, entangle)
        check_reading(self.run.reading, circuit, entangle)
        self.padding = inputs_of(circuit) - features if direct else 0
        self.pre = None if direct else Linear(start, "pre", features, copies * inputs_of(circuit))
        self.norms = find_norms if direct else None
        self.post = Linear(start, "post", copies * self.run.outputs, classes)
        shape = circuit.shape if copies == 1 else (copies, *circuit.shape)
        self.trained = angles == "trained"
        values = _draw_angles(start, angles, shape, spread)
        self.angles = nn.Parameter(values, requires_grad=self.trained)
        replaces_angles = angles in ("trained", "frozen") and not product
        if state is not None:
            published.load(self, state, shape, angles=replaces_angles)
        if layout is not None:
            published.begin(self, start.seeds, angles=replaces_angles)
        self.start = start
        hold(self.pre, pre)
        hold(self.post, post)

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        return self.decode(self.run(self.encode(x), self.circuit_weights))

    def encode(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "circuits batch inputs"]:
        """Inputs of the circuit, of features; copies are runs of their own."""
        inputs = fill(x, self.padding) if self.pre is None else squash(self.pre(x))
        if self.circuits == 1:
            return inputs
        return part_copies(inputs, self.circuits)

    def decode(
        self, values: Float[Tensor, "circuits batch outputs"]
    ) -> Float[Tensor, "runs batch classes"]:
        """Logits of what the circuit gives; the outputs of copies stand in a row."""
        return self.post(self._join(values))

    def activations(self, x: Float[Tensor, "runs batch features"]) -> dict[str, Tensor]:
        """Inputs and outputs of the circuit, and the logits; those of copies stand in a row."""
        inputs = self.encode(x)
        outputs = self._join(self.run(inputs, self.circuit_weights))
        return {"inputs": self._join(inputs), "outputs": outputs, "logits": self.post(outputs)}

    def _join(self, values: Float[Tensor, "circuits batch values"]) -> Tensor:
        """Values of copies in a row, (runs, batch, values)."""
        if self.circuits == 1:
            return values
        return join_copies(values, self.circuits)

    @property
    def circuit_weights(self) -> Float[Tensor, "circuits ..."]:
        """Angles of each circuit that is run; copies are runs of their own."""
        return self.angles if self.circuits == 1 else self.angles.flatten(0, 1)

    def twin(self) -> "Twin | None":
        """The head with a classical block in its circuit's place, before the same first layer.

        None where there is no first layer.
        """
        if self.pre is None:
            return None
        outputs, inputs = self.pre.weight.shape[1:]
        classes, middle = self.post.weight.shape[1:]
        twin = Twin(inputs, classes, outputs, self.start, circuit_outputs=middle)
        twin.pre = self.pre
        return twin.to(self.pre.weight)

    def saturated(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch"]:
        """Share of each item's squashed values that are saturated."""
        return x.new_zeros(x.shape[:2]) if self.pre is None else saturated(self.pre(x))

    def executions(self) -> int:
        """Executions that the gradient of one sample costs under the parameter-shift rule.

        Two executions for each rotation whose angle depends on the inputs or on trained weights
        (Schuld et al., arXiv:1811.11184), for each copy in each basis that it is measured in.
        Inputs count also where nothing before them is trained.
        """
        reading = self.run.reading
        moving = reading.fed | (reading.trained if self.trained else frozenset())
        return self.circuits * self.bases * (1 + 2 * len(moving))

    @property
    def bases(self) -> int:
        """Bases that a copy of the circuit is measured in."""
        return measurement.count_bases(self.run.reading.measurements, self.circuit.qubits)

    @torch.enable_grad()
    def effective(self, x: Float[Tensor, "runs batch features"], exact=None) -> list[int]:
        """Rank of dZ/dw over `x`, for each run: directions of the angles that move the outputs.

        `exact` is the circuit on a device without shots, where the head's own has some.
        """
        inputs = self.encode(x).detach().cpu().double()
        angles = self.circuit_weights.detach().cpu().double()
        ranks = [rank(exact or self.run, *each) for each in zip(inputs, angles, strict=True)]
        # The outputs of a copy depend on its own angles alone
        return torch.tensor(ranks).view(len(self.angles), -1).sum(1).tolist()


def _draw_angles(start: Start, angles: str, shape: tuple[int, ...], spread: float) -> Tensor:
    """Start values of a circuit's angles, (runs, *shape)."""
    if angles == "random":
        return start.uniform("angles", shape, math.pi)
    return start.normal("angles", shape, spread if angles != "zero" else 0.0)


@facts(
    title=(
        "classical block",
        ("middle", "frozen", " frozen"),
        ("pre", "frozen", ", first layer frozen"),
        ("post", "frozen", ", last layer frozen"),
    )
)
class Twin(nn.Module):
    """Quantum head with a linear layer and tanh in the circuit's place, at the same widths.

    Source: Mari et al., arXiv:1912.08278, example 1.

    Arguments:
        features: numbers of an item.
        classes: logits of an item.
        circuit_inputs: numbers that the circuit would take.
        start: where start values come from, for each run.
        reach: its squashing is reach tanh; in radians where a circuit takes it, pi/2 as in the
            quantum head, 1 in the published classical rival.
        layout: publication whose draw of start values is repeated.
        circuit_outputs: numbers that the circuit would give; None: as many as it takes.
        pre: the first layer, trained or frozen at its start.
        middle: the layer in the circuit's place, likewise.
        post: the last layer, likewise.
    """

    forward = dressing.forward
    activations = dressing.activations
    saturated = dressing.saturated

    def __init__(
        self,
        features: int,
        classes: int,
        circuit_inputs: int,
        start: Start,
        reach: float = RIGHT_ANGLE,
        layout: Literal["mari2019"] | None = None,
        circuit_outputs: int | None = None,
        pre: Literal["trained", "frozen"] = "trained",
        middle: Literal["trained", "frozen"] = "trained",
        post: Literal["trained", "frozen"] = "trained",
    ):
        super().__init__()
        if not (math.isfinite(reach) and reach > 0):
            raise BadValue(
                "reach",
                reach,
                "the largest value that the squashing gives, above 0",
                "pi/2 is the quantum head's",
            )
        self.reach = reach
        outputs = circuit_inputs if circuit_outputs is None else circuit_outputs
        self.pre = Linear(start, "pre", features, circuit_inputs)
        self.middle = Linear(start, "middle", circuit_inputs, outputs)
        self.post = Linear(start, "post", outputs, classes)
        if layout is not None:
            published.begin(self, start.seeds)
        hold(self.pre, pre)
        hold(self.middle, middle)
        hold(self.post, post)

    def block(
        self, inputs: Float[Tensor, "runs batch inputs"]
    ) -> Float[Tensor, "runs batch outputs"]:
        """Values of the layer in the circuit's place."""
        return self.middle(inputs).tanh()
