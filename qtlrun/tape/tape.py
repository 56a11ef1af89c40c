"""A circuit as data: gates, angles as functions of inputs and weights, measurements."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qtlrun.tape.angle import Affine, Chosen


@dataclass(frozen=True)
class Gate:
    """A rotation about a Pauli word by the angle of that number, the moving matrix of that number,
    or a constant matrix.
    """

    wires: tuple[int, ...]
    word: str = ""
    angle: int | None = None
    matrix: Tensor | None = None
    moving: int | None = None


@dataclass(frozen=True)
class Preparation:
    """Wires that begin in amplitudes (runs, batch, 2**wires) which `amplitudes(inputs, weights)`
    gives.
    """

    wires: tuple[int, ...]
    amplitudes: Callable[[Tensor, Tensor], Tensor]
    real: bool


@dataclass(frozen=True)
class Reading:
    """A circuit as data: `affine(*prepare(inputs, weights))` gives the angle of every rotation
    among `gates`.

    What is prepared is (runs, batch, ...) for each sample and (runs, ...) for each run: inputs and
    weights themselves where all angles are affine in them, else the angles. Moving matrices (runs,
    batch, side, side) come behind them.
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
    checks: object = None  # verdicts of the reader's, for tracing again (`lowering.Checks`)

    def angles(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The angles (runs, batch, angles) of inputs (runs, batch, features) and weights (runs,
        *shape).
        """
        return self.affine(*self.prepare(inputs, weights)[:2])

    @property
    def moving(self) -> str | None:
        """The name of a gate whose matrix moves, if there is one."""
        return next((gate.word for gate in self.gates if gate.moving is not None), None)

    @property
    def split(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Angles of a preparation that differ from sample to sample, and those that do not."""
        return split(self.affine, self.fed, self.trained)

    @property
    def apart(self) -> Affine:
        """The map from the angles of `split` to all angles."""
        return apart(self.affine.rest, self.fed, self.trained)


def split(angles: Callable, fed: frozenset[int], trained: frozenset[int]) -> Callable:
    """Prepares the angles that differ from sample to sample, and those that are the same for all
    samples of a run.
    """
    each = sorted(fed)
    shared = sorted(trained - fed)

    def prepare(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        every_angle = angles(x, w)
        return every_angle[..., each], every_angle[:, 0, shared]

    return prepare


def apart(rest: Tensor, fed: frozenset[int], trained: frozenset[int]) -> Affine:
    """The map from angles that `split` prepares to all angles; what depends on nothing is kept from
    `rest`.
    """
    unit = torch.eye(len(rest), dtype=torch.float64)
    each = sorted(fed)
    shared = sorted(trained - fed)
    constant = rest.clone()
    constant[each + shared] = 0
    return Affine(unit[:, each], unit[:, shared], constant)


def inputs_of(circuit) -> int:
    """How many inputs a circuit takes: its `inputs`, where it says so, or one a qubit."""
    return getattr(circuit, "inputs", circuit.qubits)
