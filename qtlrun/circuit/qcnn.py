"""Circuit that is a convolutional network: the same gates along the wires, and pooling."""

import pennylane as qml

from qtlrun.circuit import block
from qtlrun.circuit.embedding import embed_angles
from qtlrun.circuit.hierarchy import halvings
from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts

POOLING_ANGLES = 2


@facts(title=("QCNN",), widths=("qubits", "readout", "copies"))
class QCNN:
    """Embedded inputs, then convolutions and pooling by turns, down to one wire.

    A convolution is one general two-wire gate on all even pairs of neighbours, then on all odd
    ones. `depth` of them stand before each pooling, which halves the wires: where the wire that
    goes is 1 its neighbour turns by RZ, where it is 0 by RX. These are controlled rotations in
    place of a measurement and a gate that depends on it, with the same outcome (deferred
    measurement). The last wire is turned by RZ and RY, and its <Z> is measured. Inputs and weights
    are angles in radians; the weights are in the order in which they act. Sources: Cong et al.,
    arXiv:1810.03787; the pooling of Hur et al., arXiv:2108.00661.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_qubits=2)
        self.qubits = qubits
        self.depth = depth
        self.levels = halvings(qubits)
        self.register = register
        self.copies = register.copies
        self.ansatz = (len(self.levels) * (block.ANGLES * depth + POOLING_ANGLES) + 2,)
        self.shape = register.shape(self.ansatz, 1)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        embed_angles(inputs, self.qubits)
        first = 0
        for level in range(len(self.levels)):
            for _ in range(self.depth):
                self._convolve(level, weights[first : first + block.ANGLES])
                first += block.ANGLES
            self._pool(level, weights[first : first + POOLING_ANGLES])
            first += POOLING_ANGLES
        qml.RZ(weights[first], 0)
        qml.RY(weights[first + 1], 0)
        return self.register.measure([0], angles)

    def _convolve(self, level: int, angles) -> None:
        """The same gate on all pairs of neighbours, even ones first."""
        wires, _ = self.levels[level]
        for start in (0, 1):
            for pair in zip(wires[start::2], wires[start + 1 :: 2], strict=False):
                block.couple(angles, pair)

    def _pool(self, level: int, angles) -> None:
        """Turn each wire that stays by what its neighbour, which goes, would be measured as."""
        _, pairs = self.levels[level]
        for stays, goes in pairs:
            qml.CRZ(angles[0], [goes, stays])
            qml.ctrl(qml.RX(angles[1], stays), goes, control_values=[0])
