"""Files and folders written whole: under a temporary name, synced, renamed.

What is read back is checked against its hash.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from qtlrun import temporary

MANIFEST = "manifest.json"
# Device, inode, size in bytes, and time of the last change in nanoseconds
Version = tuple[int, int, int, int]
OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Unwritable(OSError):
    """Error of a file or folder that cannot be written: which, why, and what would help.

    `size` is the number of bytes that are needed, where it is known.
    """

    def __init__(self, error: OSError, path: Path, size: int | None = None):
        super().__init__(error.errno, error.strerror or str(error), str(path))
        self.size = size
        self.free = _free(path)

    def __str__(self) -> str:
        room = ""
        if self.size is not None and self.errno in FULL:
            room = f"; {_bytes(self.size)} are needed"
        if self.errno == errno.ENOSPC and self.free is not None:
            room += f"{' and' if room else ';'} {_bytes(self.free)} are free"
        advice = "name another folder"
        if self.errno in FULL:
            advice = "make room, or name another folder"
        elif self.errno == errno.ENAMETOOLONG:
            advice = "name a folder of a shorter path"
        return (
            f"{self.filename}: {self.strerror}{room}; {advice} with outputs=FOLDER or home=FOLDER."
        )


def write(path: Path, data: bytes | str) -> None:
    """Put a file in place whole or not at all; a reader sees the old bytes or the new ones."""
    data = data.encode() if isinstance(data, str) else data
    with _naming(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, [data])


def write_blocks(path: Path, blocks: Iterable[bytes], size: int | None = None) -> None:
    """Put a file in place as `write` does, block by block; `size` is that of the whole in bytes.

    An error of the blocks leaves neither a file nor a new folder; it must be no OSError.
    """
    with _naming(path, size), new_folders(path.parent):
        _put(path, blocks)


@contextlib.contextmanager
def new_folders(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; of these, the ones that stay empty go at the end."""
    absent = list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in absent:
            with contextlib.suppress(OSError):
                path.rmdir()


def write_json(path: Path, values: dict) -> None:
    """Plain values as strict JSON: no nan, no infinity."""
    write(path, json.dumps(values, indent=1, allow_nan=False))


def append(path: Path, line: str) -> None:
    """Add a line to a log; a log that cannot be written lacks it, and the work goes on."""
    with (
        contextlib.suppress(OSError),
        open(path, "a", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(line + "\n")


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Put a folder of files in place whole, with the hash of each beside them.

    A folder already there is set aside when the new one is complete. Killed between the two, it is
    absent, never half. Of several writers the last one's folder stays.
    """
    with _naming(path, sum(map(len, files.values()))):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(
            tempfile.mkdtemp(prefix=temporary.PREFIX + temporary.writer(), dir=path.parent)
        )
        try:
            for name, data in files.items():
                write(folder / "new" / name, data)
            manifest = {name: digest(data) for name, data in files.items()}
            write(folder / "new" / MANIFEST, json.dumps(manifest))
            _swap(folder, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """Files of a folder written whole; None where it is absent or a byte has changed."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
        whole = all(digest(data) == manifest[name] for name, data in files.items())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, TypeError):
        return None
    return files if whole else None


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder that nobody else has: `name`, or `name-2`, `name-3` where it is taken."""
    with _naming(parent / name):
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            path = parent / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    raise OSError(f"{parent} holds ten thousand folders named {name}")


@contextlib.contextmanager
def lock(path: Path):
    """Hold a lock that the kernel frees when its holder dies.

    It saves work that two processes would do twice; correctness rests on rename.
    """
    import filelock

    file = filelock.FileLock(path.with_name(path.name + temporary.LOCK_SUFFIX))
    with contextlib.ExitStack() as stack:
        with _naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(file)
        try:
            yield
        finally:
            Path(file.lock_file).unlink(missing_ok=True)


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_version(path: Path) -> Version:
    """Version of a file by its place, size and time; zeros where none can be had."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0, 0
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _naming(path: Path, size: int | None = None) -> Iterator[None]:
    """Let an OSError name the path that cannot be written, as Unwritable."""
    try:
        yield
    except OSError as error:
        raise Unwritable(error, path, size) from error


def _put(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file beside its path, synced, and rename it."""
    handle, name = tempfile.mkstemp(prefix=temporary.PREFIX + temporary.writer(), dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync(path.parent)


def _swap(folder: Path, path: Path) -> None:
    """Put what is `new` in a folder at a path; what is there goes into the folder."""
    for number in itertools.count():
        if _rename(folder / "new", path):
            return
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            os.rename(path, folder / f"old-{number}")


def _rename(folder: Path, path: Path) -> bool:
    """Rename a folder; False where something is at the path already."""
    try:
        os.rename(folder, path)
    except OSError as error:
        if error.errno in OCCUPIED:
            return False
        raise
    return True


def _free(path: Path) -> int | None:
    """Bytes that are free where a path is or would be."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems refuse to sync a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
