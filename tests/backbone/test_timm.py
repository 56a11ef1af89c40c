import math

import pytest
import torch
from PIL import Image

from qtlrun.backbone.timm import Timm
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.plan import build

timm = pytest.importorskip("timm")
# One of each family, with a layer, the layer's channels and a side that it takes.
FAMILIES = {
    "resnet10t": ("layer2", 128, 32),
    "vit_tiny_patch16_224": ("blocks.1", 192, 32),
    "convnext_atto": ("stages.1", 80, 32),
    "efficientnet_lite0": ("blocks.2", 40, 32),
    "mobilenetv3_small_050": ("blocks.3", 24, 32),
    "swin_tiny_patch4_window7_224": ("layers.1", 192, 56),
}


def pictures(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_features_are_those_that_timm_s_own_classifier_takes(name, tmp_path):
    layer, channels, size = FAMILIES[name]
    options = {"img_size": size} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    torch.manual_seed(3)
    whole = timm.create_model(name, **options).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pt")
    backbone = Timm(name, str(tmp_path / "whole.pt"), size=size).eval()
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features(pictures(size)), pre_logits=True)
        assert torch.equal(backbone(pictures(size)), expected)
    assert backbone.features == expected.shape[1]
    cut = Timm(name, str(tmp_path / "whole.pt"), layer=layer, size=size).eval()
    assert cut.features == channels
    for network in (backbone, cut):
        Freeze(frozen=1).apply(network.train(), 0)
        owned = [id(weight) for stage in network.stages for weight in stage.parameters]
        assert sorted(owned) == sorted(id(weight) for weight in network.parameters())
        assert network(pictures(size)).shape == (2, network.features)


def test_layers_are_joined_in_the_order_of_their_names():
    names = ["layer3", "layer1"]
    joined = Timm("resnet10t", "none", layer=names, size=32).eval()
    apart = [Timm("resnet10t", "none", layer=name, size=32).eval() for name in names]
    with torch.no_grad():
        expected = torch.cat([backbone(pictures(32)) for backbone in apart], dim=1)
        assert torch.equal(joined(pictures(32)), expected)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_pictures_are_prepared_as_timm_does_it(name):
    preprocess = Timm(name, "none").preprocess
    config = timm.data.resolve_data_config(model=timm.create_model(name))
    transform = timm.data.create_transform(**config)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (3, 300, 260), dtype=torch.uint8, generator=generator)
    right = transform(Image.fromarray(picture.permute(1, 2, 0).numpy()))
    step = 1 / 255 / min(config["std"])
    assert preprocess.resize == math.floor(config["input_size"][1] / config["crop_pct"])
    # Pillow resizes in two passes of bytes, either of which may be rounded to the next one.
    assert (preprocess(picture) - right).abs().max() <= 2.001 * step


def test_weights_that_the_hub_does_not_give_are_told_with_their_name(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as error:
        Timm("resnet10t.c3_in1k")
    assert error.value.missing and "timm/resnet10t.c3_in1k" in error.value.fix


@pytest.mark.parametrize(
    "values, words",
    [
        ({"name": "resnet81"}, "backbone.name=resnet81: did you mean resnet18"),
        ({"name": "resnet18.nope"}, "backbone.name=resnet18.nope: this model has no weights of th"),
        ({"layer": "layer9"}, "backbone.layer=layer9: did you mean layer4"),
        ({"size": 0}, "backbone.size=0: pixels, from 1 up."),
        (
            {"name": "swin_tiny_patch4_window7_224", "size": 3},
            "backbone.size=3: ",
        ),
        ({"weights": "absent.pt"}, "backbone.weights=absent.pt: there is no such file"),
    ],
)
def test_what_timm_has_not_is_refused(values, words):
    part = {"_target_": "qtlrun.backbone.timm.Timm", "name": "resnet10t", "weights": "none"}
    with pytest.raises(UsageError) as error:
        build("backbone", part | values)
    assert str(error.value).startswith(words)
