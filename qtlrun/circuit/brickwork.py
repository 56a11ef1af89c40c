"""Circuit of two-wire blocks in alternating rows."""

import pennylane as qml

from qtlrun.circuit import block
from qtlrun.circuit.embedding import embed_angles
from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Brickwork:
    """Embedded inputs, then rows of general two-wire gates, on even pairs and odd ones in turn.

    A layer is a row. At the end each wire is turned by RZ and RY, and <Z> of each is measured.
    Inputs and weights are angles in radians; the weights are in the order in which they act, nine
    per block, then two per wire. Source: the alternating layered ansatz of Cerezo et al.,
    arXiv:2001.00550, whose blocks are any gates on neighbours.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_qubits=3)
        self.qubits = qubits
        self.depth = depth
        self.pairs = [
            (wire, wire + 1) for row in range(depth) for wire in range(row % 2, qubits - 1, 2)
        ]
        self.register = register
        self.copies = register.copies
        self.ansatz = (block.ANGLES * len(self.pairs) + 2 * qubits,)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        embed_angles(inputs, self.qubits)
        for number, wires in enumerate(self.pairs):
            first = block.ANGLES * number
            block.couple(weights[first : first + block.ANGLES], wires)
        last = weights[block.ANGLES * len(self.pairs) :]
        for wire in range(self.qubits):
            qml.RZ(last[2 * wire], wire)
            qml.RY(last[2 * wire + 1], wire)
        return self.register.measure(range(self.qubits), angles)
