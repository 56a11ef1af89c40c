import subprocess
import sys

import pytest
import torch
from torch import nn

from qtlrun.optimizer import Buffer, Optimizer, scalar_or_per_run


class OldAdam(torch.optim.Optimizer):
    """PennyLane 0.7's Adam, rule by rule: decays of .9 and .99, moments that begin as the first
    slope and its square.
    """

    def __init__(self, groups, weight_decay):
        super().__init__(groups, {"lr": 0.0, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    slope = weight.grad + group["weight_decay"] * weight
                    past = self.state[weight]
                    past["t"] = t = past.get("t", 0) + 1
                    past["m"] = slope if t == 1 else 0.9 * past["m"] + 0.1 * slope
                    past["v"] = slope**2 if t == 1 else 0.99 * past["v"] + 0.01 * slope**2
                    rate = group["lr"] * (1 - 0.99**t) ** 0.5 / (1 - 0.9**t)
                    weight -= rate * past["m"] / (past["v"].sqrt() + 1e-8)


RATES = 0.1, 0.03  # of two buffers
RECIPES = {  # kind, decay, momentum
    "adam": ("adam", 0.0, 0.0),
    "adam with decay": ("adam", 0.1, 0.0),
    "adamw": ("adamw", 0.1, 0.0),
    "sgd": ("sgd", 0.0, 0.0),
    "sgd with momentum and decay": ("sgd", 0.1, 0.9),
    "pennylane_adam": ("pennylane_adam", 0.0, 0.0),
    "pennylane_adam with decay": ("pennylane_adam", 0.1, 0.0),
}
TORCH = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "pennylane_adam": OldAdam,
}


def weights():
    """Weights of odd sizes, one of them transposed, in two lists."""
    draw = torch.Generator().manual_seed(0)

    def one(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    return [
        [nn.Parameter(made) for made in some]
        for some in ([one(3), one(7, 5).T, one(1)], [one(17, 3, 1), one(65)])
    ]


def pair(recipe, made):
    """Our optimizer on `made`, and the other on weights of its own."""
    (kind, decay, momentum), theirs = RECIPES[recipe], weights()
    groups = [{"params": some, "lr": rate} for some, rate in zip(theirs, RATES, strict=True)]
    mine = Optimizer(
        [Buffer(some, [rate], [decay]) for some, rate in zip(made, RATES, strict=True)],
        kind,
        momentum,
    )
    return mine, by_torch(kind, groups, decay, momentum), theirs


def by_torch(kind, groups, decay, momentum):
    """Torch's own; of PennyLane's the rule above."""
    return TORCH[kind](
        groups, weight_decay=decay, **({"momentum": momentum} if kind == "sgd" else {})
    )


def differentiate(made, step):
    """Add the gradient of a loss with other curvatures in each step."""
    loss = sum(
        (place + step % 3 + 1) * (weight - 0.5).sin().square().sum()
        for some in made
        for place, weight in enumerate(some)
        if weight.requires_grad
    )
    loss.backward()


def assert_same(mine, theirs):
    for one, other in zip(sum(mine, []), sum(theirs, []), strict=True):
        torch.testing.assert_close(
            one.detach(), other.detach(), rtol=0, atol=1e-12
        )  # rounding of twenty steps in float64


@pytest.mark.parametrize("recipe", RECIPES)
def test_weights_move_as_those_of_torch_do(recipe):
    made = weights()
    mine, torchs, theirs = pair(recipe, made)
    assert_same(made, weights())  # a buffer changes no value
    for step in range(20):
        factor = 0.5 ** (step // 7)
        for group, rate in zip(torchs.param_groups, RATES, strict=True):
            group["lr"] = rate * factor
        for optimizer, some in ((mine.zero, made), (torchs.zero_grad, theirs)):
            optimizer()
            differentiate(some, step)
        mine.step(factor)
        torchs.step()
        assert_same(made, theirs)
    assert all(
        (one - other).abs().max() > 0.01
        for one, other in zip(sum(made, []), sum(weights(), []), strict=True)
    )


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("frozen", [range(5), range(4, 9)])
def test_frozen_weights_do_not_move_and_go_on_where_they_were(recipe, frozen):
    made = weights()
    mine, torchs, theirs = pair(recipe, made)
    for step in range(12):
        for weight in made[1] + theirs[1]:
            weight.requires_grad_(step not in frozen)
        before = [weight.detach().clone() for weight in made[1]]
        for zero, some in (
            (mine.zero, made),
            (torchs.zero_grad, theirs),
        ):  # torch's are None then, and it skips them
            zero()
            differentiate(some, step)
        mine.step()
        torchs.step()
        assert_same(made, theirs)
        assert all(
            torch.equal(one, other) == (step in frozen)
            for one, other in zip(before, made[1], strict=True)
        )
    assert [buffer.steps for buffer in mine.buffers] == [12, 12 - len(frozen)]


OWN_RATES, OWN_DECAYS = [0.1, 0.003, 1.0, 0.03], [0.0, 0.1, 0.02, 1e-3]  # of four runs


def of_runs(dtype, chosen=slice(None)):
    """Weights of four runs, whose first axis is theirs; odd sizes, one transposed."""
    draw = torch.Generator().manual_seed(1)
    shapes = [(4, 3), (4, 7, 5), (4, 1), (4, 17)]
    made = [
        torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype)[chosen].contiguous()
        for shape in shapes
    ]
    return [nn.Parameter(one.transpose(1, 2) if one.dim() == 3 else one) for one in made]


def moved(made, optimizer, zero, factor=lambda step: 1.0, steps=20):
    """The weights after so many steps."""
    for step in range(steps):
        zero()
        differentiate([made], step)
        optimizer(factor(step))
    return [weight.detach().clone() for weight in made]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("decays", [OWN_DECAYS, [0.1] * 4, [0.0] * 4])
@pytest.mark.parametrize(
    "kind, momentum",
    [("adam", 0.0), ("adamw", 0.0), ("sgd", 0.0), ("sgd", 0.9), ("pennylane_adam", 0.0)],
)
def test_a_run_with_a_rate_and_decay_of_its_own_ends_as_it_does_alone_to_the_bit(
    kind, momentum, decays, dtype
):
    def trained(runs, rates, decays):
        made = of_runs(dtype, runs)
        optimizer = Optimizer([Buffer(made, rates, decays)], kind, momentum)
        return moved(made, optimizer.step, optimizer.zero, lambda step: 0.5 ** (step // 7))

    among = trained(slice(None), OWN_RATES, decays)
    for run in range(4):
        alone = trained(slice(run, run + 1), OWN_RATES[run : run + 1], decays[run : run + 1])
        assert all(torch.equal(many[run], one[0]) for many, one in zip(among, alone, strict=True))
    last = trained(slice(2, 4), OWN_RATES[2:], decays[2:])
    assert all(torch.equal(many[2:], two) for many, two in zip(among, last, strict=True))
    same = trained(slice(None), [0.1] * 4, decays)
    assert torch.equal(same[1][0], among[1][0]) and not any(
        torch.equal(same[1][run], among[1][run]) for run in (1, 2, 3)
    )


def factors(step):
    """Of four runs: the first keeps its rates, the others' fall in steps of their own."""
    return [1.0, 0.5 ** (step // 7), 0.3 ** (step // 4), 0.1 ** (step > 11)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rates", [OWN_RATES, [0.03] * 4])
@pytest.mark.parametrize("decays", [OWN_DECAYS, [0.1] * 4, [0.0] * 4])
@pytest.mark.parametrize(
    "kind, momentum",
    [("adam", 0.0), ("adamw", 0.0), ("sgd", 0.0), ("sgd", 0.9), ("pennylane_adam", 0.0)],
)
def test_a_run_with_a_factor_of_its_own_ends_as_it_does_alone_to_the_bit(
    kind, momentum, decays, rates, dtype
):
    def trained(runs, factor):
        made = of_runs(dtype, runs)
        optimizer = Optimizer([Buffer(made, rates[runs], decays[runs])], kind, momentum)
        return moved(made, optimizer.step, optimizer.zero, factor)

    among = trained(slice(None), lambda step: scalar_or_per_run(factors(step)))
    for run in range(4):
        alone = trained(slice(run, run + 1), lambda step, run=run: factors(step)[run])
        assert all(torch.equal(many[run], one[0]) for many, one in zip(among, alone, strict=True))
    same = trained(slice(None), lambda step: 1.0)
    assert torch.equal(same[0][0], among[0][0]) and not any(
        torch.equal(same[0][run], among[0][run]) for run in (1, 2, 3)
    )


@pytest.mark.parametrize("eps", [1e-8, 1e-3, 0.5])
@pytest.mark.parametrize("kind", ["adam", "adamw", "pennylane_adam"])
def test_the_first_step_of_every_adam_is_the_rate_times_the_slope_over_its_size_and_eps(kind, eps):
    slopes = torch.tensor([2.0, -0.25, 1e-3], dtype=torch.float64)
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = Optimizer([Buffer([weight], [0.1], [0.0])], kind, eps=eps)
    (weight * slopes).sum().backward()
    optimizer.step()
    torch.testing.assert_close(
        weight.detach(), -0.1 * slopes / (slopes.abs() + eps), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(
    "kind, momentum",
    [("adam", 0.0), ("adamw", 0.0), ("sgd", 0.0), ("sgd", 0.9), ("pennylane_adam", 0.0)],
)
def test_each_run_moves_as_torch_moves_it_at_its_own_rate_and_decay(kind, momentum):
    rates = [
        rate / (10 if kind == "sgd" else 1) for rate in OWN_RATES
    ]  # a step of 1 throws its weights about
    made = of_runs(torch.float64)
    mine = Optimizer([Buffer(made, rates, OWN_DECAYS)], kind, momentum)
    among = moved(made, mine.step, mine.zero)
    for run in range(4):
        theirs = of_runs(torch.float64, slice(run, run + 1))
        torchs = by_torch(kind, [{"params": theirs, "lr": rates[run]}], OWN_DECAYS[run], momentum)
        alone = moved(theirs, lambda factor: torchs.step(), torchs.zero_grad)
        for many, one in zip(among, alone, strict=True):
            torch.testing.assert_close(
                many[run], one[0], rtol=0, atol=1e-11
            )  # rounding of twenty steps in float64
    starts = of_runs(torch.float64)
    assert all((one - start).abs().max() > 1e-3 for one, start in zip(among, starts, strict=True))


def test_the_first_step_of_pennylanes_old_adam_is_the_rate_and_the_next_ones_are_shorter():
    """Under a constant slope the moments stay at it and its square, and what unbiases them starts
    at 1 and falls below.
    """
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer, places = Optimizer([Buffer([weight], [0.25], [0.0])], "pennylane_adam"), []
    for _ in range(30):
        optimizer.zero()
        (weight * torch.tensor([5.0, -0.5], dtype=torch.float64)).sum().backward()
        optimizer.step()
        places.append(weight.detach().clone())
    torch.testing.assert_close(
        places[0], torch.tensor([0.75, -1.75], dtype=torch.float64), rtol=0, atol=1e-8
    )  # 1e-8 is added
    moves = torch.stack(places).diff(dim=0)[:, 1]
    expected = [0.25 * (1 - 0.99**t) ** 0.5 / (1 - 0.9**t) for t in range(2, 31)]
    torch.testing.assert_close(
        moves, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-8
    )
    assert max(expected) < 0.25


def test_gradients_add_up_until_they_are_forgotten():
    made = weights()
    optimizer = Optimizer([Buffer(some, [0.1], [0.0]) for some in made], "sgd")
    differentiate(made, 0)
    once = [weight.grad.clone() for some in made for weight in some]
    differentiate(made, 0)
    assert all(
        torch.equal(weight.grad, 2 * one) for weight, one in zip(sum(made, []), once, strict=True)
    )
    optimizer.zero()
    assert not any(weight.grad.any() for weight in sum(made, []))


def test_no_compiler_is_loaded_for_training():
    program = """
import sys
import torch
import qtlrun.train
from qtlrun.optimizer import Buffer, Optimizer
weight = torch.nn.Parameter(torch.ones(3))
for kind in ("adam", "adamw", "sgd", "pennylane_adam"):
    optimizer = Optimizer([Buffer([weight], [.1], [.1])], kind, .9)
    weight.square().sum().backward()
    optimizer.step()
    optimizer.zero()
print(weight.detach().max() < 1, "torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["tensor(True)", "False"], done.stdout


@pytest.mark.parametrize("recipe", RECIPES)
def test_weights_that_a_run_holds_stay_and_the_others_have_the_same_bits(recipe):
    kind, decay, momentum = RECIPES[recipe]

    def train(held):
        draw = torch.Generator().manual_seed(1)
        made = [nn.Parameter(torch.randn(3, 5, 2, generator=draw)) for _ in range(2)]
        start = [weight.detach().clone() for weight in made]
        marks = {made[0]: torch.tensor([False, True, False])} if held else None
        optimizer = Optimizer([Buffer(made, [0.1], [decay], marks)], kind, momentum)
        for step in range(5):
            optimizer.zero()
            differentiate([made], step)
            optimizer.step()
        return start, made

    start, made = train(held=True)
    _, free = train(held=False)
    assert torch.equal(made[0][1], start[0][1]) and not torch.equal(free[0][1], start[0][1])
    assert torch.equal(made[0][::2], free[0][::2]) and torch.equal(made[1], free[1])
