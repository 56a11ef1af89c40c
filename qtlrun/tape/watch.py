"""Provenance of tensors in a traced circuit.

What derives from inputs or weights, and whose values are asked for.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntFlag

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Methods that tell a tensor's form, and functions that take its form alone. Whatever else gives a
# number tells its value.
FORM_FUNCTIONS = frozenset(
    [
        "dim",
        "ndimension",
        "size",
        "numel",
        "nelement",
        "element_size",
        "stride",
        "storage_offset",
        "is_contiguous",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "is_inference",
        "is_conj",
        "is_neg",
        "is_same_size",
        "is_tensor",
        "is_shared",
        "is_pinned",
        "is_set_to",
        "is_nested",
        "__len__",
        "__hash__",
        "__repr__",
        "__str__",
        "__dir__",
        "data_ptr",
        "get_device",
        "dense_dim",
        "sparse_dim",
        "result_type",
        "can_cast",
        "promote_types",
        "broadcast_shapes",
        "backward",
        "register_hook",
        "retain_grad",
        "requires_grad_",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "rand_like",
        "randn_like",
        "randint_like",
        "new_zeros",
        "new_ones",
        "new_empty",
        "new_full",
    ]
)
# Checks whose answer does not change what is recorded: PennyLane's of a norm that is one anyway.
HARMLESS_CHECKS = frozenset(
    {
        ("pennylane.ops.qubit.state_preparation", "_preprocess"),
        ("pennylane.templates.state_preparations.mottonen", "__init__"),
        ("pennylane.templates.state_preparations.multiplexer", "__init__"),
    }
)
# Modules that ask for others
INTERMEDIARIES = (
    "torch",
    "autoray",
    "numpy",
    "pennylane.math",
    "qtlrun.tape",
    "jaxtyping",
    "beartype",
)
# Methods whose result is no number, and tells one
TELLING_METHODS = ("__format__", "__dlpack__")
NUMBER_TYPES = (bool, int, float, complex, np.ndarray, np.generic)


class Source(IntFlag):
    """Sources that a tensor derives from."""

    NONE = 0
    INPUTS = 1
    WEIGHTS = 2
    BOTH = 3


class Watch(TorchFunctionMode):
    """Follows inputs and weights through everything that torch computes while the mode is on.

    A tensor is `bent` where its gradient does not tell how it depends on them: a comparison, a
    rounding to integers, a detached copy, and what is computed from one. `asked` says whose values
    left torch, as a truth, a number or an array, so that Python could decide by them.
    """

    def __init__(self, inputs: Tensor, weights: Tensor):
        super().__init__()
        self.asked = Source.NONE
        self._silent = False
        self._marks: dict[int, tuple[Tensor, Source, bool]] = {}
        self._mark(inputs, Source.INPUTS, bent=False)
        self._mark(weights, Source.WEIGHTS, bent=False)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = function.__name__
        if self._silent or name in FORM_FUNCTIONS or (name == "__format__" and args[1:] == ("",)):
            return result
        source = Source.NONE
        bent = False
        for tensor in _tensors((args, tuple(kwargs.values()))):
            mark = self._mark_of(tensor)
            if mark is not None:
                source = source | mark[1]
                bent = bent or mark[2]
        if source:
            self._follow(name, source, bent, args, kwargs, result)
        return result

    def source(self, value: object) -> Source:
        """Sources of a number, a tensor or a list of them."""
        source = Source.NONE
        for tensor in _tensors((value,)):
            mark = self._mark_of(tensor)
            source |= mark[1] if mark else Source.NONE
        return source

    def bent(self, value: object) -> bool:
        """Whether its gradient does not tell how it depends on inputs and weights."""
        marks = map(self._mark_of, _tensors((value,)))
        return any(mark is not None and mark[2] for mark in marks)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Neither mark nor note what is computed.

        For questions whose answers change nothing that is recorded.
        """
        before = self._silent
        self._silent = True
        try:
            yield
        finally:
            self._silent = before

    def _follow(self, name: str, source: Source, bent: bool, args, kwargs: dict, result) -> None:
        """Mark what a function gave or changed, and note a value that left torch."""
        if (
            name in TELLING_METHODS or (name != "__get__" and _leaves(result))
        ) and not _is_excused():
            self.asked |= source
        for tensor in _tensors((result,)):
            self._mark(tensor, source, bent or not tensor.requires_grad)
        changed = kwargs.get("out")
        if name == "__set__":  # of `data`, whose values then have no graph
            changed = args[0]
            bent = True
        elif (
            name == "__setitem__"
            or (name.endswith("_") and not name.endswith("__"))
            or name.startswith("__i")
        ):
            changed = args[0]
        for tensor in _tensors((changed,)):
            self._mark(tensor, source, bent or not tensor.requires_grad)
            if tensor._base is not None:
                self._mark(tensor._base, source, bent or not tensor.requires_grad)

    def _mark(self, tensor: Tensor, source: Source, bent: bool) -> None:
        before = self._marks.get(id(tensor))
        if before is not None:
            source = source | before[1]
            bent = bent or before[2]
        # The tensor is kept, so that its id stays its own
        self._marks[id(tensor)] = (tensor, source, bent)

    def _mark_of(self, tensor: Tensor) -> tuple[Tensor, Source, bool] | None:
        mark = self._marks.get(id(tensor))
        if mark is None and tensor._base is not None:
            mark = self._marks.get(id(tensor._base))
        # Made where no mode sees it, as within torch.func
        if mark is None and tensor.requires_grad:
            mark = tensor, Source.BOTH, False
        return mark


def _tensors(values: Iterable) -> Iterator[Tensor]:
    """The tensors among values, and in their lists."""
    tensors: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            tensors.append(value)
        elif isinstance(value, (tuple, list)):
            tensors += _tensors(value)
    return iter(tensors)


def _leaves(result: object) -> bool:
    """Whether a result is a number or an array, or a list of them."""
    if isinstance(result, (tuple, list)) and not isinstance(result, torch.Size):
        return any(_leaves(item) for item in result)
    return isinstance(result, NUMBER_TYPES)


def _is_excused() -> bool:
    """Whether whoever asks for the value is known to record the same whatever it is."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _name(frame).startswith(INTERMEDIARIES):
        frame = frame.f_back
    return (_name(frame), frame.f_code.co_name) in HARMLESS_CHECKS


def _name(frame) -> str:
    return frame.f_globals.get("__name__", "")
