"""Circuit of Quantum-Train: general rotations, and controlled ones around a ring."""

import math

import numpy as np
import pennylane as qml

from qtlrun.error import BadValue


class Ring:
    """Layers of a U3 on every wire, then a controlled U3 from every wire to the next.

    The last wire controls the first. It takes no inputs; the probabilities of all basis states are
    measured, wire 0 the most significant bit. Weights are radians, (depth, 2, qubits, 3): the U3s,
    then the controlled ones by their control; theta, phi, lambda. Source: Liu et al.,
    arXiv:2402.16465, as their code has it. 2 qubits - 1 angles never act: every lambda of the first
    U3s, which turns |0>, and phi of every controlled U3 of the last layer but the first, after
    which nothing but phases comes.
    """

    inputs = 0

    def __init__(self, qubits: int, depth: int):
        if qubits < 2:
            raise BadValue(
                "qubits", qubits, "a ring needs at least two qubits, each controls the next"
            )
        if depth < 1:
            raise BadValue(
                "depth",
                depth,
                "at least one layer",
                "without any, the first basis state is certain",
            )
        self.qubits = qubits
        self.depth = depth
        self.shape = (depth, 2, qubits, 3)

    @property
    def idle(self) -> frozenset[int]:
        """Numbers of the angles that never act, in one row of all."""
        places = np.arange(math.prod(self.shape)).reshape(self.shape)
        return frozenset({*places[0, 0, :, 2].tolist(), *places[-1, 1, 1:, 1].tolist()})

    def __call__(self, inputs, weights):
        for layer in range(self.depth):
            for wire in range(self.qubits):
                qml.U3(*weights[layer, 0, wire], wire)
            for wire in range(self.qubits):
                qml.ctrl(qml.U3(*weights[layer, 1, wire], (wire + 1) % self.qubits), control=wire)
        return qml.probs(wires=range(self.qubits))
