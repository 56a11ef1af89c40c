"""Files from the network, checked by their hash; a server that falls silent is given up."""

import contextlib
import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from qtlrun import disk

DOWNLOAD_TIMEOUT_S = 20  # without a byte
BLOCK_BYTES = 2**20  # of a file, in memory at once
_is_withheld = ContextVar("withheld", default=False)


class Withheld(Exception):
    """File that would be downloaded, were downloads not withheld; no OSError of the network.

    address: where it would come from
    megabytes: its size, where it is known
    """

    def __init__(self, address: str, megabytes: float | None):
        size = "of unknown size" if megabytes is None else f"{megabytes:,.0f} MB"
        super().__init__(f"{address} ({size})")


@contextlib.contextmanager
def withheld() -> Iterator[None]:
    """Download nothing within: what would be downloaded raises `Withheld`."""
    before = _is_withheld.set(True)
    try:
        yield
    finally:
        _is_withheld.reset(before)


def read(address: str, *, most: int | None = None, megabytes: float | None = None) -> bytes:
    """Read what an address has; of a longer answer than `most` bytes, those and one more.

    `megabytes` is its size, where it is known. Raises OSError where it cannot be had.
    """
    _check_withheld(address, megabytes)
    try:
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S) as response:
            return response.read() if most is None else response.read(most + 1)
    except HTTPException as error:
        raise _as_os_error(error) from error


def fetch(
    addresses: Sequence[str],
    path: Path,
    *,
    algorithm: str,
    digest: str,
    most: int | None = None,
    megabytes: float | None = None,
) -> None:
    """Put at a path the file of the first address that has the one whose hash begins so.

    Of a longer file than `most` bytes one byte more is read; `megabytes` is its size, where it is
    known. Raises the OSError of the first address where none has the file, and `disk.Unwritable`
    where it cannot be written.
    """
    _check_withheld(addresses[0], megabytes)
    errors = []
    for address in addresses:
        try:
            _stream(address, path, algorithm, digest, most)
        except _Unavailable as error:
            errors.append(error.reason)
            continue
        return
    raise errors[0]


def reason(error: Exception) -> str:
    """Reason why a file could not be had, in a few words."""
    cause: object = error
    if isinstance(error, urllib.error.URLError):
        cause = error.reason or error
    elif isinstance(error, OSError):
        cause = error.strerror or error
    return str(cause).rstrip(".")


def _check_withheld(address: str, megabytes: float | None) -> None:
    if _is_withheld.get():
        raise Withheld(address, megabytes)


class _Unavailable(Exception):
    """Error of an address; no OSError, so that it is told apart from one of the disk."""

    def __init__(self, reason: OSError):
        super().__init__(reason)
        self.reason = reason


def _stream(address: str, path: Path, algorithm: str, digest: str, most: int | None) -> None:
    """Write the file of an address to a path as it comes."""
    with contextlib.ExitStack() as stack:
        with _availability():
            response = stack.enter_context(
                urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S)
            )
        size = response.length if isinstance(response, HTTPResponse) else None
        disk.write_blocks(path, _blocks(response, algorithm, digest, most), size)


def _blocks(response, algorithm: str, digest: str, most: int | None) -> Iterator[bytes]:
    """Blocks of an answer; after the last one its hash is checked."""
    hashed = hashlib.new(algorithm)
    count = 0
    with _availability():
        while most is None or count <= most:
            wanted = BLOCK_BYTES if most is None else min(BLOCK_BYTES, most + 1 - count)
            block = response.read(wanted)
            count += len(block)
            hashed.update(block)
            yield block
            if len(block) < wanted:
                _check_end(response, count)
                break
        if not hashed.hexdigest().startswith(digest):
            raise OSError("what came is another file")


def _check_end(response, count: int) -> None:
    """Refuse an answer that ended early; when read in blocks, http.client does not."""
    if isinstance(response, HTTPResponse) and response.length:
        raise OSError(f"IncompleteRead({count} bytes read, {response.length} more expected)")


@contextlib.contextmanager
def _availability() -> Iterator[None]:
    """Let an error of the network pass through what writes the file."""
    try:
        yield
    except HTTPException as error:
        raise _Unavailable(_as_os_error(error)) from error
    except OSError as error:
        raise _Unavailable(error) from error


def _as_os_error(error: HTTPException) -> OSError:
    return OSError(str(error) or type(error).__name__)
