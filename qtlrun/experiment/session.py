"""Session: the store, the data folder, progress, and objects made once for all rows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

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

    `fresh` leaves aside the outcomes that other commands have stored. `contents` has the hash of
    the pixels of pictures that look alike, by item; `new_keys` those of the artifacts that this
    command has kept.
    """

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.home = Path(home).expanduser()
        self.fresh = fresh
        self.store = Store(home)
        self.progress = progress or Silence()
        self.contents: dict[str, str] = {}
        self.new_keys: set[str] = set()
        self._objects: dict[str, Any] = {}

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
