"""Contracts of the groups, and parts that are held against them."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from qtlrun.contract import CONTRACTS
from qtlrun.contract.check import (
    check_part,
    complete_part,
    described,
    optional,
    optional_members,
    required,
)
from qtlrun.error import UsageError
from qtlrun.plan import GROUPS


def test_every_group_has_a_contract():
    assert set(CONTRACTS) == {*GROUPS, "lens", "study"}


@pytest.mark.parametrize("group", CONTRACTS)
def test_a_contract_describes_each_of_its_members(group):
    known = set(described(group))
    plain = {"state_dict", "__call__"} | (set(required("recipe")) if group == "recipe" else set())
    assert {*required(group), *optional(group)} - plain <= known
    assert required(group)


def test_a_part_that_lacks_members_is_refused_with_them_and_the_contract():
    with pytest.raises(UsageError) as caught:
        check_part("freeze", SimpleNamespace(apply=print, count=len), "freeze", "mine.Frost")
    words = str(caught.value)
    assert words.startswith(
        "freeze: mine.Frost has no check and no fixed and no normalises; a freeze has apply (sets"
    )
    assert "qtlrun.contract.FreezeRule" in words


def test_a_parametrization_of_no_weight_needs_nothing_else():
    check_part("parametrization", SimpleNamespace(weights=()), "parametrization", "mine.None")
    with pytest.raises(UsageError, match="no added"):
        check_part("parametrization", SimpleNamespace(weights=("*",)), "parametrization", "mine.N")


def test_a_part_is_given_the_defaults_that_it_leaves_out_and_keeps_its_own():
    head = complete_part("head", SimpleNamespace(settings=7))
    assert head.settings == 7 and head.solve is None and head.amplitudes is False


def test_a_frozen_part_is_completed_too():
    @dataclass(frozen=True)
    class Device:
        name: str

    device = complete_part("device", Device("mine"))
    assert device.exact is True and device.drawing is None and device.name == "mine"


def test_optional_members_are_read_without_a_trace():
    circuit = SimpleNamespace(depth=3)
    assert optional_members("circuit", circuit) == {
        "inputs": None,
        "depth": 3,
        "direct": False,
        "copies": 1,
        "idle": frozenset(),
    }
    assert vars(circuit) == {"depth": 3}
