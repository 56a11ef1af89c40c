"""Order of simulation: layers of commuting rotations, or blocks between permutations.

A block acts on few wires.
"""

import itertools
from dataclasses import dataclass, field

from qtlrun.tape import pauli
from qtlrun.tape.tape import Gate

MAX_WORDS = 6  # in one layer: their sums and differences double with each


@dataclass
class Layer:
    """Constants, then rotations about commuting words.

    Each word has the numbers of the angles that turn about it. `fed` says that an angle depends on
    the inputs, so that the layer differs from sample to sample.
    """

    constants: list[Gate] = field(default_factory=list)
    turns: dict[str, list[int]] = field(default_factory=dict)
    fed: bool = False


@dataclass
class Slot:
    """Gates inside groups of wires, then gates that permute the basis states across groups.

    The former by the group's number.
    """

    blocks: dict[int, list[Gate]] = field(default_factory=dict)
    moves: list[Gate] = field(default_factory=list)


def layers(gates: list[Gate], wires: tuple[int, ...], fed: frozenset[int]) -> list[Layer]:
    """Gates on these wires as layers, each gate as early as it commutes.

    The last layer may hold constants alone.
    """
    sequence: list[Layer] = []
    for gate in gates:
        if gate.angle is None:
            _add_constant(sequence, gate, wires)
        else:
            word = pauli.spread(gate.word, gate.wires, wires)
            _add_turn(sequence, word, gate.angle, gate.angle in fed, wires)
    return sequence


def split_by_feeding(sequence: list[Layer]) -> list[dict[int, Layer]]:
    """Layers by their numbers: those that differ from sample to sample, and those that do not."""
    same: dict[int, Layer] = {}
    fed: dict[int, Layer] = {}
    for number, layer in enumerate(sequence):
        (fed if layer.fed else same)[number] = layer
    return [part for part in (same, fed) if part]


def groups(qubits: int) -> list[tuple[int, ...]]:
    """Neighbouring wires in groups of about four.

    Matrices of side 8 take longer than those of side 16.
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
    gates = [inner for gate in gates for inner in _inside(gate, parts, home)]
    early = _halves(gates, home)
    late = _halves(gates[::-1], home)[::-1]
    last = -(-max(late, default=0) // 2) * 2
    late = [0 if earliest == 0 else last - back for earliest, back in zip(early, late, strict=True)]
    return min(
        (_fill_slots(gates, halves, home) for halves in (early, late)),
        key=lambda sequence: _count_fed(sequence, parts, fed),
    )


def _halves(gates: list[Gate], home: dict[int, int]) -> list[int]:
    """The half slot of each gate, as early as the gates before it allow.

    Even ones hold blocks, odd ones permutations.
    """
    ready = dict.fromkeys(home, 0)
    halves = []
    for gate in gates:
        half = max(ready[wire] for wire in gate.wires)
        if len({home[wire] for wire in gate.wires}) > 1:
            half += 1 - half % 2
        elif gate.angle is not None or not pauli.monomial(gate.matrix):
            half += half % 2
        ready.update(dict.fromkeys(gate.wires, half))
        halves.append(half)
    return halves


def _fill_slots(gates: list[Gate], halves: list[int], home: dict[int, int]) -> list[Slot]:
    sequence = [Slot() for _ in range(max(halves, default=0) // 2 + 1)]
    for gate, half in zip(gates, halves, strict=True):
        slot = sequence[half // 2]
        (slot.moves if half % 2 else slot.blocks.setdefault(home[gate.wires[0]], [])).append(gate)
    return sequence


def _count_fed(sequence: list[Slot], parts: list[tuple[int, ...]], fed: frozenset[int]) -> int:
    """Count the layers after the first slot that differ from sample to sample."""
    return sum(
        layer.fed
        for slot in sequence[1:]
        for group, gates in slot.blocks.items()
        for layer in layers(gates, parts[group], fed)
    )


def _add_constant(sequence: list[Layer], gate: Gate, wires: tuple[int, ...]) -> None:
    """Add a constant to the earliest layer that it can stand in, or to a new one."""
    earliest = None
    for number in range(len(sequence) - 1, -1, -1):
        layer = sequence[number]
        if any(set(_support(word, wires)) & set(gate.wires) for word in layer.turns):
            break
        earliest = number
        if any(set(constant.wires) & set(gate.wires) for constant in layer.constants):
            break
    _layer_at(sequence, earliest).constants.append(gate)


def _add_turn(
    sequence: list[Layer], word: str, angle: int, fed: bool, wires: tuple[int, ...]
) -> None:
    """Add a rotation to the earliest layer that it can stand in and has room, or to a new one."""
    touched = set(_support(word, wires))
    earliest = None
    for number in range(len(sequence) - 1, -1, -1):
        layer = sequence[number]
        if not all(pauli.commute(word, other) for other in layer.turns):
            break
        room = len(layer.turns) < max(MAX_WORDS, len(wires))
        fits = not layer.turns or (layer.fed == fed and room)
        if fits or (word in layer.turns and (layer.fed or not fed)):
            earliest = number
        if any(touched & set(constant.wires) for constant in layer.constants):
            break
    layer = _layer_at(sequence, earliest)
    layer.fed = layer.fed or fed
    layer.turns.setdefault(word, []).append(angle)


def _layer_at(sequence: list[Layer], number: int | None) -> Layer:
    """The layer of this number, or a new one behind all."""
    if number is None:
        sequence.append(Layer())
        number = -1
    return sequence[number]


def _support(word: str, wires: tuple[int, ...]) -> list[int]:
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
    for index, wire in enumerate(gate.wires):
        if home[wire] != into:
            wires[index] = spare.pop()
            swaps.append(Gate((wire, wires[index]), "SWAP", matrix=pauli.SWAP))
    return [*swaps, Gate(tuple(wires), gate.word, matrix=gate.matrix), *swaps]
