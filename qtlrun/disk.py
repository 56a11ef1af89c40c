"""The one place that writes: temporary name, sync, rename; what is read back is checked against its
hash.
"""

import contextlib
import errno
import functools
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MANIFEST = "manifest.json"
LAST = "environment.json"  # the file that a run writes last into its folder
NEW, LOCK = ".new-", ".lock"  # in the names of what is being written, and of what is locked
ABANDONED = 24 * 3600  # seconds after which nobody is still at it, where it cannot be known
WRITER = re.compile(r"[0-9a-f]{8}-\d+-\d+-\w+$")  # a process, and what tells its files apart
OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Unwritable(OSError):
    """A file or folder that cannot be written: which, why, and what would help.

    `size` are its bytes, where they are known.
    """

    def __init__(self, error: OSError, path: Path, size: int | None = None):
        super().__init__(error.errno, error.strerror or str(error), str(path))
        self.size = size
        self.free = _free(path)

    def __str__(self) -> str:
        room = (
            ""
            if self.size is None or self.errno not in FULL
            else f"; {_bytes(self.size)} are needed"
        )
        if self.errno == errno.ENOSPC and self.free is not None:
            room += f"{' and' if room else ';'} {_bytes(self.free)} are free"
        advice = (
            "make room, or name another folder" if self.errno in FULL else "name another folder"
        )
        if self.errno == errno.ENAMETOOLONG:
            advice = "name a folder of a shorter path"
        return (
            f"{self.filename}: {self.strerror}{room}; {advice} with outputs=FOLDER or home=FOLDER."
        )


def write(path: Path, data: bytes | str) -> None:
    """Put a file in place whole or not at all; a reader sees the old bytes or the new ones."""
    data = data.encode() if isinstance(data, str) else data
    with _writing(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=NEW + writer(), dir=path.parent)
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
    with (
        contextlib.suppress(OSError),
        open(path, "a", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(line + "\n")


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Put a folder of files in place whole, with the hash of each beside them; of several writers
    the last one's stays.

    One already there is set aside when the new one is complete. Killed between the two, it is
    absent, never half.
    """
    with _writing(path, sum(map(len, files.values()))):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=NEW + writer(), dir=path.parent))
        try:
            for name, data in files.items():
                write(scratch / "new" / name, data)
            write(
                scratch / "new" / MANIFEST,
                json.dumps({name: digest(data) for name, data in files.items()}),
            )
            for number in itertools.count():
                if _renamed(scratch / "new", path):
                    break
                with contextlib.suppress(FileNotFoundError):  # another process was quicker
                    os.rename(path, scratch / f"old-{number}")
            _sync(path.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of a folder written whole; None where it is absent or a byte has changed."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
        return (
            files if all(digest(data) == manifest[name] for name, data in files.items()) else None
        )
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, TypeError):
        return None


def clean(folder: Path) -> None:
    """Take away what killed processes left in a folder of the store: what they were writing, and
    their locks.
    """
    import filelock

    _clean(folder, NEW, re.compile(""))
    for path in folder.glob(f"*{LOCK}"):
        with (
            contextlib.suppress(OSError),
            filelock.FileLock(path, timeout=0),
        ):  # another process holds it, or was quicker
            path.unlink()


def clean_temporary(folder: Path, prefix: str) -> None:
    """Take away the files and folders of this prefix that a process named after itself, and has
    ended; nothing else.
    """
    _clean(folder, prefix, WRITER)


def clean_outputs(outputs: Path) -> None:
    """Take away what killed runs were writing into their folders OUTPUTS/DATE/RUN; a run that ended
    has nothing of the kind.
    """
    for run in outputs.glob("[12]???-??-??/??-??-??-*/"):
        if not (run / LAST).exists():
            for folder in [run, *run.glob("**/")]:
                clean_temporary(folder, NEW)


def writer() -> str:
    """This process, as the names of its temporary files tell it: machine, number, when it began."""
    return f"{_machine()}-{os.getpid()}-{_began(os.getpid())}-"


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder that nobody else has: `name`, or `name-2`, `name-3` where it is taken."""
    with _writing(parent / name):
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            path = parent / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    raise OSError(f"{parent} holds ten thousand folders named {name}")


@contextlib.contextmanager
def lock(path: Path):
    """Hold a lock that the kernel frees when its holder dies; it saves work, correctness rests on
    rename.
    """
    import filelock

    held = filelock.FileLock(path.with_name(path.name + LOCK))
    with contextlib.ExitStack() as stack:
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held)
        try:
            yield
        finally:
            Path(held.lock_file).unlink(missing_ok=True)


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _writing(path: Path, size: int | None = None) -> Iterator[None]:
    """Let what cannot be written name itself."""
    try:
        yield
    except OSError as error:
        raise Unwritable(error, path, size) from error


def _clean(folder: Path, prefix: str, form: re.Pattern) -> None:
    """Take away the files and folders of this prefix, the rest of their names of this form, that
    nobody writes any more.

    Their names tell the writer. One of this machine is asked for; whether one of another machine
    lives is not known, and what it has not touched for a day is abandoned.
    """
    with contextlib.suppress(OSError):  # the folder is not there, or may not be read
        for path in folder.iterdir():
            name = path.name.removeprefix(prefix)
            with contextlib.suppress(
                OSError
            ):  # another process was quicker, or it is another user's
                if path.name.startswith(prefix) and form.match(name) and _abandoned(path, name):
                    (
                        shutil.rmtree(path)
                        if path.is_dir() and not path.is_symlink()
                        else path.unlink()
                    )


def _abandoned(path: Path, name: str) -> bool:
    """Whether nobody writes a temporary file or folder any more, by the writer in its name."""
    machine, number, began, *_ = [*name.split("-"), "", "", ""]
    if machine == _machine() and number.isdecimal() and int(number) != os.getpid():
        return _began(int(number)) != began
    return time.time() - path.lstat().st_mtime > ABANDONED


@functools.cache
def _machine() -> str:
    """This machine since it was started, as far as it numbers its processes by itself; a container
    is a machine.
    """
    said = platform.node()
    with contextlib.suppress(OSError):  # Linux alone has these
        said += Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink(
            "/proc/self/ns/pid"
        )
    return digest(said.encode())[:8]


def _began(number: int) -> str:
    """When a process began, in ticks of its machine; an empty text for one that has ended, 0 where
    no machine tells it.
    """
    try:
        fields = (
            Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        )  # its name may hold anything
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _alive(number) else "0"


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _free(path: Path) -> int | None:
    """Bytes that are free where a path is or would be."""
    for place in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


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
