"""Forecasts of rows: what the store has, and what the rest would take; nothing is kept."""

import itertools
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from qtlrun import download, memory
from qtlrun.checkpoint import Record
from qtlrun.experiment import feature, pretraining
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.group import group_trainings, shared_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.rehearsal import Pace, Rehearsal, bare_parts, shorten, time_epoch
from qtlrun.experiment.session import Session, alone
from qtlrun.experiment.supply import find_keys, trial_keys
from qtlrun.plan import Plan, Redraw, Variant

TIMED_CHUNKS = 3  # of features, after a first one

T = TypeVar("T")


@dataclass(frozen=True)
class Duration:
    """Seconds on the clock, in the present load, and of the processor."""

    seconds: float = 0.0
    processor: float = 0.0

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.seconds + other.seconds, self.processor + other.processor)


@dataclass(frozen=True)
class Forecast:
    """Trainings of a row, and the time, memory and executions that they would take.

    trainings: of all seeds, splits and draws of tuning
    stored: those that the store has, or a row before is to train
    duration: of pre-training, features, training and evaluation of the others, here
    mebibytes: largest memory of this process so far, the row's rehearsal included
    executions: circuit executions on a quantum processor, of all trainings; None without a circuit
    """

    trainings: int
    stored: int
    duration: Duration
    mebibytes: float
    executions: float | None


class Forecaster:
    """Forecasts of the rows of one command; what several of them share is counted once."""

    def __init__(self, session: Session):
        self.session = session
        # With the share of the clock that the processor worked for them
        self._paces: dict[tuple, tuple[Pace, float]] = {}
        # Keys of what is counted already
        self._counted: set[str] = set()

    @alone
    def forecast(self, plan: Plan, name: str) -> Forecast:
        """Forecast of a row of a plan, by the name of its variant."""
        missing = []
        for redraw in plan.redraws:
            missing += self._list_missing(plan.variants[name], redraw)
        count = self.count_trainings(plan, name)
        duration = self._prepare(missing)
        first = plan.redraws[0]
        parts = Parts(plan.variants[name].redrawn(first.change), self.session)
        with tempfile.TemporaryDirectory() as scratch:
            rehearsal = Rehearsal(Session(scratch))
            for group in group_trainings(rehearsal.stand_in(missing)):
                pace, share = self._pace(rehearsal, group)
                duration += Duration(pace.seconds, share * pace.seconds)
            if missing:
                seconds, share = _watch(partial(rehearsal.time_rank, missing[0]))
                duration += Duration(seconds, share * seconds)
            executions = rehearsal.count_executions(Training(parts, first.seeds[0]))
        return Forecast(
            count,
            count - len(missing),
            duration,
            memory.peak() / 2**20,
            None if executions is None else executions * count,
        )

    @alone
    def count_trainings(self, plan: Plan, name: str) -> int:
        """Trainings of a row of a plan, by the name of its variant, without its data."""
        variant = plan.variants[name]
        return sum(
            len(redraw.seeds) * max(1, len(variant.distinct_draws(redraw.draws)))
            for redraw in plan.redraws
        )

    @alone
    def list_downloads(self, plan: Plan) -> list[str]:
        """Files that a plan would download."""
        files: dict[str, None] = {}
        variants = plan.variants.values()
        for variant, group in itertools.product(variants, ("dataset", "backbone")):
            try:
                with download.withheld():
                    getattr(Parts(variant, self.session), group)
            except download.Withheld as file:
                files[str(file)] = None
        return list(files)

    def _list_missing(self, variant: Variant, redraw: Redraw) -> list[Training]:
        """Trainings of a variant on a redraw that neither the store has nor a row before.

        Of several draws each is one trial of all seeds.
        """
        wanted = find_keys(self.session, variant, redraw)
        trials = self.session.find("trial", trial_keys(wanted)) if redraw.draws else {}
        missing = []
        for number, (parts, keys) in enumerate(wanted.items()):
            stored: Collection[int] = keys if number in trials else ()
            if not redraw.draws:
                stored = self.session.find("row", keys)
            seeds = [seed for seed in keys if seed not in stored]
            missing += [Training(parts, seed) for seed in seeds if keys[seed] not in self._counted]
            self._counted.update(keys.values())
        return missing

    def _prepare(self, missing: list[Training]) -> Duration:
        """Duration of pre-training, and of the features that the pools lack."""
        duration = Duration()
        for parts in dict.fromkeys(training.parts for training in missing):
            if pretraining.is_wanted(parts.variant):
                seconds, share = _watch(partial(self._pretrain, parts))
                duration += Duration(seconds, share * seconds)
            if bare_parts(parts, self.session).fixed:
                seconds, share = _watch(partial(self._compute_features, parts))
                duration += Duration(seconds, share * seconds)
        return duration

    def _pretrain(self, parts: Parts) -> float:
        """Seconds of the pre-training of parts; none where the store has it."""
        key = pretraining.key(parts)
        if key in self._counted or self.session.store.get("backbone", key) is not None:
            return 0.0
        self._counted.add(key)
        task = pretraining.dataset(parts)
        recipe = pretraining.prepare(parts, task).recipe

        def fit_share(share: float) -> Iterator[Record]:
            return pretraining.prepare(parts, shorten(task, share)).fit()

        return recipe.epochs * time_epoch(fit_share, len(task.train), recipe.batch_size)

    def _compute_features(self, parts: Parts) -> float:
        """Seconds of the features that a pool lacks, timed on some chunks of training items."""
        pool = feature.pool_key(parts)
        entry = self.session.store.get("features", pool)
        missing = feature.missing_items(entry, parts.dataset.splits)
        wanted = [item for item in missing if f"{pool}{item}" not in self._counted]
        self._counted.update(f"{pool}{item}" for item in wanted)
        if not wanted:
            return 0.0
        bare = bare_parts(parts, self.session)
        size = feature.chunk(bare.backbone)
        train_split = parts.dataset.train
        count = (1 + TIMED_CHUNKS) * size
        positions = [(train_split, number % len(train_split)) for number in range(count)]
        with self.session.threads(large=feature.is_large(bare.backbone)):
            chunks = feature.compute(bare, positions)
            next(chunks)  # the first is slower
            began = time.perf_counter()
            for _ in chunks:
                pass
            seconds = (time.perf_counter() - began) / TIMED_CHUNKS
        return seconds * -(-len(wanted) // size)

    def _pace(self, rehearsal: Rehearsal, group: list[Training]) -> tuple[Pace, float]:
        """Pace of an ensemble, measured on the first of its kind, and the processor's share."""
        parts = group[0].parts
        sizes = tuple(map(len, parts.dataset.splits.values()))
        kind = shared_key(parts), len(group), sizes
        if kind not in self._paces:
            self._paces[kind] = _watch(partial(rehearsal.measure, group))
        return self._paces[kind]


def _watch(measure: Callable[[], T]) -> tuple[T, float]:
    """Value of a measurement, and the share of the clock that the processor worked for it."""
    began = time.perf_counter()
    processor = time.process_time()
    value = measure()
    elapsed = time.perf_counter() - began
    return value, (time.process_time() - processor) / max(elapsed, 1e-9)
