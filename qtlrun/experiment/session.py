"""Session: the store, the data folder, progress, and objects made once for all rows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from qtlrun.store import Store


@runtime_checkable
class Monitor(Protocol):
    """Whoever is told how far the work is."""

    def step(self, stage: str, done: int, total: int) -> None:
        """So much of a stage is done."""

    def say(self, line: str) -> None:
        """A line for the user."""

    def trace(self) -> None:
        """The error that is being handled costs a row."""


class Silence:
    """A monitor that tells nobody."""

    def step(self, stage: str, done: int, total: int) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def trace(self) -> None:
        pass


class Session:
    """One per command: artefacts on disk in `store`, objects in memory by `once`."""

    def __init__(self, home: str, fresh: bool = False, progress: Monitor | None = None):
        self.home = Path(home).expanduser()
        self.fresh = fresh
        self.store = Store(home)
        self.progress = progress or Silence()
        # Hashes of the pixels of pictures that look alike, by item
        self.contents: dict[str, str] = {}
        self._objects: dict[str, object] = {}

    @property
    def data(self) -> Path:
        """Folder of datasets that are downloaded."""
        return Path(os.environ.get("QTLRUN_DATA") or self.home / "data").expanduser()

    def once(self, key: str, make: Callable[[], object]) -> object:
        """Object of a key, made by `make` once."""
        if key not in self._objects:
            self._objects[key] = make()
        return self._objects[key]
