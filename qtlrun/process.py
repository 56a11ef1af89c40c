"""Processes by name: which machine, which number, which start; and whether one has ended."""

import contextlib
import functools
import hashlib
import os
import platform
from pathlib import Path


def name() -> str:
    """Name of this process, MACHINE-NUMBER-START, that no other one has."""
    return f"{_machine()}-{os.getpid()}-{_start(os.getpid())}"


def has_ended(name: str) -> bool | None:
    """Whether the process with this name has ended; more may follow it after a hyphen.

    None where that is not known: its machine is another one, or its number is that of this process.
    """
    machine, number, start, *_ = [*name.split("-"), "", "", ""]
    if machine != _machine() or not number.isdecimal() or int(number) == os.getpid():
        return None
    return _start(int(number)) != start


@functools.cache
def _machine() -> str:
    """Hash of this machine since it was started; a container that numbers its processes is one."""
    identity = platform.node()
    with contextlib.suppress(OSError):  # Linux alone has these
        identity += Path("/proc/sys/kernel/random/boot_id").read_text()
        identity += os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def _start(number: int) -> str:
    """Start of a process in ticks of its machine.

    Empty for one that has ended, 0 where the machine does not tell it.
    """
    try:
        # The name before the parenthesis may hold anything.
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _runs(number) else "0"


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
