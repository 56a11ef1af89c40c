"""Circuit of basic entangler layers."""

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Basic:
    """RX of each input, then layers of an RX per wire and CNOTs around a ring.

    <Z> of every wire is measured, unless `register` says otherwise. Inputs and weights are angles
    in radians. Source: PennyLane's AngleEmbedding and BasicEntanglerLayers, as its demonstration of
    circuits as torch layers has them.
    """

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth)
        self.qubits = qubits
        self.depth = depth
        self.register = register
        self.copies = register.copies
        self.ansatz = (depth, qubits)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        qml.AngleEmbedding(inputs, range(self.qubits))
        qml.BasicEntanglerLayers(weights, range(self.qubits))
        return self.register.measure(range(self.qubits), angles)
