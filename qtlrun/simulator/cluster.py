"""Gates in blocks on two wires, blocks in clusters on four, and the order of wires in which a state
meets the clusters.
"""

from dataclasses import dataclass, field

from qtlrun.tape import pauli
from qtlrun.tape.tape import Gate

WIDTH = (
    4  # wires of a cluster: on more a gate takes more products, on fewer a state is read more often
)


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

    The state comes as (cluster's wires, rest) and leaves as (kept, rest, dropped).

    The next cluster has the kept wires too; where `moved` (the order of the wires now, and then) is
    given, the state is permuted first.
    """

    number: int
    kept: tuple[int, ...]
    dropped: tuple[int, ...]
    taken: tuple[int, ...]  # the cluster's wires in the order in which they come
    moved: tuple[tuple[int, ...], tuple[int, ...]] | None


def blocks(gates: list[Gate], qubits: int) -> list[Block]:
    """Gates in blocks; those on single wires stand beside the block before on their wire, else
    beside the one after.
    """
    made = []
    last = {}
    loose = {wire: [] for wire in range(qubits)}

    def open_block(wires: tuple[int, ...]) -> Block:
        made.append(Block(wires, [gate for wire in wires for gate in loose[wire]]))
        for wire in wires:
            last[wire], loose[wire] = made[-1], []
        return made[-1]

    for gate in (few for whole in gates for few in _few(whole)):
        if len(gate.wires) == 1:
            (wire,) = gate.wires
            (last[wire].gates if last.get(wire) else loose[wire]).append(gate)
        elif len(gate.wires) == 2:
            one, other = (last.get(wire) for wire in gate.wires)
            (one if one and one is other else open_block(gate.wires)).gates.append(gate)
        else:
            _flush(gate.wires, loose, open_block)
            made.append(Block(gate.wires, [gate]))
            last.update(dict.fromkeys(gate.wires))
    _flush(tuple(range(qubits)), loose, open_block)
    return made


def clusters(made: list[Block]) -> list[Cluster]:
    """Blocks in clusters, each in the last one that touches its wires if that has room for them."""
    found = []
    last = {}
    for number, block in enumerate(made):
        at = max(last.get(wire, -1) for wire in block.wires)
        if at < 0 or len({*found[at].wires, *block.wires}) > WIDTH:
            at = len(found)
            found.append(Cluster())
        found[at].wires += [wire for wire in block.wires if wire not in found[at].wires]
        found[at].blocks.append(number)
        last.update(dict.fromkeys(block.wires, at))
    return found


def walk(
    wires: list[list[int]], qubits: int
) -> tuple[tuple[int, ...], list[Step], tuple[int, ...]]:
    """How a state goes through clusters on these wires: the order of wires before, the steps, the
    order after.
    """
    uses = {
        wire: [number for number, some in enumerate(wires) if wire in some]
        for wire in range(qubits)
    }

    def by_use(some, after: int) -> tuple[int, ...]:
        return tuple(
            sorted(
                some,
                key=lambda wire: (
                    next((use for use in uses[wire] if use > after), len(wires)),
                    wire,
                ),
            )
        )

    begin = order = by_use(range(qubits), -1)
    steps = []
    for number, own in enumerate(wires):
        moved = None
        few = len(own)
        if set(order[:few]) != set(own):
            moved = order, by_use(range(qubits), number - 1)
            order = moved[1]
        taken = order[:few]
        rest = order[few:]
        after = wires[number + 1] if number + 1 < len(wires) else []
        kept = tuple(wire for wire in taken if wire in after)
        dropped = by_use(set(taken) - set(kept), number)
        if set((*kept, *rest, *dropped)[: len(after)]) != set(after) or not after:
            kept, dropped = taken, ()  # it has to be permuted anyway
        steps.append(Step(number, kept, dropped, taken, moved))
        order = (*kept, *rest, *dropped)
    return begin, steps, order


def _few(gate: Gate) -> list[Gate]:
    """A gate as gates on one or two wires, but for constants on three."""
    if gate.angle is None:
        return [gate]
    wires = tuple(wire for wire, letter in zip(gate.wires, gate.word, strict=True) if letter != "I")
    gate = Gate(wires, gate.word.replace("I", ""), gate.angle)
    if len(wires) < 3:
        return [gate] if wires else []
    turns, turn = pauli.gather(gate.word, wires)
    return [*turns, turn(gate.angle), *reversed(turns)]


def _flush(wires: tuple[int, ...], loose: dict[int, list[Gate]], open_block) -> None:
    """Put loose gates of these wires into blocks: of two such wires each, the last one with any."""
    some = [wire for wire in wires if loose[wire]]
    for one, other in zip(some[::2], some[1::2], strict=False):
        open_block((one, other))
    if len(some) % 2:
        open_block((some[-1], next(wire for wire in (*wires, *loose) if wire != some[-1])))
