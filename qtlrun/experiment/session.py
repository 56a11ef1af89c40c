"""Session: the store, the data folder, progress, and objects made once for all rows."""

import os
from collections.abc import Callable
from pathlib import Path

from qtlrun.store import Store

Step = Callable[[str, int, int], None]  # stage, done, total; a total of 0 is a line to print


class Session:
    """One per command: artefacts on disk in `store`, objects in memory by `once`."""

    def __init__(
        self, home: str, fresh: bool = False, step: Step = lambda stage, done, total: None
    ):
        self.home = Path(home).expanduser()
        self.fresh = fresh
        self.store = Store(home)
        self.step = step
        self.contents: dict[
            str, str
        ] = {}  # the hash of the pixels of pictures that look alike, by item
        self._made: dict[str, object] = {}

    @property
    def data(self) -> Path:
        """Where datasets that are downloaded lie."""
        return Path(os.environ.get("QTLRUN_DATA") or self.home / "data").expanduser()

    def once(self, key: str, make: Callable[[], object]) -> object:
        """Object of a key, made by `make` once."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
