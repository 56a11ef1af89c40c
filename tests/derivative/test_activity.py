"""Dead rectifiers and saturated squashings, wherever they are called."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from qtlrun.derivative.activity import Activity


def run(network, *batches):
    activity = Activity()
    for items in batches:
        with activity.watch({"": network}):
            network(items)
    return activity.units


class Function(nn.Module):
    """A rectifier that is called as a function, between two squashings."""

    def forward(self, x):
        return torch.sigmoid(functional.relu6(x.tanh()))


def test_a_unit_is_dead_where_no_item_of_any_batch_has_it():
    first = torch.tensor([[1.0, -1.0, -1.0, 0.0]])
    second = torch.tensor([[-1.0, 2.0, -1.0, 0.0]])
    (units,) = run(nn.Sequential(nn.ReLU()), first, second).values()
    assert units.kind == "dead" and units.units == 4 and units.share == 0.5


def test_a_channel_of_maps_is_one_unit():
    maps = -torch.ones(2, 3, 4, 4)
    maps[1, 2, 0, 0] = 1
    (units,) = run(nn.Sequential(nn.ReLU(inplace=True)), maps).values()
    assert units.units == 3 and abs(units.share - 2 / 3) < 1e-6


def test_functions_are_seen_as_modules_are():
    found = run(nn.Sequential(Function()), torch.tensor([[-9.0, 9.0, 0.5, 0.1]]))
    assert [(name, units.kind) for (name, _), units in found.items()] == [
        ("0", "saturated"),
        ("0", "dead"),
        ("0", "saturated"),
    ]
    squashed, rectified, last = found.values()
    assert squashed.share == 0.5 and rectified.share == 0.25 and last.share == 0.0


@pytest.mark.parametrize("layer, dead", [(nn.ReLU6(), 1.0), (nn.Hardtanh(), None)])
def test_a_hard_tanh_is_a_rectifier_where_it_begins_at_zero(layer, dead):
    activity = Activity()
    with activity.watch({"net": layer}):
        layer(torch.full((4, 3), -0.3))
    shares = [unit.share for unit in activity.units.values()]
    assert shares == ([] if dead is None else [dead])
