"""Files from the network: whole, checked by their hash, and given up when a server falls silent."""

import hashlib
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from qtlrun import disk

DOWNLOAD_TIMEOUT_S = 20  # seconds without a byte after which a server is given up


def read(address: str, *, most: int | None = None) -> bytes:
    """Read what an address has, of a longer answer `most` bytes and one.

    Raises OSError where it cannot be had.
    """
    try:
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S) as response:
            return response.read() if most is None else response.read(most + 1)
    except HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error


def fetch(
    addresses: Sequence[str],
    path: Path,
    *,
    algorithm: str,
    digest: str,
    most: int | None = None,
) -> None:
    """Put at a path the file of the first address that has the one whose hash begins so.

    Raises the OSError of the first address where none has it.
    """
    errors = []
    for address in addresses:
        try:
            content = read(address, most=most)
            if not hashlib.new(algorithm, content).hexdigest().startswith(digest):
                raise OSError("what came is another file")
        except OSError as error:
            errors.append(error)
            continue
        disk.write(path, content)
        return
    raise errors[0]


def reason(error: OSError) -> str:
    """Why a file could not be had, in a few words."""
    why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(why).rstrip(".")
