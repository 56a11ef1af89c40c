"""Generators without a circuit, of as many trained numbers; both give weights of standard deviation
`spread` at the start.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from qtlrun.layer import LANES, Start, generator


class Hashed(nn.Module):
    """Each weight is one of few trained numbers, with a sign, both by chance; Chen et al.,
    arXiv:1504.04788.
    """

    def __init__(self, count: int, numbers: int, start: Start, spread: float):
        super().__init__()
        numbers = min(count, numbers)
        self.values = nn.Parameter(start.normal("hashed", (numbers,), spread))
        draw = [generator(seed, "hash", count, numbers) for seed in start.seeds]
        places = [
            torch.cat(
                [torch.randperm(numbers, generator=one) for _ in range(-(-count // numbers))]
            )[:count]
            for one in draw
        ]
        self.register_buffer("places", torch.stack(places), persistent=False)
        signs = [torch.randint(2, (count,), generator=one) for one in draw]
        self.register_buffer(
            "signs", (2 * torch.stack(signs) - 1).to(start.dtype), persistent=False
        )

    def forward(self) -> Float[Tensor, "runs weights"]:
        return self.values.gather(1, self.places) * self.signs

    def quiet(self) -> None:
        """Begin at 0 for every weight."""
        nn.init.zeros_(self.values)


class LowRank(nn.Module):
    """The weights in rows of a nearly square matrix of the rank that has as many numbers, or a few
    fewer.
    """

    def __init__(self, count: int, numbers: int, start: Start, spread: float):
        super().__init__()
        side = math.isqrt(count - 1) + 1
        self.count = count
        rows = -(-count // side)
        rank = max(1, min(rows, numbers // (rows + side)))
        self.left = nn.Parameter(start.normal("low_rank.left", (rows, rank), math.sqrt(spread)))
        self.right = nn.Parameter(
            start.normal("low_rank.right", (rank, side), math.sqrt(spread / rank))
        )

    def forward(self) -> Float[Tensor, "runs weights"]:
        rows = self.left.shape[1]
        side = self.right.shape[2]
        left, right = (
            functional.pad(one, (0, -one.shape[2] % LANES, 0, -one.shape[1] % LANES))
            for one in (self.left, self.right)
        )
        return torch.bmm(left, right)[:, :rows, :side].flatten(1)[
            :, : self.count
        ]  # of whole lines, rounded alike in any company

    def quiet(self) -> None:
        """Begin at 0 for every weight."""
        nn.init.zeros_(self.right)
