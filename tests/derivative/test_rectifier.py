"""Calls of torch that rectify: they clamp their input as torch does, and nothing else is one."""

import pytest
import torch
from torch.nn import functional

from qtlrun.derivative.rectifier import RECTIFIERS, read_rectification

VALUES = torch.linspace(-8, 8, 9)


@pytest.mark.parametrize("function", RECTIFIERS)
@pytest.mark.parametrize("bounds", [(0.0, 3.0), (0.0, 6.0)])
def test_a_rectification_clamps_its_values_as_torch_does(function, bounds):
    bounds = bounds if "hardtanh" in function.__name__ else ()
    call = read_rectification(function, VALUES, *bounds)
    items = VALUES.clone()
    assert torch.equal(function(items, *bounds), VALUES.clamp(0, call.ceiling))
    assert call.values is VALUES and call.in_place == (not torch.equal(items, VALUES))


def test_what_begins_below_zero_or_is_smooth_is_no_rectification():
    assert read_rectification(functional.hardtanh, VALUES) is None
    assert read_rectification(functional.hardtanh, VALUES, max_val=2.0) is None
    assert read_rectification(torch.tanh, VALUES) is None
    assert read_rectification(functional.hardtanh, VALUES, min_val=0).ceiling == 1


def test_a_call_may_ask_to_write_over_its_input():
    assert read_rectification(functional.relu, VALUES, True).in_place
    assert read_rectification(functional.relu6, VALUES, inplace=True).in_place
    assert read_rectification(functional.hardtanh, VALUES, 0.0, 6.0, True).in_place
