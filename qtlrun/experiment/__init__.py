"""Plans to rows: data, pre-training and features; build, fit, evaluate; keep in the store."""

import dataclasses
import itertools
import json

import numpy as np
import torch
from torch import nn

from qtlrun import plan as plans
from qtlrun import store
from qtlrun.comparison.row import Duplicates, Failure, Figures, Row, Tuning
from qtlrun.dataset import kind
from qtlrun.experiment import ensemble as models
from qtlrun.experiment import pretraining
from qtlrun.experiment.check import check, check_labels, check_loaded
from qtlrun.experiment.duplicate import count_duplicates
from qtlrun.experiment.evaluation import evaluate, rank_generator
from qtlrun.experiment.feature import SPLITS, features
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.planted import Plant
from qtlrun.experiment.session import Session
from qtlrun.experiment.training import Run, train_runs
from qtlrun.freeze import has_moving_norms
from qtlrun.mode import freshly
from qtlrun.plan import Refused
from qtlrun.store import Entry
from qtlrun.train import Data


class Experiment:
    """Makes the rows of one command; what several of them share is made once."""

    def __init__(self, home: str, fresh: bool = False):
        self.session = Session(home, fresh)
        self.fresh = fresh
        self._trained: set[str] = set()  # keys of the entries that this command made

    @freshly
    def check(self, row: dict) -> None:
        """Refuse a row whose parts cannot be built; nothing large is loaded."""
        check(Parts(row, self.session))

    @freshly
    def load(self, row: dict) -> None:
        """Get the weights, and look at every picture once; refuse what cannot be had or read."""
        parts = Parts(row, self.session)
        kept = self.session.store
        if not pretraining.wanted(row):
            # Weights that cannot be had are the user's error, found before anything starts.
            _ = parts.backbone
        entry = kept.get("verified", parts.dataset.fingerprint)
        if entry is None or "contents" not in entry.values:
            try:
                contents = parts.dataset.verify(
                    lambda done, total: self.session.step("reading pictures", done, total)
                )
            except ValueError as error:
                raise Refused(f"dataset.{error}") from error
            entry = store.Entry({"pictures": parts.dataset.size, "contents": contents or {}})
            kept.put("verified", parts.dataset.fingerprint, entry)
        self.session.contents.update(entry.values["contents"])
        check_loaded(parts)
        check_labels(self._duplicates(parts), kind.noun(parts.dataset))

    def describe(self, label: str, row: dict) -> Row:
        """A row without its seeds: what it is, its data, its files."""
        return self._described(label, Parts(row, self.session))

    @freshly
    def dataset(self, row: dict):
        """The dataset of a row, indexed."""
        return Parts(row, self.session).dataset

    @freshly
    def row(
        self,
        label: str,
        row: dict,
        seeds: list[int],
        reader: str = "",
        draws: list[dict] | None = None,
    ) -> Row:
        """The row: its seeds from the store, or trained now and kept there as each program ends.

        Of several draws of its values the one of least validation NLL, mean over seeds, is the row.
        `reader` names the plan that this reading of the test split counts for.
        """
        draws = [
            {key: value for key, value in draw.items() if plans.has(row, key)}
            for draw in draws or ()
        ]
        draws = [
            draw for number, draw in enumerate(draws) if draw not in draws[:number]
        ]  # a row may have few of the values
        candidates = [Parts(plans.drawn(row, draw), self.session) for draw in draws or [{}]]
        keys = [{seed: parts.key(seed) for seed in seeds} for parts in candidates]
        with self.session.store.lock("row", store.key(row=keys)):
            tuning = self._tuning(label, candidates, keys) if draws else None
            parts = candidates[best := tuning.best if tuning else 0]
            made = self._row(label, parts, keys[best])
        reads = self.session.store.enter("readers", parts.reading, reader) if reader else 0
        return dataclasses.replace(made, tuning=tuning, draws=draws, reads=reads)

    @freshly
    def plain(self, row: dict, seed: int, learned: Entry) -> tuple[nn.Module, Data]:
        """The network of a finished row and seed from items to logits (1, batch, classes), all
        weights its own; and the test items.
        """
        return models.plain(Run(Parts(row, self.session), seed), learned)

    @freshly
    def figures(
        self,
        label: str,
        rows: list[dict],
        seeds: list[int],
        readers: list[str] | None = None,
        plant: Plant | None = None,
    ) -> list[Figures]:
        """Test predictions of every seed of many rows, trained in as few programs as can be.

        `readers` name the plan that each reading of the test split counts for. `plant` puts other
        features and labels in place of the dataset's.
        """
        said = [json.dumps(row, sort_keys=True) for row in rows]
        distinct = {one: Parts(row, self.session) for one, row in zip(said, rows, strict=True)}
        if plant:
            distinct = {
                one: parts.planted(self._planted(parts, plant)) for one, parts in distinct.items()
            }
        made = self._figures(label, list(distinct.values()), seeds)
        entries = dict(zip(distinct, made, strict=True))
        reads = [
            self.session.store.enter("readers", distinct[one].reading, reader)
            for one, reader in zip(said, readers or (), strict=False)
        ]
        return [
            Figures(
                **entries[one].arrays,
                errors=entries[one].values["errors"],
                reads=max(reads, default=0),
            )
            for one in said
        ]

    def _figures(self, label: str, candidates: list[Parts], seeds: list[int]) -> list[Entry]:
        """The entry of each candidate; one is read and kept as soon as all its seeds have ended."""
        names = [
            store.key(figures=[parts.key(seed) for seed in seeds], given=parts.given_key)
            for parts in candidates
        ]
        found = self._stored("figures", {name: name for name in names})
        waiting = {
            id(parts): (name, parts, {})
            for name, parts in zip(names, candidates, strict=True)
            if name not in found
        }
        runs = [Run(parts, seed) for _, parts, _ in waiting.values() for seed in seeds]
        for run, outcome in itertools.chain.from_iterable(train_runs(label, runs)):
            name, parts, learned = waiting[id(run.parts)]
            learned[run.seed] = outcome
            if len(learned) == len(seeds):
                found[name] = self._keep("figures", name, _figured(parts, seeds, learned))
                learned.clear()  # weights take room
        return [found[name] for name in names]

    def _stored(self, kind: str, keys: dict) -> dict:
        """Entries that the store has, by what their keys stand for; with `fresh` only those that
        this command made.
        """
        asked = {name: key for name, key in keys.items() if not self.fresh or key in self._trained}
        found = {name: self.session.store.get(kind, key) for name, key in asked.items()}
        return {name: entry for name, entry in found.items() if entry is not None}

    def _keep(self, kind: str, key: str, entry: Entry) -> Entry:
        """Put an entry into the store as one that this command made."""
        self.session.store.put(kind, key, entry)
        self._trained.add(key)
        return entry

    def _planted(self, parts: Parts, plant: Plant) -> dict:
        known = features(parts)
        place = {}
        for name in SPLITS:
            place |= dict(zip(getattr(parts.dataset, name).items, known[name], strict=True))
        return plant(parts, torch.stack(list(place.values())))

    def _row(self, label: str, parts: Parts, keys: dict[int, str]) -> Row:
        mine = {seed for seed, key in keys.items() if key in self._trained}
        entries = self._stored("row", keys)
        missing = [seed for seed in keys if seed not in entries]
        errors = {}
        for outcomes in train_runs(label, [Run(parts, seed) for seed in missing]):
            for seed, outcome in self._read(
                parts, {run.seed: outcome for run, outcome in outcomes}, keys
            ).items():
                if isinstance(outcome, Failure):
                    errors[seed] = outcome.reason
                else:
                    entries[seed] = outcome
        if entries:
            first = min(entries)
            entries[first] = Entry(
                entries[first].values | self._ranked(parts, first, keys[first], entries[first]),
                entries[first].arrays,
            )
        return dataclasses.replace(
            self._described(label, parts),
            entries=entries,
            errors=errors,
            stored=not missing and not mine,
        )

    def _described(self, label: str, parts: Parts) -> Row:
        return Row(
            label,
            plans.describe(parts.plan),
            {},
            parts.dataset.classes,
            pictures=parts.dataset.test.names,
            items=parts.dataset.test.items,
            caution=getattr(parts.dataset, "caution", ""),
            fingerprints={"data": parts.dataset.fingerprint, "weights": parts.weights_key()},
            trained_on=len(parts.dataset.train),
            validated_on=len(parts.dataset.validation),
            blind=parts.dataset.validation is not parts.dataset.test,
            independent=getattr(parts.dataset, "independent", False),
            duplicates=self._duplicates(parts),
            counts=kind.counts(parts.dataset),
            files=parts.files(),
            made_of=parts.made_of(),
            scaling=getattr(parts.dataset, "scaling", None),
            backbone=parts.frozen_state(),
            noun=kind.noun(parts.dataset),
            ceiling=getattr(parts.dataset, "ceiling", None),
            settings=parts.settings,
            norms_move=has_moving_norms(parts.backbone),
            patterns=parts.patterns(),
        )

    def _duplicates(self, parts: Parts) -> Duplicates:
        return self.session.once(
            "duplicates" + parts.dataset.fingerprint,
            lambda: count_duplicates(parts.dataset, self.session.contents),
        )

    def _ranked(self, parts: Parts, seed: int, key: str, entry: Entry) -> dict:
        """Rank of a generator's map, of one seed: it takes a pass for each of its numbers."""
        if not parts.generated:
            return {}
        found = self.session.store.get("rank", key)
        if found is None:
            found = rank_generator(Run(parts, seed), entry)
            self.session.store.put("rank", key, found)
        return found.values

    def _read(
        self, parts: Parts, learned: dict[int, Entry | Failure], keys: dict[int, str]
    ) -> dict[int, Entry | Failure]:
        """Read the test split for what was learned, and keep it; failures are passed on."""
        outcomes = dict(learned)
        whole = {seed: one for seed, one in learned.items() if not isinstance(one, Failure)}
        for seed, outcome in evaluate(parts, whole) if whole else ():
            outcomes[seed] = outcome
            if not isinstance(outcome, Failure):
                self._keep("row", keys[seed], outcome)
        return outcomes

    def _tuning(self, label: str, candidates: list[Parts], keys: list[dict[int, str]]) -> Tuning:
        """Validation of every draw, stored or trained now; the best one is read and kept."""
        names = [store.key(trial=own) for own in keys]
        stored = self._stored("trial", dict(enumerate(names)))
        trials = {number: entry.values for number, entry in stored.items()}
        place = {id(parts): number for number, parts in enumerate(candidates)}
        learned = {}
        missing = [parts for number, parts in enumerate(candidates) if number not in trials]
        for outcomes in train_runs(
            label, [Run(parts, seed) for parts in missing for seed in keys[0]]
        ):
            for run, outcome in outcomes:
                learned.setdefault(place[id(run.parts)], {})[run.seed] = outcome
            for number in [
                number
                for number, own in learned.items()
                if len(own) == len(keys[0]) and number not in trials
            ]:
                trials[number] = _trial([learned[number][seed] for seed in keys[0]])
                self._keep("trial", names[number], Entry(trials[number]))
            best = Tuning.of(trials).winner
            learned = {
                number: own
                for number, own in learned.items()
                if number == best or number not in trials
            }  # weights take room
        tuning = Tuning.of(trials)
        if tuning.best in learned:
            self._read(candidates[tuning.best], learned[tuning.best], keys[tuning.best])
        return tuning


