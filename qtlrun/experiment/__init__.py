"""Plans to rows: gets data, pre-training and features; builds, fits, evaluates; keeps in the store."""
import dataclasses
import itertools
import json

import numpy as np
import torch

from qtlrun import disk, plan as plans, store
from qtlrun.experiment.feature import SPLITS, features
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.plant import Plant
from qtlrun.experiment.session import Session
from qtlrun.experiment import source
from qtlrun.experiment.training import Run, read, train_runs
from qtlrun.plan import Refused
from qtlrun.row import Figures, Row, Tuning
from qtlrun.store import Entry


class Experiment:
    """Makes the rows of one command; what several of them share is made once."""

    def __init__(self, home: str, fresh: bool = False):
        self.session, self.fresh = Session(home), fresh
        self._trained: set[str] = set()  # keys of the entries that this command made

    def check(self, row: dict) -> None:
        """Refuse a row whose parts cannot be built; nothing large is loaded."""
        Parts(row, self.session).check()

    def load(self, row: dict) -> None:
        """Get the weights, and look at every picture once; refuse what cannot be had or read."""
        parts, kept = Parts(row, self.session), self.session.store
        if not source.wanted(row):
            parts.backbone  # noqa: B018  # weights that cannot be had are the user's error, found before anything starts
        if kept.get("verified", parts.dataset.fingerprint) is None:
            try:
                parts.dataset.verify(lambda done, total: self.session.step("reading pictures", done, total))
            except ValueError as error:
                raise Refused(f"dataset.{error}") from error
            kept.put("verified", parts.dataset.fingerprint, store.Entry({"pictures": parts.dataset.size}))
        parts.check_items()

    def training_labels(self, row: dict) -> list[int]:
        """The label of each training item."""
        return Parts(row, self.session).dataset.train.labels.tolist()

    def row(self, label: str, row: dict, seeds: list[int], reader: str = "", draws: list[dict] | None = None) -> Row:
        """The row: its seeds from the store, or trained now and kept there as each program ends.

        Of several draws of its values the one of least validation NLL, mean over seeds, is the row. `reader` names the
        plan that this reading of the test split counts for.
        """
        draws = [{key: value for key, value in draw.items() if plans.has(row, key)} for draw in draws or ()]
        candidates = [Parts(plans.drawn(row, draw), self.session) for draw in draws or [{}]]
        keys = [{seed: parts.key(seed) for seed in seeds} for parts in candidates]
        with self.session.store.lock("row", store.key(row=keys)):
            tuning = self._tuning(label, candidates, keys) if draws else None
            parts = candidates[best := tuning.best if tuning else 0]
            made = self._row(label, parts, keys[best])
        reads = self.session.store.enter("readers", parts.reading, reader) if reader else 0
        return dataclasses.replace(made, tuning=tuning, draws=draws, reads=reads)

    def figures(self, label: str, rows: list[dict], seeds: list[int], reader: str = "",
                plant: Plant | None = None) -> list[Figures]:
        """What every seed of many rows says of the test pictures, trained in as few programs as can be; kept as one.

        `plant` puts other features and labels in place of the dataset's.
        """
        distinct = {json.dumps(row, sort_keys=True): Parts(row, self.session) for row in rows}
        if plant:
            distinct = {said: parts.planted(self._planted(parts, plant)) for said, parts in distinct.items()}
        parts, kept = list(distinct.values()), self.session.store
        drawn = [disk.digest(one.given[name].cpu().numpy().tobytes() + getattr(one.dataset, name).labels.numpy().tobytes())
                 for one in parts for name in SPLITS] if plant else []
        key = store.key(figures=[one.key(seed) for one in parts for seed in seeds], drawn=drawn)
        entry = None if self.fresh and key not in self._trained else kept.get("figures", key)
        if entry is None:
            entry = self._entry(label, parts, seeds)
            kept.put("figures", key, entry)
            self._trained.add(key)
        for test in {one.reading for one in parts} if reader else ():
            kept.enter("readers", test, reader)
        place = {said: number for number, said in enumerate(distinct)}
        return [Figures(entry.arrays[f"{number}/logits"], entry.arrays[f"{number}/labels"], entry.arrays[f"{number}/validation"])
                for number in (place[json.dumps(row, sort_keys=True)] for row in rows)]

    def _entry(self, label: str, candidates: list[Parts], seeds: list[int]) -> Entry:
        place, learned = {id(parts): number for number, parts in enumerate(candidates)}, [{} for _ in candidates]
        for run, outcome in itertools.chain.from_iterable(train_runs(label, [Run(parts, seed) for parts in candidates for seed in seeds])):
            learned[place[id(run.parts)]][run.seed] = outcome
        arrays = {}
        for number, (parts, mine) in enumerate(zip(candidates, learned, strict=True)):
            whole = {seed: one for seed, one in mine.items() if not isinstance(one, str)}
            logits = np.full((len(seeds), len(parts.dataset.test), len(parts.dataset.classes)), np.nan, np.float32)
            for seed, outcome in read(parts, whole, ranked=False) if whole else ():
                if not isinstance(outcome, str):
                    logits[seeds.index(seed)] = outcome.arrays["logits"]
            judged = [_judged(mine[seed]) for seed in seeds]
            arrays |= {f"{number}/logits": logits, f"{number}/labels": parts.dataset.test.labels.numpy(),
                       f"{number}/validation": np.array([np.nan if one is None else one for one in judged])}
        return Entry({}, arrays)

    def _planted(self, parts: Parts, plant: Plant) -> dict:
        known = features(parts)
        return plant(parts, torch.cat([known[name] for name in SPLITS]))

    def _row(self, label: str, parts: Parts, keys: dict[int, str]) -> Row:
        kept, mine = self.session.store, {seed for seed, key in keys.items() if key in self._trained}
        entries = {seed: kept.get("row", key) for seed, key in keys.items() if not self.fresh or seed in mine}
        entries = {seed: entry for seed, entry in entries.items() if entry is not None}
        missing, errors = [seed for seed in keys if seed not in entries], {}
        for outcomes in train_runs(label, [Run(parts, seed) for seed in missing]):
            for seed, outcome in self._read(parts, {run.seed: outcome for run, outcome in outcomes}, keys).items():
                (errors if isinstance(outcome, str) else entries)[seed] = outcome
        return Row(label, plans.describe(parts.plan), entries, parts.dataset.classes, errors, stored=not missing and not mine,
                   pictures=parts.dataset.test.names, items=parts.dataset.test.items, caution=getattr(parts.dataset, "caution", ""),
                   fingerprints={"data": parts.dataset.fingerprint, "weights": parts.weights_key()},
                   trained_on=len(parts.dataset.train), validated_on=len(parts.dataset.validation))

    def _read(self, parts: Parts, learned: dict[int, Entry | str], keys: dict[int, str]) -> dict[int, Entry | str]:
        """Read the test split for what was learned, and keep it; what failed stays in its words."""
        outcomes = dict(learned)
        whole = {seed: one for seed, one in learned.items() if not isinstance(one, str)}
        for seed, outcome in read(parts, whole) if whole else ():
            outcomes[seed] = outcome
            if not isinstance(outcome, str):
                self.session.store.put("row", keys[seed], outcome)
                self._trained.add(keys[seed])
        return outcomes

    def _tuning(self, label: str, candidates: list[Parts], keys: list[dict[int, str]]) -> Tuning:
        """What validation says of every draw, each from the store or trained now; of these the best is then read and kept."""
        kept, names = self.session.store, [store.key(trial=own) for own in keys]
        trials = {number: entry.values for number, name in enumerate(names)
                  if (not self.fresh or name in self._trained) and (entry := kept.get("trial", name))}
        place, learned = {id(parts): number for number, parts in enumerate(candidates)}, {}
        missing = [parts for number, parts in enumerate(candidates) if number not in trials]
        for outcomes in train_runs(label, [Run(parts, seed) for parts in missing for seed in keys[0]]):
            for run, outcome in outcomes:
                learned.setdefault(place[id(run.parts)], {})[run.seed] = outcome
            for number in [number for number, own in learned.items() if len(own) == len(keys[0]) and number not in trials]:
                trials[number] = _trial([learned[number][seed] for seed in keys[0]])
                kept.put("trial", names[number], Entry(trials[number]))
                self._trained.add(names[number])
            best = Tuning.of(trials).winner
            learned = {number: own for number, own in learned.items() if number == best or number not in trials}  # weights take room
        tuning = Tuning.of(trials)
        if tuning.best in learned:
            self._read(candidates[tuning.best], learned[tuning.best], keys[tuning.best])
        return tuning


def _trial(learned: list[Entry | str]) -> dict:
    """Validation NLL of the epoch kept in nats, a seed each, None for one that failed; and the seconds of all."""
    return {"nll": [_judged(one) for one in learned], "seconds": sum(one.values["seconds"] for one in learned if not isinstance(one, str))}


def _judged(learned: Entry | str) -> float | None:
    return None if isinstance(learned, str) else learned.values["curves"][learned.values["best_epoch"] - 1]["nll"]
