"""Obstacles to a classical surrogate of a row's circuit."""

from enum import IntEnum


class Obstacle(IntEnum):
    """Obstacle to a trigonometric polynomial that stands for a circuit.

    An outcome has its number among its figures, so a number keeps its meaning.
    """

    AMPLITUDES = 1
    MATRICES = 2
    TERMS = 3
    QUBITS = 4
    READOUT = 5
    GENERATOR = 6
    LIGHT = 7
    FIXED = 8
    NOISE = 9
    CHANCE = 10

    @property
    def reason(self) -> str:
        """Reason in words."""
        return REASONS[self]


REASONS = {
    Obstacle.AMPLITUDES: "its inputs are amplitudes, not angles",
    Obstacle.MATRICES: "a gate that moves is no rotation about a Pauli word",
    Obstacle.TERMS: "its encoding has too many angles, so too many terms",
    Obstacle.QUBITS: "it has more than 12 qubits",
    Obstacle.READOUT: "what follows the circuit is no linear layer",
    Obstacle.GENERATOR: "its circuit generates weights and takes no item",
    Obstacle.LIGHT: "it is a mode of light, not qubits",
    Obstacle.FIXED: "it is a linear layer on measured words already, with no trained angle",
    Obstacle.NOISE: "noise changes its outputs, and the polynomial is of the circuit without noise",
    Obstacle.CHANCE: "its device draws at random, and the mean takes a density matrix too large",
}
