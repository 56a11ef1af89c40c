"""Plans to rows: data, backbone, features, head; fit, evaluate, keep."""

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from torch import Tensor

from qtlrun import disk, store
from qtlrun.batch import Data
from qtlrun.comparison.comparison import Comparison, Stopped
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.predictions import Predictions
from qtlrun.comparison.row import Row
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.unlabelled import Files
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining
from qtlrun.experiment.application import apply_run
from qtlrun.experiment.border import guard_row
from qtlrun.experiment.certificate import certify_rows
from qtlrun.experiment.check import check_labels, check_loaded, check_parts, verify_items
from qtlrun.experiment.description import describe_row, duplicates
from qtlrun.experiment.finished import FinishedRun, load_run
from qtlrun.experiment.key import checks_key
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.planted import Plant, plant_effect
from qtlrun.experiment.reading import enter_readings
from qtlrun.experiment.remeasurement import remeasure_rows
from qtlrun.experiment.remote import check_remote
from qtlrun.experiment.restoration import restore_network, test_data, without_shots
from qtlrun.experiment.session import Monitor, Session, alone
from qtlrun.experiment.subject import Subject, asking_for_place, find_subjects
from qtlrun.experiment.supply import find_keys, supply_predictions, supply_rows, supply_tunings
from qtlrun.plan import Plan, Redraw, Variant
from qtlrun.store import Entry

Name = TypeVar("Name")
Result = TypeVar("Result")


