"""Adam, AdamW and SGD on all weights of a model at once."""
import math

import torch
from torch import nn

from qtlrun.layer import LANES

BETA, BETA_SQUARES, TINY = .9, .999, 1e-8  # as torch.optim has them
BLOCK = 64  # numbers that are updated at once; a rest would be rounded otherwise


class Buffer:
    """Weights that are trained together, as views of one tensor; their gradients likewise."""

    def __init__(self, weights: list[nn.Parameter], rate: float):
        self.weights, self.rate, self.steps = weights, rate, 0
        starts = [0]
        for weight in weights:
            starts.append(-(-(starts[-1] + weight.numel()) // LANES) * LANES)
        length = -(-starts[-1] // BLOCK) * BLOCK
        self.values, self.slopes, self.mean, self.square = (weights[0].new_zeros(length) for _ in range(4))
        for weight, start in zip(weights, starts[:-1], strict=True):
            view, slope = (one.as_strided(weight.shape, weight.stride(), start) for one in (self.values, self.slopes))
            view.copy_(weight.detach())
            weight.data, weight.grad = view, slope

    @property
    def moves(self) -> bool:
        """Whether these weights are trained now; all of them are frozen together."""
        return self.weights[0].requires_grad


class Optimizer:
    """Updates buffers as torch.optim does.

    Unlike torch.optim's it needs no compiler, whose import takes a second, and makes one update of all weights instead
    of one for each.
    """

    def __init__(self, buffers: list[Buffer], kind: str, weight_decay: float = 0., momentum: float = 0.):
        self.buffers, self.update = buffers, {"adam": self._adam, "adamw": self._adam, "sgd": self._sgd}[kind]
        self.weight_decay, self.momentum, self.decoupled = weight_decay, momentum, kind == "adamw"

    def zero(self) -> None:
        """Forget the gradients."""
        for buffer in self.buffers:
            buffer.slopes.zero_()

    @torch.no_grad()
    def step(self, factor: float = 1.) -> None:
        """Move the weights that are trained now, every buffer by its rate times a factor."""
        for buffer in self.buffers:
            if buffer.moves:
                buffer.steps += 1
                self.update(buffer, buffer.rate * factor)

    def _adam(self, buffer: Buffer, rate: float) -> None:
        """Kingma and Ba, arXiv:1412.6980; with decay apart from the gradient Loshchilov and Hutter, arXiv:1711.05101."""
        slopes = buffer.slopes
        if self.weight_decay and self.decoupled:
            buffer.values.mul_(1 - rate * self.weight_decay)
        elif self.weight_decay:
            slopes = slopes.add(buffer.values, alpha=self.weight_decay)
        buffer.mean.lerp_(slopes, 1 - BETA)
        buffer.square.mul_(BETA_SQUARES).addcmul_(slopes, slopes, value=1 - BETA_SQUARES)
        unbias = math.sqrt(1 - BETA_SQUARES**buffer.steps)
        spread = buffer.square.sqrt().add_(TINY * unbias)
        buffer.values.addcdiv_(buffer.mean, spread, value=-rate * unbias / (1 - BETA**buffer.steps))

    def _sgd(self, buffer: Buffer, rate: float) -> None:
        slopes = buffer.slopes
        if self.weight_decay:
            slopes = slopes.add(buffer.values, alpha=self.weight_decay)
        if self.momentum:
            slopes = buffer.mean.mul_(self.momentum).add_(slopes)
        buffer.values.add_(slopes, alpha=-rate)
