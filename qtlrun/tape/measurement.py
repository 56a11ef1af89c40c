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
