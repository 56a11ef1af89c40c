"""Torch's and NumPy's global modes as a fresh process has them, whatever the caller has set."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator

ACCELERATORS = ("cpu", "cuda", "mps")  # autocast has a switch for each


@contextlib.contextmanager
def fresh() -> Iterator[None]:
    """Train and evaluate here as the command line would; the caller's modes come back at the end.

    Gradients on, neither inference mode nor autocast, float32 and the CPU as torch's defaults, no
    anomaly detection, no demand for deterministic algorithms, products of float32 in full
    precision; NumPy warns where the caller had it raise. Nothing is loaded: libraries that are not
    loaded have no mode.
    """
    with contextlib.ExitStack() as stack:
        if "numpy" in sys.modules:
            import numpy

            stack.enter_context(
                numpy.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
            )
        if "torch" in sys.modules:
            _enter_torch(stack)
        yield


def freshly(function: Callable) -> Callable:
    """Decorate a function, not a generator, so that it runs in fresh modes."""

    @functools.wraps(function)
    def within(*values, **named):
        with fresh():
            return function(*values, **named)

    return within


def each_freshly(function: Callable) -> Callable:
    """Decorate a generator so that its steps run in fresh modes; between them are the caller's."""

    @functools.wraps(function)
    def within(*values, **named):
        steps, end = function(*values, **named), object()
        while True:
            with fresh():
                step = next(steps, end)
            if step is end:
                return
            yield step

    return within


def _enter_torch(stack: contextlib.ExitStack) -> None:
    import torch

    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    for accelerator in ACCELERATORS:
        if torch.is_autocast_enabled(accelerator):
            stack.enter_context(torch.autocast(accelerator, enabled=False))
    if torch.is_anomaly_enabled():
        stack.enter_context(torch.autograd.set_detect_anomaly(False))
    if torch.get_default_device().type != "cpu":
        stack.enter_context(torch.device("cpu"))
    _set(stack, torch.set_default_dtype, torch.get_default_dtype(), torch.float32)
    _set(stack, torch.set_float32_matmul_precision, torch.get_float32_matmul_precision(), "highest")
    _set(stack, torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode(), 0)


def _set(stack: contextlib.ExitStack, put: Callable, before: object, value: object) -> None:
    if before != value:
        stack.callback(put, before)
        put(value)
