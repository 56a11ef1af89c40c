"""Circuit on inputs that are its amplitudes."""

import pennylane as qml

from qtlrun.circuit.entangler import count_angles, entangle_strongly
from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.circuit.size import check_size
from qtlrun.plan import facts


@facts(widths=("qubits", "readout", "copies"))
class Amplitude:
    """Inputs as amplitudes, then layers of general rotations and CNOTs around a ring.

    It takes 2**qubits inputs, features as they are: `direct` lets a head feed them without a layer
    before. Divided by their norm, which is lost, they are the amplitudes of the state, wire 0 the
    most significant bit. <Z> of every wire is measured, unless `register` says otherwise. Weights
    are angles in radians. Source: the circuit-centric classifier, Schuld et al., arXiv:1804.00633.
    """

    direct = True

    def __init__(self, qubits: int, depth: int, register: Register = PLAIN):
        check_size(qubits, depth, fewest_qubits=2)
        self.qubits = qubits
        self.depth = depth
        self.inputs = 2**qubits
        self.register = register
        self.copies = register.copies
        self.ansatz = (count_angles(qubits, depth),)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        qml.AmplitudeEmbedding(inputs, range(self.qubits), normalize=True)
        entangle_strongly(weights, self.qubits, self.depth)
        return self.register.measure(range(self.qubits), angles)
