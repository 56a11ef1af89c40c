"""Generators of weights from other numbers, and properties of the map between them."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from qtlrun.layer import generator

# Share of the largest singular value or slope below which one is rounding, in float64.
MIN_SHARE = 1e-9
# Members of a raw generator that simulates no circuit
RAW_DEFAULTS = {"run": None, "qubits": 0, "angles": None}
BATCH_AMPLITUDES = 2**16  # of the states that are differentiated at once
TIMED_BATCHES = 2  # of directions; the first is slower
MAX_RANK_WORK = 2**24  # numbers times probabilities or weights beyond which no rank is computed


class Generator(nn.Module):
    """Generator of the weights of these shapes, one after the other in one row, for each run.

    With `factors`, a deviation for each weight, what the raw generator gives is divided by its
    deviation at the start and multiplied by them. `added` begins at 0.
    """

    raw: Any  # with `quiet`, and of a circuit's probabilities `run`, `qubits` and `probabilities`
    factors: Tensor | None
    unit: Tensor

    def __init__(
        self,
        raw: nn.Module,
        shapes: dict[str, tuple[int, ...]],
        factors: Float[Tensor, " weights"] | None,
        added: bool,
    ):
        super().__init__()
        for name, default in RAW_DEFAULTS.items():
            if not hasattr(raw, name):
                setattr(raw, name, default)
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
            self.raw.quiet()

    def forward(self, *chances: Float[Tensor, "runs states"]) -> Float[Tensor, "runs weights"]:
        values = self.raw(*chances)
        return values if self.factors is None else values * (self.unit * self.factors)

    @property
    def simulates(self) -> bool:
        """Whether a circuit is simulated for each step."""
        return self.raw.run is not None

    @property
    def trained(self) -> int:
        """Trained numbers of each run."""
        return sum(each.numel() // len(each) for each in self.parameters() if each.requires_grad)


def rank(model: Generator, run: int) -> int | None:
    """Rank of the Jacobian of a run's weights by its trained numbers; None: it takes too long."""
    upstream = _find_probes(model)
    if upstream is None:
        return None
    rows = [_flatten(slopes) for slopes in _slopes(model, run, upstream)]
    return int(torch.linalg.matrix_rank(torch.cat(rows), rtol=MIN_SHARE))


def time_rank(model: Generator) -> float:
    """Seconds that the rank of a run takes, by those of its second batch of directions."""
    upstream = _find_probes(model)
    if upstream is None:
        return 0.0
    batches = _slopes(model, 0, upstream)
    sizes = []
    seconds = 0.0
    for _ in range(TIMED_BATCHES):
        began = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            break
        seconds = time.perf_counter() - began
        sizes.append(len(_flatten(batch)))
    return seconds * len(upstream) / sizes[-1]


def _find_probes(model: Generator) -> Float[Tensor, "directions weights"] | None:
    """Directions in which the weights are differentiated for a rank; None: it takes too long."""
    count = sum(model.sizes)
    probes = min(count, model.trained)
    if probes * max(count, 2**model.raw.qubits) > MAX_RANK_WORK:
        return None
    if probes == count:
        return torch.eye(count, dtype=torch.float64)
    # The rank of a matrix is almost surely that of its product with as many random directions as
    # it can have.
    return torch.randn(probes, count, generator=generator(0, "probes"), dtype=torch.float64)


def _flatten(slopes: dict[str, Tensor]) -> Float[Tensor, "directions numbers"]:
    """Slopes by all trained numbers, in one row per direction."""
    return torch.cat([slope.flatten(1) for slope in slopes.values()], 1)


def live(model: Generator, run: int) -> int:
    """Count of a run's angles that move any weight: slopes not 0 in random directions."""
    upstream = torch.randn(3, sum(model.sizes), generator=generator(0, "live"), dtype=torch.float64)
    rows = [slopes["raw.angles"].flatten(1) for slopes in _slopes(model, run, upstream)]
    return int(_is_live(torch.cat(rows)).sum())


def _is_live(slopes: Float[Tensor, "directions angles"]) -> Bool[Tensor, " angles"]:
    return slopes.abs().amax(0) > MIN_SHARE * slopes.abs().max()


def _slopes(
    model: Generator, run: int, upstream: Float[Tensor, "directions weights"]
) -> Iterator[dict[str, Tensor]]:
    """Slopes of combinations of a run's weights by its trained numbers, batch by batch.

    Each direction is simulated as a run of its own.
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
    names = [name for name, weight in model.named_parameters() if weight.requires_grad]
    probabilities = None
    if model.simulates and "raw.angles" not in names:
        probabilities = model.raw.probabilities()[run : run + 1].detach().cpu().double()
    amplitudes = max(len(upstream[0]), 2**model.raw.qubits)
    for directions in upstream.split(max(1, BATCH_AMPLITUDES // amplitudes)):
        count = len(directions)
        copies = {
            name: value.expand(count, *value.shape[1:]).contiguous()
            for name, value in state.items()
        }
        trained = [copies[name].requires_grad_() for name in names]
        chances = () if probabilities is None else (probabilities.expand(count, -1),)
        with torch.enable_grad():
            weights = torch.func.functional_call(model, copies, chances)
            slopes = torch.autograd.grad((weights * directions).sum(), trained)
            yield dict(zip(names, slopes, strict=True))
