"""Generators without a circuit, of as many trained numbers.

Both give weights of standard deviation `spread` at the start.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from qtlrun.layer import LANES, Start, generator


class Hashed(nn.Module):
    """HashedNets: each weight is one of few trained numbers with a sign, both drawn at random.

    Source: Chen et al., arXiv:1504.04788.
    """

    index: Tensor
    signs: Tensor

    def __init__(self, count: int, numbers: int, start: Start, spread: float):
        super().__init__()
        numbers = min(count, numbers)
        self.values = nn.Parameter(start.normal("hashed", (numbers,), spread))
        indices = []
        signs = []
        for seed in start.seeds:
            draw = generator(seed, "hash", count, numbers)
            rounds = [torch.randperm(numbers, generator=draw) for _ in range(-(-count // numbers))]
            indices.append(torch.cat(rounds)[:count])
            signs.append(2 * torch.randint(2, (count,), generator=draw) - 1)
        self.register_buffer("index", torch.stack(indices), persistent=False)
        self.register_buffer("signs", torch.stack(signs).to(start.dtype), persistent=False)

    def forward(self) -> Float[Tensor, "runs weights"]:
        return self.values.gather(1, self.index) * self.signs

    def quiet(self) -> None:
        """Begin at 0 for every weight."""
        nn.init.zeros_(self.values)


class LowRank(nn.Module):
    """Weights in rows of a nearly square matrix of low rank.

    Its rank is that which has as many trained numbers, or a few fewer.
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
        # Of whole lines, so that a run is rounded alike in any company.
        left, right = (
            functional.pad(each, (0, -each.shape[2] % LANES, 0, -each.shape[1] % LANES))
            for each in (self.left, self.right)
        )
        return torch.bmm(left, right)[:, :rows, :side].flatten(1)[:, : self.count]

    def quiet(self) -> None:
        """Begin at 0 for every weight."""
        nn.init.zeros_(self.right)
