"""Sizes of circuits, and what is refused of them."""

from qtlrun.error import BadValue


def check_size(qubits: int, depth: int, *, fewest_qubits: int = 1, fewest_layers: int = 0) -> None:
    """Refuse fewer qubits or layers than a circuit needs."""
    if qubits < fewest_qubits:
        reason = "a circuit needs at least one qubit"
        if fewest_qubits > 1:
            reason = f"this circuit joins wires, and needs {fewest_qubits} of them at least"
        raise BadValue("qubits", qubits, reason, "the dressed circuit has 4")
    if depth < fewest_layers:
        raise BadValue("depth", depth, f"layers are counted from {fewest_layers} up")
