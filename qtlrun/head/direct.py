"""Features as the amplitudes of a circuit, without a layer before it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from qtlrun.error import BadValue, UsageError
from qtlrun.tape.tape import copies_of, inputs_of


def check_direct(features: int, circuit, product: bool, pre: str, start: str | None) -> None:
    """Refuse what a circuit cannot have that takes features as they are."""
    if features > inputs_of(circuit):
        raise UsageError(
            f"it takes {inputs_of(circuit)} features, one an amplitude, and there are {features}",
            f"use {math.ceil(math.log2(features))}",
            key="circuit.qubits",
            value=circuit.qubits,
        )
    if copies_of(circuit) > 1:
        raise UsageError(
            "the features are the amplitudes of one circuit",
            "use 1",
            key="circuit.copies",
            value=copies_of(circuit),
        )
    if product:
        raise BadValue(
            "product", product, "the circuit takes amplitudes, and a product circuit takes angles"
        )
    if pre == "frozen":
        raise BadValue("pre", pre, "the circuit takes the features, with no layer before it")
    if start is not None:
        raise UsageError(
            f"{start} has start values of a layer before the circuit, and this one has none",
            "use circuit=dressed",
            key="circuit",
        )


def fill(x: Float[Tensor, "runs batch features"], padding: int) -> Tensor:
    """Features with zeros behind them, and a 1 in front where all are zeros, which have no norm."""
    blank = (x == 0).all(-1, keepdim=True)
    return pad(torch.cat([torch.where(blank, 1.0, x[..., :1]), x[..., 1:]], -1), (0, padding))


def find_norms(x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch"]:
    """Norm of each item."""
    return torch.linalg.vector_norm(x, dim=-1)
