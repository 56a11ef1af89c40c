"""Circuit of rotations about one axis at a time, with a chain of controlled phases between."""

import pennylane as qml

from qtlrun.error import BadValue


class Chain:
    """Hadamards, then blocks of RY, or RZ, on every wire and CZ between neighbours.

    Each second block has RZ. All probabilities are measured. Takes no inputs; weights are angles in
    radians. Source: the CIFAR-10 notebook beside Liu et al., arXiv:2402.16465.
    """

    def __init__(self, qubits: int, depth: int):
        if qubits < 1:
            raise BadValue("qubits", qubits, "a circuit needs at least one qubit")
        if depth < 0:
            raise BadValue("depth", depth, "blocks are counted from 0 up")
        self.qubits = qubits
        self.depth = depth
        self.inputs = 0
        self.shape = (depth, qubits)

    @property
    def idle(self) -> frozenset[int]:
        """Numbers of the angles that never act: phases before the measurement."""
        ends_in_phases = self.depth > 0 and self.depth % 2 == 0
        count = self.depth * self.qubits
        return frozenset(range(count - self.qubits, count) if ends_in_phases else ())

    def __call__(self, inputs, weights):
        for wire in range(self.qubits):
            qml.Hadamard(wire)
        for block in range(self.depth):
            for wire in range(self.qubits):
                (qml.RZ if block % 2 else qml.RY)(weights[block, wire], wire)
            for wire in range(self.qubits - 1):
                qml.CZ([wire, wire + 1])
        return qml.probs(wires=range(self.qubits))
