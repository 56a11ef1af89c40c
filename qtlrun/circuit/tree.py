"""Circuit that is a tree: pairs of wires are joined, and one of each is left."""

import pennylane as qml

from qtlrun.circuit.embedding import embed_angles
from qtlrun.circuit.hierarchy import halvings
from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Tree:
    """Embedded inputs, then a binary tree of real two-wire blocks down to one wire.

    A block is `depth` times an RY per wire and a CNOT onto the wire that stays. The last wire is
    turned by RY, and its <Z> is measured. Inputs and weights are angles in radians; the weights are
    in the order in which they act. Source: Grant et al., arXiv:1804.03680, the tree tensor network
    of real gates.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_qubits=2, fewest_layers=1)
        self.qubits = qubits
        self.depth = depth
        self.pairs = [pair for _, pairs in halvings(qubits) for pair in pairs]
        self.register = register
        self.copies = register.copies
        self.ansatz = (2 * depth * (qubits - 1) + 1,)
        self.shape = register.shape(self.ansatz, 1)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        embed_angles(inputs, self.qubits)
        angle = iter(weights)
        for stays, goes in self.pairs:
            for _ in range(self.depth):
                qml.RY(next(angle), stays)
                qml.RY(next(angle), goes)
                qml.CNOT([goes, stays])
        qml.RY(next(angle), 0)
        return self.register.measure([0], angles)
