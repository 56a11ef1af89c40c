"""Circuit that uploads its inputs again in every layer."""

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Reupload:
    """Layers in which every wire is turned by all inputs, scaled and shifted, with CZs between.

    A wire turns about Z and Y by (1 + w) x + v for each input x in turn; w and v are its weights,
    so at weights of 0 an input goes in as it is. Wire q begins with input q. After each layer but
    the last CZs join neighbours around a ring, from even wires and from odd ones in turn. <Z> of
    every wire is measured. Source: Perez-Salinas et al., arXiv:1907.02085, with two inputs to a
    gate; there w stands for 1 + w, and fidelities are measured. The last rotation of a wire, where
    it is about Z, would move no <Z>, and is left out. Weights are (qubits, rotations, 2): w, v.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_layers=1)
        self.qubits = qubits
        self.depth = depth
        self.inputs = qubits
        rotations = depth * qubits
        self.register = register
        self.copies = register.copies
        self.ansatz = (qubits, rotations - (rotations + 1) % 2, 2)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        for layer in range(self.depth):
            for wire in range(self.qubits):
                self._upload(layer, wire, inputs, weights[wire])
            if layer < self.depth - 1 and self.qubits > 1:
                for wire in range(layer % 2, self.qubits, 2):
                    qml.CZ([wire, (wire + 1) % self.qubits])
        return self.register.measure(range(self.qubits), angles)

    def _upload(self, layer: int, wire: int, inputs, weights) -> None:
        """All inputs of one wire in one layer."""
        first = layer * self.qubits
        for number in range(first, min(first + self.qubits, len(weights))):
            scale, shift = weights[number]
            angle = (1 + scale) * inputs[(wire + number - first) % self.qubits] + shift
            (qml.RZ if number % 2 else qml.RY)(angle, wire)
