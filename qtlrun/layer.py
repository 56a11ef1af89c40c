"""Layers with a leading run axis, so that all seeds are trained in one program."""

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from qtlrun.error import UsageError

CPU = torch.device("cpu")
LANES = 16  # float32 numbers in a line of memory
MAX_NUMBERS = 2**28  # of one weight of one run: 2 GiB as they are drawn
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": nn.Identity(),
    "relu": torch.relu,
    "tanh": torch.tanh,
    # torch's own is rounded by a number's place in float64, so by the other runs
    "gelu": lambda x: x / 2 * (1 + torch.erf(x * math.sqrt(0.5))),
}


class Start:
    """Start values of all runs, each drawn from a generator of its own: no run feels the others.

    A value depends on its run's seed, its name and its shape alone: layers of the same name and
    shape start alike in every model of the same seed. Drawn in float64 and cast.
    """

    def __init__(self, seeds: list[int], dtype: torch.dtype = torch.float32):
        self.seeds = seeds
        self.dtype = dtype

    def uniform(self, name: str, shape: tuple[int, ...], bound: float) -> Tensor:
        """Uniform on (-bound, bound), shape (runs, *shape)."""
        _check_size(name, shape)
        draw = [
            torch.rand(shape, generator=generator(seed, name), dtype=torch.float64)
            for seed in self.seeds
        ]
        return ((2 * torch.stack(draw) - 1) * bound).to(self.dtype)

    def normal(self, name: str, shape: tuple[int, ...], spread: float) -> Tensor:
        """Normal with mean 0 and standard deviation `spread`, shape (runs, *shape)."""
        _check_size(name, shape)
        draw = [
            torch.randn(shape, generator=generator(seed, name), dtype=torch.float64)
            for seed in self.seeds
        ]
        return (torch.stack(draw) * spread).to(self.dtype)


def _check_size(name: str, shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_NUMBERS:
        raise UsageError(
            f"{name} would have {math.prod(shape):,} numbers of start values",
            f"use {MAX_NUMBERS:,} or fewer",
        )


def part_copies(
    values: Float[Tensor, "runs batch numbers"], copies: int
) -> Float[Tensor, "circuits batch number"]:
    """Numbers of copies that stand in a row as those of circuits of their own."""
    return values.unflatten(-1, (copies, -1)).transpose(1, 2).flatten(0, 1)


def join_copies(
    values: Float[Tensor, "circuits batch number"], copies: int
) -> Float[Tensor, "runs batch numbers"]:
    """Numbers of the copies of each run's circuit in a row."""
    return values.unflatten(0, (-1, copies)).transpose(1, 2).flatten(2)


class Linear(nn.Module):
    """Affine map for each run; starts as torch.nn.Linear does, uniform within 1 / sqrt(inputs)."""

    def __init__(self, start: Start, name: str, inputs: int, outputs: int):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(start.uniform(f"{name}.weight", (outputs, inputs), bound))
        self.bias = nn.Parameter(start.uniform(f"{name}.bias", (outputs,), bound))

    def forward(self, x: Float[Tensor, "runs batch inputs"]) -> Float[Tensor, "runs batch outputs"]:
        return affine(x, self.weight, self.bias)


def hold(layer: Linear | None, state: str) -> None:
    """Keep a layer, where there is one, at its start values unless it is trained."""
    if layer is not None:
        layer.requires_grad_(state == "trained")


def affine(
    x: Float[Tensor, "runs batch inputs"],
    weight: Float[Tensor, "runs outputs inputs"],
    bias: Float[Tensor, "runs outputs"],
) -> Float[Tensor, "runs batch outputs"]:
    """Affine map of each run, rounded alike whichever runs stand beside it.

    The product is taken at widths of whole `LANES`, so that every run's numbers begin where a line
    of memory begins.
    """
    outputs, inputs = weight.shape[1:]
    columns = -inputs % LANES
    rows = -outputs % LANES
    x = functional.pad(x, (0, columns)) if columns else x
    weight = functional.pad(weight, (0, columns, 0, rows)) if rows or columns else weight
    bias = functional.pad(bias, (0, rows)) if rows else bias
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))[..., :outputs]


def generator(seed: int, *names: object) -> torch.Generator:
    """Random generator for one purpose of one seed, independent of everything else drawn."""
    purpose = "/".join(str(name) for name in (seed, *names))
    return torch.Generator().manual_seed(
        int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:7], "big")
    )


@contextlib.contextmanager
def reseeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Let torch's own generators begin at a seed within; after it they go on as before.

    Without an accelerator theirs are left alone: to ask for them takes torch as long as a batch.
    """
    on_cpu = device.type == "cpu"
    with torch.random.fork_rng(devices=[] if on_cpu else None):
        (torch.default_generator if on_cpu else torch).manual_seed(seed)
        yield


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Build modules within for their sizes: on the meta device, no start values drawn.

    Torch would load its compiler to draw numbers that are nowhere.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Mode in which torch's start values are not drawn."""

    DRAWS = (
        Tensor.normal_,
        Tensor.uniform_,
        nn.init.normal_,
        nn.init.uniform_,
        nn.init.kaiming_uniform_,
    )

    def __torch_function__(self, function, _types, values=(), named=None):
        """Return what would be drawn into, as it is; anything else is done."""
        named = named or {}
        if function in self.DRAWS:
            return values[0] if values else named["tensor"]
        return function(*values, **named)
