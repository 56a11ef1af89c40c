import subprocess
import sys

import pytest
import torch
from torch import nn

from qtlrun.optimizer import Buffer, Optimizer

RATES = .1, .03  # of two buffers
RECIPES = {
    "adam": {}, "adam with decay": {"weight_decay": .1}, "adamw": {"weight_decay": .1}, "sgd": {},
    "sgd with momentum and decay": {"momentum": .9, "weight_decay": .1}}
TORCH = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def weights():
    """Weights of odd sizes, one of them transposed, in two lists."""
    draw = torch.Generator().manual_seed(0)

    def one(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)
    return [[nn.Parameter(made) for made in some] for some in ([one(3), one(7, 5).T, one(1)], [one(17, 3, 1), one(65)])]


def pair(recipe, made):
    """Our optimizer on `made`, and torch's on weights of its own."""
    kind, theirs = recipe.split()[0], weights()
    groups = [{"params": some, "lr": rate} for some, rate in zip(theirs, RATES, strict=True)]
    mine = Optimizer([Buffer(some, rate) for some, rate in zip(made, RATES, strict=True)], kind, **RECIPES[recipe])
    return mine, TORCH[kind](groups, **RECIPES[recipe]), theirs


def differentiate(made, step):
    """Add to the weights' gradients that of a loss with other curvatures, in each step another one."""
    loss = sum((place + step % 3 + 1) * (weight - .5).sin().square().sum() for some in made for place, weight in enumerate(some)
               if weight.requires_grad)
    loss.backward()


def assert_same(mine, theirs):
    for one, other in zip(sum(mine, []), sum(theirs, []), strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=0, atol=1e-12)  # rounding of twenty steps in float64


@pytest.mark.parametrize("recipe", RECIPES)
def test_weights_move_as_those_of_torch_do(recipe):
    made = weights()
    mine, torchs, theirs = pair(recipe, made)
    assert_same(made, weights())  # a buffer changes no value
    for step in range(20):
        factor = .5 ** (step // 7)
        for group, rate in zip(torchs.param_groups, RATES, strict=True):
            group["lr"] = rate * factor
        for optimizer, some in ((mine.zero, made), (torchs.zero_grad, theirs)):
            optimizer()
            differentiate(some, step)
        mine.step(factor)
        torchs.step()
        assert_same(made, theirs)
    assert all((one - other).abs().max() > .01 for one, other in zip(sum(made, []), sum(weights(), []), strict=True))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("frozen", [range(5), range(4, 9)])
def test_frozen_weights_do_not_move_and_go_on_where_they_were(recipe, frozen):
    made = weights()
    mine, torchs, theirs = pair(recipe, made)
    for step in range(12):
        for weight in made[1] + theirs[1]:
            weight.requires_grad_(step not in frozen)
        before = [weight.detach().clone() for weight in made[1]]
        for zero, some in ((mine.zero, made), (torchs.zero_grad, theirs)):  # torch's are None then, and it skips them
            zero()
            differentiate(some, step)
        mine.step()
        torchs.step()
        assert_same(made, theirs)
        assert all(torch.equal(one, other) == (step in frozen) for one, other in zip(before, made[1], strict=True))
    assert [buffer.steps for buffer in mine.buffers] == [12, 12 - len(frozen)]


def test_gradients_add_up_until_they_are_forgotten():
    made = weights()
    optimizer = Optimizer([Buffer(some, .1) for some in made], "sgd")
    differentiate(made, 0)
    once = [weight.grad.clone() for some in made for weight in some]
    differentiate(made, 0)
    assert all(torch.equal(weight.grad, 2 * one) for weight, one in zip(sum(made, []), once, strict=True))
    optimizer.zero()
    assert not any(weight.grad.any() for weight in sum(made, []))


def test_no_compiler_is_loaded_for_training():
    program = """
import sys
import torch
import qtlrun.train
from qtlrun.optimizer import Buffer, Optimizer
weight = torch.nn.Parameter(torch.ones(3))
for kind in ("adam", "adamw", "sgd"):
    optimizer = Optimizer([Buffer([weight], .1)], kind, .1, .9)
    weight.square().sum().backward()
    optimizer.step()
    optimizer.zero()
print(weight.detach().max() < 1, "torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tensor(True)", "False"], done.stdout
