"""Torch's and NumPy's global modes as a fresh process has them, whatever the caller has set."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter

ACCELERATORS = ("cpu", "cuda", "mps")  # autocast has a switch for each
# How exact float32 is, by the parts of torch.backends: the values that each has in a fresh process.
# The first part overrides others.
PRECISIONS = {
    "": ("none",),
    "cuda.matmul.": ("none", "ieee"),
    "cudnn.": ("none",),
    "cudnn.conv.": ("tf32",),
    "cudnn.rnn.": ("tf32",),
    "mkldnn.": ("none",),
    "mkldnn.matmul.": ("none", "ieee"),
    "mkldnn.conv.": ("none",),
    "mkldnn.rnn.": ("none",),
}


# Pixels of a batch up to which torch's own convolutions are faster than oneDNN's, which take longer
# to begin: a step of the small ResNet takes 1.8 in place of 2.7 ms on 8 pictures of 8 x 8, as long
# on 8 of 16 x 16, and twice as long on 4 of 64 x 64 (2 x AMD EPYC, torch 2.14)
MAX_SMALL_PIXELS = 1024


# Channels from which oneDNN's gradient of a strided 1 x 1 convolution stays within its buffer; with
# fewer, channels last, it writes past it (uxlfoundation/oneDNN issue 6035): by 8 channels on AVX2
MIN_STRIDED_CHANNELS = 16


@contextlib.contextmanager
def fresh() -> Iterator[None]:
    """Set the modes of a fresh process; the caller's come back at the end.

    Gradients on, neither inference mode nor autocast, float32 and the CPU as torch's defaults, no
    anomaly detection, no demand for deterministic algorithms, cuDNN unbenchmarked, oneDNN and
    NNPACK on, float32 as exact as torch's defaults; NumPy warns of all but underflow. Nothing is
    loaded: libraries that are not loaded have no mode.
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


@contextlib.contextmanager
def small_convolutions(items) -> Iterator[None]:
    """Convolve by torch's own kernels within where a batch (items, channels, ...) is small."""
    small = items.device.type == "cpu" and items.dim() == 4
    if not small or items.numel() > MAX_SMALL_PIXELS * items.shape[1]:
        yield
        return
    with contextlib.ExitStack() as stack:
        _set_libraries(stack, enabled=False)
        yield


def find_layout(network):
    """Memory format of a network and its pictures: channels last, where oneDNN can train it so."""
    import torch

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            strided = set(layer.kernel_size) == {1} and max(layer.stride) > 1
            if strided and layer.in_channels < MIN_STRIDED_CHANNELS:
                return torch.contiguous_format
    return torch.channels_last


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
        steps = function(*values, **named)
        end = object()
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
    _set_benchmark(stack, torch.backends.cudnn)
    _set_libraries(stack, enabled=True)
    _set_precision(stack, torch.backends)
    _set(stack, torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode(), 0)


def _set_benchmark(stack: contextlib.ExitStack, cudnn) -> None:
    def put(value: bool) -> None:
        cudnn.benchmark = value

    _set(stack, put, cudnn.benchmark, False)


def _set_libraries(stack: contextlib.ExitStack, enabled: bool) -> None:
    """Let oneDNN and NNPACK convolve, or neither."""
    from torch.backends import mkldnn, nnpack

    def put(on: tuple[bool, bool]) -> tuple[bool, bool]:
        """Switch them, leaving how exact oneDNN is; whether each was on before."""
        before = mkldnn.set_flags(_enabled=on[0], _fp32_precision=None)[0]
        return before, nnpack.set_flags(on[1])[0]

    stack.callback(put, put((enabled, enabled)))


def _set_precision(stack: contextlib.ExitStack, backends) -> None:
    """Make float32 as exact as it is in a fresh process, part by part.

    The caller's values come back in the same order.
    """
    before = {part: attrgetter(f"{part}fp32_precision")(backends) for part in PRECISIONS}

    def restore() -> None:
        _put_precision(backends, {part: (value,) for part, value in before.items()})

    stack.callback(restore)
    _put_precision(backends, PRECISIONS)


def _put_precision(backends, wanted: dict[str, tuple[str, ...]]) -> None:
    for part, values in wanted.items():
        if attrgetter(f"{part}fp32_precision")(backends) not in values:
            owner = attrgetter(part[:-1])(backends) if part else backends
            owner.fp32_precision = values[0]


def _set(stack: contextlib.ExitStack, put: Callable, before: object, value: object) -> None:
    if before != value:
        stack.callback(put, before)
        put(value)
