import pytest
import torch
from torch.nn import functional

from qtlrun.error import UsageError
from qtlrun.head.adapter import Adapter
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.plan import build


def adapter(features=6, classes=3, seeds=(0,), width=4, activation="relu", dtype=torch.float64):
    return Adapter(features, classes, Start(list(seeds), dtype), width, activation)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moved(head, seed=5):
    """The head after something has moved every parameter."""
    with torch.no_grad():
        for number, values in enumerate(head.parameters()):
            values += normal(*values.shape, seed=seed + number)
    return head


def test_it_starts_as_the_linear_head_bit_for_bit():
    x = normal(2, 5, 6)
    assert torch.equal(adapter(seeds=[0, 7])(x), Classical(6, 3, Start([0, 7], torch.float64))(x))


def test_it_starts_with_the_gradients_of_the_linear_head_and_up_moves_first():
    """With up at zero nothing reaches down in the first step, and up's gradient is no zero."""
    x, head, linear = normal(1, 5, 6), adapter(), Classical(6, 3, Start([0], torch.float64))
    for one in (head, linear):
        one(x).square().sum().backward()
    assert torch.equal(head.linear.weight.grad, linear.linear.weight.grad)
    assert not head.down.weight.grad.any() and head.up.weight.grad.any() and head.up.bias.grad.any()


@pytest.mark.parametrize(
    "activation, function",
    [("relu", functional.relu), ("gelu", functional.gelu), ("tanh", torch.tanh)],
)
def test_it_is_the_closed_form_of_a_residual_bottleneck(activation, function):
    head, x = moved(adapter(seeds=[0, 1], activation=activation)), normal(2, 5, 6)
    found = head(x)
    for run in range(2):
        layer = {name: (one.weight[run], one.bias[run]) for name, one in head.named_children()}
        inside = x[run] + functional.linear(
            function(functional.linear(x[run], *layer["down"])), *layer["up"]
        )
        torch.testing.assert_close(
            found[run], functional.linear(inside, *layer["linear"]), rtol=1e-12, atol=1e-12
        )  # float64


def test_its_parameters_are_those_of_the_paper_and_the_linear_layer():
    """Houlsby et al., section 2.1: 2md + d + m for a bottleneck of m between d features."""
    assert (
        sum(one.numel() for one in adapter(512, 2).parameters()) == 2 * 4 * 512 + 512 + 4 + 2 * 513
    )
    assert [name for name, _ in adapter().named_children()] == ["down", "up", "linear"]


def test_a_run_does_not_feel_those_beside_it():
    x = normal(1, 5, 6)
    many, alone = moved(adapter(seeds=[3, 0, 9])), moved(adapter(seeds=[0]))
    alone.load_state_dict({name: value[1:2] for name, value in many.state_dict().items()})
    assert torch.equal(many(x.expand(3, -1, -1))[1:2], alone(x))
    first, again = adapter(seeds=[3, 0]).state_dict(), adapter(seeds=[0]).state_dict()
    assert all(torch.equal(first[name][1:], value) for name, value in again.items())


@pytest.mark.parametrize("width", [0, -2, 10_001])
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(UsageError) as error:
        build(
            "head",
            {"_target_": "qtlrun.head.adapter.Adapter", "width": width, "activation": "relu"},
            features=6,
            classes=3,
            start=Start([0]),
        )
    assert str(error.value) == f"head.width={width}: numbers in the bottleneck, from 1 to 10000."
