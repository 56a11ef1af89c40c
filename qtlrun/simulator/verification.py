"""The first batch of every training against the circuit itself: traced at some of its samples,
simulated gate by gate.
"""

import weakref

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.simulator.gatewise import Gatewise
from qtlrun.tape import measurement
from qtlrun.tape.angle import Affine
from qtlrun.tape.tape import Reading
from qtlrun.tape.tracing import Traced, trace_at

WORK = 2**22  # amplitudes times gates, up to which values are compared, beyond which angles are
ANGLE = 1e-6  # radians; the same function is evaluated twice in float64
VALUE = {torch.float64: 1e-8, torch.float32: 1e-3}  # a thousand gates round to less


class Verification:
    """Compares what is simulated with the circuit's own gates, once for each parameter that trains
    it; weights that another part generates are not compared.

    `exact` says that values are no estimates, so that they can be compared and not only angles.
    """

    def __init__(self, circuit, entangle: bool, reading: Reading, exact: bool):
        self._circuit = circuit
        self._entangle = entangle
        self._reading = reading
        self._outcomes = _outcomes(reading) if exact else None
        self._seen: dict[int, weakref.ref] = {}

    def wanted(self, weights: Tensor) -> bool:
        """Whether these are a training's weights that have not been compared yet."""
        if not isinstance(weights, nn.Parameter):
            return False
        seen = self._seen.get(id(weights))
        return seen is None or seen() is not weights

    @torch.no_grad()
    def check(
        self,
        inputs: Float[Tensor, "runs batch features"],
        weights: Float[Tensor, "runs ..."],
        values: Float[Tensor, "runs batch outputs"],
    ) -> None:
        """Raise ValueError where values, or else angles, of a few samples are not the circuit's
        own.

        A large circuit that begins in amplitudes is not compared: gates that make amplitudes have
        angles of their own.
        """
        self._seen[id(weights)] = weakref.ref(weights)
        runs, batch = inputs.shape[:2]
        places = {(0, 0), (runs // 2, batch // 3), (runs // 3, batch // 2), (runs - 1, batch - 1)}
        valued = self._outcomes and 2**self._reading.qubits * len(self._reading.gates) <= WORK
        for run, sample in sorted(places) if runs and batch else ():
            x = inputs[run, sample].detach().cpu().double()
            w = weights[run].detach().cpu().double()
            if not valued and self._reading.starts:
                continue
            traced = trace_at(
                self._circuit, self._entangle, False, x, w, self._reading.checks.repeated()
            )
            if valued:
                found = values[run, sample].detach().cpu()
                _compare("a value", found, self._simulated(traced), VALUE.get(found.dtype, 1e-3))
            else:
                found = self._reading.angles(x[None, None], w[None])[0, 0]
                _compare("an angle", found, traced.values(), ANGLE)

    def _simulated(self, traced: Traced) -> Tensor:
        """The outputs of a traced circuit, gate by gate in float64."""
        angles = traced.values()
        none = angles.new_zeros(len(angles), 0)
        wires = tuple(range(self._reading.qubits))
        engine = Gatewise(
            traced.gates, wires, Affine(none, none, angles), real=False, outcomes=self._outcomes
        )
        nothing = angles.new_zeros(1, 1, 0)
        return engine(
            nothing, nothing[0], None, [matrix[None, None] for matrix in traced.matrices]
        )[0, 0]


def _outcomes(reading: Reading) -> list | None:
    """Outcomes of a reading; None where only a device of PennyLane's can measure them."""
    try:
        return measurement.read(reading.measurements, reading.qubits, reading.qubits)
    except ValueError:
        return None


def _compare(noun: str, found: Tensor, own: Tensor, tolerance: float) -> None:
    off = (found - own).abs()
    if off.numel() and not off.max() <= tolerance:
        place = int(off.argmax())
        raise ValueError(
            f"circuit: {noun} as simulated, {float(found[place]):.6f}, is not that of the circuit's"
            f" own gates, {float(own[place]):.6f}, at a sample of the first batch; it depends on"
            " something beside inputs and weights."
        )
