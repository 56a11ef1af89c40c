"""Simulator of noisy circuits in torch: density matrices, or states with errors at random."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import memory
from qtlrun.device.channels import EXACT_QUBITS
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.layer import generator
from qtlrun.simulator.density import Density
from qtlrun.simulator.jump import Jumps
from qtlrun.simulator.noise import Noise, read_noise
from qtlrun.simulator.shot import RunShots, Shots
from qtlrun.simulator.verification import Verification
from qtlrun.tape import measurement, reader
from qtlrun.tape.tape import Gate, Reading

METHODS = ("density", "jumps")


class Mixed:
    """Simulator of circuits with noise, for all runs and samples at once.

    `density` computes the density matrix, exactly and with its gradient by backpropagation; it is
    for about eight qubits. `jumps` averages over `histories` of a state with errors at random, and
    is for more; its gradient is right on average. With `shots` each circuit is measured so many
    times, and differentiated by parameter shift, whose shifts over-rotate too.

    Arguments:
        noise: strengths by name, as `qtlrun.simulator.noise.Noise` has them; None: no noise.
        method: density or jumps.
        histories: of each sample, with jumps.
        shots: measurements of each circuit, with density; None: exact values.
        seed: of shots and errors.
    """

    exact_qubits = EXACT_QUBITS

    def __init__(
        self,
        noise: dict | None = None,
        method: Literal["density", "jumps"] = "density",
        histories: int = 64,
        shots: int | None = None,
        seed: int = 0,
    ):
        self.noise = read_noise(noise)
        if method not in METHODS:
            raise BadValue("method", method, nearest(method, METHODS))
        if histories < 1:
            raise BadValue("histories", histories, "at least one")
        if shots is not None and not 1 <= shots < 2**63:
            raise BadValue("shots", shots, "at least one, or null for exact values")
        if shots is not None and method == "jumps":
            reason = "histories are not measured; they have an error of their own"
            raise BadValue("shots", shots, reason, "use null, or method=density")
        if seed < 0:
            raise BadValue("seed", seed, "a whole number from 0 up")
        self.values = noise
        self.method = method
        self.histories = histories
        self.shots = shots
        self.seed = seed

    @property
    def exact(self) -> bool:
        """Whether values and gradients are the same each time."""
        return self.shots is None and self.method == "density"

    def exactly(self) -> "Mixed":
        """This device without chance, its noise averaged."""
        return Mixed(self.values)

    def drawing(self, seed: int) -> "Mixed":
        """This device with shots and errors drawn for one seed of an experiment."""
        number = generator(self.seed, "shots", seed).initial_seed() % 2**32
        return Mixed(self.values, self.method, self.histories, self.shots, number)

    def run(self, circuit, entangle: bool = True) -> "MixedCircuit":
        """The circuit as a batched function of inputs and weights.

        Raises UsageError for a state that this machine cannot hold, and for operations or
        measurements that it does not know.
        """
        memory.fits(circuit.qubits, mixed=self.method == "density")
        with torch.inference_mode(False):
            reading = reader.read(circuit, entangle)
            check_angles(reading)
            return MixedCircuit(
                reading, self._simulator(reading), Verification(circuit, entangle, reading, False)
            )

    def _simulator(self, reading: Reading) -> Density | Jumps | Shots:
        outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)
        if self.method == "jumps":
            return Jumps(
                reading.gates,
                reading.qubits,
                reading.affine,
                reading.fed,
                outcomes,
                self.noise,
                self.histories,
                self.seed,
            )
        if self.shots is None:
            return compile_density(reading, [self.noise])
        return compile_shots(reading, self.noise, self.shots, self.seed)


class MixedCircuit:
    """Compiled circuit: inputs (runs, batch, features) and weights (runs, *shape) to outcomes."""

    def __init__(self, reading: Reading, simulate, verification: Verification | None = None):
        self.reading = reading
        self.simulate = simulate
        self.verification = verification
        outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)
        self.outputs = sum(outcome.outputs for outcome in outcomes)

    def __call__(
        self, inputs: Float[Tensor, "*runs batch features"], weights: Float[Tensor, "..."]
    ) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        self.reading.check_inputs(inputs)
        values = self.simulate(*self.reading.prepare(inputs, weights))
        if self.verification is not None and self.verification.wanted(weights):
            self.verification.check(inputs, weights, values)
        return values


def check_angles(reading: Reading) -> None:
    """Refuse a circuit with gates that move by more than an angle."""
    if reading.moving:
        raise UsageError(
            f"the matrix of the circuit's {reading.moving} depends on inputs or weights, and this"
            " device takes angles alone",
            "use device=pennylane device.name=default.mixed",
            key="device",
            value="mixed",
        )


def compile_density(reading: Reading, noises: Sequence[Noise]) -> Density:
    """Circuit under noise as a function of what its reading prepares; a noise a run, or one."""
    outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)
    return Density(reading.gates, reading.qubits, reading.affine, reading.fed, outcomes, noises)


def compile_shots(reading: Reading, noise: Noise, shots: int, seed: int) -> Shots:
    """Circuit under noise whose values are of so many measurements in each basis."""
    outcomes = measurement.read(reading.measurements, reading.qubits, reading.qubits)

    def build(affine, turns: list[Gate], _: bool, states: list) -> Density:
        gates = reading.gates + turns
        return Density(
            gates, reading.qubits, affine, reading.fed, states, [noise], quiet=len(turns)
        )

    return Shots(reading, outcomes, reading.qubits, [RunShots(shots, seed)], False, build)
