"""Measurements of the checks, against closed forms."""

import functools
import math

import pytest
import torch
from torch import nn

from qtlrun.diagnosis import CHECKS, examine
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.curvature import find_curvature
from qtlrun.diagnosis.graph import PASSES, count_saved
from qtlrun.diagnosis.rehearsal import FirstSteps
from qtlrun.diagnosis.slope import find_slopes
from qtlrun.diagnosis.trace import trace_pass
from qtlrun.layer import generator, reseeded

ITEMS = torch.randn(40, 3, generator=generator(0, "items"))
LABELS = (ITEMS[:, 0] > 0).long()


def make_case(build, optimizer=None, items=ITEMS, seed=0):
    """Case of a model that a function builds, from a seed."""
    with reseeded(seed):
        model = build()
    return Case(
        "model",
        model,
        items,
        LABELS,
        2,
        optimizer and optimizer(model.parameters()),
        frozenset(),
        functools.partial(make_case, build, optimizer, items),
        lambda case: [],
        seed=seed,
    )


def zero_layer():
    layer = nn.Linear(3, 2, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def network():
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 2))


ADAM = functools.partial(torch.optim.Adam, lr=0.01)


@pytest.mark.parametrize("optimizer", [None, ADAM])
@pytest.mark.parametrize("seed", range(3))
def test_a_sound_network_has_no_finding(optimizer, seed):
    case = make_case(network, optimizer, seed=seed)
    examination = examine(case, CHECKS)
    assert examination.is_sound, [finding.check.code for finding in examination.findings]


def test_the_curvature_of_a_logistic_regression_is_that_of_its_closed_form():
    """At weights of 0 the Hessian is E[x x'] times I/2 - J/4, whose eigenvalues are 1/2 and 0."""
    moments = ITEMS.double().T @ ITEMS.double() / len(ITEMS)
    expected = torch.linalg.eigvalsh(moments)[-1].item() / 2
    # Power iteration stops short of it by the gap to the next eigenvalue
    assert find_curvature(make_case(zero_layer)) == pytest.approx(expected, rel=0.02)


def test_slopes_agree_with_autograd_in_float64():
    slopes = find_slopes(make_case(network))
    assert {name for slope in slopes for name in slope.names} == {
        name for name, _ in network().named_parameters()
    }
    # A central difference of 1e-4 leaves its square, times the third derivative
    assert max(slope.error for slope in slopes) < 1e-5


def test_a_rehearsal_starts_at_chance_and_follows_gradient_descent():
    rate = 0.1
    case = make_case(zero_layer, functools.partial(torch.optim.SGD, lr=rate))
    steps = case.rehearsal
    signs = (1 - 2 * LABELS).float()
    slope = (signs.unsqueeze(1) * ITEMS).mean(0) / 2
    after = torch.stack([slope, -slope]) * rate
    loss = nn.functional.cross_entropy(ITEMS @ after.T, LABELS).item()
    assert steps.losses[0] == pytest.approx(math.log(2), abs=1e-6)
    assert steps.losses[1] == pytest.approx(loss, abs=1e-6)
    assert steps.moves["weight"] == pytest.approx(after.norm().item(), rel=1e-5)
    assert not case.model.weight.any()  # of the case itself nothing moves


class Keeping(nn.Module):
    """Layer that keeps its last output, or all of them."""

    def __init__(self, count):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.count = count
        self.outputs = []

    def forward(self, items):
        logits = self.layer(items)
        self.outputs = [*self.outputs, logits.square()][-self.count :]
        return logits


def test_a_graph_that_is_replaced_does_not_grow():
    counts = count_saved(make_case(lambda: Keeping(1)))
    assert len(set(counts)) == 1


def test_graphs_that_are_all_kept_grow_by_the_same_number_each_pass():
    counts = count_saved(make_case(lambda: Keeping(100)))
    assert counts == [counts[0] * number for number in range(1, PASSES + 1)]
    assert counts[0] > 0


def test_a_trace_names_where_a_pass_fails_and_who_was_called_before():
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(4, 2))
    trace = trace_pass(model, ITEMS)
    assert trace.failure.name == "2"
    assert trace.failure.inputs[0].shape == (40, 5)
    assert trace.order == {"": 0, "0": 1, "1": 2, "2": 3}