class Experiment:
    """Trains the variants of one command; what several of them share is built once."""

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.session = Session(home, fresh, progress)

    def compare(
        self, plan: Plan, keys: dict[str, object] | None = None, *, certified: bool = False
    ) -> Comparison:
        """Train the variants of a plan on every split.

        `keys` are those that its sweep varies, with this plan's values. A variant that fails costs
        its row; `certified` rows have the surrogates of their circuits. Raises Stopped, with what
        was finished, where the user or a full disk stops it.
        """
        labels = plan.labels
        redraws = self.distinct_redraws(plan)
        comparison = Comparison(
            keys or {},
            plan.composed,
            splits=[{} for _ in redraws],
            isolates=dict(labels.isolates),
            notes=list(plan.notes),
            declared=plan.declared,
            drawn=len(redraws) > 1 or self._draws_splits(plan),
        )
        for name, label in labels.names.items():
            work = functools.partial(self._supply, plan, name, redraws, certified=certified)
            try:
                rows = guard_row(work, self.session)
            except (KeyboardInterrupt, disk.Unwritable) as reason:
                raise Stopped(comparison, reason) from reason
            if isinstance(rows, Failure):
                comparison.errors[label] = rows.reason
                continue
            for split, row in zip(comparison.splits, rows, strict=True):
                split[label] = row
        return comparison

    @alone
    def train(
        self, name: str, variant: Variant, redraws: list[Redraw], *, reader: str = ""
    ) -> list[Row]:
        """Train a variant on each redraw from each of its seeds, unless the store has it.

        Of several draws of its values the one with the lowest mean validation NLL over the seeds
        of a redraw is its row there. `reader` names the plan that these readings of the test
        splits count for.
        """
        return self.train_all(name, {name: variant}, redraws, reader=reader)[name]

    @alone
    def train_all(
        self, title: str, variants: dict[Name, Variant], redraws: list[Redraw], *, reader: str = ""
    ) -> dict[Name, list[Row]]:
        """Train variants as `train` does each, in as few programs as possible; rows by name.

        `title` names the rows, and stands for all of them in the progress.
        """
        cells = list(itertools.product(variants.items(), redraws))
        draws = [variant.distinct_draws(redraw.draws) for (_, variant), redraw in cells]
        is_tuned = any(draws)
        grid = [find_keys(self.session, variant, redraw) for (_, variant), redraw in cells]
        with self.session.store.lock("row", store.key(row=[[*keys.values()] for keys in grid])):
            tunings = supply_tunings(self.session, title, grid) if is_tuned else [None] * len(grid)
            chosen = {}
            for keys, tuning in zip(grid, tunings, strict=True):
                parts = list(keys)[tuning.best if tuning else 0]
                chosen[parts] = keys[parts]
            supplied = supply_rows(self.session, title, chosen, len(redraws))
        reads = enter_readings((parts, reader) for parts in chosen)
        rows: dict[Name, list[Row]] = {name: [] for name in variants}
        results = zip(cells, supplied, tunings, draws, strict=True)
        for ((name, _), _), row, tuning, values in results:
            rows[name].append(
                dataclasses.replace(row, name=title, tuning=tuning, draws=values, reads=reads)
            )
        return rows

    @alone
    def certify(self, variant: Variant, redraws: list[Redraw], rows: list[Row]) -> list[Row]:
        """Rows of a variant, one of each redraw, with the surrogates of their circuits."""
        return certify_rows(variant, redraws, rows, self.session)

    @alone
    def remeasure(
        self,
        rows: list[Row],
        variants: dict[Name, Variant],
        redraws: list[Redraw],
        penalties: list[float] | None = None,
    ) -> dict[Name, list[Row]]:
        """Rows, one of each redraw, as the devices of variants measure their trained circuits.

        penalties: of a linear readout that is refitted to the measured outputs; None: as trained
        """
        cells = list(itertools.product(variants, redraws))
        parts = [Parts(variants[name].redrawn(each.change), self.session) for name, each in cells]
        measured: dict[Name, list[Row]] = {name: [] for name in variants}
        for (name, _), row in zip(cells, remeasure_rows(rows, parts, penalties), strict=True):
            measured[name].append(row)
        return measured

    @alone
    def predict(
        self,
        name: str,
        variants: list[Variant],
        seeds: list[list[int]],
        *,
        readers: list[str] | None = None,
        plants: list[Plant] | None = None,
    ) -> list[Predictions]:
        """Test predictions of variants, each from seeds of its own, in as few programs as possible.

        `readers` name the plan that each reading of a test split counts for. `plants` put other
        features and labels in place of each dataset's.
        """
        parts = [Parts(variant, self.session) for variant in variants]
        if plants:
            parts = [plant_effect(each, plant) for each, plant in zip(parts, plants, strict=True)]
        predictions = supply_predictions(self.session, name, list(zip(parts, seeds, strict=True)))
        reads = enter_readings(zip(parts, readers or (), strict=False))
        return [dataclasses.replace(each, reads=reads) for each in predictions]

    @alone
    def check_remote(self, plans: list[Plan]) -> None:
        """Show what plans would send to a device elsewhere; refuse it unless they allow that."""
        check_remote(plans, self.session)

    @alone
    def check(self, variant: Variant) -> None:
        """Refuse a variant whose parts cannot be built; nothing large is loaded."""
        check_parts(Parts(variant, self.session))

    @alone
    def has_passed(self, variants: list[Variant]) -> bool:
        """Whether these variants have passed their checks before, as they are now."""
        key = checks_key([Parts(variant, self.session) for variant in variants])
        return key is not None and self.session.store.get("checks", key) is not None

    @alone
    def note_passed(self, variants: list[Variant]) -> None:
        """Note in the store that these variants have passed their checks."""
        key = checks_key([Parts(variant, self.session) for variant in variants])
        if key is not None and self.session.store.get("checks", key) is None:
            self.session.store.put("checks", key, Entry({}))

    @alone
    def load(self, variant: Variant) -> None:
        """Load weights and items once; refuse what is absent, unreadable or does not fit."""
        began = time.process_time()
        parts = Parts(variant, self.session)
        if not pretraining.is_wanted(variant):
            # Absent weights are the user's error, before anything starts
            _ = parts.backbone
        self.session.looks |= verify_items(parts)
        check_loaded(parts)
        check_labels(duplicates(parts), parts.dataset.noun)
        self.session.loading_s += time.process_time() - began

    @alone
    def has_frozen_backbone(self, variant: Variant) -> bool:
        """Whether a variant's trainings share features that never change."""
        return Parts(variant, self.session).fixed

    @alone
    def describe(self, name: str, variant: Variant) -> Row:
        """A row without its seeds: what it is, its data, its files."""
        return describe_row(name, Parts(variant, self.session))

    @alone
    def dataset(self, variant: Variant) -> Dataset:
        """Dataset of a variant, indexed."""
        return Parts(variant, self.session).dataset

    @alone
    def explore(self, variant: Variant, work: Callable[[Parts], Result]) -> Result:
        """Result of work on the parts of a variant, of which nothing is kept."""
        return work(Parts(variant, self.session))

    @alone
    def network(self, variant: Variant, seed: int, outcome: Outcome) -> tuple[Network, Data, bool]:
        """Trained network from items to logits (1, batch, classes), and the test items.

        Its circuit is run without shots; whether it was trained with some is the last value.
        """
        parts = Parts(variant, self.session)
        network = restore_network(without_shots(parts), seed, outcome.weights)
        return network, test_data(parts, network), not parts.exact

    @alone
    def finished(self, plan: Plan) -> FinishedRun:
        """Run that a plan comes back from, by its folder alone; no data are read."""
        key = f"finished run {plan.settings.run}"
        return self.session.once(key, lambda: load_run(plan, self.session))

    @alone
    def subjects(self, plan: Plan) -> list[Subject]:
        """Trainings of a finished run with the items of their splits; no row is trained."""
        run = self.finished(plan)
        with asking_for_place():
            redraws = self.distinct_redraws(plan)
            datasets = [self.dataset(plan.model.redrawn(redraw.change)) for redraw in redraws]
        return find_subjects(run.rows, datasets)

    @alone
    def apply(
        self, run: FinishedRun, items: Files | Tensor
    ) -> tuple[dict[str, np.ndarray], dict[int, UsageError]]:
        """Probabilities (trainings, items, classes) of new items by row; refusals by item."""
        return apply_run(run, items, self.session)

    @alone
    def distinct_redraws(self, plan: Plan) -> list[Redraw]:
        """Redraws that divide the items in different ways; the seeds of equal ones together.

        They are equal where the dataset comes with all its splits.
        """
        redraws: dict[str, Redraw] = {}
        for redraw in plan.redraws:
            fingerprint = self.dataset(plan.model.redrawn(redraw.change)).fingerprint
            equal = redraws.setdefault(fingerprint, redraw)
            if equal is not redraw:
                seeds = [*equal.seeds, *redraw.seeds]
                redraws[fingerprint] = dataclasses.replace(equal, seeds=seeds)
        return list(redraws.values())

    def _supply(
        self, plan: Plan, name: str, redraws: list[Redraw], *, certified: bool
    ) -> list[Row]:
        """Rows of a variant of a plan."""
        variant = plan.variants[name]
        rows = self.train(plan.labels.names[name], variant, redraws, reader=plan.reader_key)
        return self.certify(variant, redraws, rows) if certified else rows

    def _draws_splits(self, plan: Plan) -> bool:
        """Whether another split seed would divide the items in another way."""
        dataset = plan.model.dataset
        if "split_seed" not in dataset:
            return False
        other = plan.model.redrawn({"split_seed": dataset["split_seed"] + 1})
        return self.dataset(other).fingerprint != self.dataset(plan.model).fingerprint
