"""Evaluation of many items by circuits, in pieces that fit into memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.tape.tape import Reading

AMPLITUDES_AT_ONCE = 2**18
ELEMENTS_AT_ONCE = 2**22  # of density matrices

Run = Callable[[Tensor, Tensor], Tensor]


def evaluate(
    run: Run,
    reading: Reading,
    inputs: Float[Tensor, "circuits items inputs"],
    weights: Float[Tensor, "circuits ..."],
) -> Float[Tensor, "circuits items outputs"]:
    """Outputs of circuits, piece by piece, so that few states are held at once."""
    if isinstance(run, StatevectorCircuit):
        size = AMPLITUDES_AT_ONCE // (len(inputs) * 2**reading.qubits)
    else:  # it may hold density matrices
        size = ELEMENTS_AT_ONCE // (len(inputs) * 4**reading.qubits)
    size = max(1, size)
    return torch.cat([run(piece, weights) for piece in inputs.split(size, 1)], 1)
