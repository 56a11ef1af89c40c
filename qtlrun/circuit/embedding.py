"""Embedding of inputs that several circuits share."""

import pennylane as qml


def embed_angles(inputs, qubits: int) -> None:
    """Turn |+> of each wire by RY of its input, in radians: <Z> is then minus its sine.

    For inputs between -pi/2 and pi/2 these are the amplitudes cos a and sin a for a between 0 and
    pi/2, as Grant et al., arXiv:1804.03680, have them.
    """
    for wire in range(qubits):
        qml.Hadamard(wire)
        qml.RY(inputs[wire], wire)