def _figured(parts: Parts, seeds: list[int], learned: dict[int, Entry | Failure]) -> Entry:
    """Test logits and validation NLL of each seed, nan where it failed, and the words of that."""
    outcomes = learned | dict(
        evaluate(
            parts,
            {seed: one for seed, one in learned.items() if not isinstance(one, Failure)},
            ranked=False,
        )
    )
    blank = np.full((len(parts.dataset.test.labels), len(parts.dataset.classes)), np.nan)
    whole = {seed: one for seed, one in outcomes.items() if not isinstance(one, Failure)}
    return Entry(
        {
            "errors": {
                str(seed): one.reason for seed, one in outcomes.items() if isinstance(one, Failure)
            }
        },
        {
            "logits": np.stack(
                [whole[seed].arrays["logits"] if seed in whole else blank for seed in seeds]
            ),
            "labels": parts.dataset.test.labels.numpy(),
            "validation": np.array(
                [_judged(whole[seed]) if seed in whole else np.nan for seed in seeds]
            ),
        },
    )


def _trial(learned: list[Entry | Failure]) -> dict:
    """Validation NLL of the epoch kept in nats, a seed each, None for one that failed; and the
    seconds of all.
    """
    return {
        "nll": [_judged(one) for one in learned],
        "seconds": sum(one.values["seconds"] for one in learned if not isinstance(one, Failure)),
    }


def _judged(learned: Entry | Failure) -> float | None:
    return (
        None
        if isinstance(learned, Failure)
        else learned.values["curves"][learned.values["best_epoch"] - 1]["nll"]
    )
