"""Store of artifacts by their key: features, pre-trained backbones, finished rows."""

import contextlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qtlrun import disk, temporary


@dataclass(frozen=True)
class Entry:
    """Artifact: plain values (JSON) and arrays (safetensors)."""

    values: dict
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Store:
    """Artifacts in `home/store/KIND/KEY/`, each folder complete and hashed.

    A damaged one counts as absent.
    """

    def __init__(self, home: str | Path):
        self.folder = Path(home).expanduser() / "store"
        for kind in self.folder.glob("*/"):
            temporary.clean(kind)

    def get(self, kind: str, key: str) -> Entry | None:
        files = disk.read_folder(self._path(kind, key))
        if files is None:
            return None
        from safetensors.numpy import load

        return Entry(json.loads(files["values.json"]), load(files["arrays.safetensors"]))

    def put(self, kind: str, key: str, entry: Entry) -> None:
        from safetensors.numpy import save

        arrays = {name: np.asarray(array, order="C") for name, array in entry.arrays.items()}
        disk.write_folder(
            self._path(kind, key),
            {
                "values.json": json.dumps(entry.values, allow_nan=False).encode(),
                "arrays.safetensors": save(arrays),
            },
        )

    def keys(self, kind: str, beginning: str) -> list[str]:
        """Keys of a kind's artifacts that begin so."""
        paths = (self.folder / kind).glob(f"{beginning}*")
        return sorted(path.name for path in paths if path.is_dir())

    def drop(self, kind: str, key: str) -> None:
        """Remove an artifact, if it is there."""
        shutil.rmtree(self._path(kind, key), ignore_errors=True)

    def lock(self, kind: str, key: str) -> contextlib.AbstractContextManager:
        return disk.lock(self._path(kind, key))

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / key


def key(**inputs) -> str:
    """Key of an artifact: the hash of all that it depends on, as canonical JSON."""
    return disk.digest(json.dumps(inputs, sort_keys=True).encode())
