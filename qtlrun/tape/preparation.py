"""Gates that prepare given amplitudes, whatever their values.

Rotations about Y make the sizes, about Z the phases.
"""

import torch
from torch import Tensor

from qtlrun.tape import pauli

Part = tuple[tuple[int, ...], str, Tensor | None]  # wires, word and angle


def gates(amplitudes: Tensor, wires: tuple[int, ...]) -> list[Part]:
    """Gates (wires, word, angle) on zeros; an angle of None is a CNOT.

    The same gates whatever the values are. Source: Mottonen et al., arXiv:quant-ph/0407010. Real
    amplitudes need no phases: the last rotations carry the signs.
    """
    sizes = amplitudes.abs() if amplitudes.is_complex() else amplitudes
    levels = [sizes]
    for _ in wires[1:]:
        pairs = levels[0].unflatten(-1, (-1, 2))
        levels.insert(0, torch.linalg.vector_norm(pairs, dim=-1))
    sequence = []
    for depth, level in enumerate(levels):
        pairs = level.unflatten(-1, (-1, 2))
        angles = 2 * torch.atan2(pairs[..., 1], pairs[..., 0])
        sequence += _uniform(angles, "Y", wires[:depth], wires[depth])
    if amplitudes.is_complex():
        phases = amplitudes.angle()
        for depth in reversed(range(len(wires))):
            pairs = phases.unflatten(-1, (-1, 2))
            sequence += _uniform(pairs[..., 1] - pairs[..., 0], "Z", wires[:depth], wires[depth])
            phases = pairs.mean(-1)
    return sequence


def _uniform(angles: Tensor, word: str, controls: tuple[int, ...], target: int) -> list[Part]:
    """A rotation of the target by another angle for each basis state of the controls."""
    count = len(angles)
    sequence: list[Part] = []
    gray = [number ^ number >> 1 for number in range(count)]
    signs = torch.tensor([pauli.signs(code, count) for code in gray], dtype=angles.dtype)
    for number, angle in enumerate((signs @ angles / count).unbind()):
        sequence.append(((target,), word, angle))
        if controls:
            changed = (gray[number] ^ gray[(number + 1) % count]).bit_length() - 1
            sequence.append(((controls[len(controls) - 1 - changed], target), "CNOT", None))
    return sequence
