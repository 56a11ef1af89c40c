"""Transcript of a circuit as a Python function of PennyLane's operations."""

from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.openqasm import sum_text
from qtlrun.tape.transcript import Instruction, Transcript

# PennyLane's operations by the names of stdgates.inc
OPERATIONS = {
    "id": "Identity",
    "h": "Hadamard",
    "x": "PauliX",
    "y": "PauliY",
    "z": "PauliZ",
    "s": "S",
    "t": "T",
    "sx": "SX",
    "cx": "CNOT",
    "cy": "CY",
    "cz": "CZ",
    "ch": "CH",
    "swap": "SWAP",
    "ccx": "Toffoli",
    "cswap": "CSWAP",
    "rx": "RX",
    "ry": "RY",
    "rz": "RZ",
}
ADJOINTS = {"sdg": "S", "tdg": "T"}


def write_function(transcript: Transcript, name: str = "circuit") -> str:
    """Source of `circuit(x)`, where x[0], x[1], ... are an item's numbers, or arrays of items'."""
    lines = [f"def {name}(x):"]
    lines += [f"    {_statement(instruction)}" for instruction in transcript.instructions]
    lines += ["    return ["]
    lines += [f"        {_measurement(outcome)}," for outcome in transcript.outcomes]
    lines += ["    ]"]
    return "\n".join(lines) + "\n"


def _statement(instruction: Instruction) -> str:
    """Call that applies an instruction."""
    wires = list(instruction.wires)
    if instruction.name in ADJOINTS:
        return f"qml.adjoint(qml.{ADJOINTS[instruction.name]}({wires}))"
    angle = "" if instruction.angle is None else f"{sum_text(instruction.angle, 'x[{}]')}, "
    return f"qml.{OPERATIONS[instruction.name]}({angle}wires={wires})"


def _measurement(outcome: Value | Probabilities) -> str:
    """Call that measures an outcome."""
    if isinstance(outcome, Probabilities):
        return f"qml.probs(wires={list(outcome.wires)})"
    if len(outcome.terms) == 1 and outcome.terms[0][0] == 1:
        return f"qml.expval({_observable(outcome.terms[0][1])})"
    weights = [weight for weight, _ in outcome.terms]
    observables = ", ".join(_observable(word) for _, word in outcome.terms)
    return f"qml.expval(qml.dot({weights!r}, [{observables}]))"


def _observable(word: str) -> str:
    """Product of Pauli operators."""
    letters = [f"qml.{letter}({wire})" for wire, letter in enumerate(word) if letter != "I"]
    return " @ ".join(letters) or "qml.Identity(0)"
