import copy
import hashlib
from itertools import pairwise

import pytest
import torch
from composition import part
from torch import nn

from qtlrun import memory
from qtlrun.backbone.perceptron import Perceptron
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.plan import build

FUNCTIONS = {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}


def theirs(widths, activation, seed):
    """The same network of torch's own layers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [
            (nn.Linear(one, other), FUNCTIONS[activation]()) for one, other in pairwise(widths)
        ]
    return nn.Sequential(*(layer for pair in layers for layer in pair))


def refusal(numbers=4, **values):
    given = {
        "_target_": "qtlrun.backbone.perceptron.Perceptron",
        "widths": [8],
        "activation": "tanh",
    } | values
    with pytest.raises(UsageError) as error:
        build("backbone", given, numbers=numbers)
    return str(error.value)


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("widths", [[8], [5, 1, 7]])
def test_it_is_torch_s_own_layers_from_the_same_seed(widths, activation):
    backbone, wanted, x = (
        Perceptron(widths, activation, seed=3, numbers=4),
        theirs([4, *widths], activation, 3),
        torch.randn(6, 4),
    )
    assert backbone.features == widths[-1]
    assert torch.equal(backbone(x), wanted(x))
    assert len(backbone.stages) == len(widths)


def test_the_network_on_iris_has_67_parameters():
    """4-8-3: 4 * 8 + 8 + 8 * 3 + 3."""
    backbone = build("backbone", part("backbone", "perceptron"), numbers=4)
    head = Classical(backbone.features, 3, Start([0]))
    assert sum(one.numel() for module in (backbone, head) for one in module.parameters()) == 67
    assert list(backbone.state_dict()) == ["hidden1.weight", "hidden1.bias"]


def test_pictures_are_taken_as_their_pixels_in_a_row():
    backbone, scans = (
        Perceptron([8], "relu", numbers=12),
        torch.randint(0, 256, (5, 3, 2, 2), dtype=torch.uint8),
    )
    prepared = backbone.preprocess(scans)
    torch.testing.assert_close(prepared, scans.flatten(1) / 255, rtol=1e-6, atol=0)
    assert torch.equal(torch.stack([backbone.preprocess(one) for one in scans]), prepared)
    vector = torch.randn(5, 12)
    assert torch.equal(backbone.preprocess(vector), vector)


def test_a_seed_is_random_in_its_own_way_and_leaves_torch_s_generator_alone():
    torch.manual_seed(7)
    kept = torch.random.get_rng_state()
    first, again, other = (
        Perceptron([8], "tanh", seed=seed, numbers=4).hidden1.weight for seed in (3, 3, 4)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), kept)


def test_a_copy_is_trained_apart_and_freezing_stops_it_whole():
    backbone, x = Perceptron([8, 3], "tanh", numbers=4), torch.randn(6, 4)
    before, copied = backbone(x), copy.deepcopy(backbone)
    copied.hidden1.weight.data.zero_()
    assert torch.equal(backbone(x), before) and not torch.equal(copied(x), before)
    freeze = Freeze("all")
    assert freeze.fixed(backbone) and not Freeze(1).fixed(backbone)
    freeze.apply(backbone, 0)
    assert not any(one.requires_grad for one in backbone.parameters())


def test_a_file_gives_the_weights(tmp_path):
    path, known = tmp_path / "weights.pth", Perceptron([8], "tanh", seed=5, numbers=4)
    torch.save(known.state_dict(), path)
    loaded = Perceptron([8], "tanh", weights=str(path), numbers=4)
    assert torch.equal(loaded.hidden1.weight, known.hidden1.weight) and not loaded.folded
    assert (
        loaded.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
        and known.fingerprint == "none"
    )
    assert (
        refusal(5, weights=str(path))
        == f"backbone.weights={path}: hidden1.weight is (8, 4) in the file and (8, 5) in the model."
    )


@pytest.mark.parametrize(
    "values, words",
    [
        (
            {"widths": []},
            "backbone.widths=[]: give the width of one layer or more; backbone=identity has none.",
        ),
        ({"widths": [8, 0]}, "backbone.widths=[8, 0]: numbers a layer gives, each from 1 up."),
        (
            {"numbers": None},
            (
                "dataset: its pictures differ in size, and a perceptron takes equal ones; use"
                " backbone=convolution."
            ),
        ),
        (
            {"activation": "gelu"},
            "backbone.activation=gelu: did you mean relu? It is one of none, relu, tanh.",
        ),
        ({"weights": "./absent.pth"}, "backbone.weights=absent.pth: there is no such file; "),
    ],
)
def test_what_it_has_not_is_refused(values, words):
    assert refusal(**values).startswith(words)


def test_more_weights_than_memory_can_train_are_refused(monkeypatch):
    """4 * 2**27 and 2**54 weights of 16 bytes: 8 GiB and 2**28."""
    monkeypatch.setattr(memory, "total", lambda: 8 * 2**30)
    assert (
        refusal(widths=[2**27, 2**27])
        == f"backbone.widths=[{2**27}, {2**27}]: {2**29 + 2**54:,} weights need 268,435,464 GiB in"
        " training, and this machine has 8; use narrower layers."
    )
