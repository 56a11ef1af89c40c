"""Measurements of a circuit: expectation values of Pauli words and sums; probabilities."""

from dataclasses import dataclass

import numpy as np

from qtlrun.error import UsageError
from qtlrun.tape import pauli

SUPPORTED_MEASUREMENTS = (
    "it measures expectation values of Pauli words and their sums, and probabilities of wires"
)


@dataclass(frozen=True)
class Value:
    """Expectation value, one output: terms of a weight and a Pauli word on all wires."""

    terms: tuple[tuple[float, str], ...]
    outputs = 1

    def matrices(self, qubits: int) -> np.ndarray:
        """The observable, (1, side, side)."""
        return sum(
            (weight * pauli.of_word(word) for weight, word in self.terms),
            np.zeros((2**qubits, 2**qubits)),
        )[None]


@dataclass(frozen=True)
class Probabilities:
    """Probability of each basis state of some wires, in the order of their bits."""

    wires: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """How many basis states the wires have."""
        return 2 ** len(self.wires)

    def word(self, qubits: int) -> str:
        """Pauli word on all wires that they are measured with: Z on these wires."""
        return pauli.spread("Z" * len(self.wires), self.wires, range(qubits))

    def indicators(self, qubits: int) -> np.ndarray:
        """Which of the outputs each basis state of all wires belongs to, (2**qubits, outputs)."""
        return pauli.local(self.wires, qubits)[:, None] == np.arange(self.outputs)

    def matrices(self, qubits: int) -> np.ndarray:
        """A projector per basis state, (outputs, side, side)."""
        return np.stack([np.diag(state) for state in self.indicators(qubits).T]).astype(complex)


def read(measurements: list, circuit_qubits: int, qubits: int) -> list[Value | Probabilities]:
    """Read the measurements of a circuit on so many qubits, for a state of `qubits`.

    Raises ValueError for others, in a sentence that names who measures them.
    """
    return [_read(measurement, circuit_qubits, qubits) for measurement in measurements]


def refusal(measurement) -> UsageError:
    """The refusal of what is no number, on any device."""
    return UsageError(
        f"it returns {measurement}, and no head takes that",
        (
            "return expectation values, variances (on PennyLane's devices) or"
            " probabilities, and set device.shots to have them from samples"
        ),
        key="circuit",
    )


def count_outputs(measurements: list, qubits: int) -> int:
    """Count the numbers that measurements of so many qubits give."""
    counts = [
        2 ** (len(each.wires) or qubits) if type(each).__name__ == "ProbabilityMP" else 1
        for each in measurements
    ]
    return sum(counts)


def count_bases(measurements: list, qubits: int) -> int:
    """Count the bases, a letter a wire, that measurements of so many qubits are taken in.

    Words share the first basis that has their letters; an observable that is no sum of words has
    one of its own.
    """
    bases: list[str] = []
    others = 0
    for measurement in measurements:
        sentence = None if measurement.obs is None else measurement.obs.pauli_rep
        if measurement.obs is None:
            wires = tuple(measurement.wires) or tuple(range(qubits))
            assign_basis(bases, Probabilities(wires).word(qubits))
        elif sentence is None:
            others += 1
        for word in sentence or ():
            letters = "".join(word.values())
            assign_basis(bases, pauli.spread(letters, tuple(word.keys()), range(qubits)))
    return len(bases) + others


def assign_basis(bases: list[str], word: str) -> int:
    """Put a word into the first of the bases that has its letters, or a new one; its number."""
    for number, letters in enumerate(bases):
        if all("I" in pair or pair[0] == pair[1] for pair in zip(letters, word, strict=True)):
            pairs = zip(letters, word, strict=True)
            bases[number] = "".join(b if a == "I" else a for a, b in pairs)
            return number
    bases.append(word)
    return len(bases) - 1


def _read(measurement, circuit_qubits: int, qubits: int) -> Value | Probabilities:
    kind = type(measurement).__name__
    observable = measurement.obs
    if kind == "ProbabilityMP" and observable is None:
        return Probabilities(tuple(measurement.wires) or tuple(range(circuit_qubits)))
    sentence = None if observable is None else observable.pauli_rep
    if kind == "ExpectationMP" and sentence is not None:
        terms = []
        for word, weight in sentence.items():
            letters = "".join(word.values())
            spread = pauli.spread(letters, tuple(word.keys()), range(qubits))
            terms.append((float(np.real(weight)), spread))
        return Value(tuple(terms))
    if kind in ("ExpectationMP", "VarianceMP", "ProbabilityMP"):
        raise UsageError(
            SUPPORTED_MEASUREMENTS,
            f"device=default.qubit measures {measurement} too",
            key="device",
            value="statevector",
        )
    raise refusal(measurement)
