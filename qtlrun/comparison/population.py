"""Population of trained rows, from which comparisons whose truth is known are drawn."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.pairing import guess
from qtlrun.comparison.row import Row

MODEL = "model"
OTHER = "other"


@dataclass(frozen=True)
class Population:
    """Pairs of trainings of two rows, of which comparisons are drawn with replacement.

    pairs: row of the model and of the other, of one training each, on every division
    shared: whether all were trained on one division, so that a comparison has one split
    """

    pairs: list[tuple[Row, Row]]
    shared: bool

    @classmethod
    def of(cls, model: list[Row], other: list[Row], shared: bool) -> "Population":
        """Population of the divisions on which both trainings ended."""
        pairs = [pair for pair in zip(model, other, strict=True) if _ended(pair)]
        return cls(pairs, shared)

    @cached_property
    def truth(self) -> float:
        """Mean difference in test NLL of the pairs in which neither training died, nats."""
        model = np.array([model.nll.mean() for model, _ in self.pairs])
        other = np.array([other.nll.mean() for _, other in self.pairs])
        level = guess([model for model, _ in self.pairs])
        alive, _ = statistic.deaths(model, other, level)
        return float((model - other)[alive].mean())

    def draw_null(self, trainings: int, generator: np.random.Generator) -> Comparison:
        """Comparison whose true difference is 0: either row of a pair may be the model."""
        chosen = []
        for number in generator.integers(len(self.pairs), size=trainings):
            model, other = self.pairs[number]
            chosen.append((other, model) if generator.random() < 0.5 else (model, other))
        return self._compare(chosen)

    def draw(self, trainings: int, generator: np.random.Generator) -> Comparison:
        """Comparison whose true difference, of trainings that do not die, is `truth`.

        Pictures are drawn with replacement, too: another test set of as many pictures.
        """
        items = sorted({item for model, _ in self.pairs for item in model.items})
        counts = generator.multinomial(len(items), np.full(len(items), 1 / len(items)))
        copies = dict(zip(items, counts.tolist(), strict=True))
        numbers = generator.integers(len(self.pairs), size=trainings)
        chosen = []
        for number in numbers:
            model, other = self.pairs[number]
            chosen.append((_copied(model, copies), _copied(other, copies)))
        return self._compare(chosen)

    def _compare(self, pairs: list[tuple[Row, Row]]) -> Comparison:
        splits = [{MODEL: _numbered([model]), OTHER: _numbered([other])} for model, other in pairs]
        if self.shared:
            models, others = zip(*pairs, strict=True)
            splits = [{MODEL: _numbered(models), OTHER: _numbered(others)}]
        return Comparison({}, MODEL, splits, isolates={OTHER: ""})


def _ended(pair: tuple[Row, Row]) -> bool:
    model, other = pair
    return bool(model.outcomes and other.outcomes)


def _numbered(rows: list[Row] | tuple[Row, ...]) -> Row:
    """The trainings of rows as one row with seeds from 0 on."""
    outcomes = dict(enumerate(row.finished[0] for row in rows))
    return replace(rows[0], outcomes=outcomes, errors={})


def _copied(row: Row, copies: dict[str, int]) -> Row:
    """Row with each test item as often as it was drawn, each copy an item of its own."""
    counts = np.array([copies[item] for item in row.items])
    index = np.repeat(np.arange(len(counts)), counts)
    items = tuple(
        f"{item} {copy}"
        for item, count in zip(row.items, counts, strict=True)
        for copy in range(count)
    )
    outcomes = {seed: _take(outcome, index) for seed, outcome in row.outcomes.items()}
    return replace(row, outcomes=outcomes, items=items)


def _take(outcome: Outcome, index: np.ndarray) -> Outcome:
    arrays = {name: outcome.arrays[name] for name in ("logits", "labels")}
    return replace(
        outcome, arrays={"logits": arrays["logits"][index], "labels": arrays["labels"][index]}
    )
