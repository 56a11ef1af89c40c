"""Pauli words and matrices of gates on a few wires; the first wire is the highest bit."""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from qtlrun.tape.tape import Gate

MATRICES = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
H = torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / 2**0.5
CNOT = torch.eye(4, dtype=torch.complex128)[[0, 1, 3, 2]]
CZ = torch.diag(torch.tensor([1, 1, 1, -1], dtype=torch.complex128))
SWAP = torch.eye(4, dtype=torch.complex128)[[0, 2, 1, 3]]
ELEMENT_TOLERANCE = 1e-15  # a matrix element below this is 0


def spread(word: str, word_wires: Sequence[int], wires: Sequence[int]) -> str:
    """Spread a word on its own wires to all of these."""
    letters = dict(zip(word_wires, word, strict=True))
    return "".join(letters.get(wire, "I") for wire in wires)


def signs(mask: int, count: int) -> list[int]:
    """Sign of each of `count` basis states: minus where an odd number of its bits is in a mask."""
    return [(-1) ** (state & mask).bit_count() for state in range(count)]


def commute(word: str, other: str) -> bool:
    """Whether two words on the same wires commute."""
    return sum("I" not in (a, b) and a != b for a, b in zip(word, other, strict=True)) % 2 == 0


def of_word(word: str) -> np.ndarray:
    """The matrix of a word."""
    matrix: np.ndarray = np.eye(1)
    for letter in word:
        matrix = np.kron(matrix, MATRICES[letter])
    return matrix.astype(complex)


def rotation(word: str, angle: float) -> np.ndarray:
    """The rotation exp(-i angle P / 2) about a word."""
    matrix = of_word(word)
    return np.cos(angle / 2) * np.eye(len(matrix)) - 1j * np.sin(angle / 2) * matrix


def embed(matrix: Tensor, matrix_wires: Sequence[int], wires: Sequence[int]) -> Tensor:
    """Embed a matrix on its own wires in one on all of these."""
    count = len(wires)
    rest = [wire for wire in wires if wire not in matrix_wires]
    order = [[*matrix_wires, *rest].index(wire) for wire in wires]
    full = torch.kron(matrix.contiguous(), torch.eye(2 ** len(rest), dtype=matrix.dtype))
    columns = [count + axis for axis in order]
    return full.reshape([2] * 2 * count).permute([*order, *columns]).reshape(2**count, 2**count)


def product(gates: list[Gate], wires: Sequence[int]) -> np.ndarray:
    """Constant gates on these wires as one matrix, the first gate acting first."""
    return reduce(
        lambda total, gate: embed(gate.matrix, gate.wires, wires).numpy() @ total,
        gates,
        np.eye(2 ** len(wires)),
    )


def without_phase(matrix: np.ndarray) -> np.ndarray:
    """A matrix without the phase of its largest element.

    No measurement sees that phase, and many matrices are real without.
    """
    largest = matrix.flat[np.abs(matrix).argmax()]
    return matrix * largest.conj() / abs(largest)


def real(gate: Gate) -> bool:
    """Whether a gate keeps real amplitudes real, up to a phase."""
    if gate.angle is not None:
        return gate.word.count("Y") % 2 == 1
    if gate.moving is not None:
        return False
    return bool(np.allclose(without_phase(gate.matrix.numpy()).imag, 0, atol=ELEMENT_TOLERANCE))


def monomial(matrix: Tensor) -> bool:
    """Whether a matrix only permutes basis states, with phases."""
    return bool(((matrix.abs() > ELEMENT_TOLERANCE).sum(1) == 1).all())


def permutation(gates: list[Gate], qubits: int) -> tuple[np.ndarray, np.ndarray]:
    """Gates that permute as (U psi)[k] = phase[k] psi[source[k]]."""
    source = np.arange(2**qubits)
    phase = np.ones(2**qubits, dtype=complex)
    for gate in gates:
        rows, factor = _monomial_action(without_phase(gate.matrix.numpy()), gate.wires, qubits)
        source = source[rows]
        phase = phase[rows] * factor
    return source, phase


def action(word: str, qubits: int) -> tuple[np.ndarray, np.ndarray]:
    """A word on all wires as (P psi)[k] = phase[k] psi[source[k]]."""
    rows = np.arange(2**qubits)
    source = rows.copy()
    phase = np.ones(2**qubits, dtype=complex)
    for wire, letter in enumerate(word):
        bit = (rows >> (qubits - 1 - wire)) & 1
        flips = int(letter in "XY")
        source ^= flips << (qubits - 1 - wire)
        phase *= MATRICES[letter][bit, bit ^ flips]
    return source, phase


