import copy

import pytest
import torch
from torch import nn

from qtlrun.backbone.small import Small
from qtlrun.backbone.torchvision import Torchvision
from qtlrun.batch import Data
from qtlrun.error import UsageError
from qtlrun.experiment.network import Network
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.recipe import Recipe
from qtlrun.train import fit

TARGET = {"_target_": "qtlrun.freeze.Freeze"}
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def pictures(count, size):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def trained(backbone, freeze, size=8, epochs=1, items=8, optimizer="adam", **values):
    """State of the backbone before and after a training of the whole network, and its stages'
    parameters and buffers.
    """
    before = copy.deepcopy(backbone.state_dict())
    head = Classical(backbone.features, 3, Start([0]))
    x, labels = pictures(items, size), torch.arange(items) % 3
    data = Data(lambda index, epoch: x[index[0]], labels, 64)
    given = Recipe(
        epochs=epochs,
        batch_size=4,
        lr=0.01,
        backbone_lr=0.01,
        optimizer=optimizer,
        weight_decay=0.1,
        select="last",
        **values,
    )
    list(fit(Network(backbone, head), backbone, [given], freeze, data, data, [0]))
    return before, backbone.state_dict()


def moved(before, after):
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


def names_of(backbone, stages):
    """Names of the parameters, and of the buffers, that stages own."""
    parameters = {id(one) for stage in stages for one in stage.parameters}
    modules = {id(one) for stage in stages for one in stage.modules}
    return (
        {name for name, one in backbone.named_parameters() if id(one) in parameters},
        {
            f"{name}.{buffer}"
            for name, one in backbone.named_modules()
            if id(one) in modules
            for buffer in dict(one.named_buffers(recurse=False))
        },
    )


def small():
    return Small("none")


def resnet():
    return Torchvision("resnet18", "none", size=32)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_not_one_bit_of_a_frozen_backbone_moves(optimizer):
    before, after = trained(
        small(), Freeze("all"), optimizer=optimizer
    )  # weight decay would move it
    assert moved(before, after) == set()


@pytest.mark.parametrize("make, size", [(small, 8), (resnet, 32)])
@pytest.mark.parametrize("frozen", [1, 3])
@pytest.mark.parametrize("batch_norm", ["eval", "train"])
def test_the_first_stages_stay_and_the_others_move(make, size, frozen, batch_norm):
    backbone = make()
    still, buffers = names_of(backbone, backbone.stages[:frozen])
    others, more = names_of(backbone, backbone.stages[frozen:])
    before, after = trained(backbone, Freeze(frozen, batch_norm=batch_norm), size)
    # statistics move everywhere or nowhere, as asked
    assert moved(before, after) == others | (buffers | more if batch_norm == "train" else set())
    assert still and others and still | others == set(dict(backbone.named_parameters()))


@pytest.mark.parametrize("make, size", [(small, 8), (resnet, 32)])
def test_with_batch_norm_in_training_a_frozen_backbone_moves_its_statistics_alone(make, size):
    before, after = trained(make(), Freeze("all", batch_norm="train"), size)
    changed = moved(before, after)
    assert changed == {name for name in after if name.endswith(BUFFERS)}
    assert all(
        int(after[name] - before[name]) == 2
        for name in changed
        if name.endswith("num_batches_tracked")
    )


def test_with_nothing_frozen_every_weight_moves_and_statistics_only_if_asked():
    for batch_norm in ("eval", "train"):
        backbone = small()
        before, after = trained(backbone, Freeze(0, batch_norm=batch_norm))
        weights = set(dict(backbone.named_parameters()))
        assert moved(before, after) == (weights if batch_norm == "eval" else set(after))


