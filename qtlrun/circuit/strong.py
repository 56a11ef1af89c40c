"""Circuit of strongly entangling layers."""

import pennylane as qml

from qtlrun.circuit.entangler import count_angles, entangle_strongly
from qtlrun.circuit.size import check_size


class Strong:
    """RX of each input, then layers of general rotations and CNOTs around a ring.

    <Z> of every wire is measured. Inputs and weights are angles in radians. The layers are those of
    Schuld et al., arXiv:1804.00633, who embed amplitudes (`circuit=amplitude`); angles are embedded
    as by PennyLane's AngleEmbedding.
    """

    def __init__(self, qubits: int, depth: int):
        check_size(qubits, depth, fewest_qubits=2)
        self.qubits = qubits
        self.depth = depth
        self.shape = (count_angles(qubits, depth),)

    def __call__(self, inputs, weights):
        for wire in range(self.qubits):
            qml.RX(inputs[wire], wire)
        entangle_strongly(weights, self.qubits, self.depth)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]
