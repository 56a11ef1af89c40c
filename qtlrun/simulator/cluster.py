"""Blocks of gates on two wires, clusters of these on four, and a state's walk through them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from qtlrun.tape import pauli
from qtlrun.tape.tape import Gate

# Wires of a cluster: on more a gate takes more products, on fewer a state is read more often
WIDTH = 4


@dataclass
class Block:
    """Gates on the same two wires, or one constant gate on three."""

    wires: tuple[int, ...]
    gates: list[Gate] = field(default_factory=list)


@dataclass
class Cluster:
    """Blocks, by their numbers and in the order in which they act, on few wires together."""

    wires: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One cluster of a walk.

    The state comes as (cluster's wires, rest) and leaves as (shared, rest, dropped), where the next
    cluster has the shared wires too. `wires` are the cluster's, in the order in which they come.
    Where `moved` (the order of all wires now, and then) is not None, the state is permuted first.
    """

    number: int
    shared: tuple[int, ...]
    dropped: tuple[int, ...]
    wires: tuple[int, ...]
    moved: tuple[tuple[int, ...], tuple[int, ...]] | None


def blocks(gates: list[Gate], qubits: int) -> list[Block]:
    """Gates in blocks, in the order in which they act.

    Those on single wires stand beside the block before on their wire, else beside the one after.
    """
    sequence: list[Block] = []
    last: dict[int, Block | None] = {}
    loose: dict[int, list[Gate]] = {wire: [] for wire in range(qubits)}

    def open_block(wires: tuple[int, ...]) -> Block:
        sequence.append(Block(wires, [gate for wire in wires for gate in loose[wire]]))
        for wire in wires:
            last[wire] = sequence[-1]
            loose[wire] = []
        return sequence[-1]

    for gate in (narrow for wide in gates for narrow in _narrow_gates(wide)):
        if len(gate.wires) == 1:
            (wire,) = gate.wires
            (last[wire].gates if last.get(wire) else loose[wire]).append(gate)
        elif len(gate.wires) == 2:
            first, second = (last.get(wire) for wire in gate.wires)
            (first if first and first is second else open_block(gate.wires)).gates.append(gate)
        else:
            _flush(gate.wires, loose, open_block)
            sequence.append(Block(gate.wires, [gate]))
            last.update(dict.fromkeys(gate.wires))
    _flush(tuple(range(qubits)), loose, open_block)
    return sequence


def clusters(blocks: list[Block]) -> list[Cluster]:
    """Blocks in clusters, each in the last one that touches its wires if that has room for them."""
    sequence: list[Cluster] = []
    last: dict[int, int] = {}
    for number, block in enumerate(blocks):
        at = max(last.get(wire, -1) for wire in block.wires)
        if at < 0 or len({*sequence[at].wires, *block.wires}) > WIDTH:
            at = len(sequence)
            sequence.append(Cluster())
        cluster = sequence[at]
        cluster.wires += [wire for wire in block.wires if wire not in cluster.wires]
        cluster.blocks.append(number)
        last.update(dict.fromkeys(block.wires, at))
    return sequence


def walk(
    wires: list[list[int]], qubits: int
) -> tuple[tuple[int, ...], list[Step], tuple[int, ...]]:
    """Walk of a state through clusters on these wires.

    Gives the order of all wires before it, the steps, and the order after.
    """
    uses: dict[int, list[int]] = {wire: [] for wire in range(qubits)}
    for number, cluster_wires in enumerate(wires):
        for wire in cluster_wires:
            uses[wire].append(number)

    def by_next_use(wires_to_sort: Iterable[int], after: int) -> tuple[int, ...]:
        def next_use(wire: int) -> tuple[int, int]:
            return next((use for use in uses[wire] if use > after), len(wires)), wire

        return tuple(sorted(wires_to_sort, key=next_use))

    begin = order = by_next_use(range(qubits), -1)
    steps = []
    for number, cluster_wires in enumerate(wires):
        moved = None
        width = len(cluster_wires)
        if set(order[:width]) != set(cluster_wires):
            moved = order, by_next_use(range(qubits), number - 1)
            order = moved[1]
        front = order[:width]
        rest = order[width:]
        after = wires[number + 1] if number + 1 < len(wires) else []
        shared = tuple(wire for wire in front if wire in after)
        dropped = by_next_use(set(front) - set(shared), number)
        if set((*shared, *rest, *dropped)[: len(after)]) != set(after) or not after:
            # It has to be permuted anyway
            shared = front
            dropped = ()
        steps.append(Step(number, shared, dropped, front, moved))
        order = (*shared, *rest, *dropped)
    return begin, steps, order


def _narrow_gates(gate: Gate) -> list[Gate]:
    """A gate as gates on one or two wires, but for constants on three."""
    if gate.angle is None:
        return [gate]
    wires = tuple(wire for wire, letter in zip(gate.wires, gate.word, strict=True) if letter != "I")
    gate = Gate(wires, gate.word.replace("I", ""), gate.angle)
    if len(wires) < 3:
        return [gate] if wires else []
    turns, turn = pauli.gather(gate.word, wires)
    return [*turns, turn(gate.angle), *reversed(turns)]


def _flush(
    wires: tuple[int, ...],
    loose: dict[int, list[Gate]],
    open_block: Callable[[tuple[int, ...]], Block],
) -> None:
    """Put loose gates of these wires into blocks: of two such wires each, the last one with any."""
    waiting = [wire for wire in wires if loose[wire]]
    for first, second in zip(waiting[::2], waiting[1::2], strict=False):
        open_block((first, second))
    if len(waiting) % 2:
        last = waiting[-1]
        open_block((last, next(wire for wire in (*wires, *loose) if wire != last)))
