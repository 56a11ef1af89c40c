"""Pauli words as strings, a letter for each wire."""

import itertools
from collections.abc import Iterator

LETTERS = "XYZ"


def words(wires: int, locality: int, letters: str = LETTERS) -> Iterator[str]:
    """Words on so many wires with 1 to `locality` letters beside I, those of fewer first.

    Of two wires: XI, YI, ZI, IX, IY, IZ, XX, XY and so on.
    """
    for count in range(1, locality + 1):
        for places in itertools.combinations(range(wires), count):
            for kinds in itertools.product(letters, repeat=count):
                chosen = dict(zip(places, kinds, strict=True))
                yield "".join(chosen.get(wire, "I") for wire in range(wires))
