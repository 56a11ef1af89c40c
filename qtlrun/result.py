"""Rows to data frames, sentences and tables: terminal, CSV, Markdown."""
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qtlrun import statistic
from qtlrun.store import Entry


@dataclass
class Row:
    """A row of the table: what it is, and what each finished seed left in the store."""
    name: str
    about: str
    key: str
    classes: tuple[str, ...]
    entries: dict[int, Entry]
    errors: dict[int, str] = field(default_factory=dict)
    stored: bool = False
    names: tuple[str, ...] = ()  # of the test pictures, where they have names

    @property
    def seeds(self) -> list[int]:
        return sorted(self.entries)

    @cached_property
    def labels(self) -> np.ndarray:
        return next(iter(self.entries.values())).arrays["labels"]

    @cached_property
    def logits(self) -> np.ndarray:
        """Shape (seeds, pictures, classes)."""
        return np.stack([self.entries[seed].arrays["logits"] for seed in self.seeds])
