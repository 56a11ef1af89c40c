"""The tests' own check of types and shapes sees what it is there for."""

import importlib
import sys

import jaxtyping
import pytest
import signature
import torch
from beartype.roar import BeartypeCallHintViolation

MODULE = """
from collections.abc import Iterator
from dataclasses import dataclass
from jaxtyping import Float
from torch import Tensor

@dataclass(frozen=True)
class Size:
    qubits: int

@dataclass(frozen=True)
class State:
    values: Float[Tensor, "batch features"]

def halve(value: float) -> float:
    return "half" if value < 0 else value / 2

def multiply(left: Float[Tensor, "a b"], right: Float[Tensor, "b c"]) -> Float[Tensor, "a c"]:
    return left @ right if left.sum() else left

def count(number: int) -> Iterator:
    yield from range(number)

def plain(value):
    def inner(other: int) -> int:
        return other
    return inner(value)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module whose signatures are enforced."""
    (tmp_path / "enforced.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [signature.Finder("enforced"), *sys.meta_path])
    yield importlib.import_module("enforced")
    del sys.modules["enforced"]


def test_what_agrees_with_its_signature_runs(module):
    assert module.halve(1) == 0.5 and module.Size(4).qubits == 4 and module.plain(3) == 3
    assert module.multiply(torch.ones(2, 3), torch.ones(3, 4)).shape == (2, 4)
    assert list(module.count(2)) == [0, 1] and module.State(torch.ones(2, 3)).values.shape == (2, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.halve("one"),
        lambda module: module.halve(-1.0),
        lambda module: module.Size(4.5),
        lambda module: module.plain("one"),
    ],
    ids=["argument", "result", "field", "inner function"],
)
def test_another_type_is_refused(module, call):
    with pytest.raises(BeartypeCallHintViolation):
        call(module)


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.multiply(torch.ones(2, 3), torch.ones(4, 3)),
        lambda module: module.multiply(torch.zeros(2, 3), torch.ones(3, 4)),
        lambda module: module.State(torch.ones(2)),
        lambda module: module.count("one"),
    ],
    ids=["between arguments", "result", "field", "generator"],
)
def test_another_shape_is_refused(module, call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call(module)
