import copy
import hashlib

import pytest
import torch
from composition import part
from PIL import Image
from torch import nn
from torchvision import transforms

from qtlrun import memory
from qtlrun.backbone.convolution import Convolution
from qtlrun.backbone.picture import Preprocess
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.plan import build

FUNCTIONS = {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}
GREY, COLOUR = (
    {"size": 28, "mean": [0.5], "std": [0.5]},
    {
        "size": 32,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    },
)
DIGITS = {
    "channels": [8, 12],
    "kernel": 5,
    "padding": 0,
    "hidden": [20],
    "activation": "none",
} | GREY
CIFAR = {
    "channels": [16, 32],
    "kernel": 5,
    "padding": 2,
    "hidden": [128, 64],
    "activation": "none",
} | COLOUR


def convolution(known=None, **values):
    return Convolution(**(known or DIGITS) | values)


def theirs(inputs, maps, *, channels, kernel, padding, hidden, activation, seed, **_):
    """The same network of torch's own layers."""

    def bent(layer, *more):
        return [layer, FUNCTIONS[activation](), *more]

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = []
        for one, other in zip([inputs, *channels], channels, strict=False):
            layers += bent(nn.Conv2d(one, other, kernel, padding=padding), nn.MaxPool2d(2))
        layers.append(nn.Flatten())
        for one, other in zip([maps, *hidden], hidden, strict=False):
            layers += bent(nn.Linear(one, other))
    return nn.Sequential(*layers)


def scans(*shape):
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def refusal(**values):
    with pytest.raises(UsageError) as error:
        build("backbone", {"_target_": "qtlrun.backbone.convolution.Convolution"} | DIGITS | values)
    return str(error.value)


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize(
    "known, inputs, maps", [(DIGITS, 1, 192), (CIFAR, 3, 2048), (DIGITS | {"hidden": []}, 1, 192)]
)
def test_it_is_torch_s_own_layers_from_the_same_seed(known, inputs, maps, activation):
    values = known | {"activation": activation, "seed": 3}
    backbone, wanted, x = (
        Convolution(**values),
        theirs(inputs, maps, **values),
        torch.randn(4, inputs, known["size"], known["size"]),
    )
    assert backbone.features == [maps, *known["hidden"]][-1]
    assert torch.equal(backbone(x), wanted(x))


@pytest.mark.parametrize("known, count", [(DIGITS, 6690), (CIFAR, 285_226)])
def test_with_a_linear_head_of_ten_classes_it_has_the_published_number_of_parameters(known, count):
    """Liu et al., arXiv:2402.16465."""
    backbone = Convolution(**known)
    head = Classical(backbone.features, 10, Start([0]))
    assert sum(one.numel() for module in (backbone, head) for one in module.parameters()) == count


def test_the_option_has_the_sizes_published_for_digits():
    assert DIGITS.keys() | {"_target_", "seed", "weights"} == part("backbone", "convolution").keys()
    same = {
        name: value
        for name, value in part("backbone", "convolution").items()
        if name in DIGITS and name != "activation"
    }
    assert same == {name: value for name, value in DIGITS.items() if name != "activation"}


def test_its_weights_come_in_the_order_of_the_way_to_the_features():
    wanted = [
        f"{name}.{kind}"
        for name in ("conv1", "conv2", "hidden1", "hidden2")
        for kind in ("weight", "bias")
    ]
    backbone = Convolution(**CIFAR)
    assert (
        list(backbone.state_dict()) == [name for name, _ in backbone.named_parameters()] == wanted
    )
    owned = [id(one) for stage in backbone.stages for one in stage.parameters]
    assert owned == [id(one) for one in backbone.parameters()] and len(backbone.stages) == 4


def test_a_copy_is_trained_apart_and_freezing_stops_its_first_stages():
    backbone, x = convolution(), torch.randn(3, 1, 28, 28)
    before, copied = backbone(x), copy.deepcopy(backbone)
    assert torch.equal(copied(x), before)
    copied.conv1.weight.data.zero_()
    copied.hidden1.bias.data.zero_()
    assert torch.equal(backbone(x), before) and not copied(x).equal(before)
    Freeze(2).apply(backbone, 0)
    assert [name for name, one in backbone.named_parameters() if one.requires_grad] == [
        "hidden1.weight",
        "hidden1.bias",
    ]
    assert Freeze("all").fixed(backbone) and not Freeze(2).fixed(backbone)


def test_its_parameters_can_be_put_in_its_place_for_a_call():
    backbone, other, x = convolution(seed=0), convolution(seed=1), torch.randn(3, 1, 28, 28)
    found = torch.func.functional_call(backbone, dict(other.named_parameters()), (x,))
    assert torch.equal(found, other(x)) and not torch.equal(found, backbone(x))


def test_a_seed_is_random_in_its_own_way_and_leaves_torch_s_generator_alone():
    torch.manual_seed(7)
    kept = torch.random.get_rng_state()
    first, again, other = (convolution(seed=seed).conv1.weight for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), kept)


def test_grey_pictures_are_normalised_as_torchvision_s_transform_does_it():
    given = scans(1, 28, 28)
    right = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])(
        Image.fromarray(given[0].numpy())
    )
    torch.testing.assert_close(
        convolution().preprocess(given), right, rtol=0, atol=2e-7
    )  # a rounding of float32 below 2


