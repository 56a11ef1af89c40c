"""Adam, AdamW, SGD and PennyLane 0.7's Adam, on all weights of a model at once."""

import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from qtlrun.layer import LANES

BETA = 0.9  # as torch.optim has it
BETA_SQUARES = 0.999  # as torch.optim has it
BETA_SQUARES_PENNYLANE = 0.99  # of PennyLane 0.7
BLOCK_NUMBERS = 64  # updated at once; a rest would be rounded otherwise


@runtime_checkable
class Holder(Protocol):
    """Module of which some runs hold some weights at their start: these runs, by the weight."""

    held: Mapping[Tensor, Bool[Tensor, " runs"]]


class Buffer:
    """Weights that are trained together, as views of one tensor; their gradients likewise.

    Learning rate and decay are one for all runs, or one per run: then the first axis of the weights
    is that of the runs. `held` has the runs that hold a weight at its start, by the weight; the
    others are trained to the same bits as without them.
    """

    def __init__(
        self,
        weights: list[nn.Parameter],
        rates: list[float],
        decays: list[float],
        held: Mapping[Tensor, Bool[Tensor, " runs"]] | None = None,
    ):
        self.weights = weights
        self.steps = 0
        self.rates = scalar_or_per_run(rates)
        self.decays = scalar_or_per_run(decays)
        self.decayed = any(decays)
        starts = [0]
        for weight in weights:
            starts.append(-(-(starts[-1] + weight.numel()) // LANES) * LANES)
        length = -(-starts[-1] // BLOCK_NUMBERS) * BLOCK_NUMBERS
        self.values = weights[0].new_zeros(length)
        self.slopes = weights[0].new_zeros(length)
        self.mean = weights[0].new_zeros(length)
        self.square = weights[0].new_zeros(length)
        self.layouts = [
            (weight.shape, weight.stride(), start)
            for weight, start in zip(weights, starts[:-1], strict=True)
        ]
        for weight, layout in zip(weights, self.layouts, strict=True):
            view = self.values.as_strided(*layout)
            view.copy_(weight.detach())
            weight.data = view
            weight.grad = self.slopes.as_strided(*layout)
        self.held = self._mark(held or {})
        self.start = None if self.held is None else self.values.clone()

    @property
    def moves(self) -> bool:
        """Whether these weights are trained now; all of them are frozen together."""
        return self.weights[0].requires_grad

    def restore(self) -> None:
        """Put weights back that their run holds."""
        if self.held is not None:
            torch.where(self.held, self.start, self.values, out=self.values)

    def _mark(self, held: Mapping[Tensor, Bool[Tensor, " runs"]]) -> torch.Tensor | None:
        """Places of the numbers that their run holds; None where no run holds any."""
        marks = torch.zeros_like(self.values, dtype=torch.bool)
        for weight, layout in zip(self.weights, self.layouts, strict=True):
            if weight in held:
                marks.as_strided(*layout).copy_(held[weight].view(-1, *[1] * (weight.dim() - 1)))
        return marks if marks.any() else None

    def times(self, numbers: torch.Tensor, factors: float | torch.Tensor) -> torch.Tensor:
        """Multiply numbers that lie as the weights do by a factor, or each run's by its own.

        One factor for all runs and as many equal ones are rounded alike.
        """
        if isinstance(factors, float):
            return numbers.mul(factors)
        product = torch.zeros_like(numbers)
        factors = factors.to(numbers)
        for layout in self.layouts:
            torch.mul(
                numbers.as_strided(*layout),
                factors.view(-1, *[1] * (len(layout[0]) - 1)),
                out=product.as_strided(*layout),
            )
        return product


class Optimizer:
    """Updates buffers as torch.optim does, or as PennyLane 0.7's Adam did ("pennylane_adam").

    Unlike torch.optim's it needs no compiler, whose import takes a second, makes one update of all
    weights instead of one for each, and takes a learning rate and a decay for each run. `eps` is
    added to the root of Adam's squares.
    """

    def __init__(self, buffers: list[Buffer], kind: str, momentum: float = 0.0, eps: float = 1e-8):
        self.buffers = buffers
        self.update = {
            "adam": self._adam,
            "adamw": self._adam,
            "sgd": self._sgd,
            "pennylane_adam": self._pennylane_adam,
        }[kind]
        self.momentum = momentum
        self.eps = eps
        self.decoupled = kind == "adamw"

    def zero(self) -> None:
        """Forget the gradients."""
        for buffer in self.buffers:
            buffer.slopes.zero_()

    @torch.no_grad()
    def step(self, factor: float | torch.Tensor = 1.0) -> None:
        """Update the weights trained now, at their rates times one factor or one per run."""
        for buffer in self.buffers:
            if buffer.moves:
                buffer.steps += 1
                self.update(buffer, buffer.rates * factor)
                buffer.restore()

    def _adam(self, buffer: Buffer, rates: float | torch.Tensor) -> None:
        """Adam (Kingma and Ba, arXiv:1412.6980).

        With the decay apart from the gradient AdamW (Loshchilov and Hutter, arXiv:1711.05101).
        """
        slopes = buffer.slopes if self.decoupled else _gradient(buffer)
        if self.decoupled and buffer.decayed:
            buffer.values.copy_(buffer.times(buffer.values, 1 - rates * buffer.decays))
        buffer.mean.lerp_(slopes, 1 - BETA)
        buffer.square.mul_(BETA_SQUARES).addcmul_(slopes, slopes, value=1 - BETA_SQUARES)
        unbias = math.sqrt(1 - BETA_SQUARES**buffer.steps)
        spread = buffer.square.sqrt().add_(self.eps * unbias)
        moves = -rates * (unbias / (1 - BETA**buffer.steps))
        if isinstance(moves, float):
            buffer.values.addcdiv_(buffer.mean, spread, value=moves)
        else:
            buffer.values.addcdiv_(buffer.times(buffer.mean, moves), spread)

    def _pennylane_adam(self, buffer: Buffer, rates: float | torch.Tensor) -> None:
        """Adam of PennyLane 0.7.

        Its moments begin as the first gradient and its square, unscaled, and are unbiased all the
        same.
        """
        slopes = _gradient(buffer)
        first = buffer.steps == 1
        buffer.mean.lerp_(slopes, 1.0 if first else 1 - BETA)
        buffer.square.lerp_(slopes * slopes, 1.0 if first else 1 - BETA_SQUARES_PENNYLANE)
        unbias = math.sqrt(1 - BETA_SQUARES_PENNYLANE**buffer.steps) / (1 - BETA**buffer.steps)
        buffer.values.sub_(
            buffer.times(buffer.mean / (buffer.square.sqrt() + self.eps), rates * unbias)
        )

    def _sgd(self, buffer: Buffer, rates: float | torch.Tensor) -> None:
        slopes = _gradient(buffer)
        if self.momentum:
            slopes = buffer.mean.mul_(self.momentum).add_(slopes)
        buffer.values.sub_(buffer.times(slopes, rates))


def scalar_or_per_run(values: list[float]) -> float | torch.Tensor:
    """One number where the values of all runs are the same, else a tensor of one per run."""
    return float(values[0]) if len(set(values)) == 1 else torch.tensor(values, dtype=torch.float64)


def _gradient(buffer: Buffer) -> torch.Tensor:
    """Gradient with that of the decay."""
    if not buffer.decayed:
        return buffer.slopes
    return buffer.slopes + buffer.times(buffer.values, buffer.decays)
