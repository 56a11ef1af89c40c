"""Check of the first batch of every training against the circuit itself.

It is traced at a few of its samples, and simulated gate by gate.
"""

import weakref

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.error import UsageError
from qtlrun.simulator.gatewise import Gatewise
from qtlrun.tape import measurement
from qtlrun.tape.angle import Affine
from qtlrun.tape.tape import Reading
from qtlrun.tape.tracing import Trace, trace_at

MAX_WORK = 2**22  # amplitudes times gates, up to which values are compared, beyond which angles are
ANGLE_TOLERANCE = 1e-6  # radians; the same function is evaluated twice in float64
# A thousand gates round to less
VALUE_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3}


class Verification:
    """Comparison of what is simulated with the circuit's own gates.

    It is made once for each parameter that trains the circuit; weights that another part generates
    are not compared. `exact` says that values are no estimates, so that they can be compared and
    not only angles.
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
        """Compare values, or else angles, of a few samples with the circuit's own.

        Raises ValueError where they differ. A large circuit that begins in amplitudes is not
        compared: gates that make amplitudes have angles of their own.
        """
        self._seen[id(weights)] = weakref.ref(weights)
        runs, batch = inputs.shape[:2]
        samples = {(0, 0), (runs // 2, batch // 3), (runs // 3, batch // 2), (runs - 1, batch - 1)}
        preparing = sum(2 ** (len(start.wires) + 1) for start in self._reading.starts)  # gates
        work = 2**self._reading.qubits * (len(self._reading.gates) + preparing)
        by_value = self._outcomes and work <= MAX_WORK
        for run, sample in sorted(samples) if runs and batch else ():
            x = inputs[run, sample].detach().cpu().double()
            w = weights[run].detach().cpu().double()
            if not by_value and self._reading.starts:
                continue
            traced = trace_at(
                self._circuit, self._entangle, False, x, w, self._reading.checks.repeat()
            )
            if by_value:
                value = values[run, sample].detach().cpu()
                tolerance = VALUE_TOLERANCE.get(value.dtype, 1e-3)
                _compare("a value", value, self._simulate(traced), tolerance)
            else:
                angle = self._reading.angles(x[None, None], w[None])[0, 0]
                _compare("an angle", angle, traced.values(), ANGLE_TOLERANCE)

    def _simulate(self, traced: Trace) -> Tensor:
        """The outputs of a traced circuit, gate by gate in float64."""
        angles = traced.values()
        no_slopes = angles.new_zeros(len(angles), 0)
        wires = tuple(range(self._reading.qubits))
        engine = Gatewise(
            traced.gates,
            wires,
            Affine(no_slopes, no_slopes, angles),
            real=False,
            outcomes=self._outcomes,
        )
        no_inputs = angles.new_zeros(1, 1, 0)
        matrices = [matrix[None, None] for matrix in traced.matrices]
        return engine(no_inputs, no_inputs[0], None, matrices)[0, 0]


def _outcomes(reading: Reading) -> list | None:
    """Outcomes of a reading; None where only a device of PennyLane's can measure them."""
    try:
        return measurement.read(reading.measurements, reading.qubits, reading.qubits)
    except ValueError:
        return None


def _compare(noun: str, simulated: Tensor, traced: Tensor, tolerance: float) -> None:
    difference = (simulated - traced).abs()
    if difference.numel() and not difference.max() <= tolerance:
        index = int(difference.argmax())
        raise UsageError(
            (
                f"{noun} as simulated, {float(simulated[index]):.6f}, is not that of"
                f" the circuit's own gates, {float(traced[index]):.6f}, at a sample of"
                " the first batch"
            ),
            "it depends on something beside inputs and weights",
            key="circuit",
        )
