"""Circuit on inputs that are its amplitudes."""

import pennylane as qml

from qtlrun.circuit.entangler import count_angles, entangle_strongly
from qtlrun.circuit.size import check_size


class Amplitude:
    """Inputs as amplitudes, then layers of general rotations and CNOTs around a ring.

    It takes 2**qubits inputs, features as they are: `direct` lets a head feed them without a layer
    before. Divided by their norm, which is lost, they are the amplitudes of the state, wire 0 the
    most significant bit. <Z> of every wire is measured. Weights are angles in radians. Source: the
    circuit-centric classifier, Schuld et al., arXiv:1804.00633.
    """

    direct = True

    def __init__(self, qubits: int, depth: int):
        check_size(qubits, depth, fewest_qubits=2)
        self.qubits = qubits
        self.depth = depth
        self.inputs = 2**qubits
        self.shape = (count_angles(qubits, depth),)

    def __call__(self, inputs, weights):
        qml.AmplitudeEmbedding(inputs, range(self.qubits), normalize=True)
        entangle_strongly(weights, self.qubits, self.depth)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]
