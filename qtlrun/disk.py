"""The one place that writes: temporary name, sync, rename; what is read back is checked against its hash."""
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

MANIFEST = "manifest.json"


def write(path: Path, data: bytes | str) -> None:
    """Put a file in place whole or not at all; a reader sees the old bytes or the new ones."""
    data = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
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


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Put a folder of files in place at once, with the hash of each beside them; a folder already there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    try:
        for name, data in files.items():
            write(temporary / name, data)
        write(temporary / MANIFEST, json.dumps({name: digest(data) for name, data in files.items()}))
        try:
            os.rename(temporary, path)
        except OSError:
            if read_folder(path) is None:
                raise
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of a folder written whole, or None where it is absent; one whose bytes changed is set aside."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
        if all(digest(data) == manifest[name] for name, data in files.items()):
            return files
    except (FileNotFoundError, NotADirectoryError):
        if not path.exists():
            return None
    except (ValueError, TypeError):
        pass
    remove_folder(path)
    return None


def remove_folder(path: Path) -> None:
    """Take a folder away at once (renamed first), so that no reader meets half of it."""
    if path.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=path.parent))
        with contextlib.suppress(OSError):
            os.rename(path, aside / "entry")
        shutil.rmtree(aside, ignore_errors=True)


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
    with filelock.FileLock(path.with_name(path.name + ".lock")):
        yield


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


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
