"""A step of a circuit, forward and backward: its gradient, its time, its memory."""

import ctypes
import gc
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.derivative.specimen import CircuitBatch

REPEATS = 20  # of a short step
REPEATED_S = 0.1  # beyond which a step is not repeated
KIBIBYTES = 1024  # in a mebibyte
STATUS = Path("/proc/self/status")
PEAK_RESET = Path("/proc/self/clear_refs")
PEAK_RESET_WORD = "5"  # Linux: the peak of resident memory begins anew


@dataclass(frozen=True)
class Gradient:
    """Values of a circuit, and the gradient of their sum under weights.

    by_inputs: empty where training needs none
    by_weights: likewise
    """

    values: Float[Tensor, "circuits batch outputs"]
    by_inputs: Tensor
    by_weights: Tensor

    @property
    def slopes(self) -> Float[Tensor, " numbers"]:
        """All numbers of the gradient in a row."""
        return torch.cat([self.by_inputs.flatten(), self.by_weights.flatten()])


@torch.enable_grad()
def differentiate(batch: CircuitBatch, upstream: Tensor | None = None) -> Gradient:
    """Forward and backward pass; `upstream` weighs the outputs, (outputs,), equally by default."""
    inputs = batch.inputs.clone().requires_grad_(batch.by_inputs)
    weights = batch.weights.clone().requires_grad_(batch.by_weights)
    values = batch.run(inputs, weights)
    leaves = [leaf for leaf in (inputs, weights) if leaf.requires_grad]
    slopes: dict[int, Tensor] = {}
    if leaves and values.requires_grad:
        factors = (
            torch.ones_like(values) if upstream is None else upstream.to(values).expand_as(values)
        )
        gradients = torch.autograd.grad(
            values, leaves, factors, allow_unused=True, materialize_grads=True
        )
        slopes = {id(leaf): slope for leaf, slope in zip(leaves, gradients, strict=True)}
    none = values.new_zeros(0)
    return Gradient(values.detach(), slopes.get(id(inputs), none), slopes.get(id(weights), none))


def time_step(
    step: Callable[[], object], repeated: float = REPEATED_S, *, warm: bool = False
) -> float:
    """Least seconds of a few runs of a step; the first is left out, unless it takes long.

    repeated: seconds beyond which it is not repeated
    warm: whether it has run before
    """
    seconds = math.inf
    spent = 0.0
    for number in range(REPEATS + (not warm)):
        began = time.perf_counter()
        step()
        taken = time.perf_counter() - began
        if number or warm or taken > repeated:
            seconds = min(seconds, taken)
        spent += taken
        if spent > repeated and seconds < math.inf:
            break
    return seconds


def measure_memory(step: Callable[[], object]) -> float:
    """MiB of resident memory that a step takes at its peak; nan where Linux does not tell it."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        PEAK_RESET.write_text(PEAK_RESET_WORD)
        before = _read_status("VmRSS")
        step()
        return max(0.0, _read_status("VmHWM") - before) / KIBIBYTES
    except (OSError, AttributeError):
        return math.nan


def _read_status(name: str) -> float:
    """KiB of a line of this process's status."""
    match = re.search(rf"{name}:\s+(\d+)", STATUS.read_text())
    return float(match[1]) if match else math.nan
