"""Generators of weights, and fitted heads, with a fault of their circuits."""

import math

import pennylane as qml

from qtlrun.circuit.ring import Ring
from qtlrun.parametrization.quantum_train import QuantumTrain

GENERATED = ("plugins=[FILE]", "head=classical", "parametrization=quantum_train", "compare=[]")


class Phased:
    """Ring behind a phase of the state of zeros."""

    inputs = 0

    def __init__(self, qubits, depth):
        self.ring = Ring(qubits, depth)
        self.qubits = qubits
        self.shape = (math.prod(self.ring.shape) + 1,)
        self.idle = self.ring.idle  # the phase comes last

    def __call__(self, inputs, weights):
        qml.RZ(weights[-1], 0)
        return self.ring(inputs, weights[:-1].reshape(self.ring.shape))


class DeadAngle(QuantumTrain):
    """Generator whose circuit begins with an angle that never acts."""

    def generator(self, shapes, start, model_shapes=None):
        self.ansatz = Phased
        return super().generator(shapes, start, model_shapes)


def phase_first(inputs, weights):
    """An angle of a fitted head whose quarter turns no Pauli word sees."""
    qml.RZ(weights[0], 0)
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.CNOT([0, 1])
    qml.RY(weights[1], 0)
    qml.RY(weights[2], 1)
    return [qml.expval(qml.PauliZ(0)), qml.expval(qml.PauliZ(1))]


COMPOSED = {
    "q101_generator": ("experiment=qt_iris", "parametrization.inputs=published"),
    "q102_generator": (*GENERATED, "parametrization._target_=generator.DeadAngle"),
    "q102_fitted": (
        *("circuit=file", "circuit.path=FILE:phase_first", "circuit.qubits=2"),
        *("circuit.shape=[3]", "head=post_variational", "compare=[]"),
    ),
}
