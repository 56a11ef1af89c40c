"""Pauli words on some wires: their numbers, maps between their values, what is read of them."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int

from qtlrun.circuit.word import words
from qtlrun.tape import pauli
from qtlrun.tape.measurement import Probabilities, Value

LETTERS = "IXYZ"


def read_word(word: str) -> list[int]:
    """Letters of a word as numbers from 0 to 3."""
    return [LETTERS.index(letter) for letter in word]


def digits(wires: int) -> Int[np.ndarray, "words wires"]:
    """Letters of each word as numbers from 0 to 3."""
    count = np.arange(4**wires)
    places = 4 ** np.arange(wires - 1, -1, -1)
    return count[:, None] // places % 4


def number(letters: np.ndarray) -> np.ndarray:
    """Numbers of words of these letters."""
    return letters @ 4 ** np.arange(letters.shape[1] - 1, -1, -1)


def transfer_matrix(kraus_matrices: list[np.ndarray]) -> Float64[np.ndarray, "side side"]:
    """Map of a channel on expectation values of Pauli words, from columns to rows.

    Words are in the order of `digits`: II, IX, IY, IZ, XI and so on.
    """
    wires = len(kraus_matrices[0]).bit_length() - 1
    ordered = sorted(["I" * wires, *words(wires, wires)])
    matrices = np.stack([pauli.of_word(word) for word in ordered])
    images = sum(each @ matrices @ each.conj().T for each in kraus_matrices)
    return np.einsum("iab,jba->ij", matrices, images).real / 2**wires


def readout_table(
    outcomes: list[Value | Probabilities], qubits: int, readings: Sequence[tuple[float, float]]
) -> tuple[list[str], Float64[np.ndarray, "readings words outputs"]]:
    """Words that outcomes are sums of, and how much of each, for each reading of a wire.

    A reading is a factor and a constant: it gives factor times a letter, and constant times I.
    """
    columns = [column for outcome in outcomes for column in _columns(outcome, qubits)]
    tables = []
    for factor, constant in readings:
        tables.append([_flip(column, factor, constant) for column in columns])
    names = list(dict.fromkeys(word for table in tables for column in table for word in column))
    order = {name: position for position, name in enumerate(names)}
    dense = np.zeros((len(readings), len(names), len(columns)))
    for position, table in enumerate(tables):
        for output, column in enumerate(table):
            for name, weight in column.items():
                dense[position, order[name], output] = weight
    return names, dense


def _columns(outcome: Value | Probabilities, qubits: int) -> list[dict[str, float]]:
    """Each output of an outcome as weights of Pauli words."""
    if isinstance(outcome, Value):
        column: dict[str, float] = {}
        for weight, word in outcome.terms:
            column[word] = column.get(word, 0.0) + weight
        return [column]
    wires = outcome.wires
    letters = list(map("".join, itertools.product("IZ", repeat=len(wires))))
    names = [pauli.spread(word, wires, range(qubits)) for word in letters]
    signs = np.array([pauli.signs(mask, len(names)) for mask in range(len(names))])
    return [dict(zip(names, column / len(names), strict=True)) for column in signs.T]


def _flip(column: dict[str, float], factor: float, constant: float) -> dict[str, float]:
    """Weights of words after flips of the readout on each wire of each word."""
    total: dict[str, float] = {}
    for word, weight in column.items():
        parts = {"": weight}
        for letter in word:
            parts = _append(parts, letter, factor, constant)
        for name, value in parts.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _append(parts: dict[str, float], letter: str, factor: float, constant: float) -> dict:
    """Parts of a word with one more letter."""
    if letter == "I":
        return {name + "I": value for name, value in parts.items()}
    longer = {name + letter: value * factor for name, value in parts.items()}
    if constant:
        longer |= {name + "I": value * constant for name, value in parts.items()}
    return longer