def gather(word: str, wires: Sequence[int]) -> tuple[list[Gate], Callable[[int], Gate]]:
    """Gather a rotation about a word on one wire.

    Gives gates V, each its own inverse, and a rotation R on one wire, so that V R V turns about the
    word. All gates are real, and R is one about Y where the word has an odd number of Y: pairs of Y
    become pairs of X by a CZ, X becomes Z by a Hadamard, and CNOTs onto the last wire carry off
    every Z.
    """
    letters = {wire: letter for wire, letter in zip(wires, word, strict=True) if letter != "I"}
    about_y = [wire for wire, letter in letters.items() if letter == "Y"]
    target = about_y.pop() if len(about_y) % 2 else next(reversed(letters))
    gates = []
    for pair in zip(about_y[::2], about_y[1::2], strict=True):
        gates.append(Gate(pair, "CZ", matrix=CZ))
        letters |= dict.fromkeys(pair, "X")
    axis = letters[target] if letters[target] == "Y" else "Z"
    gates += [
        Gate((wire,), "Hadamard", matrix=H) for wire, letter in letters.items() if letter == "X"
    ]
    gates += [Gate((wire, target), "CNOT", matrix=CNOT) for wire in letters if wire != target]
    return gates, lambda angle: Gate((target,), axis, angle)


def columns(
    matrix: np.ndarray, wires: Sequence[int], qubits: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A matrix on a few wires as terms, one per column.

    (U psi)[k] is the sum of factor[k] psi[source[k]].
    """
    return [(source, matrix[rows, column]) for source, (rows, column) in sources(wires, qubits)]


def sources(wires: Sequence[int], qubits: int) -> list[tuple[np.ndarray, tuple[np.ndarray, int]]]:
    """The terms of any matrix on these wires, one per column.

    Each has the source of each basis state, and where its factor stands: rows and a column.
    """
    row = local(wires, qubits)
    cleared = _cleared(wires, qubits)
    return [
        (cleared | _scatter(np.full_like(row, column), wires, qubits), (row, column))
        for column in range(2 ** len(wires))
    ]


def marginal(probabilities: Tensor, wires: Sequence[int], qubits: int) -> Tensor:
    """Probabilities (samples, 2**wires) of some wires, from those (samples, 2**qubits) of all."""
    others = [wire for wire in range(qubits) if wire not in wires]
    cube = probabilities.reshape(-1, *[2] * qubits).permute(
        0, *(wire + 1 for wire in (*wires, *others))
    )
    return cube.reshape(len(probabilities), 2 ** len(wires), 2 ** len(others)).sum(-1)


def _monomial_action(
    matrix: np.ndarray, wires: Sequence[int], qubits: int
) -> tuple[np.ndarray, np.ndarray]:
    """A matrix with one element per row, as source and factor of each basis state."""
    row = local(wires, qubits)
    column = np.abs(matrix).argmax(1)[row]
    return _cleared(wires, qubits) | _scatter(column, wires, qubits), matrix[row, column]


def local(wires: Sequence[int], qubits: int) -> np.ndarray:
    """Bits of each basis state on some wires, as one number."""
    rows = np.arange(2**qubits)
    return sum(
        (((rows >> (qubits - 1 - wire)) & 1) << bit for bit, wire in enumerate(reversed(wires))),
        np.zeros_like(rows),
    )


def _cleared(wires: Sequence[int], qubits: int) -> np.ndarray:
    """Each basis state with its bits on some wires cleared."""
    return np.arange(2**qubits) & ~sum(1 << (qubits - 1 - wire) for wire in wires)


def _scatter(bits: np.ndarray, wires: Sequence[int], qubits: int) -> np.ndarray:
    """Bits on some wires, given as one number, put back into basis states."""
    return sum(
        (((bits >> bit) & 1) << (qubits - 1 - wire) for bit, wire in enumerate(reversed(wires))),
        np.zeros_like(bits),
    )


def unmarginal(values: Tensor, wires: Sequence[int], qubits: int) -> Tensor:
    """Values of all wires' basis states from those (samples, 2**wires) of some wires."""
    others = [wire for wire in range(qubits) if wire not in wires]
    order = [[*wires, *others].index(wire) + 1 for wire in range(qubits)]
    cube = values.unsqueeze(-1).expand(-1, -1, 2 ** len(others)).reshape(-1, *[2] * qubits)
    return cube.permute(0, *order).reshape(len(values), -1)
