"""Temporary files and folders, named after their writer; what a killed one left is removed."""

import contextlib
import re
import shutil
import time
from pathlib import Path

from qtlrun import process

PREFIX = ".new-"  # of the name of what is being written
LOCK_SUFFIX = ".lock"
LAST_FILE = "environment.json"  # that a run writes into its folder
ABANDONED_S = 24 * 3600  # without a change, where the writer may live or not
WRITER_FORM = re.compile(r"[0-9a-f]{8}-\d+-\d+-\w+$")  # a process, and what tells its files apart


def writer() -> str:
    """Beginning of the names of this process's temporary files, after their prefix."""
    return f"{process.name()}-"


def clean(folder: Path) -> None:
    """Remove from a folder of the store what killed processes were writing, and their locks."""
    import filelock

    _clean(folder, PREFIX, re.compile(""))
    for path in folder.glob(f"*{LOCK_SUFFIX}"):
        # Another process may hold the lock, or be quicker.
        with contextlib.suppress(OSError), filelock.FileLock(path, timeout=0):
            path.unlink()


def clean_prefix(folder: Path, prefix: str) -> None:
    """Remove the files and folders of this prefix that a process named after itself and left."""
    _clean(folder, prefix, WRITER_FORM)


def clean_outputs(outputs: Path) -> None:
    """Remove what killed runs were writing into their folders OUTPUTS/DATE/RUN.

    A run that ended has nothing of the kind.
    """
    for run in outputs.glob("[12]???-??-??/??-??-??-*/"):
        if not (run / LAST_FILE).exists():
            for folder in [run, *run.glob("**/")]:
                clean_prefix(folder, PREFIX)


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
