import math

import jaxtyping
import pytest
import torch
from scipy import stats
from torch import nn

from qtlrun.layer import ACTIVATIONS, LANES, Linear, Start, generator

SEEDS = [3, 0, 11]


def test_a_linear_layer_is_a_torch_linear_layer_for_each_run():
    layer = Linear(Start(SEEDS, torch.float64), "post", 37, 5)
    x = torch.randn(3, 7, 37, dtype=torch.float64, generator=generator(0), requires_grad=True)
    upstream = torch.randn(3, 7, 5, dtype=torch.float64, generator=generator(1))
    layer(x).backward(upstream)
    for run in range(3):
        alone = nn.Linear(37, 5, dtype=torch.float64)
        alone.weight.data, alone.bias.data = layer.weight[run].data, layer.bias[run].data
        mine = x[run].detach().requires_grad_()
        y = alone(mine)
        y.backward(upstream[run])
        # sums of 37 products of order 1 in float64
        torch.testing.assert_close(layer(x)[run], y, rtol=0, atol=1e-13)
        torch.testing.assert_close(layer.weight.grad[run], alone.weight.grad, rtol=0, atol=1e-13)
        torch.testing.assert_close(layer.bias.grad[run], alone.bias.grad, rtol=0, atol=1e-13)
        torch.testing.assert_close(x.grad[run], mine.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("inputs, outputs", [(64, 4), (37, 5), (1, 1), (16, 16), (512, 2)])
def test_a_linear_layer_has_only_the_parameters_of_its_sizes(inputs, outputs):
    layer = Linear(Start([0]), "post", inputs, outputs)
    shapes = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    assert shapes == {"weight": (1, outputs, inputs), "bias": (1, outputs)}
    assert layer(torch.zeros(1, 3, inputs)).shape == (1, 3, outputs)


def test_a_line_of_memory_holds_the_lanes():
    assert (
        LANES * torch.float32.itemsize == 64
    )  # bytes of a cache line, to which torch aligns what it allocates
    assert torch.empty(1).data_ptr() % 64 == 0


def test_start_values_are_uniform_within_one_over_the_root_of_the_inputs():
    weight = Linear(Start([0], torch.float64), "pre", 512, 64).weight.detach().flatten()
    bound = 1 / math.sqrt(512)  # that of torch.nn.Linear
    # that none of 32768 values reaches the outermost thousandth has a chance of 6e-15
    assert 0.999 * bound < weight.abs().max() < bound
    # Kolmogorov-Smirnov; another shape of the same range, as a triangle's, has a p below 1e-100
    assert stats.kstest(weight.numpy(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
    # torch's own layer, for the same bound
    torch.manual_seed(0)
    assert (
        stats.ks_2samp(weight.numpy(), nn.Linear(512, 64).weight.detach().flatten().numpy()).pvalue
        > 1e-3
    )


def test_normal_values_have_the_spread_asked_for():
    values = Start([0], torch.float64).normal("angles", (100, 100), 0.01).flatten()
    # a spread wrong by 10 % has a p below 1e-4
    assert stats.kstest(values.numpy(), stats.norm(0, 0.01).cdf).pvalue > 1e-2


@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_a_run_starts_alike_whatever_runs_stand_beside_it(draw):
    together = getattr(Start(SEEDS), draw)("pre.weight", (4, 9), 0.5)
    for run, seed in enumerate(SEEDS):
        assert torch.equal(
            getattr(Start([seed]), draw)("pre.weight", (4, 9), 0.5)[0], together[run]
        )
    assert not torch.equal(together[0], together[1])


def test_start_values_do_not_depend_on_what_was_drawn_before():
    first, second = Start([0]), Start([0])
    second.uniform("something else", (3,), 1.0)
    torch.manual_seed(5)
    assert torch.equal(
        first.uniform("pre.weight", (4, 9), 0.5), second.uniform("pre.weight", (4, 9), 0.5)
    )


def test_start_values_of_two_names_differ():
    start = Start([0])
    assert not torch.equal(
        start.uniform("pre.weight", (4, 9), 0.5), start.uniform("post.weight", (4, 9), 0.5)
    )


def test_start_values_are_drawn_in_float64_and_cast():
    wide, narrow = (
        Start([4], dtype).uniform("pre.weight", (4, 9), 0.5)
        for dtype in (torch.float64, torch.float32)
    )
    assert narrow.dtype == torch.float32 and torch.equal(wide.float(), narrow)


def test_a_generator_belongs_to_one_seed_and_one_purpose():
    streams = [
        generator(*words)
        for words in ((0, "order"), (1, "order"), (0, "augment"), (0, "order", 1), (10, "order"))
    ]
    draws = {tuple(torch.randperm(20, generator=stream).tolist()) for stream in streams}
    assert len(draws) == len(streams)
    again = [torch.randperm(20, generator=generator(0, "order")) for _ in range(2)]
    assert torch.equal(*again)


def test_the_shapes_in_signatures_are_enforced_here():
    with pytest.raises(jaxtyping.TypeCheckError):
        Linear(Start([0]), "post", 4, 2)(torch.zeros(3, 4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.double])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_has_the_same_bits_alone_and_among_others(name, dtype):
    """Places in a vector of the processor, and behind the last whole one."""
    x = torch.randn(5, 3, dtype=dtype, requires_grad=True)
    slopes = torch.autograd.grad(ACTIVATIONS[name](x).sum(), x)[0]
    for run in range(5):
        alone = x[run : run + 1].detach().clone().requires_grad_()
        value = ACTIVATIONS[name](alone)
        assert torch.equal(value[0], ACTIVATIONS[name](x)[run])
        assert torch.equal(torch.autograd.grad(value.sum(), alone)[0][0], slopes[run])


def test_gelu_is_torchs():
    x = torch.linspace(-6, 6, 101, dtype=torch.double)
    assert torch.allclose(
        ACTIVATIONS["gelu"](x), torch.nn.functional.gelu(x), rtol=1e-12, atol=1e-15
    )
