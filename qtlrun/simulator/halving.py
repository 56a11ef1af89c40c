"""Products of sequences of matrices, and their gradients, by halving the sequences."""

import itertools

import torch
from torch import Tensor


class SequenceProducts:
    """Products of sequences of matrices, the first acting first, by halving their lengths.

    Matrices are (elements, runs, side, side). Gradients are those of the first `moving` elements,
    each of which stands in one sequence, once. A level holds which elements it takes (those of
    pairs first), how many pairs, and where each element went.
    """

    def __init__(self, sequences: list[list[int]], moving: int):
        self.levels = []
        while max(map(len, sequences), default=0) > 1:
            pairs = [
                pair
                for sequence in sequences
                for pair in zip(sequence[::2], sequence[1::2], strict=False)
            ]
            singles = [sequence[-1] for sequence in sequences if len(sequence) % 2]
            firsts, seconds = zip(*pairs, strict=True)
            order = [*firsts, *seconds, *singles]
            self.levels.append((order, len(pairs), _inverse(order, moving)))
            moving = len(pairs) + len(singles)
            paired = iter(range(len(pairs)))
            single = iter(range(len(pairs), moving))
            sequences = [
                [
                    *itertools.islice(paired, len(sequence) // 2),
                    *itertools.islice(single, len(sequence) % 2),
                ]
                for sequence in sequences
            ]
        self.order = [element for (element,) in sequences]
        self.back = _inverse(self.order, moving)

    def on(self, device: torch.device) -> "Halving":
        """The same with its orders as tensors."""
        return Halving(self, device)


class Halving:
    """Orders of `SequenceProducts` as tensors, with the forward and backward passes."""

    def __init__(self, products: SequenceProducts, device: torch.device):
        def on_device(order: list[int]) -> Tensor:
            return torch.tensor(order, dtype=torch.long, device=device)

        self.levels = [
            (on_device(order), pairs, on_device(back)) for order, pairs, back in products.levels
        ]
        self.order = on_device(products.order)
        self.back = on_device(products.back)

    def forward(self, element: Tensor) -> tuple[Tensor, list]:
        """A product of each sequence, and the factors, which the backward pass needs."""
        factors = []
        for order, pairs, _ in self.levels:
            level = element.index_select(0, order)
            factors.append(level)
            element = torch.cat([level[pairs : 2 * pairs] @ level[:pairs], level[2 * pairs :]])
        return element.index_select(0, self.order), factors

    def backward(self, slope: Tensor, factors: list) -> Tensor:
        """The gradient by the moving elements."""
        slope = slope.index_select(0, self.back)
        for (_, pairs, back), level in zip(reversed(self.levels), reversed(factors), strict=True):
            first = level[:pairs]
            second = level[pairs : 2 * pairs]
            paired = slope[:pairs]
            slope = torch.cat([second.mH @ paired, paired @ first.mH, slope[pairs:]]).index_select(
                0, back
            )
        return slope


def _inverse(order: list[int], count: int) -> list[int]:
    """Positions of the first `count` elements in an order."""
    position = {element: position for position, element in enumerate(order)}
    return [position[element] for element in range(count)]
