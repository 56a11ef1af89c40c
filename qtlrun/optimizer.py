"""Adam, AdamW, SGD and an old Adam of PennyLane's, on all weights of a model at once."""

import math

import torch
from torch import nn

from qtlrun.layer import LANES

BETA, BETA_SQUARES = 0.9, 0.999  # as torch.optim has them
OLD_SQUARES = 0.99  # PennyLane 0.7's
BLOCK = 64  # numbers that are updated at once; a rest would be rounded otherwise


class Buffer:
    """Weights that are trained together, as views of one tensor; their gradients likewise.

    Learning rate and decay are one for all, or one a run: then the weights' first axis is that of
    the runs.
    """

    def __init__(self, weights: list[nn.Parameter], rates: list[float], decays: list[float]):
        self.weights = weights
        self.steps = 0
        self.rates = one_or_each(rates)
        self.decays = one_or_each(decays)
        self.decayed = any(decays)
        starts = [0]
        for weight in weights:
            starts.append(-(-(starts[-1] + weight.numel()) // LANES) * LANES)
        length = -(-starts[-1] // BLOCK) * BLOCK
        self.values, self.slopes, self.mean, self.square = (
            weights[0].new_zeros(length) for _ in range(4)
        )
        for weight, start in zip(weights, starts[:-1], strict=True):
            view, slope = (
                one.as_strided(weight.shape, weight.stride(), start)
                for one in (self.values, self.slopes)
            )
            view.copy_(weight.detach())
            weight.data = view
            weight.grad = slope
        self.places = [
            (weight.shape, weight.stride(), start)
            for weight, start in zip(weights, starts[:-1], strict=True)
        ]

    @property
    def moves(self) -> bool:
        """Whether these weights are trained now; all of them are frozen together."""
        return self.weights[0].requires_grad

    def times(self, numbers: torch.Tensor, factors: float | torch.Tensor) -> torch.Tensor:
        """Numbers that lie as the weights do, those of each run times its factor; rounded alike for
        one factor or many.
        """
        if isinstance(factors, float):
            return numbers.mul(factors)
        product = torch.zeros_like(numbers)
        factors = factors.to(numbers)
        for place in self.places:
            torch.mul(
                numbers.as_strided(*place),
                factors.view(-1, *[1] * (len(place[0]) - 1)),
                out=product.as_strided(*place),
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
        """Move the weights that are trained now, every buffer by its rates times a factor, or one
        for each run.
        """
        for buffer in self.buffers:
            if buffer.moves:
                buffer.steps += 1
                self.update(buffer, buffer.rates * factor)

    def _adam(self, buffer: Buffer, rates: float | torch.Tensor) -> None:
        """Kingma and Ba, arXiv:1412.6980; with decay apart from the gradient Loshchilov and Hutter,
        arXiv:1711.05101.
        """
        slopes = buffer.slopes if self.decoupled else _decayed(buffer)
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
        """PennyLane 0.7's: the moments begin as the first gradient and its square, unscaled, and
        are unbiased all the same.
        """
        slopes = _decayed(buffer)
        share = (1.0, 1.0) if buffer.steps == 1 else (1 - BETA, 1 - OLD_SQUARES)
        buffer.mean.lerp_(slopes, share[0])
        buffer.square.lerp_(slopes * slopes, share[1])
        unbias = math.sqrt(1 - OLD_SQUARES**buffer.steps) / (1 - BETA**buffer.steps)
        buffer.values.sub_(
            buffer.times(buffer.mean / (buffer.square.sqrt() + self.eps), rates * unbias)
        )

    def _sgd(self, buffer: Buffer, rates: float | torch.Tensor) -> None:
        slopes = _decayed(buffer)
        if self.momentum:
            slopes = buffer.mean.mul_(self.momentum).add_(slopes)
        buffer.values.sub_(buffer.times(slopes, rates))


def one_or_each(given: list[float]) -> float | torch.Tensor:
    """One number where all are the same, else one a run."""
    return float(given[0]) if len(set(given)) == 1 else torch.tensor(given, dtype=torch.float64)


def _decayed(buffer: Buffer) -> torch.Tensor:
    """The gradient with that of the decay."""
    return (
        buffer.slopes + buffer.times(buffer.values, buffer.decays)
        if buffer.decayed
        else buffer.slopes
    )
