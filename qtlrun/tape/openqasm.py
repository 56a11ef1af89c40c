"""Transcript of a circuit as an OpenQASM 3 program."""

from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.transcript import Angle, Instruction, Transcript

HEADING = """OPENQASM 3.0;
include "stdgates.inc";
"""


def write_openqasm(transcript: Transcript, title: str) -> str:
    """Program with `input float[64] x0, ...` for an item's numbers, in radians.

    Comments at its end say what is computed of the final state. It measures all qubits where that
    takes no other basis. Source: OpenQASM 3, arXiv:2104.14722.
    """
    lines = [f"// {title}", HEADING.rstrip()]
    lines += [f"input float[64] x{index};" for index in range(transcript.inputs)]
    lines += [f"qubit[{transcript.qubits}] q;"]
    if _is_diagonal(transcript):
        lines += [f"bit[{transcript.qubits}] c;"]
    lines += map(_line, transcript.instructions)
    lines += [
        f"// value {number}: {_describe(outcome)}"
        for number, outcome in enumerate(transcript.outcomes)
    ]
    if _is_diagonal(transcript):
        lines += ["c = measure q;"]
    return "\n".join(lines) + "\n"


def _line(instruction: Instruction) -> str:
    """Statement of an instruction."""
    wires = ", ".join(f"q[{wire}]" for wire in instruction.wires)
    angle = "" if instruction.angle is None else f"({sum_text(instruction.angle, 'x{}')})"
    return f"{instruction.name}{angle} {wires};"


def sum_text(angle: Angle, form: str) -> str:
    """Sum of an angle's constant and its inputs, which have this form, as a text."""
    terms = [
        form.format(index) if slope == 1 else f"{slope!r} * {form.format(index)}"
        for index, slope in angle.slopes
    ]
    if angle.constant or not terms:
        terms.append(repr(angle.constant))
    return " + ".join(terms)


def _is_diagonal(transcript: Transcript) -> bool:
    """Whether bits of all qubits give every outcome."""
    words = [
        word
        for outcome in transcript.outcomes
        if isinstance(outcome, Value)
        for _, word in outcome.terms
    ]
    return not set("".join(words)) & {"X", "Y"}


def _describe(outcome: Value | Probabilities) -> str:
    """Outcome in words."""
    if isinstance(outcome, Probabilities):
        wires = ", ".join(f"q[{wire}]" for wire in outcome.wires)
        return f"probabilities of {wires}, the first being the highest bit"
    return " + ".join(_term(*term) for term in outcome.terms)


def _term(weight: float, word: str) -> str:
    """Expectation value of a Pauli word, with its weight where that is not 1."""
    value = f"<{_observable(word)}>"
    return value if weight == 1 else f"{weight!r} {value}"


def _observable(word: str) -> str:
    """Pauli word with its wires."""
    letters = [f"{letter}{wire}" for wire, letter in enumerate(word) if letter != "I"]
    return " ".join(letters) or "1"
