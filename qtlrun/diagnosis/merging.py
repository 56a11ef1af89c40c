"""Repeated encodings of an input that merge with an earlier one."""

import torch

from qtlrun.diagnosis.circuit_slope import MAX_ROUNDING
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.tape.tape import Gate

Encoding = tuple[tuple[int, ...], str, tuple[int, ...]]  # wires, Pauli word, numbers of the inputs


def count_merged(use: CircuitUse) -> int:
    """Count rotations by inputs that follow their like with only commuting gates between.

    Alike are rotations about one word on the same wires, by the same inputs. A constant gate on a
    wire of theirs counts as one that does not commute.
    """
    if use.reading is None:
        return 0
    sources = _find_inputs(use)
    merged = 0
    waiting: set[Encoding] = set()
    for gate in use.reading.gates:
        encoding = None
        if gate.angle in sources:
            encoding = (gate.wires, gate.word, sources[gate.angle])
            merged += encoding in waiting
        waiting = {each for each in waiting if _commutes(gate, each)}
        if encoding is not None:
            waiting.add(encoding)
    return merged


def _find_inputs(use: CircuitUse) -> dict[int | None, tuple[int, ...]]:
    """Inputs that each angle depends on, by the number of the angle."""
    assert use.reading is not None
    with torch.enable_grad():
        x = use.draw_inputs(1, 1).requires_grad_()
        angles = use.angles(x, use.draw_weights(1))[0, 0]
    sources: dict[int | None, tuple[int, ...]] = {}
    for number in sorted(use.reading.fed):
        (slope,) = torch.autograd.grad(angles[number], x, retain_graph=True)
        inputs = (slope.flatten().abs() > MAX_ROUNDING).nonzero().flatten().tolist()
        sources[number] = tuple(inputs)
    return sources


def _commutes(gate: Gate, encoding: Encoding) -> bool:
    """Whether a gate lets an encoding pass: Pauli words that differ on an even number of wires."""
    wires, word, _ = encoding
    letters = dict(zip(wires, word, strict=True))
    shared = [wire for wire in gate.wires if letters.get(wire, "I") != "I"]
    if not shared:
        return True
    if gate.angle is None:
        return False
    others = dict(zip(gate.wires, gate.word, strict=True))
    return sum(others[wire] not in ("I", letters[wire]) for wire in shared) % 2 == 0