def test_a_trace_sees_activations_of_functions_and_modules_alike():
    values = torch.tensor([[-9.0, -0.1, 0.1], [9.0, 0.1, 0.1]])

    class Squashed(nn.Module):
        def forward(self, items):
            return torch.stack([items.tanh(), nn.functional.relu(items), nn.Sigmoid()(items)])

    tanh, relu, sigmoid = trace_pass(Squashed(), values).activations
    assert tanh.saturated == sigmoid.saturated == pytest.approx(1 / 3)
    assert (relu.units, relu.dead) == (3, 0)


def test_a_unit_is_dead_where_it_is_0_for_all_items():
    values = torch.tensor([[-9.0, -0.1, 0.1], [-9.0, 0.1, 0.1]])
    (relu,) = trace_pass(nn.ReLU(), values).activations
    assert relu.dead == pytest.approx(1 / 3)


def test_a_number_is_a_unit_of_a_sequence_and_a_relu6_is_a_relu():
    values = torch.full((2, 5, 4), -1.0)
    values[0, 0, 0] = 1
    (relu,) = trace_pass(nn.ReLU6(), values).activations
    assert (relu.units, relu.dead) == (4, 0.75)


class InPlace(nn.Module):
    def forward(self, items):
        return items.clone().tanh_()


def test_a_squashing_in_place_is_seen():
    values = torch.tensor([[9.0, 0.1]])
    (tanh,) = trace_pass(InPlace(), values).activations
    assert tanh.function == "tanh" and tanh.saturated == 0.5


def test_a_channel_is_dead_where_it_is_0_in_all_places():
    pictures = torch.full((4, 2, 3, 3), -1.0)
    pictures[0, 0, 1, 1] = 1
    (relu,) = trace_pass(nn.ReLU(), pictures).activations
    assert (relu.units, relu.dead) == (2, 0.5)


class Table(nn.Module):
    """Table whose gradient is sparse."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 4, sparse=True)
        self.last = nn.Linear(4, 2)

    def forward(self, items):
        return self.last(self.table(items.argsort(1)).mean(1))


class Complex(nn.Module):
    """Absolute values of complex numbers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2, dtype=torch.complex64))

    def forward(self, items):
        return (items.to(self.weight) @ self.weight).abs()


class TrainingOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, items):
        if not self.training:
            raise KeyError("evaluation")
        return self.layer(items)


@pytest.mark.parametrize(
    "build, optimizer",
    [
        (Table, functools.partial(torch.optim.SGD, lr=0.1)),
        (Complex, ADAM),
        (TrainingOnly, ADAM),
        (lambda: torch.jit.script(nn.Linear(3, 2)), ADAM),
        (lambda: nn.Linear(3, 2), torch.optim.LBFGS),
        (lambda: nn.Linear(3, 2).bfloat16(), None),
        (nn.Identity, None),
    ],
    ids=["sparse", "complex", "training only", "scripted", "closure", "bfloat16", "no weight"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_unusual_module_ends_no_examination(build, optimizer):
    examination = examine(make_case(build, optimizer), CHECKS)
    idle = sum(map(len, examination.idle.values()))
    assert examination.checks + idle + len(examination.unable) == len(CHECKS)
    assert len(examination.findings) <= 1


class Growing(nn.Module):
    """Logits that begin at exp(5 w) of the first number; Adam moves w by .01 a step."""

    def __init__(self, start):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))

    def forward(self, items):
        value = (5 * self.weight).exp() * items[:, 0]
        return torch.stack([-value, value], 1)


@pytest.mark.parametrize("start, is_found", [(-1.4, False), (-6.0, True)])
def test_a_start_that_leaves_chance_after_forty_steps_is_not_at_chance(start, is_found):
    """The gain is exp(5 w) E|x|, .01 nats after about 54 steps from w = -1.4."""
    case = make_case(lambda: Growing(start))
    gains = [math.log(2) - loss for loss in case.exercise.losses]
    assert max(gains) < 0.01
    codes = {finding.check.code for finding in examine(case, CHECKS).findings}
    assert ("Q501" in codes) is is_found


@pytest.mark.parametrize("lowest, is_found", [(0.4, False), (0.9, True)])
def test_a_jump_at_the_last_step_is_no_collapse(lowest, is_found):
    """A constant prediction of two classes has .69 nats at most."""
    case = make_case(network)
    one_class = torch.tensor([[1.0, 0.0]]).expand(len(ITEMS), 2)
    case.__dict__["exercise"] = FirstSteps([3.0] * 35 + [lowest, 3.0], after=one_class)
    codes = {finding.check.code for finding in examine(case, CHECKS).findings}
    assert ("Q502" in codes) is is_found
