"""Generators of weights from other numbers, and properties of the map between them."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from qtlrun.layer import generator

SHARE = 1e-9  # of the largest singular value or slope; in float64 what is below is rounding
TOGETHER = 2**16  # amplitudes of the states that are differentiated at once
MOST = 2**24  # numbers times probabilities or weights beyond which no rank is counted


class Generator(nn.Module):
    """Gives the weights of these shapes, one after the other in one row, for each run.

    With `factors`, a deviation for each weight, what the raw generator gives is divided by its
    deviation at the start and multiplied by them. `added` begins at 0.
    """

    def __init__(
        self,
        raw: nn.Module,
        shapes: dict[str, tuple[int, ...]],
        factors: Float[Tensor, " weights"] | None,
        added: bool,
    ):
        super().__init__()
        self.raw = raw
        self.added = added
        self.sizes = [math.prod(shape) for shape in shapes.values()]
        self.register_buffer(
            "factors", None if factors is None else factors.unsqueeze(0), persistent=False
        )
        if factors is not None:
            with torch.no_grad():
                start = raw()
            self.factors = self.factors.to(start)
            self.register_buffer(
                "unit",
                1
                / start.std(-1, correction=0, keepdim=True).clamp_min(
                    torch.finfo(start.dtype).tiny
                ),
            )
        if added:
            raw.quiet()

    def forward(self, *chances: Float[Tensor, "runs states"]) -> Float[Tensor, "runs weights"]:
        values = self.raw(*chances)
        return values if self.factors is None else values * (self.unit * self.factors)

    @property
    def simulates(self) -> bool:
        """Whether a circuit is simulated for each step."""
        return getattr(self.raw, "run", None) is not None

    @property
    def trained(self) -> int:
        """Trained numbers of each run."""
        return sum(one.numel() // len(one) for one in self.parameters() if one.requires_grad)


def rank(model: Generator, run: int) -> int | None:
    """The rank of the Jacobian of a run's weights by its trained numbers; None where that takes too
    long.
    """
    count = sum(model.sizes)
    numbers = model.trained
    probes = min(count, numbers)
    if probes * max(count, 2 ** getattr(model.raw, "qubits", 0)) > MOST:
        return None
    if probes == count:
        upstream = torch.eye(count, dtype=torch.float64)
    # The rank of a matrix is almost surely that of its product with as many random directions as it
    # can have
    else:
        upstream = torch.randn(probes, count, generator=generator(0, "probes"), dtype=torch.float64)
    slopes = torch.cat(
        [
            torch.cat([one.flatten(1) for one in some.values()], 1)
            for some in _slopes(model, run, upstream)
        ]
    )
    return int(torch.linalg.matrix_rank(slopes, rtol=SHARE))


def live(model: Generator, run: int) -> int:
    """Count of a run's angles that move any weight: slopes not 0 in random directions."""
    upstream = torch.randn(3, sum(model.sizes), generator=generator(0, "live"), dtype=torch.float64)
    slopes = torch.cat([some["raw.angles"].flatten(1) for some in _slopes(model, run, upstream)])
    return int(_moved(slopes).sum())


def _moved(slopes: Float[Tensor, "directions angles"]) -> Bool[Tensor, " angles"]:
    return slopes.abs().amax(0) > SHARE * slopes.abs().max()


def _slopes(
    model: Generator, run: int, upstream: Float[Tensor, "directions weights"]
) -> Iterator[dict[str, Tensor]]:
    """Slopes of these combinations of a run's weights by its trained numbers, each direction as a
    run of its own.
    """
    runs = len(next(model.parameters()))
    state = {
        name: value[run : run + 1] if len(value) == runs else value
        for name, value in (*model.named_parameters(), *model.named_buffers())
    }
    state = {
        name: value.detach().cpu().double() if value.is_floating_point() else value.cpu()
        for name, value in state.items()
    }
    names = [name for name, one in model.named_parameters() if one.requires_grad]
    known = (
        model.raw.probabilities()[run : run + 1].detach().cpu().double()
        if model.simulates and "raw.angles" not in names
        else None
    )
    for some in upstream.split(
        max(1, TOGETHER // max(len(upstream[0]), 2 ** getattr(model.raw, "qubits", 0)))
    ):
        copies = {
            name: value.expand(len(some), *value.shape[1:]).contiguous()
            for name, value in state.items()
        }
        wanted = [copies[name].requires_grad_() for name in names]
        with torch.enable_grad():
            values = torch.func.functional_call(
                model, copies, () if known is None else (known.expand(len(some), -1),)
            )
            yield dict(zip(names, torch.autograd.grad((values * some).sum(), wanted), strict=True))
