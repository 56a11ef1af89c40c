"""An exact simulator in torch: every run and sample in one batch, differentiable through inputs and weights."""
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import measure, pauli, reader
from qtlrun.device.dense import Dense
from qtlrun.device.gatewise import Gatewise
from qtlrun.device.grouped import Grouped
from qtlrun.device.reader import Gate, Reading

LEAST = 4  # qubits, idle ones included, so that every state fills whole lines of memory and is rounded alike in any batch
FEW = {True: 6, False: 5}  # qubits up to which dense matrices are faster, of real and of complex circuits


class Statevector:
    """Runs circuits on real amplitudes where every gate is real, on complex ones else.

    `method` is dense (every layer one matrix, for few qubits), grouped (blocks on four wires, for many), gatewise (plain
    autograd), or auto: the faster of the first two. Second derivatives are taken gate by gate whatever the method is.
    """

    def __init__(self, method: Literal["auto", "dense", "grouped", "gatewise"] = "auto"):
        self.method = method

    def run(self, circuit, entangle: bool = True) -> "Run":
        """The circuit as a batched function of inputs and weights.

        Raises ValueError for a state that this machine cannot hold and for operations or measurements it does not know.
        """
        reader.fits(circuit.qubits)
        return Run(reader.read(circuit, entangle, embed=True), self.method)


class Run:
    """A circuit ready to run: inputs (runs, batch, features) and weights (runs, *shape) to its expectation values.

    Wire 0 is the most significant bit of a basis state's index.
    """

    def __init__(self, reading: Reading, method: str):
        self.reading = reading
        self.qubits = max(reading.qubits, LEAST)
        self.outcomes = measure.read(reading.measurements, self.qubits)
        self.outputs = sum(outcome.outputs for outcome in self.outcomes)
        self.gates = [_settled(gate, reading) for gate in reading.gates]
        self.real = all(pauli.real(gate) for gate in self.gates) and all(start.real for start in reading.starts)
        self.method = ("dense" if self.qubits <= FEW[self.real] else "grouped") if method == "auto" else method

    @cached_property
    def engine(self) -> Dense | Grouped | Gatewise:
        wires, affine = tuple(range(self.qubits)), self.reading.affine
        if self.method == "gatewise":
            return self.plain
        made = Dense if self.method == "dense" else Grouped
        return made(self.gates, wires, affine, self.reading.fed, self.real, self.outcomes, bool(self.reading.starts))

    @cached_property
    def plain(self) -> Gatewise:
        """The same gate by gate, for second derivatives."""
        return Gatewise(self.gates, tuple(range(self.qubits)), self.reading.affine, self.real, self.outcomes)

    def __call__(self, inputs: Float[Tensor, "*runs batch features"],
                 weights: Float[Tensor, "..."]) -> Float[Tensor, "*runs batch outputs"]:
        if inputs.dim() == 2:
            return self(inputs.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        start = self._start(inputs, weights) if self.reading.starts else None
        return self.engine(*self.reading.prepare(inputs, weights), start)

    def _start(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """The amplitudes that the circuit begins in, (runs, batch, 2**qubits)."""
        kind, order = (inputs.dtype if self.real else inputs.dtype.to_complex()), []
        state = torch.ones(*inputs.shape[:2], 1, dtype=kind, device=inputs.device)
        for start in self.reading.starts:
            state = (state.unsqueeze(-1) * start.amplitudes(inputs, weights).to(kind).unsqueeze(-2)).flatten(2)
            order += start.wires
        rest = [wire for wire in range(self.qubits) if wire not in order]
        state = torch.nn.functional.pad(state.unsqueeze(-1), (0, 2**len(rest) - 1)).flatten(2)
        places = [(order + rest).index(wire) + 2 for wire in range(self.qubits)]
        return state.unflatten(2, [2] * self.qubits).permute(0, 1, *places).flatten(2)


def _settled(gate: Gate, reading: Reading) -> Gate:
    """A rotation whose angle depends on nothing, as a constant."""
    if gate.angle is None or gate.angle in reading.fed | reading.trained or len(gate.wires) > 3:
        return gate
    matrix = pauli.turned(gate.word, float(reading.affine.rest[gate.angle]))
    return Gate(gate.wires, gate.word, matrix=torch.from_numpy(matrix))
