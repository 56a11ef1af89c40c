"""Session: the store, the data folder, progress, and objects made once for all rows."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from qtlrun.dataset.look import Looks
from qtlrun.ledger import Ledger
from qtlrun.mode import fresh
from qtlrun.store import Entry, Store

T = TypeVar("T")


@runtime_checkable
class Monitor(Protocol):
    """Listener to the progress of the work."""

    def step(self, stage: str, done: int, total: int) -> None:
        """Note that `done` of `total` units of a stage are done."""

    def say(self, line: str) -> None:
        """Show a line to the user."""

    def trace(self) -> None:
        """Show the error that is being handled, which costs a row."""


class Silence:
    """Monitor that shows nothing."""

    def step(self, stage: str, done: int, total: int) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def trace(self) -> None:
        pass


class Session:
    """State of one command: artifacts on disk, objects in memory.

    `fresh` leaves aside the outcomes that other commands have stored. `looks` has those of
    the pictures that were checked; `new_keys` the keys of the artifacts that this command has kept.
    """

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.home = Path(home).expanduser()
        self.fresh = fresh
        self.store = Store(home)
        self.ledger = Ledger(home)
        self.progress = progress or Silence()
        self.looks = Looks()
        self.loading_s = 0.0  # of the processor, for weights and items that were checked
        self.new_keys: set[str] = set()
        self._objects: dict[str, Any] = {}
        # Of torch before the session's own work, within it
        self._threads: int | None = None

    @property
    def data(self) -> Path:
        """Folder of datasets that are downloaded."""
        return Path(os.environ.get("QTLRUN_DATA") or self.home / "data").expanduser()

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Object of a key, made by `make` at the first call."""
        if key not in self._objects:
            self._objects[key] = make()
        return self._objects[key]

    def find(self, kind: str, keys: dict) -> dict:
        """Stored artifacts of a kind, by what their keys stand for.

        With `fresh` only those that this command has kept.
        """
        allowed = {
            name: key for name, key in keys.items() if not self.fresh or key in self.new_keys
        }
        stored = {name: self.store.get(kind, key) for name, key in allowed.items()}
        return {name: artifact for name, artifact in stored.items() if artifact is not None}

    def keep(self, kind: str, key: str, artifact: Entry) -> None:
        """Put an artifact of a kind into the store."""
        self.store.put(kind, key, artifact)
        self.new_keys.add(key)

    @contextlib.contextmanager
    def threads(self, *, large: bool = False) -> Iterator[None]:
        """Run in one thread, or with a large backbone in as many as the caller has.

        More than one gains nothing with heads and small backbones: they wait for each other, take
        twice the processor's time, and would let the bits depend on how many there are, and on how
        many seeds.
        """
        outer = self._threads
        before = torch.get_num_threads()
        self._threads = outer or before
        torch.set_num_threads(self._threads if large else 1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            self._threads = outer


def alone(method: Callable) -> Callable:
    """Decorate a method of what has a session: it runs in fresh modes and in one thread."""

    @functools.wraps(method)
    def within(self, *values, **named):
        with fresh(), self.session.threads():
            return method(self, *values, **named)

    return within
