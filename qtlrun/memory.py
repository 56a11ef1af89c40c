"""Memory of a simulated state, of this machine and of this process."""

import math
import os
import resource
import sys
from functools import cache
from pathlib import Path

import torch

from qtlrun.error import UsageError

LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, on Linux


def fits(qubits: int, mixed: bool = False) -> None:
    """Refuse a state that this machine cannot hold, and say the largest number that fits.

    With `mixed` the state is a density matrix.
    """
    bits = qubits * (1 + mixed)
    held = total()
    most = largest() // (1 + mixed)
    if qubits > most:
        need = f"{2.0 ** (bits - 26):,.0f}" if bits < 90 else f"2**{bits - 26}"
        raise UsageError(
            (
                f"a state of 2**{bits} amplitudes needs {need} GiB, with its gradient"
                f" four times that, and this machine has {held / 2**30:.0f}"
            ),
            f"use {most} or fewer",
            key="circuit.qubits",
            value=qubits,
        )


def largest() -> int:
    """Qubits of the largest state that this machine holds with its gradient."""
    return (total() // 4 // 16).bit_length() - 1


def holds(qubits: int, need: int, device: torch.device | None = None) -> None:
    """Refuse a circuit whose gradient for one sample needs more bytes than there are."""
    held = total(device)
    if need > held:
        most = qubits - math.ceil(math.log2(need / held))
        raise UsageError(
            (
                f"the gradient of one sample needs {need / 2**30:,.0f} GiB, and this"
                f" machine has {held / 2**30:.0f}"
            ),
            f"use {most} or fewer",
            key="circuit.qubits",
            value=qubits,
        )


def total(device: torch.device | None = None) -> int:
    """Bytes of memory that this machine has, or its accelerator."""
    if device is not None and device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return _machine()


def peak() -> int:
    """Largest memory of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@cache
def _machine() -> int:
    held = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = LIMIT.read_text().strip() if LIMIT.is_file() else "max"
    return held if limit == "max" else min(held, int(limit))
