"""The one place that writes: temporary name, sync, rename; what is read back is checked against its hash."""
import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

MANIFEST = "manifest.json"
NEW, LOCK = ".new-", ".lock"  # in the names of what is being written, and of what is locked
ABANDONED = 3600  # seconds after which nobody is still at it
OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def write(path: Path, data: bytes | str) -> None:
    """Put a file in place whole or not at all; a reader sees the old bytes or the new ones."""
    data = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=NEW, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def write_json(path: Path, values: dict) -> None:
    """Plain values as strict JSON: no nan, no infinity."""
    write(path, json.dumps(values, indent=1, allow_nan=False))


def append(path: Path, line: str) -> None:
    """Add a line to a log; where it cannot be written the log lacks it, and the work goes on."""
    with contextlib.suppress(OSError), open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(line + "\n")


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Put a folder of files in place whole, with the hash of each beside them; of several writers the last one's stays.

    One already there is set aside when the new one is complete. Killed between the two, it is absent, never half.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=NEW, dir=path.parent))
    try:
        for name, data in files.items():
            write(scratch / "new" / name, data)
        write(scratch / "new" / MANIFEST, json.dumps({name: digest(data) for name, data in files.items()}))
        for number in itertools.count():
            if _renamed(scratch / "new", path):
                break
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                os.rename(path, scratch / f"old-{number}")
        _sync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of a folder written whole, or None where it is absent or a byte of it has changed."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
        return files if all(digest(data) == manifest[name] for name, data in files.items()) else None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, TypeError):
        return None


def clean(folder: Path) -> None:
    """Take away what killed processes left in a folder: what they were writing, and their locks."""
    import filelock
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process is at it, or was quicker
            if path.name.startswith(NEW) and time.time() - path.lstat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            elif path.suffix == LOCK:
                with filelock.FileLock(path, timeout=0):
                    path.unlink()


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder that nobody else has: `name`, or `name-2`, `name-3` where it is taken."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        path = parent / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise OSError(f"{parent} holds ten thousand folders named {name}")


@contextlib.contextmanager
def lock(path: Path):
    """Hold a lock that the kernel frees when its holder dies; it saves work, correctness rests on rename."""
    import filelock
    path.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(path.with_name(path.name + LOCK))
    with held:
        try:
            yield
        finally:
            Path(held.lock_file).unlink(missing_ok=True)


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _renamed(folder: Path, path: Path) -> bool:
    try:
        os.rename(folder, path)
    except OSError as error:
        if error.errno in OCCUPIED:
            return False
        raise
    return True


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
