"""The order in which gates are simulated: layers of commuting rotations, and blocks on few wires
between permutations.
"""

import itertools
from dataclasses import dataclass, field

from qtlrun.tape import pauli
from qtlrun.tape.tape import Gate

WIDTH = 6  # words in one layer at most: their sums and differences double with each


@dataclass
class Layer:
    """Constants, then rotations about commuting words: each word with the numbers of the angles
    that turn about it.
    """

    constants: list[Gate] = field(default_factory=list)
    turns: dict[str, list[int]] = field(default_factory=dict)
    # Whether an angle depends on the inputs, so that the layer differs from sample to sample
    fed: bool = False


@dataclass
class Slot:
    """Gates inside groups of wires, by the group's number, then gates that permute the basis states
    across groups.
    """

    blocks: dict[int, list[Gate]] = field(default_factory=dict)
    moves: list[Gate] = field(default_factory=list)


def layers(gates: list[Gate], wires: tuple[int, ...], fed: frozenset[int]) -> list[Layer]:
    """Gates on these wires as layers, each gate as early as it commutes; the last layer may hold
    constants alone.
    """
    made = []
    for gate in gates:
        if gate.angle is None:
            _constant(made, gate, wires)
        else:
            _turn(
                made,
                pauli.spread(gate.word, gate.wires, wires),
                gate.angle,
                gate.angle in fed,
                wires,
            )
    return made


def parted(made: list[Layer]) -> list[dict[int, Layer]]:
    """Layers by their numbers: those that differ from sample to sample, and those that do not."""
    parts = [
        {number: layer for number, layer in enumerate(made) if layer.fed is fed}
        for fed in (False, True)
    ]
    return [part for part in parts if part]


def groups(qubits: int) -> list[tuple[int, ...]]:
    """Neighbouring wires in groups of about four: matrices of side 8 take longer than those of side
    16.
    """
    count = max(2, qubits // 4) if qubits > 5 else 1
    edges = [qubits * number // count for number in range(count + 1)]
    return [tuple(range(low, high)) for low, high in itertools.pairwise(edges)]


def slots(gates: list[Gate], parts: list[tuple[int, ...]], fed: frozenset[int]) -> list[Slot]:
    """Gates in slots; every gate lies inside a group or permutes.

    A rotation across groups is turned into one on a single wire, and another matrix across groups
    into one inside a group, by gates that permute. Gates stand as early as the wires allow, or (but
    for the first slot's) as late, whichever makes fewer layers that differ from sample to sample.
    """
    home = {wire: number for number, wires in enumerate(parts) for wire in wires}
    gates = [one for gate in gates for one in _inside(gate, parts, home)]
    early = _halves(gates, home)
    late = _halves(gates[::-1], home)[::-1]
    last = -(-max(late, default=0) // 2) * 2
    late = [0 if one == 0 else last - other for one, other in zip(early, late, strict=True)]
    return min(
        (_filled(gates, places, home) for places in (early, late)),
        key=lambda made: _fed(made, parts, fed),
    )


def _halves(gates: list[Gate], home: dict[int, int]) -> list[int]:
    """The half slot of each gate, as early as the gates before it allow: even ones hold blocks, odd
    ones permutations.
    """
    ready = dict.fromkeys(home, 0)
    places = []
    for gate in gates:
        at = max(ready[wire] for wire in gate.wires)
        within = len({home[wire] for wire in gate.wires}) == 1
        stays = gate.angle is None and at % 2 and pauli.monomial(gate.matrix)
        at += at % 2 if within and not stays else 0 if within else 1 - at % 2
        ready.update(dict.fromkeys(gate.wires, at))
        places.append(at)
    return places


def _filled(gates: list[Gate], places: list[int], home: dict[int, int]) -> list[Slot]:
    made = [Slot() for _ in range(max(places, default=0) // 2 + 1)]
    for gate, at in zip(gates, places, strict=True):
        slot = made[at // 2]
        (slot.moves if at % 2 else slot.blocks.setdefault(home[gate.wires[0]], [])).append(gate)
    return made


def _fed(made: list[Slot], parts: list[tuple[int, ...]], fed: frozenset[int]) -> int:
    """How many layers after the first slot differ from sample to sample."""
    return sum(
        layer.fed
        for slot in made[1:]
        for group, gates in slot.blocks.items()
        for layer in layers(gates, parts[group], fed)
    )


def _constant(made: list[Layer], gate: Gate, wires: tuple[int, ...]) -> None:
    place = None
    for number in range(len(made) - 1, -1, -1):
        if any(set(_support(word, wires)) & set(gate.wires) for word in made[number].turns):
            break
        place = number
        if any(set(one.wires) & set(gate.wires) for one in made[number].constants):
            break
    if place is None:
        made.append(Layer())
        place = len(made) - 1
    made[place].constants.append(gate)


def _turn(made: list[Layer], word: str, angle: int, fed: bool, wires: tuple[int, ...]) -> None:
    touched = set(_support(word, wires))
    place = None
    for number in range(len(made) - 1, -1, -1):
        layer = made[number]
        if not all(pauli.commute(word, other) for other in layer.turns):
            break
        fits = not layer.turns or (layer.fed == fed and len(layer.turns) < max(WIDTH, len(wires)))
        if fits or (word in layer.turns and (layer.fed or not fed)):
            place = number
        if any(touched & set(one.wires) for one in layer.constants):
            break
    if place is None:
        made.append(Layer())
        place = len(made) - 1
    layer = made[place]
    layer.fed = layer.fed or fed
    layer.turns.setdefault(word, []).append(angle)


def _support(word: str, wires) -> list[int]:
    return [wire for wire, letter in zip(wires, word, strict=True) if letter != "I"]


def _inside(gate: Gate, parts: list[tuple[int, ...]], home: dict[int, int]) -> list[Gate]:
    """A gate as gates that lie inside a group or permute."""
    touched = [home[wire] for wire in gate.wires]
    if len(set(touched)) == 1:
        return [gate]
    if gate.angle is not None:
        turns, last = pauli.gather(gate.word, gate.wires)
        return [*turns, last(gate.angle), *reversed(turns)]
    if pauli.monomial(gate.matrix):
        return [gate]
    into = max(touched, key=touched.count)
    spare = [wire for wire in parts[into] if wire not in gate.wires]
    swaps = []
    wires = list(gate.wires)
    for place, wire in enumerate(gate.wires):
        if home[wire] != into:
            wires[place] = spare.pop()
            swaps.append(Gate((wire, wires[place]), "SWAP", matrix=pauli.SWAP))
    return [*swaps, Gate(tuple(wires), gate.word, matrix=gate.matrix), *swaps]
