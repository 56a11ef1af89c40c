"""Circuit on an embedding that is thought hard to simulate."""

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts

REPEATS = 2  # of the embedding, as published


@facts(title=("IQP",), widths=("qubits", "readout", "copies"))
class IQP:
    """Phases of inputs and of their products, then layers of rotations and CZs.

    Twice: Hadamards, RZ of each input and ZZ of each product of two. Then each wire turns by RY,
    and `depth` times by RZ before CZs of neighbours and RY after them. <Z> of every wire is
    measured. Inputs and weights are angles in radians. Source: Havlicek et al., arXiv:1804.11326,
    whose products are of pi - x; here they are of x, as in PennyLane's IQPEmbedding. The RZs that
    they have at the end would move no <Z>.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth)
        self.qubits = qubits
        self.depth = depth
        self.register = register
        self.copies = register.copies
        self.ansatz = (2 * depth + 1, qubits)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        qml.IQPEmbedding(inputs, range(self.qubits), n_repeats=REPEATS)
        self._turn(qml.RY, weights[0])
        for layer in range(self.depth):
            self._turn(qml.RZ, weights[2 * layer + 1])
            for wire in range(self.qubits - 1):
                qml.CZ([wire, wire + 1])
            self._turn(qml.RY, weights[2 * layer + 2])
        return self.register.measure(range(self.qubits), angles)

    def _turn(self, rotation: type, angles) -> None:
        """One rotation of every wire."""
        for wire in range(self.qubits):
            rotation(angles[wire], wire)
