"""Circuit of basic entangler layers."""

import pennylane as qml

from qtlrun.circuit.size import check_size


class Basic:
    """RX of each input, then layers of an RX per wire and CNOTs around a ring.

    <Z> of every wire is measured. Inputs and weights are angles in radians. Source: PennyLane's
    AngleEmbedding and BasicEntanglerLayers, as its demonstration of circuits as torch layers has
    them.
    """

    def __init__(self, qubits: int, depth: int):
        check_size(qubits, depth)
        self.qubits = qubits
        self.depth = depth
        self.shape = (depth, qubits)

    def __call__(self, inputs, weights):
        qml.AngleEmbedding(inputs, range(self.qubits))
        qml.BasicEntanglerLayers(weights, range(self.qubits))
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]
