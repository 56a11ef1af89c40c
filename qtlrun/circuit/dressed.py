"""Circuit of the dressed quantum network."""

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.error import BadValue
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Dressed:
    """Hadamards, one RY per input, then layers of nearest-neighbour CNOTs and RYs.

    Each layer has its CNOTs before its rotations, even pairs first, and no CNOT closes the ring.
    <Z> of every wire is measured, unless `register` says otherwise. Inputs and weights are angles
    in radians. Source: Mari et al., arXiv:1912.08278, section 4; their code stores 15 rows of
    weights whatever the depth, here is exactly one row per layer.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        if qubits < 1:
            raise BadValue(
                "qubits", qubits, "a circuit needs at least one qubit", "4 is the published number"
            )
        if depth < 0:
            raise BadValue(
                "depth", depth, "layers are counted from 0 up", "6 is the published number"
            )
        self.qubits = qubits
        self.depth = depth
        self.inputs = qubits
        self.register = register
        self.copies = register.copies
        self.ansatz = (depth, qubits)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        for wire in range(self.qubits):
            qml.Hadamard(wire)
            qml.RY(inputs[wire], wire)
        for layer in range(self.depth):
            for first in (0, 1):
                for wire in range(first, self.qubits - 1, 2):
                    qml.CNOT([wire, wire + 1])
            for wire in range(self.qubits):
                qml.RY(weights[layer, wire], wire)
        return self.register.measure(range(self.qubits), angles)
