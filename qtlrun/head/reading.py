"""Checks of a circuit as a device has read it, and the rank of its Jacobian by the angles."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.error import BadValue, UsageError


def check_reading(reading, circuit, entangle: bool) -> None:
    """Refuse weights that no gate takes; without entangling gates, wires that nothing reads.

    A circuit's preparation of amplitudes, and a gate whose matrix moves, may take weights.
    """
    if not entangle:
        _check_read(reading)
        return
    takes = reading.trained or reading.moving is not None or reading.starts
    if math.prod(circuit.shape) and not takes:
        raise UsageError(
            f"it has {math.prod(circuit.shape)} weights, and no gate takes any of them",
            "use them as angles, or give it the shape 0",
            key="circuit",
        )


def _check_read(reading) -> None:
    """Refuse a circuit without entangling gates that leaves inputs or angles unread."""
    unread = sorted(reading.unread)
    if unread:
        wires = f"wire{'s' * (len(unread) > 1)} {', '.join(map(str, unread))}"
        raise BadValue(
            "entangle",
            False,
            f"without gates on several wires nothing reaches what is measured from {wires}",
            "leave unentangled out, or measure every wire",
        )


def rank(
    simulate: Callable[[Tensor, Tensor], Tensor],
    inputs: Float[Tensor, "batch inputs"],
    angles: Float[Tensor, "*shape"],
) -> int:
    """Rank of the Jacobian of a circuit's outputs for all inputs by its angles."""
    weights = angles.expand(len(inputs), *angles.shape).requires_grad_()
    outputs = simulate(inputs.unsqueeze(1), weights)  # each sample as a run of its own
    if not outputs.requires_grad:  # the circuit takes no weight, or none that it does not detach
        return 0
    slopes = [
        torch.autograd.grad(
            output.sum(), weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )[0]
        for output in outputs.unbind(-1)
    ]
    return int(torch.linalg.matrix_rank(torch.cat(slopes).flatten(1), rtol=1e-6))
