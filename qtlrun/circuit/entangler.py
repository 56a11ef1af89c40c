"""Layers of general rotations and CNOTs around rings of growing step."""

import pennylane as qml


def count_angles(qubits: int, depth: int) -> int:
    """Angles of strongly entangling layers: three per wire and layer, two in the last layer."""
    return max(0, 3 * depth - 1) * qubits


def entangle_strongly(angles, qubits: int, depth: int) -> None:
    """Apply strongly entangling layers, whose angles are in the order in which they act.

    PennyLane's StronglyEntanglingLayers without the last RZ of each wire: CNOTs alone come after
    it, and no <Z> feels it. In layer l a wire controls the one that is l modulo (qubits - 1), plus
    one, wires further on. Source: Schuld et al., arXiv:1804.00633.
    """
    values = iter(angles)
    for layer in range(depth):
        for wire in range(qubits):
            qml.RZ(next(values), wire)
            qml.RY(next(values), wire)
            if layer < depth - 1:
                qml.RZ(next(values), wire)
        step = layer % (qubits - 1) + 1
        for wire in range(qubits):
            qml.CNOT([wire, (wire + step) % qubits])
