"""Rehearsals: trainings timed on random features, or from random weights; nothing is kept."""

import dataclasses
import functools
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from qtlrun.checkpoint import Record
from qtlrun.comparison.outcome import Outcome
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.experiment import feature
from qtlrun.experiment.cost import count_costs
from qtlrun.experiment.ensemble import Training, build_ensemble
from qtlrun.experiment.evaluation import evaluate
from qtlrun.experiment.local import is_remote, local_variant
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.sequence import count_epochs, fit_phase, list_phases
from qtlrun.experiment.session import Session
from qtlrun.experiment.training import fit
from qtlrun.layer import generator
from qtlrun.parametrization import generator as generators

MEASURED_S = 0.4  # of epochs of one kind; longer where two short ones take longer
MAX_EPOCHS = 30  # measured of one kind
EVALUATION_EPOCHS = 0.5  # that evaluation takes as long as: all items forward, none back
FIRST_BATCHES = 2  # of the first epoch, by which the others are sized

FitShare = Callable[[float], Iterator[Record]]


@dataclass(frozen=True)
class Pace:
    """Seconds of an ensemble of one kind.

    training: all epochs of all its runs, with validation
    rest: building, evaluation and whatever else is done once
    """

    training: float
    rest: float

    @property
    def seconds(self) -> float:
        """Seconds of all."""
        return self.training + self.rest


class Rehearsal:
    """Trainings of stand-ins, in a session whose store goes with them.

    A stand-in has random features of the right shape where its backbone is frozen, else a backbone
    from random weights. A head that is solved for converges as its data let it: it has features of
    the items, from random weights, unless the backbone is large. Test items are training items, so
    that no test item is read.
    """

    def __init__(self, session: Session):
        self.session = session

    def stand_in(self, trainings: list[Training], share: float = 1.0) -> list[Training]:
        """Stand-ins of trainings, on a share of the items."""
        originals = dict.fromkeys(training.parts for training in trainings)
        stand_ins = {parts: self._stand_in(parts, share) for parts in originals}
        return [Training(stand_ins[training.parts], training.seed) for training in trainings]

    def measure(self, group: list[Training]) -> Pace:
        """Pace of an ensemble of such trainings."""
        parts = group[0].parts
        if parts.solved:
            return Pace(0.0, self._run_once(self.stand_in(group)))
        training = epoch = share = 0.0
        for number, count in enumerate(count_epochs(parts)):
            shares: list[float] = []
            fit_share = functools.partial(self._fit_share, group, number, shares)
            epoch = time_epoch(fit_share, len(parts.dataset.train), parts.recipe.batch_size)
            training += count * epoch
            share = shares[-1]
        once = self._run_once(self.stand_in(group, share))
        rest = max(0.0, once - share * epoch)
        return Pace(training, rest + EVALUATION_EPOCHS * (1 - share) * epoch)

    def time_rank(self, training: Training) -> float:
        """Seconds of the rank of a training's generator; 0 where nothing is generated."""
        ensemble = build_ensemble(self.stand_in([training], 0.0))
        if ensemble.generator is None:
            return 0.0
        with ensemble.threads():
            return generators.time_rank(ensemble.generator)

    def count_executions(self, training: Training) -> float | None:
        """Circuit executions of one training on a quantum processor; None without a circuit."""
        parts = training.parts
        ensemble = build_ensemble(self.stand_in([training], 0.0))
        data = {
            name: dataclasses.replace(ensemble.data[name], labels=split.labels.unsqueeze(0))
            for name, split in parts.dataset.splits.items()
        }
        whole = dataclasses.replace(ensemble, data=data)
        return count_costs(whole, count_epochs(parts)[-1]).get("executions")

    def _stand_in(self, parts: Parts, share: float) -> Parts:
        """Stand-in of parts; those of equal items share them."""
        stand_in = bare_parts(parts, self.session)
        once = self.session.once
        stand_in.dataset = once(
            f"items{id(parts.dataset)}, {share}", lambda: shorten(parts.dataset, share)
        )
        if stand_in.fixed:
            stand_in.planted_features = {"seconds": torch.tensor(0.0)}
            for name, split in stand_in.dataset.splits.items():
                key = f"features{len(split)}, {stand_in.bare.features}, {parts.dtype}"
                make = functools.partial(_draw, stand_in, len(split))
                if stand_in.solved and not feature.is_large(stand_in.backbone):
                    key = f"{id(split)}, {json.dumps(stand_in.variant.backbone)}"
                    make = functools.partial(_compute, stand_in, split)
                stand_in.planted_features[name] = once(key, make)
        return stand_in

    def _fit_share(
        self, group: list[Training], number: int, shares: list[float], share: float
    ) -> Iterator[Record]:
        """Train an ensemble in a phase of this number, on a share that is added to `shares`."""
        shares.append(share)
        ensemble = build_ensemble(self.stand_in(group, share))
        with ensemble.threads():
            yield from fit_phase(ensemble, list_phases(ensemble)[number])

    def _run_once(self, group: list[Training]) -> float:
        """Seconds of an ensemble that is trained for one epoch and evaluated."""
        originals = dict.fromkeys(training.parts for training in group)
        short = {parts: _with_one_epoch(parts) for parts in originals}
        began = time.perf_counter()
        for program in fit("", [Training(short[each.parts], each.seed) for each in group]):
            trained = {each: left for each, left in program if isinstance(left, Outcome)}
            for _ in evaluate(trained):
                pass
        return time.perf_counter() - began


