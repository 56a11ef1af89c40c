"""Circuits with a fault, by the code that names it; composed models and modules of users."""

import pennylane as qml

SMALL = ("circuit=file", "circuit.qubits=2", "compare=[]")


def unmeasured(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.RY(weights[0], 0)
    qml.RY(weights[1], 1)
    return [qml.expval(qml.PauliZ(0))]


# Words of composed models by code; FILE stands for this file
COMPOSED = {"Q102": (*SMALL, "circuit.path=FILE:unmeasured", "circuit.shape=[2]")}
