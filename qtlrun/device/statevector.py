"""Exact simulator in torch, every run and sample in one batch.

It is differentiable through inputs and weights.
"""

import contextlib
import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import memory
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.layer import generator
from qtlrun.simulator.gatewise import Gatewise
from qtlrun.simulator.shot import RunShots, Shots
from qtlrun.simulator.simulator import Simulator
from qtlrun.simulator.verification import Verification
from qtlrun.tape import measurement, pauli, reader
from qtlrun.tape.tape import Gate, Reading

METHODS = ("auto", "dense", "grouped", "fused", "gatewise")
# Idle ones included, so that every state fills whole lines of memory and is rounded alike in any
# batch
MIN_QUBITS = 4
# Up to which dense matrices are faster, of real and of complex circuits
MAX_QUBITS_FASTER_DENSE = {True: 6, False: 5}
MAX_QUBITS_DENSE = 8  # of one layer dense matrices hold 8**qubits numbers
# glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes
TRIM_THRESHOLD_BYTES = (-1, 2**29)
MMAP_THRESHOLD_BYTES = (-3, 2**25)


class Statevector:
    """Simulator of circuits on real amplitudes where every gate is real, on complex ones else.

    `method` is dense (every layer one matrix, for few qubits), grouped (blocks on about four wires,
    for many), fused (clusters of gates on four wires, for many without inputs), gatewise (plain
    autograd, which torch.func takes too), or auto: the fastest that there is. `shots` (None: exact
    values) measures each circuit so many times, drawn from `seed`; its gradient is taken by
    parameter shift, of values that were measured as often.
    """

    def __init__(
        self,
        method: Literal["auto", "dense", "grouped", "fused", "gatewise"] = "auto",
        shots: int | None = None,
        seed: int = 0,
    ):
        if method not in METHODS:
            raise BadValue("method", method, nearest(method, METHODS))
        if shots is not None and shots < 1:
            raise BadValue("shots", shots, "at least one, or null for exact values")
        if shots is not None and shots >= 2**63:
            raise BadValue("shots", shots, "fewer than 2**63, or null for exact values")
        if seed < 0:
            raise BadValue("seed", seed, "a whole number from 0 up")
        self.method = method
        self.shots = shots
        self.seed = seed
        # Of each run of a program that are drawn apart; empty: those of all runs together
        self.runs: tuple[RunShots, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether values and gradients are the same each time."""
        return self.shots is None

    def exactly(self) -> "Statevector":
        """This device without chance."""
        return Statevector(self.method)

    def drawing(self, seed: int) -> "Statevector":
        """This device with its shots drawn for one seed of an experiment."""
        return Statevector(
            self.method, self.shots, generator(self.seed, "shots", seed).initial_seed() % 2**32
        )

    def drawing_each(self, seeds: Sequence[int], shots: Sequence[int]) -> "Statevector":
        """This device for a program of several runs, each with shots drawn for its seed.

        A run draws what it would draw alone.
        """
        device = Statevector(self.method, self.shots, self.seed)
        device.runs = tuple(
            RunShots(count, self.drawing(seed).seed)
            for seed, count in zip(seeds, shots, strict=True)
        )
        return device

    def run(self, circuit, entangle: bool = True) -> "StatevectorCircuit":
        """The circuit as a batched function of inputs and weights.

        Raises ValueError for a state that this machine cannot hold, for operations or measurements
        that it does not know, and for dense matrices of too many qubits.
        """
        memory.fits(circuit.qubits)
        _keep_freed_memory()
        with torch.inference_mode(False):
            reading = reader.read(circuit, entangle, embed=self.exact)
            runs = self.runs
            if not runs and self.shots is not None:
                runs = (RunShots(self.shots, self.seed),)
            return StatevectorCircuit(
                reading,
                self.method,
                runs,
                Verification(circuit, entangle, reading, self.exact),
            )


class StatevectorCircuit:
    """Compiled circuit: inputs (runs, batch, features) and weights (runs, *shape) to outcomes.

    Without `runs` of shots its values are exact. Wire 0 is the most significant bit of a basis
    state's index.
    """

    def __init__(
        self,
        reading: Reading,
        method: str,
        runs: Sequence[RunShots] = (),
        verification: Verification | None = None,
    ):
        self.reading = reading
        self.verification = verification
        self.qubits = max(reading.qubits, MIN_QUBITS)
        moving = reading.fed | reading.trained
        self.gates = [
            gate if gate.angle in moving else _as_constant(gate, reading) for gate in reading.gates
        ]
        self.outcomes = measurement.read(reading.measurements, reading.qubits, self.qubits)
        self.outputs = sum(outcome.outputs for outcome in self.outcomes)
        real_starts = all(start.real for start in reading.starts)
        self.real = all(map(pauli.real, self.gates)) and real_starts
        self.method = self._choose_method(method)
        self.simulate: Callable[..., Tensor]
        if reading.moving:
            self._check_moving(method, runs)
            self.method = "gatewise"
            self.simulate = Gatewise(
                self.gates, tuple(range(self.qubits)), reading.affine, self.real, self.outcomes
            )
        elif not runs:
            self.simulate = self._simulator(reading.affine, [], self.real, self.outcomes)
        else:
            self.simulate = Shots(
                reading, self.outcomes, self.qubits, runs, self.real, self._simulator
            )

    def __call__(
        self, inputs: Float[Tensor, "*runs batch features"], weights: Float[Tensor, "..."]
    ) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        self.reading.check_inputs(inputs)
        values = self._values(inputs, weights)
        if self.verification is not None and self.verification.wanted(weights):
            self.verification.check(inputs, weights, values)
        return values

    def _values(self, inputs: Tensor, weights: Tensor) -> Tensor:
        x, w, *matrices = self.reading.prepare(inputs, weights)
        start = (self._start(inputs, weights),) if self.reading.starts else ()
        if matrices:
            return self.simulate(x, w, *(start or (None,)), matrices)
        return self.simulate(x, w, *start)

    def _choose_method(self, method: str) -> str:
        """The method, `auto` resolved; raises ValueError where it cannot simulate the circuit."""
        features = self.reading.features
        if method == "auto" and self.qubits <= MAX_QUBITS_FASTER_DENSE[self.real]:
            method = "dense"
        elif method == "auto":
            method = "grouped" if features else "fused"
        if method == "fused" and features:
            raise UsageError(
                (
                    f"it simulates one state a run, and each sample's {features} inputs"
                    " ask for its own"
                ),
                "use grouped",
                key="device.method",
                value="fused",
            )
        if method == "dense" and self.qubits > MAX_QUBITS_DENSE:
            raise UsageError(
                f"the matrices of {self.qubits} qubits are too large",
                f"use it up to {MAX_QUBITS_DENSE}, grouped beyond",
                key="device.method",
                value="dense",
            )
        return method

    def _check_moving(self, method: str, runs: Sequence[RunShots]) -> None:
        """Raise ValueError for what takes angles alone: a gate's matrix depends on values."""
        reason = f"the matrix of the circuit's {self.reading.moving} depends on inputs or weights"
        if method not in ("auto", "gatewise"):
            raise UsageError(
                f"{reason}, and this method takes angles alone",
                "use auto or gatewise",
                key="device.method",
                value=method,
            )
        if runs:
            raise UsageError(
                f"{reason}, and only angles are differentiated by shots",
                "use null",
                key="device.shots",
                value=runs[0].shots,
            )

    def _simulator(self, affine, final_gates: list[Gate], real: bool, outcomes: list) -> Simulator:
        return Simulator(
            self.gates + final_gates,
            self.qubits,
            affine,
            self.reading.fed,
            real,
            outcomes,
            bool(self.reading.starts),
            self.method,
            alike=not self.reading.features,
        )

    def _start(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The amplitudes that the circuit begins in, (runs, batch, 2**qubits)."""
        state = None
        order: list[int] = []
        for start in self.reading.starts:
            part = start.amplitudes(inputs, weights)
            state = part if state is None else (state.unsqueeze(-1) * part.unsqueeze(-2)).flatten(2)
            order += start.wires
        rest = [wire for wire in range(self.qubits) if wire not in order]
        state = torch.nn.functional.pad(state.unsqueeze(-1), (0, 2 ** len(rest) - 1)).flatten(2)
        axes = [(order + rest).index(wire) + 2 for wire in range(self.qubits)]
        state = state.unflatten(2, [2] * self.qubits).permute(0, 1, *axes).flatten(2)
        return state.to(inputs.dtype if self.real else inputs.dtype.to_complex())


@functools.cache
def _keep_freed_memory() -> None:
    """Let the process keep memory of some MiB that it frees, where the C library is glibc.

    It would go back to the system after every step, and each page would be mapped and cleared again
    in the next.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        for setting in (TRIM_THRESHOLD_BYTES, MMAP_THRESHOLD_BYTES):
            set_option(*setting)


def _as_constant(gate: Gate, reading: Reading) -> Gate:
    """A rotation whose angle depends on nothing, as a constant."""
    if gate.angle is None or len(gate.wires) > 3:
        return gate
    matrix = pauli.rotation(gate.word, float(reading.affine.rest[gate.angle]))
    return Gate(gate.wires, gate.word, matrix=torch.from_numpy(matrix))
