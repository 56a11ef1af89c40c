"""Measurements of a circuit: expectation values of Pauli words and sums; probabilities."""

from dataclasses import dataclass

import numpy as np

from qtlrun.tape import pauli

KNOWN = "it measures expectation values of Pauli words and their sums, and probabilities of wires"


@dataclass(frozen=True)
class Value:
    """An expectation value, one output: Pauli words on all wires, each with its weight."""

    words: tuple[tuple[float, str], ...]
    outputs = 1

    def matrices(self, qubits: int) -> np.ndarray:
        """The observable, (1, side, side)."""
        return sum(
            (weight * pauli.of_word(word) for weight, word in self.words),
            np.zeros((2**qubits, 2**qubits)),
        )[None]


@dataclass(frozen=True)
class Probabilities:
    """The probability of each basis state of some wires, in the order of their bits."""

    wires: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """How many basis states they have."""
        return 2 ** len(self.wires)

    def indicators(self, qubits: int) -> np.ndarray:
        """Which of the outputs each basis state of all wires belongs to, (2**qubits, outputs)."""
        return pauli.local(self.wires, qubits)[:, None] == np.arange(self.outputs)

    def matrices(self, qubits: int) -> np.ndarray:
        """A projector a basis state, (outputs, side, side)."""
        return np.stack([np.diag(state) for state in self.indicators(qubits).T]).astype(complex)


def read(measurements: list, own: int, qubits: int) -> list[Value | Probabilities]:
    """The measurements of a circuit with `own` wires, for so many; refuses others in a sentence
    that names who measures them.
    """
    return [_read(measurement, own, qubits) for measurement in measurements]


def untaken(measurement) -> ValueError:
    """The refusal of what is no number, on any device."""
    return ValueError(
        f"circuit: it returns {measurement}, and no head takes that; return expectation values,"
        " variances (on PennyLane's devices) or probabilities, and set device.shots to have them"
        " from samples."
    )


def _read(measurement, own: int, qubits: int) -> Value | Probabilities:
    kind = type(measurement).__name__
    observable = getattr(measurement, "obs", None)
    if kind == "ProbabilityMP" and observable is None:
        return Probabilities(tuple(measurement.wires) or tuple(range(own)))
    sentence = getattr(observable, "pauli_rep", None)
    if kind == "ExpectationMP" and sentence is not None:
        return Value(
            tuple(
                (
                    float(np.real(weight)),
                    pauli.spread("".join(word.values()), tuple(word.keys()), range(qubits)),
                )
                for word, weight in sentence.items()
            )
        )
    if kind in ("ExpectationMP", "VarianceMP", "ProbabilityMP"):
        raise ValueError(
            f"device=statevector: {KNOWN}; device=default.qubit measures {measurement} too."
        )
    raise untaken(measurement)
