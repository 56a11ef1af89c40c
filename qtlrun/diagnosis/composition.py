"""Composed model's own parts, for the checks that look at more than a batch."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from qtlrun import statistic
from qtlrun.comparison.row import Duplicates, Likeness
from qtlrun.diagnosis.rival import find_rival_nll
from qtlrun.diagnosis.sprint import MAX_ITEMS, Sprint, run_sprint
from qtlrun.experiment import description
from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.parts import Parts


@dataclass(frozen=True, eq=False)
class Composition:
    """Composed model's own parts.

    parts: dataset, recipe, freeze, device, circuit ... of the variant
    ensemble: what is trained, as a training has it, with the data of each split
    margin: difference in NLL within which two rows are equivalent
    seeds: count of those of the plan; 0 where it is unknown
    """

    parts: Parts
    ensemble: Ensemble
    margin: statistic.Margin | float
    seeds: int = 0

    @cached_property
    def features(self) -> Float[Tensor, "items features"]:
        """Features of a frozen backbone as the head takes them, of all training items."""
        return self._take("train", None)[0]

    @cached_property
    def duplicates(self) -> Duplicates:
        """Counts of equal items."""
        return description.duplicates(self.parts)

    @cached_property
    def likeness(self) -> Likeness:
        """Pictures that look alike."""
        return description.likeness(self.parts)

    @cached_property
    def rival_lead(self) -> Float[Tensor, " others"] | None:
        """NLL of a short training less that of the rival, of each validation item, in nats.

        None where one of them is absent.
        """
        sprint = self.sprint
        nll = None if sprint is None else self.rival_nll
        if sprint is None or nll is None:
            return None
        logits = sprint.find_logits().cpu().double()
        return cross_entropy(logits, sprint.labels.cpu(), reduction="none") - nll

    @cached_property
    def rival_nll(self) -> Float[Tensor, " others"] | None:
        """Validation NLL of a logistic regression on the features, of 1000 items a split at most.

        None where features move, where validation items are the test items, and where training
        items lack a class.
        """
        dataset = self.parts.dataset
        if not self.parts.fixed or dataset.validation is dataset.test:
            return None
        if self.ensemble.head.amplitudes:
            return None
        splits = (self._take("train", MAX_ITEMS), self._take("validation", MAX_ITEMS))
        return find_rival_nll(*splits, len(dataset.classes))

    @cached_property
    def margin_nats(self) -> float:
        """The margin in nats, beside the rival; nan of a share where there is no rival."""
        nll = self.rival_nll
        mean = math.nan if nll is None else float(nll.mean())
        return statistic.Margin.of(self.margin).beside(mean)

    @cached_property
    def sprint(self) -> Sprint | None:
        """Training of the head for two seconds, which is thrown away."""
        return run_sprint(self.parts, self.ensemble.seeds[0])

    def _take(
        self, split: str, count: int | None
    ) -> tuple[Float[Tensor, "items features"], Int64[Tensor, " items"]]:
        """Features of a frozen backbone and labels of the first items of a split."""
        data = self.ensemble.data[split]
        index = torch.arange(data.count)[:count]
        return self.ensemble.features(split, index), data.labels[0][index]
