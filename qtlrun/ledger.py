"""Ledger of readings: which plans have read which test items, counted item by item."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from qtlrun import disk

HASH_DIGITS = 64
CODE_DIGITS = (
    16  # of an item's hash: 64 bits, so two of a million items share one once in 10^7 times
)
CODE_BYTES = CODE_DIGITS // 2
CODE_TYPE = np.dtype("<u8")
KEY_BYTES = 16  # of the hash of a split, and of that of a reader
ITEMS_PREFIX = "items-"
PAIRS_PREFIX = "pairs-"
MAX_FILES = 32  # of pairs, before they are merged


@dataclass(frozen=True)
class Items:
    """Different items by their 64-bit codes, in ascending order.

    key: hash of the codes
    """

    codes: np.ndarray
    key: bytes

    @classmethod
    def of(cls, names: Sequence[str]) -> "Items":
        """Items by their hashes in hexadecimal digits, or by whatever tells them apart."""
        if all(len(name) == HASH_DIGITS for name in names):
            content = bytes.fromhex("".join(name[:CODE_DIGITS] for name in names))
        else:
            content = b"".join(sha256(name.encode()).digest()[:CODE_BYTES] for name in names)
        return cls.coded(np.unique(np.frombuffer(content, ">u8").astype(CODE_TYPE)))

    @classmethod
    def coded(cls, codes: np.ndarray) -> "Items":
        """Items by their sorted codes."""
        return cls(codes, _key(codes.tobytes()))

    def among(self, others: np.ndarray) -> np.ndarray:
        """Whether each item stands among others, which are sorted codes."""
        if not len(others):
            return np.zeros(len(self.codes), bool)
        positions = np.searchsorted(others, self.codes)
        return others[np.minimum(positions, len(others) - 1)] == self.codes


@dataclass(frozen=True)
class Readings:
    """Counts of distinct plans that have read test items.

    items: readers of the item that most plans have read
    pool: readers of any item of the same pool, in whatever division
    """

    items: int = 0
    pool: int = 0

    @classmethod
    def largest(cls, readings: Iterable["Readings"]) -> "Readings":
        """Largest of each count."""
        largest = cls()
        for each in readings:
            largest = cls(max(largest.items, each.items), max(largest.pool, each.pool))
        return largest


class Ledger:
    """Readings in `home/store/readings/`, which all commands of a home share.

    Each distinct test split is a file of its items' codes. Pairs (split, reader) stand in files
    that are never changed: a writer adds its own, under the hash of what it holds. Of many small
    ones the union is written first, and the parts are removed then. So two commands at once lose
    nothing, without a lock.
    """

    def __init__(self, home: str | Path):
        self.folder = Path(home).expanduser() / "store" / "readings"
        self._names: set[str] = set()
        self._splits: dict[bytes, set[bytes]] = {}  # by reader
        self._codes: dict[bytes, np.ndarray] = {}  # by split
        self._common: dict[tuple[bytes, bytes], np.ndarray] = {}
        self._touching: dict[tuple[bytes, bytes], bool] = {}

    def enter(self, items: Items, readers: Iterable[str]) -> None:
        """Note that plans, by their keys, have read a test split of these items."""
        path = self._path(items.key)
        if not path.exists():
            disk.write(path, items.codes.tobytes())
        self._read()
        keys = {_key(reader.encode()) for reader in readers}
        pairs = {items.key + key for key in keys if items.key not in self._splits.get(key, ())}
        if pairs:
            self._add(pairs)
        if len(self._names) > MAX_FILES:
            self._merge()

    def count(self, items: Items, pool: Items) -> Readings:
        """Count the plans that have read test items, and those that have read any of their pool."""
        self._read()
        patterns = Counter(map(frozenset, self._splits.values()))
        readers = np.zeros(len(items.codes), np.int64)
        pool_readers = 0
        for pattern, number in patterns.items():
            touching = [split for split in pattern if self._touches(pool, split)]
            pool_readers += number * bool(touching)
            covered = np.zeros(len(items.codes), bool)
            for split in touching:
                covered |= self._overlap(items, split)
            readers += number * covered
        return Readings(int(readers.max(initial=0)), pool_readers)

    def _touches(self, pool: Items, split: bytes) -> bool:
        """Whether any item of a pool stands in a split."""
        if (pool.key, split) not in self._touching:
            self._touching[pool.key, split] = bool(pool.among(self._items(split)).any())
        return self._touching[pool.key, split]

    def _overlap(self, items: Items, split: bytes) -> np.ndarray:
        """Whether each item stands in a split."""
        if (items.key, split) not in self._common:
            self._common[items.key, split] = items.among(self._items(split))
        return self._common[items.key, split]

    def _items(self, split: bytes) -> np.ndarray:
        """Codes of a split's items; none where its file is absent or damaged."""
        if split not in self._codes:
            content = b""
            with contextlib.suppress(FileNotFoundError):
                content = self._path(split).read_bytes()
            whole = content if _key(content) == split else b""
            self._codes[split] = np.frombuffer(whole, CODE_TYPE)
        return self._codes[split]

    def _path(self, split: bytes) -> Path:
        """File of a split's items."""
        return self.folder / f"{ITEMS_PREFIX}{split.hex()}"

    def _read(self) -> None:
        """Read the files of pairs that are new; once more where one was merged meanwhile."""
        while True:
            names = self._list()
            try:
                contents = {name: (self.folder / name).read_bytes() for name in names - self._names}
            except FileNotFoundError:
                continue
            for name, content in contents.items():
                if _name(content) == name:
                    self._note(content)
            self._names = names
            return

    def _list(self) -> set[str]:
        """Names of the files of pairs."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return set()
        return {name for name in names if name.startswith(PAIRS_PREFIX)}

    def _note(self, content: bytes) -> None:
        """Note the pairs of a file's content."""
        for start in range(0, len(content), 2 * KEY_BYTES):
            reader = content[start + KEY_BYTES : start + 2 * KEY_BYTES]
            self._splits.setdefault(reader, set()).add(content[start : start + KEY_BYTES])

    def _add(self, pairs: Iterable[bytes]) -> str:
        """Write pairs into a file of their own; its name."""
        content = b"".join(sorted(pairs))
        name = _name(content)
        disk.write(self.folder / name, content)
        self._note(content)
        self._names.add(name)
        return name

    def _merge(self) -> None:
        """Write all pairs into a single file, then remove those that it stands for."""
        parts = set(self._names)
        whole = self._add(split + key for key, splits in self._splits.items() for split in splits)
        for name in parts - {whole}:
            (self.folder / name).unlink(missing_ok=True)
            self._names.discard(name)


def _key(content: bytes) -> bytes:
    """Key of a split or of a reader."""
    return sha256(content).digest()[:KEY_BYTES]


def _name(content: bytes) -> str:
    """Name of a file of pairs."""
    return f"{PAIRS_PREFIX}{_key(content).hex()}"
