"""Plans to rows: gets data, pre-training and features; builds, fits, evaluates; keeps in the store."""
from qtlrun import plan as plans, store
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.row import train_seeds
from qtlrun.experiment.session import Session
from qtlrun.experiment import source
from qtlrun.plan import Refused
from qtlrun.row import Row


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

    def row(self, label: str, row: dict, seeds: list[int]) -> Row:
        """The row: its seeds from the store, or trained now and kept there as each one ends."""
        parts, kept = Parts(row, self.session), self.session.store
        keys = {seed: parts.key(seed) for seed in seeds}
        with kept.lock("row", store.key(row=keys)):
            return self._row(label, row, parts, keys)

    def _row(self, label: str, row: dict, parts: Parts, keys: dict[int, str]) -> Row:
        kept, seeds = self.session.store, list(keys)
        mine = {seed for seed in seeds if keys[seed] in self._trained}
        entries = {seed: kept.get("row", keys[seed]) for seed in seeds if not self.fresh or seed in mine}
        entries = {seed: entry for seed, entry in entries.items() if entry is not None}
        errors, missing = {}, [seed for seed in seeds if seed not in entries]
        for seed, outcome in train_seeds(label, parts, missing) if missing else ():
            if isinstance(outcome, str):
                errors[seed] = outcome
            else:
                kept.put("row", keys[seed], outcome)
                self._trained.add(keys[seed])
                entries[seed] = outcome
        return Row(label, plans.describe(row), entries, parts.dataset.classes, errors, stored=not missing and not mine,
                   pictures=parts.dataset.test.names, items=parts.dataset.test.items, caution=getattr(parts.dataset, "caution", ""),
                   fingerprints={"data": parts.dataset.fingerprint, "weights": parts.weights_key()})