def test_a_colour_picture_becomes_grey_where_one_channel_is_taken():
    """Luma of ITU-R BT.601, which Pillow rounds to whole bytes, torchvision down."""
    given = scans(3, 28, 28)
    right = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64) @ given.double().flatten(1)
    found = Preprocess(28, 28, (0.0,), (1.0,))(given)
    assert found.shape == (1, 28, 28)
    assert (
        255 * found.double().flatten() - right
    ).abs().max() < 1.03  # a byte, and the weights' fourth digit
    image = Image.fromarray(given.permute(1, 2, 0).numpy()).convert("L")
    assert (255 * found - transforms.PILToTensor()(image)).abs().max() < 1.01


def test_a_grey_picture_keeps_its_pixels_whether_one_channel_is_taken_or_three():
    given = scans(4, 1, 28, 28)
    one, three = (Preprocess(28, 28, (0.5,) * count, (0.5,) * count)(given) for count in (1, 3))
    assert one.shape == (4, 1, 28, 28) and torch.equal(one.expand(-1, 3, -1, -1), three)


def test_a_batch_is_prepared_as_its_pictures_one_by_one():
    for preprocess, given in (
        (convolution().preprocess, scans(5, 3, 40, 50)),
        (convolution(CIFAR).preprocess, scans(5, 1, 40, 50)),
    ):
        assert torch.equal(preprocess(given), torch.stack([preprocess(one) for one in given]))


def test_a_picture_is_augmented_in_its_own_channels():
    made = [
        convolution(known).preprocess(scans(3, 40, 50), torch.Generator().manual_seed(5))
        for known in (DIGITS, CIFAR)
    ]
    assert [one.shape for one in made] == [(1, 28, 28), (3, 32, 32)]


def test_a_file_gives_the_weights(tmp_path):
    path, known = tmp_path / "weights.pth", convolution(seed=5)
    torch.save(known.state_dict(), path)
    loaded = convolution(weights=str(path))
    assert all(
        torch.equal(value, known.state_dict()[name]) for name, value in loaded.state_dict().items()
    )
    assert (
        loaded.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
        and known.fingerprint == "none"
    )
    assert (
        refusal(weights=str(path), channels=[8, 13])
        == f"backbone.weights={path}: conv2.weight is (12, 8, 5, 5) in the file and (13, 8, 5, 5)"
        " in the model."
    )


@pytest.mark.parametrize(
    "kernel, padding, channels, least",
    [(5, 0, [8, 12], 16), (5, 2, [16, 32], 4), (3, 2, [4], 1), (3, 0, [4] * 3, 22)],
)
def test_the_smallest_picture_of_which_something_is_left_is_taken(kernel, padding, channels, least):
    values = {"kernel": kernel, "padding": padding, "channels": channels, "hidden": []}
    backbone = convolution(**values, size=least)
    assert (
        backbone(torch.zeros(2, 1, least, least)).shape == (2, backbone.features)
        and backbone.features >= channels[-1]
    )
    assert (
        refusal(**values, size=least - 1)
        == f"backbone.size={least - 1}: pixels, {least} to 256 for {len(channels)} of these"
        " convolutions, each with its pooling; larger pictures want a larger backbone, as"
        " resnet18."
    )


@pytest.mark.parametrize(
    "values, words",
    [
        (
            {"channels": []},
            (
                "backbone.channels=[]: give the channels of one convolution or more;"
                " backbone=perceptron has none."
            ),
        ),
        ({"channels": [8, 0]}, "backbone.channels=[8, 0]: numbers a layer gives, each from 1 up."),
        ({"hidden": [-1]}, "backbone.hidden=[-1]: numbers a layer gives, each from 1 up."),
        (
            {"kernel": 0},
            "backbone.kernel=0: side of a convolution's window in pixels, from 1 to 256.",
        ),
        (
            {"padding": 5},
            "backbone.padding=5: pixels of zeros around a map, from 0 to kernel - 1, 4.",
        ),
        (
            {"padding": -1},
            "backbone.padding=-1: pixels of zeros around a map, from 0 to kernel - 1, 4.",
        ),
        (
            {"size": 257},
            (
                "backbone.size=257: pixels, 16 to 256 for 2 of these convolutions, each with its"
                " pooling; "
            ),
        ),
        (
            {"mean": [0.5, 0.5]},
            (
                "backbone.mean=[0.5, 0.5]: one number for grey pictures, three for red, green and"
                " blue."
            ),
        ),
        (
            {"std": [0.5] * 3},
            "backbone.std=[0.5, 0.5, 0.5]: as many numbers as mean has, 1, each above 0.",
        ),
        ({"std": [0.0]}, "backbone.std=[0.0]: as many numbers as mean has, 1, each above 0."),
        (
            {"std": [float("nan")]},
            "backbone.std=[nan]: as many numbers as mean has, 1, each above 0.",
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
    """25 * 2**30 weights of 16 bytes are 400 GiB; with 192 * 2**30 more, after 2600 of the
    convolutions, 3072.
    """
    monkeypatch.setattr(memory, "total", lambda: 8 * 2**30)
    assert (
        refusal(channels=[2**30])
        == f"backbone.channels=[{2**30}]: {25 * 2**30:,} weights need 400 GiB in training, and this"
        " machine has 8; use narrower layers."
    )
    assert (
        refusal(hidden=[2**30])
        == f"backbone.hidden=[{2**30}]: {2600 + 192 * 2**30:,} weights need 3,072 GiB in training,"
        " and this machine has 8; use narrower layers."
    )
