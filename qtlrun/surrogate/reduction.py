"""Terms of a surrogate that keep the predictions of its circuit."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from qtlrun.layer import join_copies
from qtlrun.surrogate.frequency import evaluate_terms
from qtlrun.surrogate.polynomial import NUMBERS_AT_ONCE, ZERO, Polynomial

Variables = Float[Tensor, "runs items variables"]
Logits = Float[Tensor, "runs items classes"]


@dataclass(frozen=True)
class Decoder:
    """Linear layer from the circuit's outputs to the logits, for each run.

    weight: outputs of copies of the circuit stand in a row
    """

    weight: Float[Tensor, "runs outputs classes"]
    bias: Float[Tensor, "runs 1 classes"]

    def __call__(self, values: Float[Tensor, "circuits items outputs"]) -> Logits:
        """Logits of what the circuits of all runs give."""
        joined = join_copies(values, len(values) // len(self.weight))
        return torch.baddbmm(self.bias, joined, self.weight)


@dataclass(frozen=True)
class LogitPolynomial:
    """Logits as a trigonometric polynomial in the variables of all copies, without their bias.

    degrees: highest frequency in each variable of a copy
    copies: of the circuit
    vectors: share of each term in the logits: the constant, then the other terms of each copy
    """

    degrees: tuple[int, ...]
    copies: int
    vectors: Float[Tensor, "runs terms classes"]

    @classmethod
    def of(cls, polynomial: Polynomial, decoder: Decoder) -> "LogitPolynomial":
        """Logits that a decoder makes of a circuit's outputs; terms that are rounding are 0."""
        runs = len(decoder.weight)
        coefficients = polynomial.coefficients
        coefficients = torch.where(coefficients.abs() > ZERO, coefficients, 0.0)
        coefficients = coefficients.unflatten(0, (runs, -1))
        copies = coefficients.shape[1]
        weight = decoder.weight.unflatten(1, (copies, -1))
        vectors = coefficients @ weight  # (runs, copies, terms, classes)
        constant = vectors[:, :, 0].sum(1, keepdim=True)
        vectors = torch.cat([constant, vectors[:, :, 1:].flatten(1, 2)], 1)
        return cls(polynomial.frequencies.degrees, copies, vectors)

    @property
    def present(self) -> Bool[Tensor, "runs terms"]:
        """Whether a term is in the polynomial of each run."""
        return self.vectors.any(-1)

    def rank(self, variables: Variables) -> Int[Tensor, "runs terms"]:
        """Terms of each run by the size of their shares in the logits of items, largest first.

        The size is a root mean square over items, of what tells the classes apart.
        """
        squares = [variables.new_ones(len(variables), 1)]
        for first, second in self._halves(variables):
            means = first.square().mT @ second.square() / variables.shape[1]
            squares.append(means.flatten(1)[:, 1:])
        centred = self.vectors - self.vectors.mean(-1, keepdim=True)
        sizes = torch.cat(squares, 1).sqrt() * centred.norm(dim=-1)
        return sizes.argsort(dim=1, descending=True, stable=True)

    def agreement(
        self,
        order: Int[Tensor, "runs terms"],
        variables: Variables,
        decoder: Decoder,
        predicted: Int[Tensor, "runs items"],
    ) -> Float[Tensor, "runs counts"]:
        """Share of items whose prediction the first terms keep, by their count from 0.

        It ends where all runs keep all.
        """
        halves = self._halves(variables)
        table = torch.cat([half for pair in halves for half in pair], -1)
        columns = _find_columns([(first.shape[-1], second.shape[-1]) for first, second in halves])
        logits = decoder.bias.expand(-1, variables.shape[1], -1)
        shares = [_agreement(logits.unsqueeze(2), predicted)]
        for block in order.split(self._size(variables), 1):
            first, second = (
                table.gather(2, column[block].unsqueeze(1).expand(-1, table.shape[1], -1))
                for column in columns.T
            )
            values = (first * second).unsqueeze(-1)
            vectors = self.vectors.gather(1, block.unsqueeze(-1).expand(-1, -1, logits.shape[-1]))
            sums = logits.unsqueeze(2) + (values * vectors.unsqueeze(1)).cumsum(2)
            shares.append(_agreement(sums, predicted))
            logits = sums[:, :, -1]
            if torch.cat(shares, 1).amax(1).eq(1).all():
                break
        return torch.cat(shares, 1)

    def _halves(
        self, variables: Variables
    ) -> list[tuple[Float[Tensor, "runs items first"], Float[Tensor, "runs items second"]]]:
        """Terms on the first half of the variables of each copy, and on the others.

        A term of a copy is a product of one of each.
        """
        middle = len(self.degrees) // 2
        halves = []
        for copy in variables.unflatten(2, (self.copies, len(self.degrees))).unbind(2):
            first = evaluate_terms(copy[..., :middle], self.degrees[:middle])
            halves.append((first, evaluate_terms(copy[..., middle:], self.degrees[middle:])))
        return halves

    def _size(self, variables: Variables) -> int:
        """Count of terms that are evaluated at once."""
        numbers = variables.shape[0] * variables.shape[1] * self.vectors.shape[-1]
        return max(1, NUMBERS_AT_ONCE // numbers)


def _find_columns(sizes: list[tuple[int, int]]) -> Int[Tensor, "terms halves"]:
    """Columns of both halves of each term, in a table with the halves of all copies in a row.

    sizes: numbers of terms of the halves of each copy
    """
    columns: list[Tensor] = []
    start = 0
    for first, second in sizes:
        pairs = torch.cartesian_prod(torch.arange(first), torch.arange(second))
        pairs = pairs + torch.tensor([start, start + first])
        columns.append(pairs if not columns else pairs[1:])  # one constant of all
        start += first + second
    return torch.cat(columns)


def first_reaching(
    shares: Float[Tensor, "runs counts"], share: float, present: Int[Tensor, " runs"]
) -> Int[Tensor, " runs"]:
    """Fewest terms that keep a share of the predictions; all that there are where none do."""
    reached = shares >= share
    return torch.where(reached.any(1), reached.int().argmax(1), present)


def _agreement(
    logits: Float[Tensor, "runs items counts classes"], predicted: Int[Tensor, "runs items"]
) -> Float[Tensor, "runs counts"]:
    """Share of items whose largest logit is that of their prediction, by count of terms."""
    return (logits.argmax(-1) == predicted.unsqueeze(2)).double().mean(1)
