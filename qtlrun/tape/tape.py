"""A circuit as data: gates, angles as functions of inputs and weights, measurements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from qtlrun.error import UsageError
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.verdict import Checks


@runtime_checkable
class QuantumFunction(Protocol):
    """Circuit as a Python function that applies PennyLane operations and returns measurements."""

    qubits: int
    shape: Sequence[int]  # of the weights

    def __call__(self, inputs: Tensor, weights: Tensor) -> object: ...


@dataclass(frozen=True)
class Gate:
    """Rotation about a Pauli word, constant matrix, or matrix that depends on values.

    `angle` is the number of the rotation's angle, `moving` that of the matrix that depends on
    inputs or weights.
    """

    wires: tuple[int, ...]
    word: str = ""
    angle: int | None = None
    matrix: Tensor | None = None
    moving: int | None = None


@dataclass(frozen=True)
class Preparation:
    """Amplitudes that wires begin in: `amplitudes(inputs, weights)`, (runs, batch, 2**wires)."""

    wires: tuple[int, ...]
    amplitudes: Callable[[Tensor, Tensor], Tensor]
    real: bool


@dataclass(frozen=True)
class Reading:
    """Circuit as data.

    `affine(*prepare(inputs, weights))` gives the angle of every rotation among `gates`. What is
    prepared is (runs, batch, ...) for each sample and (runs, ...) for each run: inputs and weights
    themselves where all angles are affine in them, else the angles. Moving matrices (runs, batch,
    side, side) come behind them.
    """

    qubits: int
    features: int  # inputs of a sample
    gates: list[Gate]
    prepare: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    affine: Affine | Chosen
    measurements: list
    fed: frozenset[int]  # the angles that depend on the inputs
    trained: frozenset[int]  # those that depend on the weights
    starts: tuple[Preparation, ...] = ()  # of wires that do not begin in zero
    checks: Checks | None = None  # verdicts of the reader's, for tracing again
    proved: bool = False  # whether all angles are affine in inputs and weights

    def angles(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """All angles, (runs, batch, angles).

        Inputs are (runs, batch, features), weights (runs, *shape).
        """
        return self.affine(*self.prepare(inputs, weights)[:2])

    def check_inputs(self, inputs: Tensor) -> None:
        """Refuse inputs (..., features) of another number than the circuit takes."""
        if inputs.shape[-1] != self.features:
            raise UsageError(
                f"it takes {self.features} inputs, and was given {inputs.shape[-1]}", key="circuit"
            )

    @property
    def moving(self) -> str | None:
        """The name of a gate whose matrix moves, if there is one."""
        return next((gate.word for gate in self.gates if gate.moving is not None), None)

    @property
    def unread(self) -> frozenset[int]:
        """Wires with gates that move, from which nothing reaches a measurement."""
        unread: set[int] = set()
        for gate in self._trace_back()[1]:
            if gate.moving is not None or gate.angle in self.fed | self.trained:
                unread |= set(gate.wires)
        return frozenset(unread)

    @property
    def reached(self) -> frozenset[int]:
        """Wires that are measured, or from which a gate reaches a measurement."""
        return frozenset(self._trace_back()[0])

    def _trace_back(self) -> tuple[set[int], list[Gate]]:
        """Wires that reach a measurement, and gates that do not."""
        reached = {wire for each in self.measurements for wire in each.wires or range(self.qubits)}
        others = []
        for gate in reversed(self.gates):
            if reached & set(gate.wires):
                reached |= set(gate.wires)
            else:
                others.append(gate)
        return reached, others

    @property
    def split(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Angles of a preparation that differ from sample to sample, and those that do not."""
        return split(self.affine, self.fed, self.trained)

    @property
    def apart(self) -> Affine:
        """The map from the angles of `split` to all angles."""
        return apart(self.affine.rest, self.fed, self.trained)


def split(angles: Callable, fed: frozenset[int], trained: frozenset[int]) -> Callable:
    """Preparation of the angles that differ from sample to sample, and of those per run."""
    by_sample = sorted(fed)
    by_run = sorted(trained - fed)

    def prepare(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        values = angles(x, w)
        return values[..., by_sample], values[:, 0, by_run]

    return prepare


def apart(rest: Tensor, fed: frozenset[int], trained: frozenset[int]) -> Affine:
    """The map from angles that `split` prepares to all angles.

    Angles that depend on nothing are those of `rest`.
    """
    unit = torch.eye(len(rest), dtype=torch.float64)
    by_sample = sorted(fed)
    by_run = sorted(trained - fed)
    constant = rest.clone()
    constant[by_sample + by_run] = 0
    return Affine(unit[:, by_sample], unit[:, by_run], constant)


def is_direct(circuit) -> bool:
    """Whether a circuit takes features as they are."""
    try:
        return circuit.direct
    except AttributeError:
        return False


def inputs_of(circuit) -> int:
    """How many inputs a circuit takes: its `inputs`, where it says so, or one per qubit."""
    try:
        inputs = circuit.inputs
    except AttributeError:
        inputs = None
    return circuit.qubits if inputs is None else inputs


def idle_of(circuit) -> frozenset[int]:
    """Numbers of a circuit's weights that act on nothing, as published: its `idle`, or none."""
    try:
        return circuit.idle
    except AttributeError:
        return frozenset()


def copies_of(circuit) -> int:
    """How many copies of a circuit stand side by side: its `copies`, where it says so, or one."""
    try:
        return circuit.copies
    except AttributeError:
        return 1
