"""Circuit of strongly entangling layers."""

import pennylane as qml

from qtlrun.circuit.entangler import count_angles, entangle_strongly
from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Strong:
    """RX of each input, then layers of general rotations and CNOTs around a ring.

    <Z> of every wire is measured, unless `register` says otherwise. Inputs and weights are angles
    in radians. The layers are those of Schuld et al., arXiv:1804.00633, who embed amplitudes
    (`circuit=amplitude`); angles are embedded as by PennyLane's AngleEmbedding.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_qubits=2)
        self.qubits = qubits
        self.depth = depth
        self.register = register
        self.copies = register.copies
        self.ansatz = (count_angles(qubits, depth),)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        for wire in range(self.qubits):
            qml.RX(inputs[wire], wire)
        entangle_strongly(weights, self.qubits, self.depth)
        return self.register.measure(range(self.qubits), angles)