def bare_parts(parts: Parts, session: Session) -> Parts:
    """Parts whose backbone has random weights, on the same items."""
    variant = dataclasses.replace(parts.variant, backbone=parts.bare_values)
    bare = Parts(local_variant(variant) if is_remote(parts) else variant, session)
    bare.dataset = parts.dataset
    return bare


def shorten(dataset: Dataset, share: float) -> Dataset:
    """Dataset of a share of the items; training items stand for those of the test split."""
    counts = {name: max(2, round(share * len(split))) for name, split in dataset.splits.items()}
    train_split = dataset.train.subset(range(counts["train"]))
    test = train_split.subset([item % counts["train"] for item in range(counts["test"])])
    validation = test
    if dataset.validation is not dataset.test:
        count = min(counts["validation"], len(dataset.validation))
        validation = dataset.validation.subset(range(count))
    # A sequence would order other items
    return dataclasses.replace(
        dataset, train=train_split, validation=validation, test=test, sequence=None
    )


def time_epoch(fit_share: FitShare, items: int, batch_size: int) -> float:
    """Seconds of an epoch of so many items; `fit_share` trains on a share of them.

    The share is as large as a short measurement allows, and its epochs are repeated as often.
    """
    share = min(1.0, FIRST_BATCHES * batch_size / items)
    seconds = _median_seconds(fit_share(share))
    larger = min(1.0, share * MEASURED_S / max(seconds, 1e-6))
    if larger > share:
        share = larger
        seconds = _median_seconds(fit_share(share))
    return seconds / share


def _median_seconds(records: Iterator[Record]) -> float:
    """Median seconds of some epochs, without the first, which is slower, where there are others."""
    seconds: list[float] = []
    for record in itertools.islice(records, MAX_EPOCHS):
        seconds.append(record.seconds)
        if sum(seconds) > MEASURED_S and len(seconds) > 1:
            break
    return statistics.median(seconds[1:] or seconds)


def _with_one_epoch(parts: Parts) -> Parts:
    """The parts with a recipe of one epoch, on the same items and features."""
    short = Parts(parts.variant.changed({"recipe.epochs": 1}), parts.session)
    short.dataset = parts.dataset
    short.planted_features = parts.planted_features
    return short


@torch.no_grad()
def _compute(parts: Parts, split: Split) -> torch.Tensor:
    """Features of the items of a split, under the backbone of the parts."""
    backbone = parts.backbone
    batches = torch.arange(len(split)).split(feature.chunk(backbone))
    features = [
        backbone(parts.to_accelerator(split.batch(index, backbone.preprocess))) for index in batches
    ]
    return torch.cat(features)


def _draw(parts: Parts, count: int) -> torch.Tensor:
    """Random features of so many items, on the accelerator of the parts."""
    shape = count, parts.bare.features
    features = torch.rand(shape, generator=generator(0, "rehearsal"), dtype=parts.dtype)
    return features.to(parts.accelerator)
