"""Wires that are left while a circuit halves them again and again."""

Pair = tuple[int, int]


def halvings(qubits: int) -> list[tuple[list[int], list[Pair]]]:
    """For each halving the wires before it, and pairs of one that stays and one that goes.

    The last of an odd number of wires stays without a partner. One wire is left at the end.
    """
    levels = []
    wires = list(range(qubits))
    while len(wires) > 1:
        pairs = list(zip(wires[::2], wires[1::2], strict=False))
        levels.append((wires, pairs))
        wires = wires[::2]
    return levels
