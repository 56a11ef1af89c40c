"""Plans to rows: data, backbone, features, head; fit, evaluate, keep."""

import dataclasses
import itertools
from collections.abc import Iterator

import torch
from torch import nn

from qtlrun import disk, store
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.predictions import Predictions
from qtlrun.comparison.row import Row
from qtlrun.comparison.tuning import Trial, Tuning
from qtlrun.dataset import kind
from qtlrun.experiment import pretraining
from qtlrun.experiment.check import check_labels, check_loaded, check_parts
from qtlrun.experiment.description import describe_row, duplicates
from qtlrun.experiment.ensemble import Training, plain_network
from qtlrun.experiment.evaluation import evaluate, rank_generator
from qtlrun.experiment.feature import SPLITS, features
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.planted import Plant
from qtlrun.experiment.session import Monitor, Session
from qtlrun.experiment.training import fit
from qtlrun.mode import freshly
from qtlrun.plan import Part, Plan, Refused, Variant
from qtlrun.store import Entry
from qtlrun.train import Data


class Experiment:
    """Trains the variants of one command; what several of them share is made once."""

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.session = Session(home, fresh, progress)
        self._new_keys: set[str] = set()  # of the artifacts that this command has put in the store

    def compare(self, plan: Plan, keys: dict[str, object] | None = None) -> Comparison:
        """Train the variants of a plan on every split; `keys` are those that its sweep varies.

        A variant that fails costs its row. Where the user stops it or the store is full, the
        comparison has what was finished, and says so.
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
                comparison.stopped = reason
                if split:  # one that lacks rows is no split
                    comparison.splits.pop()
                    comparison.notes.append(
                        f"Stopped in split {split + 1} of {count}; the table has those before it."
                    )
                break
        return comparison

    @freshly
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

        Of several draws of its values the one of least validation NLL, mean over seeds, is the
        row. `reader` names the plan that this reading of the test split counts for.
        """
        draws = _distinct_draws(variant, draws or [])
        candidates = [Parts(variant.changed(draw), self.session) for draw in draws or [{}]]
        keys = [{seed: row_key(parts, seed) for seed in seeds} for parts in candidates]
        with self.session.store.lock("row", store.key(row=keys)):
            tuning = self._tune(name, candidates, keys) if draws else None
            best = tuning.best if tuning else 0
            row = self._train(name, candidates[best], keys[best])
        reads = self._count_reads(candidates[best], reader)
        return dataclasses.replace(row, tuning=tuning, draws=draws, reads=reads)

    @freshly
    def predict(
        self,
        name: str,
        variants: list[Variant],
        seeds: list[int],
        *,
        readers: list[str] | None = None,
        plant: Plant | None = None,
    ) -> list[Predictions]:
        """Test predictions of many variants, trained in as few programs as can be.

        `readers` name the plan that each reading of the test split counts for. `plant` puts other
        features and labels in place of the dataset's.
        """
        parts = {variant.key: Parts(variant, self.session) for variant in variants}
        if plant:
            parts = {key: self._plant(each, plant) for key, each in parts.items()}
        predictions = dict(
            zip(parts, self._predict(name, list(parts.values()), seeds), strict=True)
        )
        reads = [
            self._count_reads(parts[variant.key], reader)
            for variant, reader in zip(variants, readers or (), strict=False)
        ]
        total = max(reads, default=0)
        return [dataclasses.replace(predictions[variant.key], reads=total) for variant in variants]

    @freshly
    def check(self, variant: Variant) -> None:
        """Refuse a variant whose parts cannot be built; nothing large is loaded."""
        check_parts(Parts(variant, self.session))

    @freshly
    def load(self, variant: Variant) -> None:
        """Get the weights, and look at each picture once; refuse what cannot be had or read."""
        parts = Parts(variant, self.session)
        if not pretraining.wanted(variant):
            _ = parts.backbone  # absent weights are the user's error, before anything starts
        self.session.contents.update(self._verify(parts))
        check_loaded(parts)
        check_labels(duplicates(parts), kind.noun(parts.dataset))

    def describe(self, name: str, variant: Variant) -> Row:
        """A row without its seeds: what it is, its data, its files."""
        return describe_row(name, Parts(variant, self.session))

    @freshly
    def dataset(self, variant: Variant):
        """Dataset of a variant, indexed."""
        return Parts(variant, self.session).dataset

    @freshly
    def network(self, variant: Variant, seed: int, outcome: Outcome) -> tuple[nn.Module, Data]:
        """Trained network from items to logits (1, batch, classes), and the test items."""
        return plain_network(Training(Parts(variant, self.session), seed), outcome)

    def _compare_split(self, plan: Plan, split: int, comparison: Comparison) -> None:
        """Train the variants on one split; an error costs a row and no other."""
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
        """Row of the seeds that have these keys: stored outcomes, the others trained now."""
        stored = self._stored("row", keys)
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
            stored=not missing and not self._new_keys & set(keys.values()),
        )

    def _outcomes(
        self, name: str, parts: Parts, seeds: list[int], keys: dict[int, str]
    ) -> Iterator[tuple[int, Outcome | Failure]]:
        """Fit the seeds on training and validation splits, evaluate each program as it ends."""
        for program in fit(name, [Training(parts, seed) for seed in seeds]):
            yield from self._evaluate(parts, {each.seed: result for each, result in program}, keys)

    def _evaluate(
        self, parts: Parts, results: dict[int, Outcome | Failure], keys: dict[int, str]
    ) -> Iterator[tuple[int, Outcome | Failure]]:
        """Read the test split for what was trained, and keep it; failures are passed on."""
        for seed, result in results.items():
            if isinstance(result, Failure):
                yield seed, result
        trained = {seed: each for seed, each in results.items() if isinstance(each, Outcome)}
        for seed, outcome in evaluate(parts, trained):
            if isinstance(outcome, Outcome):
                self._keep("row", keys[seed], outcome.to_artifact())
            yield seed, outcome

    def _tune(self, name: str, candidates: list[Parts], keys: list[dict[int, str]]) -> Tuning:
        """Validate each draw, unless the store has that; the best one is evaluated and kept."""
        names = [store.key(trial=each) for each in keys]
        stored = self._stored("trial", dict(enumerate(names)))
        trials = {number: Trial.from_artifact(artifact) for number, artifact in stored.items()}
        missing = [parts for number, parts in enumerate(candidates) if number not in trials]
        results = {}
        for parts, outcomes in self._fit_all(name, missing, list(keys[0])):
            number = candidates.index(parts)
            trials[number] = Trial.of(outcomes.values())
            self._keep("trial", names[number], trials[number].to_artifact())
            results[number] = outcomes
            best = Tuning.of(trials).winner
            results = {number: results[number] for number in results if number == best}
        tuning = Tuning.of(trials)
        if tuning.best in results:
            list(self._evaluate(candidates[tuning.best], results[tuning.best], keys[tuning.best]))
        return tuning

    def _predict(self, name: str, candidates: list[Parts], seeds: list[int]) -> list[Predictions]:
        """Predictions of each candidate; kept as soon as all its seeds have ended."""
        names = [
            store.key(figures=[row_key(parts, seed) for seed in seeds], given=parts.given_key)
            for parts in candidates
        ]
        stored = self._stored("figures", dict(zip(names, names, strict=True)))
        predictions = {key: Predictions.from_artifact(each) for key, each in stored.items()}
        missing = {
            parts: key for parts, key in zip(candidates, names, strict=True) if key not in stored
        }
        for parts, results in self._fit_all(name, list(missing), seeds):
            trained = {seed: each for seed, each in results.items() if isinstance(each, Outcome)}
            outcomes = results | dict(evaluate(parts, trained, detailed=False))
            labels = parts.dataset.test.labels.numpy()
            found = Predictions.of(outcomes, labels, len(parts.dataset.classes))
            predictions[missing[parts]] = found
            self._keep("figures", missing[parts], found.to_artifact())
        return [predictions[key] for key in names]

    def _fit_all(
        self, name: str, candidates: list[Parts], seeds: list[int]
    ) -> Iterator[tuple[Parts, dict[int, Outcome | Failure]]]:
        """Fit many candidates together; each with its outcomes as soon as its last seed ends."""
        trainings = [Training(parts, seed) for parts in candidates for seed in seeds]
        results = {parts: {} for parts in candidates}
        for training, result in itertools.chain.from_iterable(fit(name, trainings)):
            results[training.parts][training.seed] = result
            if len(results[training.parts]) == len(seeds):
                ended = results.pop(training.parts)  # weights take room
                yield training.parts, {seed: ended[seed] for seed in seeds}

    def _stored(self, artifacts: str, keys: dict) -> dict:
        """Artifacts of a kind that the store has, by what their keys stand for.

        With `fresh` only those that this command has put there.
        """
        asked = {
            name: key
            for name, key in keys.items()
            if not self.session.fresh or key in self._new_keys
        }
        stored = {name: self.session.store.get(artifacts, key) for name, key in asked.items()}
        return {name: artifact for name, artifact in stored.items() if artifact is not None}

    def _keep(self, artifacts: str, key: str, artifact: Entry) -> None:
        """Put an artifact of a kind into the store."""
        self.session.store.put(artifacts, key, artifact)
        self._new_keys.add(key)

    def _count_reads(self, parts: Parts, reader: str) -> int:
        """How many plans have read the test split, this one among them; 0 without a reader."""
        return self.session.store.enter("readers", parts.reading, reader) if reader else 0

    def _rank(self, parts: Parts, seed: int, key: str, outcome: Outcome) -> dict[str, float]:
        """Rank of a generator's Jacobian; expensive, so for one seed only."""
        artifact = self.session.store.get("rank", key)
        if artifact is None:
            artifact = Entry(rank_generator(Training(parts, seed), outcome))
            self.session.store.put("rank", key, artifact)
        return artifact.values

    def _plant(self, parts: Parts, plant: Plant) -> Parts:
        """Parts on planted features and labels in place of the dataset's."""
        by_split = features(parts)
        by_item = {}
        for split in SPLITS:
            items = getattr(parts.dataset, split).items
            by_item |= dict(zip(items, by_split[split], strict=True))
        return parts.planted(plant(parts, torch.stack(list(by_item.values()))))

    def _verify(self, parts: Parts) -> dict[str, str]:
        """Look at each item of a dataset once; hashes of the pixels of those that look alike."""
        fingerprint = parts.dataset.fingerprint
        artifact = self.session.store.get("verified", fingerprint)
        if artifact is None or "contents" not in artifact.values:
            progress = self.session.progress
            try:
                contents = parts.dataset.verify(
                    lambda done, total: progress.step("reading pictures", done, total)
                )
            except ValueError as error:
                raise Refused(f"dataset.{error}") from error
            artifact = Entry({"pictures": parts.dataset.size, "contents": contents or {}})
            self.session.store.put("verified", fingerprint, artifact)
        return artifact.values["contents"]


def _distinct_draws(variant: Variant, draws: list[Part]) -> list[Part]:
    """Draws of the values that a variant has, each once; it may have few of the values."""
    draws = [{key: value for key, value in draw.items() if variant.has(key)} for draw in draws]
    return [draw for number, draw in enumerate(draws) if draw not in draws[:number]]


def _is_full(error: Exception) -> bool:
    """Whether the store or its disk takes nothing more, which ends all rows."""
    return isinstance(error, OSError) and (
        isinstance(error, disk.Unwritable) or error.errno in disk.FULL
    )
