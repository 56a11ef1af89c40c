"""A batch of one picture where batch norms are trained: it joins the batch before, or is refused
before the start.
"""

from itertools import pairwise

import pytest
import torch
from composition import train_row, variants
from torch import nn

from qtlrun import batch, train
from qtlrun.backbone import stage
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.network import Network
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.layer import Start, generator
from qtlrun.recipe import Recipe

FLAT = (
    "backbone=torchvision",
    "backbone.name=resnet18",
    "backbone.weights=none",
    "backbone.size=32",
    "freeze=none",
)
DIGITS = ("dataset.classes=[6,7]", "compare=[]")


class Normed(nn.Module):
    """A linear layer and a batch norm, on vectors of six numbers."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm, self.folded, self.features = (
            nn.Linear(6, 4),
            nn.BatchNorm1d(4),
            False,
            4,
        )
        self.stages = stage.split(self)

    def forward(self, items):
        return self.norm(self.linear(items))


@pytest.mark.parametrize("items", range(2, 14))
@pytest.mark.parametrize("size", range(1, 8))
def test_only_a_last_batch_of_one_is_joined_to_the_one_before(items, size):
    plain, joined = batch.batch_sizes(items, size, False), batch.batch_sizes(items, size, True)
    assert sum(plain) == sum(joined) == items and plain == [
        len(part) for part in torch.arange(items).split(size)
    ]
    assert batch.steps(items, size, True) == len(joined)
    if size > 1 and items > size and items % size == 1:
        assert joined == [size] * (items // size - 1) + [size + 1]
    else:
        assert joined == plain
    if size > 1:
        assert 1 not in joined


@pytest.mark.parametrize("items", [15, 16, 17])
def test_every_picture_is_trained_on_once_an_epoch_as_by_torch_with_these_batches(items):
    """Batches of five: 16 leave one, which a batch norm could not take alone."""
    torch.manual_seed(0)
    x, labels = torch.randn(items, 6), torch.arange(items) % 2
    backbone, head = Normed(), Classical(4, 2, Start([0], torch.float32))
    layer = nn.Linear(4, 2)
    layer.load_state_dict(
        {"weight": head.linear.weight[0].detach(), "bias": head.linear.bias[0].detach()}
    )
    own = Normed()
    own.load_state_dict(backbone.state_dict())
    data = batch.Data(lambda index, epoch: x[index[0]], labels, 99)
    recipe = Recipe(epochs=2, batch_size=5, lr=0.1, backbone_lr=0.1, optimizer="sgd", select="last")
    network = Network(backbone, head)
    records = list(
        train.fit(network, backbone, [recipe], Freeze(0, batch_norm="train"), data, data, [0])
    )

    order, optimizer = (
        generator(0, "order"),
        torch.optim.SGD([*own.parameters(), *layer.parameters()], 0.1),
    )
    edges = {15: [0, 5, 10, 15], 16: [0, 5, 10, 16], 17: [0, 5, 10, 15, 17]}[items]
    for record in records:
        places, total = torch.randperm(items, generator=order), 0.0
        own.train()
        for begin, end in pairwise(edges):
            some = places[begin:end]
            loss = nn.functional.cross_entropy(layer(own(x[some])), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(some)
        assert record.loss[0] == pytest.approx(total / items, rel=1e-5)
    for name, value in own.state_dict().items():
        torch.testing.assert_close(backbone.state_dict()[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("freeze.batch_norm=train", "recipe.batch_size=19"),
        ("freeze.frozen=all", "freeze.batch_norm=train", "recipe.batch_size=19"),
        ("freeze.batch_norm=train", "dataset.train_size=11", "recipe.batch_size=10"),
        ("freeze.batch_norm=eval", "recipe.batch_size=1", "dataset.train=1"),
    ],
)
def test_a_last_batch_of_one_trains(home, words):
    plan = variants(
        *FLAT, *DIGITS, "dataset.train=10", "dataset.validation=3", "recipe.epochs=1", *words
    )["composed"]
    experiment = Experiment(str(home))
    experiment.check(plan)
    experiment.load(plan)
    if "dataset.train=1" not in words:
        row = train_row(experiment, "B", plan, [0])
        assert not row.errors and row.seeds == [0]


def test_batches_of_one_are_refused_where_a_batch_norm_would_stop_at_the_first(home):
    plan = variants(*FLAT, *DIGITS, "freeze.batch_norm=train", "recipe.batch_size=1")["composed"]
    experiment = Experiment(str(home))
    experiment.check(plan)
    with pytest.raises(UsageError) as error:
        experiment.load(plan)
    assert (
        str(error.value)
        == "recipe.batch_size=1: a batch norm whose statistics are trained needs two pictures or"
        " more in a batch; use 2 or more, or freeze.batch_norm=eval."
    )


def test_batches_of_one_pass_where_every_norm_sees_several_places_of_a_picture(home):
    """The small backbone's last maps are 2 x 2, so its norms have four values a channel; its source
    task too.
    """
    plan = variants(
        *DIGITS,
        "backbone.weights=none",
        "freeze=none",
        "freeze.batch_norm=train",
        "recipe.batch_size=1",
    )["composed"]
    experiment = Experiment(str(home))
    experiment.check(plan)
    experiment.load(plan)
    experiment.check(variants(*DIGITS, "backbone.pretrain.recipe.batch_size=1")["composed"])


def test_a_source_task_in_batches_of_one_is_refused_before_it_starts(home, monkeypatch):
    from qtlrun.backbone.small import Small

    whole = Small.forward
    monkeypatch.setattr(
        Small,
        "forward",
        lambda self, pictures: (
            nn.functional.batch_norm(whole(self, pictures), None, None, training=True)
            if self.training
            else whole(self, pictures)
        ),
    )
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(
            variants(*DIGITS, "backbone.pretrain.recipe.batch_size=1")["composed"]
        )
    assert (
        str(error.value)
        == "backbone.pretrain.recipe.batch_size=1: a batch norm whose statistics are trained needs"
        " two pictures or more in a batch; use 2 or more."
    )
