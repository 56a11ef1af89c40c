"""Evaluation of many items by circuits, in pieces that fit into memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.tape.tape import Reading

MAX_AMPLITUDES = 2**18  # simulated at once

Run = Callable[[Tensor, Tensor], Tensor]


def evaluate(
    run: Run,
    reading: Reading,
    inputs: Float[Tensor, "circuits items inputs"],
    weights: Float[Tensor, "circuits ..."],
) -> Float[Tensor, "circuits items outputs"]:
    """Outputs of circuits, piece by piece, so that few states are held at once."""
    size = max(1, MAX_AMPLITUDES // (len(inputs) * 2**reading.qubits))
    return torch.cat([run(piece, weights) for piece in inputs.split(size, 1)], 1)
