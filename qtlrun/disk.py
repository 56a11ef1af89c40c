"""Files and folders written whole: under a temporary name, synced, renamed.

What is read back is checked against its hash.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from qtlrun import process

MANIFEST = "manifest.json"
LAST_FILE = "environment.json"  # that a run writes into its folder
NEW_PREFIX = ".new-"  # of the name of what is being written
# Device, inode, size in bytes, and time of the last change in nanoseconds
Version = tuple[int, int, int, int]
LOCK_SUFFIX = ".lock"
ABANDONED_S = 24 * 3600  # without a change, where the writer may live or not
WRITER_FORM = re.compile(r"[0-9a-f]{8}-\d+-\d+-\w+$")  # a process, and what tells its files apart
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
        scratch = Path(tempfile.mkdtemp(prefix=NEW_PREFIX + writer(), dir=path.parent))
        try:
            for name, data in files.items():
                write(scratch / "new" / name, data)
            manifest = {name: digest(data) for name, data in files.items()}
            write(scratch / "new" / MANIFEST, json.dumps(manifest))
            _swap(scratch, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """Files of a folder written whole; None where it is absent or a byte has changed."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
        whole = all(digest(data) == manifest[name] for name, data in files.items())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, TypeError):
        return None
    return files if whole else None


def clean(folder: Path) -> None:
    """Remove from a folder of the store what killed processes were writing, and their locks."""
    import filelock

    _clean(folder, NEW_PREFIX, re.compile(""))
    for path in folder.glob(f"*{LOCK_SUFFIX}"):
        # Another process may hold the lock, or be quicker.
        with contextlib.suppress(OSError), filelock.FileLock(path, timeout=0):
            path.unlink()


def clean_temporary(folder: Path, prefix: str) -> None:
    """Remove the files and folders of this prefix that a process named after itself and left."""
    _clean(folder, prefix, WRITER_FORM)


def clean_outputs(outputs: Path) -> None:
    """Remove what killed runs were writing into their folders OUTPUTS/DATE/RUN.

    A run that ended has nothing of the kind.
    """
    for run in outputs.glob("[12]???-??-??/??-??-??-*/"):
        if not (run / LAST_FILE).exists():
            for folder in [run, *run.glob("**/")]:
                clean_temporary(folder, NEW_PREFIX)


def writer() -> str:
    """Beginning of the names of this process's temporary files, after their prefix."""
    return f"{process.name()}-"


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

    file = filelock.FileLock(path.with_name(path.name + LOCK_SUFFIX))
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
    handle, temporary = tempfile.mkstemp(prefix=NEW_PREFIX + writer(), dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def _swap(scratch: Path, path: Path) -> None:
    """Put the folder `scratch`/new at a path; one that is there goes into `scratch`."""
    for number in itertools.count():
        if _rename(scratch / "new", path):
            return
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            os.rename(path, scratch / f"old-{number}")


def _rename(folder: Path, path: Path) -> bool:
    """Rename a folder; False where something is at the path already."""
    try:
        os.rename(folder, path)
    except OSError as error:
        if error.errno in OCCUPIED:
            return False
        raise
    return True


def _clean(folder: Path, prefix: str, form: re.Pattern) -> None:
    """Remove what nobody writes any more; its name is the prefix, then something of this form.

    Their names tell the writer. One of this machine is asked for; whether one of another machine
    lives is not known, and what it has not touched for a day is abandoned.
    """
    with contextlib.suppress(OSError):  # the folder is not there, or may not be read
        for path in folder.iterdir():
            name = path.name.removeprefix(prefix)
            if path.name.startswith(prefix) and form.match(name):
                _remove_abandoned(path, name)


def _remove_abandoned(path: Path, name: str) -> None:
    """Remove a temporary file or folder if its writer, who stands in its name, has left it."""
    with contextlib.suppress(OSError):  # another process was quicker, or it is another user's
        ended = process.has_ended(name)
        if ended is None:
            ended = time.time() - path.lstat().st_mtime > ABANDONED_S
        if ended and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif ended:
            path.unlink()


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
