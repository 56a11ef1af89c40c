"""Archives: the files of a run's folder, each held against its hash."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from qtlrun import disk
from qtlrun.error import UsageError
from qtlrun.runfolder import WEIGHTS_FILE as FILE

AGAIN = "run its command again, as plan.yaml has it: what the store holds is not trained anew"


class Archive:
    """Files of a run's folder, each held against its hash."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._tensors: dict[str, tuple[dict[str, np.ndarray], str]] = {}
        with self.reading(FILE):
            content = json.loads((folder / FILE).read_bytes())
            self.rows: dict[str, dict[str, Any]] = content["rows"]
            self.digests: dict[str, str] = content["sha256"]

    def read(self, file: str) -> tuple[dict[str, np.ndarray], str]:
        """Tensors of a file of weights, and its hash; read once."""
        if file not in self._tensors:
            with self.reading(file):
                data = (self.folder / file).read_bytes()
                digest = disk.digest(data)
                if digest != self.digests[file]:
                    raise self.refusal(f"{file} is not the file that was written: its hash differs")
                self._tensors[file] = load(data), digest
        return self._tensors[file]

    @contextlib.contextmanager
    def reading(self, file: str) -> Iterator[None]:
        """Refuse, within, a file that is absent or unreadable, or lacks a value."""
        try:
            yield
        except FileNotFoundError as error:
            raise self.refusal(f"{file} is not in it") from error
        except OSError as error:
            raise self.refusal(f"{file} cannot be read ({error.strerror})") from error
        except (KeyError, TypeError) as error:
            raise self.refusal(f"{file} lacks {error}, as other versions of it do") from error
        except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
            raise self.refusal(f"{file} is damaged") from error

    def refusal(self, reason: str) -> UsageError:
        return UsageError(reason, AGAIN, key="run", value=str(self.folder))
