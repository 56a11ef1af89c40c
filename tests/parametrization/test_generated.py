import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from qtlrun.device.statevector import Statevector
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.parametrization.generated import HEAD, Generated
from qtlrun.parametrization.quantum_train import QuantumTrain


class Picky(nn.Module):
    """All that is lost when a network is read again from its layers: padding, groups, dilation,
    functions, statistics.
    """

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, groups=2),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 2, dilation=2, stride=2),
        )
        self.head = Classical(4, 3, Start([0]))

    def features(self, x):
        return (
            functional.relu(functional.avg_pool2d(functional.gelu(self.backbone(x)), 2))
            .flatten(1)
            .unsqueeze(0)
        )

    def forward(self, x):
        return self.head(self.features(x))


NAMES = list(dict(Picky().named_parameters()))
SOME = ["backbone.0.weight", "backbone.2.weight", "backbone.2.bias", "head.linear.weight"]


def part(**values):
    return QuantumTrain(
        **{"weights": ["*"], "depth": 2, "mapping": [4], "device": Statevector()} | values
    )


def pair(names, seed=0, **values):
    """A module and the same with these weights generated."""
    torch.manual_seed(seed)
    module = Picky()
    return module, Generated(copy.deepcopy(module), part(**values), names, Start([seed]))


def items(number=5):
    return torch.randn(number, 2, 6, 6, generator=torch.Generator().manual_seed(number))


def filled(module, made):
    """A copy of the module with the generated weights written into it."""
    other = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in made.weights().items():
            other.get_parameter(name).copy_(value)
    return other


@pytest.mark.parametrize("names", [NAMES, SOME, ["head.linear.bias"]])
@pytest.mark.parametrize("training", [True, False])
def test_the_module_gives_what_it_would_give_with_these_weights_its_own(names, training):
    module, made = pair(names)
    other = filled(module, made)
    for one in (made, other):
        one.train(training)
    assert torch.equal(made(items()), other(items()))
    assert torch.equal(made.settled()(items()), other(items())) and torch.equal(
        made.features(items()), other.features(items())
    )
    assert not torch.equal(other(items()), module.train(training)(items()))


def test_it_owns_none_of_the_generated_weights_and_all_of_the_others():
    module, made = pair(SOME)
    inner = dict(made.model.named_parameters())
    assert set(inner) == set(NAMES) - set(SOME)
    assert set(made.state_dict()) == {
        f"generator.{name}" for name in made.generator.state_dict()
    } | {f"model.{name}" for name in module.state_dict() if name not in SOME}
    assert {name.partition(".")[0] for name in made.generator.state_dict()} <= {"raw", "unit"}
    numbers = sum(one.numel() for one in made.parameters())
    assert numbers == made.generator.trained + sum(
        dict(module.named_parameters())[name].numel() for name in inner
    )


def test_gradients_reach_the_generator_and_what_is_not_generated_and_nothing_else():
    module, made = pair(SOME)
    made(items()).square().sum().backward()
    reached = {
        name for name, one in made.named_parameters() if one.grad is not None and one.grad.any()
    }
    assert {name for name, _ in made.named_parameters()} - reached <= {
        "model.backbone.0.bias"
    }  # before a batch norm
    assert all(one.grad is None for one in module.parameters()) and any(
        name.startswith("generator.raw.angles") for name in reached
    )


def test_the_gradient_is_the_chain_rules():
    module, made = pair(NAMES)
    other = filled(module, made).eval()
    made.eval()
    flat = made.generator()
    upstream = torch.autograd.grad(
        other(items()).square().sum(), [other.get_parameter(name) for name in NAMES]
    )
    right = torch.autograd.grad(
        (flat[0] * torch.cat([one.flatten() for one in upstream])).sum(),
        list(made.generator.parameters()),
    )
    mine = torch.autograd.grad(made(items()).square().sum(), list(made.generator.parameters()))
    torch.testing.assert_close(mine, right, rtol=1e-4, atol=1e-6)  # float32


def test_the_weights_are_cut_in_the_order_of_the_state_dict():
    module, made = pair(NAMES)
    with torch.no_grad():
        nn.utils.vector_to_parameters(made.generator()[0], module.parameters())
    known = [name for name in module.state_dict() if name in dict(module.named_parameters())]
    assert list(made.weights()) == known == NAMES
    for name, value in made.weights().items():
        assert torch.equal(value, module.get_parameter(name))


def test_the_statistics_of_a_batch_norm_are_not_generated_and_move_in_training_alone():
    module, made = pair(NAMES)
    before = {name: one.clone() for name, one in made.model.named_buffers() if "begin" not in name}
    assert {
        "backbone.1.running_mean",
        "backbone.1.running_var",
        "backbone.1.num_batches_tracked",
    } == set(before)
    made.eval()(items())
    assert all(torch.equal(one, before[name]) for name, one in made.model.named_buffers())
    other = filled(module, made).train()
    made.train()(items())
    other(items())
    for name, one in made.model.named_buffers():
        assert not torch.equal(one, before[name]) and torch.equal(one, other.get_buffer(name))


def test_a_plain_copy_owns_its_weights_and_gives_the_same():
    module, made = pair(SOME, added=True)
    with torch.no_grad():
        made.generator.raw.layers[-1].weight.add_(0.1)
    plain = made.eval().plain()
    assert set(plain.state_dict()) == set(module.state_dict())
    assert torch.equal(plain(items()), made(items()))
    before = plain(items())
    with torch.no_grad():
        made.generator.raw.layers[-1].weight.add_(1.0)
    assert torch.equal(plain(items()), before) and not torch.equal(made(items()), before)


@pytest.mark.parametrize("source", ["circuit", "constant", "hashing", "low_rank"])
def test_what_is_added_begins_exactly_at_the_module_and_leaves_it(source):
    module, made = pair(SOME, added=True, source=source)
    for one in (module, made):
        one.eval()
    assert torch.equal(made(items()), module(items()))
    loss = made(items()).square().sum()
    loss.backward()
    torch.optim.SGD(made.generator.parameters(), lr=0.1).step()
    assert all(not torch.equal(made.weights()[name], module.get_parameter(name)) for name in SOME)


@pytest.mark.parametrize(
    "names", [["head.linear.weight"], ["head.linear.weight", "head.linear.bias"]]
)
@pytest.mark.parametrize("added", [False, True])
def test_three_runs_of_a_head_are_each_as_it_is_alone_to_the_bit(names, added):
    x = torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(0))

    def trained(seeds):
        seeds = list(seeds)
        made = Generated(
            Classical(6, 3, Start(seeds)), part(added=added), names, Start(seeds), HEAD
        )
        optimizer = torch.optim.Adam(made.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            made(x[seeds]).square().sum().backward()
            optimizer.step()
        return made(x[seeds]), dict(made.state_dict().items())

    among, state = trained(range(3))
    for seed in range(3):
        alone, own = trained([seed])
        assert torch.equal(alone[0], among[seed])
        assert all(torch.equal(one[0], state[name][seed]) for name, one in own.items())


def test_given_probabilities_stand_in_for_the_circuits():
    _, made = pair(SOME)
    exact = made.generator.raw.probabilities()
    made.eval()
    assert torch.equal(made.settled(exact)(items()), made(items()))
    other = torch.full_like(exact, 1 / exact.shape[1])
    assert not torch.equal(made.settled(other)(items()), made(items()))