def test_a_backbone_is_unfrozen_by_epoch_from_the_head_down():
    backbone = small()
    freeze, stages = Freeze("all", every=2), len(backbone.stages)
    for epoch in range(2 * stages + 4):
        backbone.train()
        freeze.apply(backbone, epoch)
        trainable = [
            all(one.requires_grad for one in stage.parameters) for stage in backbone.stages
        ]
        free = min(stages, epoch // 2)
        assert trainable == [False] * (stages - free) + [True] * free
        assert all(
            one.requires_grad == known
            for stage, known in zip(backbone.stages, trainable, strict=False)
            for one in stage.parameters
        )


def test_what_was_not_unfrozen_yet_has_not_moved():
    backbone = small()
    last, _ = names_of(backbone, backbone.stages[-1:])
    before, after = trained(backbone, Freeze("all", every=1), epochs=2)
    assert moved(before, after) == last
    backbone = small()
    two, _ = names_of(backbone, backbone.stages[-2:])
    assert moved(*trained(backbone, Freeze("all", every=1), epochs=3)) == two


def test_some_stages_are_unfrozen_by_epoch_too():
    backbone = small()
    freeze = Freeze(2, every=3)
    for epoch, frozen in ((0, 2), (2, 2), (3, 1), (5, 1), (6, 0), (60, 0)):
        backbone.train()
        freeze.apply(backbone, epoch)
        assert [stage.parameters[0].requires_grad for stage in backbone.stages] == [
            number >= frozen for number in range(4)
        ]


@pytest.mark.parametrize(
    "name, size", [("vgg11", 32), ("vit_b_16", 32), ("mobilenet_v2", 32), ("efficientnet_b0", 32)]
)
def test_the_dropout_of_a_frozen_backbone_is_off_and_that_of_a_trained_one_on(name, size):
    with torch.device("meta"):
        modes = Torchvision(name, "none", size=size)
    for module in modes.modules():  # vit's dropouts have a rate of 0
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    dropouts = [
        one
        for one in modes.modules()
        if isinstance(one, nn.Dropout) or type(one).__name__ == "StochasticDepth"
    ]
    assert dropouts
    for frozen, training in (("all", False), (len(modes.stages), False), (0, True)):
        modes.train()
        Freeze(frozen).apply(modes, 0)
        assert {one.training for one in dropouts} == {training}
        norms = [one for one in modes.modules() if isinstance(one, nn.BatchNorm2d)]
        assert not any(one.training for one in norms)
        if frozen == "all":
            assert not any(one.training for one in modes.network.modules())


def test_a_frozen_network_with_dropout_gives_the_same_features_twice_and_a_trained_one_does_not():
    backbone = Torchvision("efficientnet_b0", "none", size=32)
    x = pictures(2, 32)
    for frozen, same in (("all", True), (0, False)):
        backbone.train()
        Freeze(frozen).apply(backbone, 0)
        with torch.no_grad():
            first, second = backbone(x), backbone(x)
        assert torch.equal(first, second) == same


@pytest.mark.parametrize(
    "layer, frozen", [("encoder.layers.encoder_layer_1", "all"), (None, "all"), (None, 3)]
)
def test_frozen_stages_have_their_dropout_off_at_an_inner_layer_too(layer, frozen):
    with torch.device("meta"):
        backbone = Torchvision("vit_b_16", "none", size=32, layer=layer)
    backbone.train()
    Freeze(frozen).apply(backbone, 0)
    count = len(backbone.stages) if frozen == "all" else frozen
    for number, stage in enumerate(backbone.stages):
        for one in stage.modules:
            assert one.training == (number >= count and not isinstance(one, nn.BatchNorm2d))


def test_features_are_fixed_where_nothing_of_the_backbone_can_move():
    with torch.device("meta"):
        norms, plain = small(), Torchvision("vgg11", "none", size=32)
    for freeze, of_norms, of_plain in (
        (Freeze("all"), True, True),
        (Freeze("all", every=1), False, False),
        (Freeze(2), False, False),
        (Freeze(0), False, False),
        (Freeze("all", batch_norm="train"), False, True),
    ):
        assert (freeze.fixed(norms), freeze.fixed(plain)) == (of_norms, of_plain)
    assert Freeze(len(norms.stages)).fixed(norms) and not Freeze(len(norms.stages) - 1).fixed(norms)
    norms.folded = True
    assert Freeze("all", batch_norm="train").fixed(norms)


def test_folded_batch_norms_stay_whatever_is_asked():
    backbone = small()
    backbone.folded = True
    before, after = trained(backbone, Freeze(0, batch_norm="train"))
    assert moved(before, after) == set(dict(backbone.named_parameters()))


@pytest.mark.parametrize(
    "values, words",
    [
        ({"frozen": -1}, "freeze.frozen=-1: all, or a number of stages from 0 up."),
        ({"frozen": "all", "every": -1}, "freeze.every=-1: a number of epochs, or 0 for never."),
        ({"frozen": "most"}, "freeze.frozen=most: "),
        ({"frozen": True}, "freeze.frozen=true: "),
        ({"frozen": 0, "batch_norm": "off"}, "freeze.batch_norm=off: "),
    ],
)
def test_what_cannot_be_frozen_is_refused(values, words):
    with pytest.raises(UsageError) as error:
        build("freeze", TARGET | values)
    assert str(error.value).startswith(words)


def test_more_stages_than_there_are_are_refused_with_their_number():
    stages = len(small().stages)
    Freeze(stages).check(stages)
    Freeze("all").check(0)
    with pytest.raises(ValueError) as error:
        Freeze(stages + 1).check(stages)
    assert (
        str(error.value)
        == f"freeze.frozen={stages + 1}: this backbone has {stages} stages; use {stages} or fewer,"
        " or all."
    )
