"""Sizes of circuits, and what is refused of them."""

from qtlrun.error import BadValue


def check_size(qubits: int, depth: int, *, fewest_qubits: int = 1, fewest_layers: int = 0) -> None:
    """Refuse fewer qubits or layers than a circuit needs."""
    if qubits < fewest_qubits:
        reason = "this circuit joins wires" if fewest_qubits > 1 else "a circuit has wires"
        raise BadValue("qubits", qubits, reason, f"use {fewest_qubits} or more")
    if depth < fewest_layers:
        raise BadValue("depth", depth, f"layers are counted from {fewest_layers} up")
