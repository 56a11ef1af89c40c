"""Plans to rows: data, backbone, features, head; fit, evaluate, keep."""

import dataclasses
import itertools
from collections.abc import Iterator

from torch import nn

from qtlrun import disk, store
from qtlrun.comparison.comparison import Comparison, Stopped
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.predictions import Predictions
from qtlrun.comparison.row import Row
from qtlrun.comparison.tuning import Trial, Tuning
from qtlrun.dataset.dataset import Dataset
from qtlrun.experiment import pretraining
from qtlrun.experiment.check import check_labels, check_loaded, check_parts, verify_items
from qtlrun.experiment.description import describe_row, duplicates
from qtlrun.experiment.ensemble import Training, plain_network
from qtlrun.experiment.evaluation import evaluate, rank_generator
from qtlrun.experiment.key import checks_key, figures_key, reading_key, row_keys
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.planted import Plant, plant_effect
from qtlrun.experiment.session import Monitor, Session, alone
from qtlrun.experiment.training import fit
from qtlrun.plan import Part, Plan, Variant
from qtlrun.store import Entry
from qtlrun.train import Data


class Experiment:
    """Trains the variants of one command; what several of them share is built once."""

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.session = Session(home, fresh, progress)

    def compare(self, plan: Plan, keys: dict[str, object] | None = None) -> Comparison:
        """Train the variants of a plan on every split.

        `keys` are those that its sweep varies, with this plan's values. A variant that fails costs
        its row. Raises Stopped, with what was finished, where the user or a full disk stops it.
        """
        labels = plan.labels
        comparison = Comparison(
            keys or {}, plan.composed, isolates=dict(labels.isolates), notes=list(plan.notes)
        )
        count = len(plan.redraws)
        for split in range(count):
            comparison.splits.append({})
            try:
                self._compare_split(plan, split, comparison)
            except (KeyboardInterrupt, disk.Unwritable) as reason:
                # A split that lacks rows does not count beside whole ones
                if split:
                    comparison.drop_split(split)
                    comparison.notes.append(
                        f"Stopped in split {split + 1} of {count}; the table has those before it."
                    )
                raise Stopped(comparison, reason) from reason
        return comparison

    @alone
    def train(
        self,
        name: str,
        variant: Variant,
        seeds: list[int],
        *,
        reader: str = "",
        draws: list[dict[str, object]] | None = None,
    ) -> Row:
        """Train a variant from each seed, unless the store has it.

        Of several draws of its values the one with the lowest mean validation NLL over seeds is
        the row. `reader` names the plan that this reading of the test split counts for.
        """
        draws = _distinct_draws(variant, draws or [])
        candidates = [Parts(variant.changed(draw), self.session) for draw in draws or [{}]]
        keys = [row_keys(parts, seeds) for parts in candidates]
        with self.session.store.lock("row", store.key(row=keys)):
            tuning = self._tune(name, candidates, keys) if draws else None
            best = tuning.best if tuning else 0
            row = self._train(name, candidates[best], keys[best])
        reads = self._count_reads(candidates[best], reader)
        return dataclasses.replace(row, tuning=tuning, draws=draws, reads=reads)

    @alone
    def predict(
        self,
        name: str,
        variants: list[Variant],
        seeds: list[int],
        *,
        readers: list[str] | None = None,
        plant: Plant | None = None,
    ) -> list[Predictions]:
        """Test predictions of many variants, trained in as few programs as possible.

        `readers` name the plan that each reading of the test split counts for. `plant` puts other
        features and labels in place of the dataset's.
        """
        parts = {variant.key: Parts(variant, self.session) for variant in variants}
        if plant:
            parts = {key: plant_effect(each, plant) for key, each in parts.items()}
        results = self._predict(name, list(parts.values()), seeds)
        predictions = dict(zip(parts, results, strict=True))
        reads = [
            self._count_reads(parts[variant.key], reader)
            for variant, reader in zip(variants, readers or (), strict=False)
        ]
        total = max(reads, default=0)
        return [dataclasses.replace(predictions[variant.key], reads=total) for variant in variants]

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
        parts = Parts(variant, self.session)
        if not pretraining.is_wanted(variant):
            # Absent weights are the user's error, before anything starts
            _ = parts.backbone
        self.session.contents.update(verify_items(parts))
        check_loaded(parts)
        check_labels(duplicates(parts), parts.dataset.noun)

    @alone
    def describe(self, name: str, variant: Variant) -> Row:
        """A row without its seeds: what it is, its data, its files."""
        return describe_row(name, Parts(variant, self.session))

    @alone
    def dataset(self, variant: Variant) -> Dataset:
        """Dataset of a variant, indexed."""
        return Parts(variant, self.session).dataset

    @alone
    def network(self, variant: Variant, seed: int, outcome: Outcome) -> tuple[nn.Module, Data]:
        """Trained network from items to logits (1, batch, classes), and the test items."""
        return plain_network(Training(Parts(variant, self.session), seed), outcome)

    def _compare_split(self, plan: Plan, split: int, comparison: Comparison) -> None:
        """Train the variants on one split; an error costs its row and no other."""
        count = len(plan.redraws)
        where = f", split {split + 1} of {count}" if count > 1 else ""
        for name, label in plan.labels.names.items():
            variant = plan.variants[name].redrawn(plan.redraws[split])
            try:
                comparison.splits[split][label] = self.train(
                    f"{label}{where}",
                    variant,
                    plan.seeds_of(split),
                    reader=plan.reader_key,
                    draws=plan.draws,
                )
            except Exception as error:  # the border of a row
                if _is_full(error):
                    raise
                comparison.errors[label, split] = f"{type(error).__name__}: {error}"
                self.session.progress.trace()

    def _train(self, name: str, parts: Parts, keys: dict[int, str]) -> Row:
        """Row of the seeds that have these keys: stored outcomes, and others trained now."""
        stored = self.session.find("row", keys)
        outcomes = {seed: Outcome.from_artifact(artifact) for seed, artifact in stored.items()}
        missing = [seed for seed in keys if seed not in stored]
        failures = {}
        for seed, outcome in self._outcomes(name, parts, missing, keys):
            if isinstance(outcome, Failure):
                failures[seed] = outcome.reason
            else:
                outcomes[seed] = outcome
        if outcomes and parts.generated:
            first = min(outcomes)
            rank = self._rank(parts, first, keys[first], outcomes[first])
            outcomes[first] = outcomes[first].evaluated(0, rank, {})
        return dataclasses.replace(
            describe_row(name, parts),
            outcomes=outcomes,
            errors=failures,
            stored=not missing and not self.session.new_keys & set(keys.values()),
        )

    def _outcomes(
        self, name: str, parts: Parts, seeds: list[int], keys: dict[int, str]
    ) -> Iterator[tuple[int, Outcome | Failure]]:
        """Fit the seeds on training and validation splits; evaluate each program as it ends."""
        for program in fit(name, [Training(parts, seed) for seed in seeds]):
            results = {training.seed: result for training, result in program}
            yield from self._evaluate(parts, results, keys).items()

    def _evaluate(
        self, parts: Parts, results: dict[int, Outcome | Failure], keys: dict[int, str]
    ) -> dict[int, Outcome | Failure]:
        """Evaluate trained outcomes on the test split and keep them; pass failures on."""
        trained = {seed: each for seed, each in results.items() if isinstance(each, Outcome)}
        evaluated = dict(results)
        for seed, outcome in evaluate(parts, trained):
            if isinstance(outcome, Outcome):
                self.session.keep("row", keys[seed], outcome.to_artifact())
            evaluated[seed] = outcome
        return evaluated

    def _tune(self, name: str, candidates: list[Parts], keys: list[dict[int, str]]) -> Tuning:
        """Validate each draw, unless the store has its trial; evaluate and keep the best."""
        trial_keys = [store.key(trial=each) for each in keys]
        stored = self.session.find("trial", dict(enumerate(trial_keys)))
        trials = {number: Trial.from_artifact(artifact) for number, artifact in stored.items()}
        missing = [parts for number, parts in enumerate(candidates) if number not in trials]
        results = {}
        for parts, outcomes in self._fit_all(name, missing, list(keys[0])):
            number = candidates.index(parts)
            trials[number] = Trial.of(outcomes.values())
            self.session.keep("trial", trial_keys[number], trials[number].to_artifact())
            results[number] = outcomes
            best = Tuning.of(trials).winner
            results = {number: results[number] for number in results if number == best}
        tuning = Tuning.of(trials)
        if tuning.best in results:
            self._evaluate(candidates[tuning.best], results[tuning.best], keys[tuning.best])
        return tuning

    def _predict(self, name: str, candidates: list[Parts], seeds: list[int]) -> list[Predictions]:
        """Predictions of each candidate, kept as soon as all its seeds have ended."""
        keys = [figures_key(parts, seeds) for parts in candidates]
        stored = self.session.find("figures", dict(zip(keys, keys, strict=True)))
        predictions = {key: Predictions.from_artifact(each) for key, each in stored.items()}
        missing = {
            parts: key for parts, key in zip(candidates, keys, strict=True) if key not in stored
        }
        for parts, results in self._fit_all(name, list(missing), seeds):
            trained = {seed: each for seed, each in results.items() if isinstance(each, Outcome)}
            outcomes = results | dict(evaluate(parts, trained, detailed=False))
            labels = parts.dataset.test.labels.numpy()
            key = missing[parts]
            predictions[key] = Predictions.of(outcomes, labels, len(parts.dataset.classes))
            self.session.keep("figures", key, predictions[key].to_artifact())
        return [predictions[key] for key in keys]

    def _fit_all(
        self, name: str, candidates: list[Parts], seeds: list[int]
    ) -> Iterator[tuple[Parts, dict[int, Outcome | Failure]]]:
        """Fit many candidates together; yield each with its outcomes when its last seed ends."""
        trainings = [Training(parts, seed) for parts in candidates for seed in seeds]
        results: dict[Parts, dict[int, Outcome | Failure]] = {parts: {} for parts in candidates}
        for training, result in itertools.chain.from_iterable(fit(name, trainings)):
            results[training.parts][training.seed] = result
            if len(results[training.parts]) == len(seeds):
                # Weights take memory
                ended = results.pop(training.parts)
                yield training.parts, {seed: ended[seed] for seed in seeds}

    def _count_reads(self, parts: Parts, reader: str) -> int:
        """Count of plans that have read the test split, with this reader; 0 without a reader."""
        if not reader:
            return 0
        return self.session.store.enter("readers", reading_key(parts), reader)

    def _rank(self, parts: Parts, seed: int, key: str, outcome: Outcome) -> dict[str, float]:
        """Rank of a generator's Jacobian; expensive, so for one seed only."""
        artifact = self.session.store.get("rank", key)
        if artifact is None:
            artifact = Entry(rank_generator(Training(parts, seed), outcome))
            self.session.store.put("rank", key, artifact)
        return artifact.values


def _distinct_draws(variant: Variant, draws: list[Part]) -> list[Part]:
    """Draws of those values that a variant has, each once."""
    distinct = []
    for draw in draws:
        values = {key: value for key, value in draw.items() if variant.has(key)}
        if values not in distinct:
            distinct.append(values)
    return distinct


def _is_full(error: Exception) -> bool:
    """Whether the store or its disk takes nothing more, which ends all rows."""
    return isinstance(error, OSError) and (
        isinstance(error, disk.Unwritable) or error.errno in disk.FULL
    )
