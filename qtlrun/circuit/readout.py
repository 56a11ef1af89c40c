"""Readout of a circuit, and its copies side by side."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pennylane as qml
from torch import Tensor

from qtlrun.circuit.word import LETTERS, words
from qtlrun.error import BadValue

MAX_COPIES = 10_000
MAX_WIRES = 10  # whose probabilities are read, each with a derivative of its own
TURNS = 2  # angles of a wire's trained observable
OPERATORS = {"X": qml.X, "Y": qml.Y, "Z": qml.Z}


@dataclass(frozen=True)
class Register:
    """Readout of a circuit's wires, and how many copies of the circuit stand side by side.

    readout: z (each wire), pairs (Z of each wire and of each two), paulis (X, Y and Z of each wire
        and all nine products on each two), probabilities (of all basis states), or observable: on
        each wire cos(b) Z + sin(b) (cos(a) X + sin(a) Y) with trained angles a and b, in radians
    copies: each has inputs and weights of its own, and their outputs stand in a row

    A trained observable is any Hermitian one of its wire but for offset and size, which a linear
    layer after it has (Chen et al., arXiv:2501.05663, with one matrix on all wires). Its angles
    stand behind the ansatz's weights, a and b wire by wire. Where the ansatz ends in a rotation of
    each wire, that one turns the same direction as b.
    """

    readout: Literal["z", "pairs", "paulis", "probabilities", "observable"] = "z"
    copies: int = 1

    def __post_init__(self):
        if not 1 <= self.copies <= MAX_COPIES:
            raise BadValue(
                "copies", self.copies, f"circuits side by side, from 1 to {MAX_COPIES:,}"
            )

    def shape(self, ansatz: tuple, wires: int) -> tuple:
        """Shape of all weights of a circuit whose ansatz has this one, with so many wires read."""
        if self.readout == "probabilities" and wires > MAX_WIRES:
            raise BadValue(
                "readout",
                self.readout,
                f"of {wires} wires these are {2**wires:,} numbers",
                f"use it up to {MAX_WIRES} wires",
            )
        if self.readout != "observable":
            return ansatz
        return (math.prod(ansatz) + TURNS * wires,)

    def split(self, weights: Tensor, ansatz: tuple) -> tuple[Tensor, Tensor]:
        """Weights of the ansatz in their shape, and the readout's angles."""
        if self.readout != "observable":
            return weights, weights[:0]
        count = math.prod(ansatz)
        return weights[:count].reshape(ansatz), weights[count:]

    def measure(self, wires: Iterable, angles: Tensor | None = None) -> list:
        """Measurements of these wires, for a circuit to return; `angles` are those of `split`."""
        if self.readout == "probabilities":
            return [qml.probs(wires=list(wires))]
        if self.readout == "pairs":
            return [qml.expval(word) for word in observables(wires, 2, "Z")]
        if self.readout == "paulis":
            return [qml.expval(word) for word in observables(wires, 2)]
        if self.readout == "observable":
            for number, wire in enumerate(wires):
                qml.RZ(-angles[TURNS * number], wire)
                qml.RY(-angles[TURNS * number + 1], wire)
        return [qml.expval(qml.Z(wire)) for wire in wires]


PLAIN = Register()


class PauliWords:
    """Circuit of which all Pauli words on up to `locality` wires are measured, whatever it did."""

    def __init__(self, circuit, inputs: int, locality: int):
        self.circuit = circuit
        self.qubits = circuit.qubits
        self.inputs = inputs
        self.shape = circuit.shape
        self.locality = locality

    def __call__(self, inputs, weights):
        self.circuit(inputs, weights)
        return [qml.expval(word) for word in observables(range(self.qubits), self.locality)]


@functools.cache
def in_words(circuit, inputs: int, locality: int) -> PauliWords:
    """The circuit in Pauli words; one object each, so that a device traces it once."""
    return PauliWords(circuit, inputs, locality)


def count_words(wires: int, locality: int) -> int:
    """Count the Pauli words on up to `locality` of so many wires."""
    return sum(math.comb(wires, count) * 3**count for count in range(1, locality + 1))


def observables(wires: Iterable, locality: int, letters: str = LETTERS) -> list:
    """Pauli words on up to `locality` wires as PennyLane's operators, those on fewer first."""
    places = list(wires)
    operators = []
    for word in words(len(places), locality, letters):
        pairs = zip(word, places, strict=True)
        factors = [OPERATORS[letter](wire) for letter, wire in pairs if letter != "I"]
        operators.append(factors[0] if len(factors) == 1 else qml.prod(*factors))
    return operators
