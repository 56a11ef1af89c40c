import copy
import hashlib
import io
import urllib.error
import urllib.request

import pytest
import torch
from PIL import Image
from scipy import stats
from torch import nn
from torchvision import models
from torchvision.transforms import RandomResizedCrop

from qtlrun import disk
from qtlrun.backbone import cut, picture, weights
from qtlrun.backbone.identity import Identity
from qtlrun.backbone.picture import Preprocess
from qtlrun.backbone.small import Small
from qtlrun.backbone.torchvision import Torchvision
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.plan import build

# Features that the classifier takes, and its parameters, by the papers' architectures.
FAMILIES = {
    "resnet18": (512, 513_000),
    "mobilenet_v2": (1280, 1_281_000),
    "vit_b_16": (768, 769_000),
    "convnext_tiny": (768, 769_000),
    "efficientnet_b0": (1280, 1_281_000),
    "densenet121": (1024, 1_025_000),
    "squeezenet1_0": (512, 513_000),
    "vgg11": (4096, 4_097_000),
    "swin_t": (768, 769_000),
    "googlenet": (1024, 1_025_000),
}
CLASSIFIER = {
    "resnet18": "fc",
    "mobilenet_v2": "classifier",
    "vit_b_16": "heads",
    "convnext_tiny": "classifier.2",
    "efficientnet_b0": "classifier",
    "densenet121": "classifier",
    "vgg11": "classifier.6",
    "swin_t": "head",
    "googlenet": "fc",
}
SIZES = {
    "swin_t": 64,
    "googlenet": 64,
    "densenet121": 64,
    "squeezenet1_0": 64,
}  # others take 32 x 32


def refusal(name="resnet18", **values):
    with pytest.raises(UsageError) as error:
        build(
            "backbone",
            {"_target_": "qtlrun.backbone.torchvision.Torchvision", "name": name, "weights": "none"}
            | values,
        )
    return str(error.value)


def pictures(count, size, seed=0):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def scans(*shape, seed=0):
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def bare(name, **values):
    with torch.device("meta"):
        return Torchvision(name, "none", **values)


def with_statistics(network):
    """A network whose batch norms have statistics of their own, as a trained one."""
    draw = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=draw)
            module.running_var.uniform_(0.5, 2, generator=draw)
    return network


def own_architecture(name, **values):
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, weights=None, **options, **values)


def own(name, **values):
    """torchvision's own model with random weights."""
    torch.manual_seed(0)
    return with_statistics(own_architecture(name, **values)).eval()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_gives_the_features_that_its_classifier_takes(name):
    backbone = bare(name)
    features, classifier = FAMILIES[name]
    assert backbone.features == features and backbone.preprocess.size == 224
    published = next(iter(models.get_model_weights(name))).meta["num_params"]
    assert sum(one.numel() for one in backbone.parameters()) == published - classifier
    assert backbone(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, features)


@pytest.mark.parametrize(
    "name, layer",
    [*((name, None) for name in FAMILIES), ("resnet18", "layer2"), ("swin_t", "features.3")],
)
def test_the_stages_hold_every_weight_once_in_the_order_of_the_way_to_the_features(name, layer):
    backbone = bare(name, layer=layer)
    assert len(backbone.stages) >= 3
    owned = [id(one) for stage in backbone.stages for one in stage.parameters]
    assert sorted(owned) == sorted(id(one) for one in backbone.parameters())
    modules = [id(one) for stage in backbone.stages for one in stage.modules]
    assert sorted(modules) == sorted(id(one) for one in cut.inner(backbone.network).modules())
    ran = []
    for number, stage in enumerate(backbone.stages):
        for module in stage.modules:
            if not list(module.children()) and list(module.parameters()):
                module.register_forward_pre_hook(lambda *_, number=number: ran.append(number))
    backbone(torch.zeros(1, 3, 224, 224, device="meta"))
    assert ran == sorted(ran) and set(ran) == set(range(len(backbone.stages)))


def test_the_stages_of_well_known_networks_are_their_blocks():
    assert (
        len(bare("vit_b_16").stages) == 14
    )  # the patches with token and positions, 12 blocks, the last norm
    assert len(bare("resnet18").stages) == 6  # convolution, norm, 4 layers
    assert len(bare("mobilenet_v2").stages) == 19
    assert len(Small("none").stages) == 4  # the stem, 3 blocks
    backbone = bare("vit_b_16")
    names = {id(one): name for name, one in backbone.network.named_parameters()}
    assert {names[id(one)] for one in backbone.stages[0].parameters} == {
        "class_token",
        "conv_proj.weight",
        "conv_proj.bias",
        "encoder.pos_embedding",
    }


@pytest.mark.parametrize("name", CLASSIFIER)
def test_the_features_are_torchvision_s_own_with_its_classifier_taken_off(name):
    size = SIZES.get(name, 32)
    whole = own(name, **({"image_size": size} if name == "vit_b_16" else {}))
    backbone = Torchvision(name, "none", size=size).eval()
    backbone.network.load_state_dict(
        {
            key: value
            for key, value in whole.state_dict().items()
            if key in backbone.network.state_dict()
        }
    )
    owner, _, last = CLASSIFIER[name].rpartition(".")
    setattr(whole.get_submodule(owner), last, nn.Identity())
    x = pictures(2, size)
    with torch.no_grad():
        features = backbone(x)
        assert torch.equal(features, whole(x))
    assert features.shape == (2, FAMILIES[name][0]) and features.std() > 0


def test_the_features_of_a_fully_convolutional_network_are_averaged_over_places():
    whole, backbone = own("squeezenet1_0"), Torchvision("squeezenet1_0", "none", size=64).eval()
    backbone.network.load_state_dict(
        {
            key: value
            for key, value in whole.state_dict().items()
            if key in backbone.network.state_dict()
        }
    )
    x = pictures(2, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            backbone(x), whole.features(x).mean((2, 3)), rtol=1e-5, atol=1e-7
        )  # float32 sums of 9


@pytest.mark.parametrize(
    "name, layer, features",
    [
        ("resnet18", "layer3", 256),
        ("resnet18", "layer1.0.conv1", 64),
        ("mobilenet_v2", "features.7", 64),
        ("googlenet", "inception4a", 512),
        ("swin_t", "features.3", 192),
        ("swin_t", "features.5", 384),
        ("swin_t", "permute", 768),
        ("vit_b_16", "encoder.layers.encoder_layer_1", 768),
        ("efficientnet_b0", "features.4", 80),
        ("vgg11", "classifier.0", 4096),
    ],
)
def test_the_features_of_a_layer_are_its_channels_averaged(name, layer, features):
    size = SIZES.get(name, 32)
    backbone = Torchvision(name, "none", layer=layer, size=size).eval()
    assert backbone.features == features
    whole, seen = own(name, **({"image_size": size} if name == "vit_b_16" else {})), []
    network = cut.inner(backbone.network)
    network.load_state_dict({key: whole.state_dict()[key] for key in network.state_dict()})
    whole.get_submodule(layer).register_forward_hook(
        lambda module, given, out: seen.append(out.clone())
    )  # relu works in place
    x = pictures(2, size)
    with torch.no_grad():
        whole(x)
        found = backbone(x)
    (out,) = seen
    last = out.dim() < 4 or (name == "swin_t" and layer != "permute")
    expected = out.movedim(-1 if last else 1, -1).reshape(2, -1, features).mean(1)
    torch.testing.assert_close(
        found, expected, rtol=1e-5, atol=1e-6
    )  # float32 means of up to 64 places


@pytest.mark.parametrize(
    "name, layers, features, weights",
    [
        ("resnet18", ["layer3", "layer1"], 320, 11_689_512 - 8_393_728 - 513_000),
        ("swin_t", ["features.5", "features.3"], 576, None),
    ],
)
def test_layers_are_joined_in_the_order_of_their_names(name, layers, features, weights):
    joined = Torchvision(name, "none", layer=layers, size=64).eval()
    apart = [Torchvision(name, "none", layer=layer, size=64).eval() for layer in layers]
    x = pictures(2, 64)
    with torch.no_grad():
        expected = torch.cat([backbone(x) for backbone in apart], dim=1)
        assert torch.equal(joined(x), expected)
    assert joined.features == features == expected.shape[1]
    count = sum(weight.numel() for weight in joined.parameters())
    assert count == (weights or max(sum(w.numel() for w in one.parameters()) for one in apart))
    assert len(joined.stages) >= 3
    assert torch.equal(copy.deepcopy(joined)(x), joined(x))


def test_a_layer_before_one_that_writes_over_it_gives_what_it_gave():
    joined = Torchvision("resnet18", "none", layer=["layer1.0.bn1", "layer1"], size=32).eval()
    alone = Torchvision("resnet18", "none", layer="layer1.0.bn1", size=32).eval()
    x = pictures(2, 32)
    with torch.no_grad():
        assert torch.equal(joined(x)[:, :64], alone(x)) and (alone(x) < 0).any()


def test_the_weights_of_a_file_go_to_each_of_several_layers(tmp_path):
    path, whole = tmp_path / "mine.pth", own("resnet18")
    torch.save(whole.state_dict(), path)
    backbone = Torchvision("resnet18", str(path), layer=["layer1", "layer2"], size=32)
    state = cut.inner(backbone.network).state_dict()
    assert state and all(
        torch.equal(value, whole.state_dict()[key]) for key, value in state.items()
    )


POLICIES = [
    Freeze("all"),
    Freeze("all", batch_norm="train"),
    Freeze(0, batch_norm="train"),
    Freeze(1),
]
# Families of one size each; the next one has the next policy.
TRAINED = [
    "resnext50_32x4d",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "shufflenet_v2_x0_5",
    "inception_v3",
    "googlenet",
    "squeezenet1_0",
    "efficientnet_b0",
    "densenet121",
    "swin_t",
    "mobilenet_v2",
]


@pytest.mark.parametrize(
    "name, freeze", [(name, POLICIES[turn % 4]) for turn, name in enumerate(TRAINED)]
)
def test_a_step_of_training_moves_what_its_freeze_lets_move_and_no_bit_more(name, freeze):
    size = 96 if name == "inception_v3" else SIZES.get(name, 32)
    backbone = Torchvision(name, "none", size=size)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    backbone.train()
    freeze.apply(backbone, 0)
    trained = [weight for weight in backbone.parameters() if weight.requires_grad]
    features = backbone(pictures(4, size))
    assert features.shape == (4, backbone.features)  # of one tensor, also beside side outputs
    if trained:
        features.square().sum().backward()
        torch.optim.SGD(trained, lr=1.0).step()
    moved = {key for key, value in backbone.state_dict().items() if not value.equal(before[key])}
    free = {name for name, weight in backbone.named_parameters() if weight.requires_grad}
    statistics = {name for name, _ in backbone.named_buffers() if "running" in name}
    frozen = freeze.count(len(backbone.stages), 0)
    assert moved & free or not free
    assert moved - free - {key for key in moved if "num_batches" in key} == (
        statistics if freeze.batch_norm == "train" else set()
    )
    drops = [
        module
        for stage in backbone.stages[:frozen]
        for module in stage.modules
        if isinstance(module, nn.Dropout)
    ]
    assert not any(module.training for module in drops)


def test_a_network_up_to_a_layer_has_no_weight_above_it():
    backbone = Torchvision("resnet18", "none", layer="layer3", size=32)
    published = next(iter(models.get_model_weights("resnet18"))).meta["num_params"]
    assert (
        sum(one.numel() for one in backbone.parameters()) == published - 8_393_728 - 513_000
    )  # layer4 and the classifier
    copied = copy.deepcopy(backbone)
    assert all(
        one is not other
        for one, other in zip(copied.parameters(), backbone.parameters(), strict=True)
    )
    assert {id(one) for stage in copied.stages for one in stage.parameters} == {
        id(one) for one in copied.parameters()
    }


def test_random_weights_belong_to_their_seed_and_leave_torch_s_generator_alone():
    torch.manual_seed(7)
    kept = torch.random.get_rng_state()
    first, again, other = (
        Torchvision("squeezenet1_0", "none", size=32, seed=seed).state_dict() for seed in (3, 3, 4)
    )
    assert torch.equal(torch.random.get_rng_state(), kept)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["network.features.0.weight"], other["network.features.0.weight"])


# The presets differ in size, in what they resize to, in interpolation and in normalisation.
PRESETS = [
    ("resnet18", "IMAGENET1K_V1"),
    ("resnet50", "IMAGENET1K_V2"),
    ("efficientnet_b0", "IMAGENET1K_V1"),
    ("efficientnet_v2_l", "IMAGENET1K_V1"),
    ("swin_t", "IMAGENET1K_V1"),
    ("vit_b_16", "IMAGENET1K_SWAG_E2E_V1"),
    ("inception_v3", "IMAGENET1K_V1"),
    ("mobilenet_v2", "DEFAULT"),
]


@pytest.mark.parametrize("name, entry", PRESETS)
def test_pictures_are_prepared_as_the_weights_own_transform_does_it(name, entry, monkeypatch):
    monkeypatch.setattr(weights, "public", lambda entry: "file")
    monkeypatch.setattr(disk, "file_digest", lambda path: "0")
    for function, found in (("read", {}), ("fill", None), ("folded", False)):
        monkeypatch.setattr(weights, function, lambda *_, found=found: found)
    with torch.device("meta"):
        preprocess = Torchvision(name, entry).preprocess
    transform = models.get_model_weights(name)[entry].transforms()
    step = 1 / 255 / min(transform.std)
    for shape in ((3, 400, 500), (3, 200, 150), (3, transform.resize_size[0], 500)):
        given = scans(*shape)
        mine, right = preprocess(given), transform(Image.fromarray(given.permute(1, 2, 0).numpy()))
        assert mine.shape == right.shape and mine.dtype == right.dtype
        # Pillow resizes in two passes of bytes, either of which may be rounded to the next one;
        # noise is the hardest case
        assert (mine - right).abs().max() <= 2.001 * step
        assert ((mine - right).abs() > 0.1 * step).double().mean() < 0.02
    assert (
        transform.resize_size[0] == preprocess.resize and transform.crop_size[0] == preprocess.size
    )


def test_another_size_keeps_the_usual_ratio_of_resizing_and_cropping():
    assert (
        bare("resnet18", size=112).preprocess.resize,
        bare("resnet18", size=448).preprocess.resize,
    ) == (128, 512)


@pytest.mark.parametrize("colours", [1, 3])
def test_what_the_network_takes_is_restored_to_the_picture(colours):
    picture = scans(2, colours, 8, 8)
    preprocess = Preprocess(8, 8, (0.4, 0.5, 0.6)[:colours], (0.2, 0.3, 0.1)[:colours])
    assert torch.allclose(preprocess.restore(preprocess(picture)), picture / 255, atol=1e-6)
    assert torch.equal(preprocess.normalise(picture / 255), preprocess(picture))


def test_a_grey_picture_becomes_three_equal_channels():
    prepared = Preprocess(8, 8, (0, 0, 0), (1, 1, 1))(scans(1, 8, 8))
    assert prepared.shape == (3, 8, 8)
    torch.testing.assert_close(prepared, scans(1, 8, 8).expand(3, -1, -1) / 255, rtol=1e-6, atol=0)


def test_a_batch_is_prepared_as_its_pictures_one_by_one():
    preprocess, batch = Preprocess(24, 28), scans(5, 3, 40, 50)
    assert torch.equal(preprocess(batch), torch.stack([preprocess(one) for one in batch]))


def test_mean_and_deviation_may_be_given():
    preprocess = bare("resnet18", size=32, mean=[0.5, 0.4, 0.3], std=[0.1, 0.2, 0.3]).preprocess
    found = preprocess(torch.full((3, 40, 40), 255, dtype=torch.uint8))
    torch.testing.assert_close(
        found[:, 0, 0], torch.tensor([5.0, 3.0, 0.7 / 0.3]), rtol=1e-6, atol=0
    )


def test_random_crops_are_spread_as_torchvision_s():
    draw, size = torch.Generator().manual_seed(0), (200, 300)
    torch.manual_seed(0)
    image = torch.zeros(3, *size)
    mine = [picture._crop(*size, draw) for _ in range(3000)]
    right = [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(3000)]
    for what in (
        lambda top, left, h, w: h * w,
        lambda top, left, h, w: w / h,
        lambda top, left, h, w: top / max(1, size[0] - h),
        lambda top, left, h, w: left / max(1, size[1] - w),
    ):
        # a scale from .1 on instead of .08 has a p of 1e-4 here, one up to .9 one below 1e-20
        assert (
            stats.ks_2samp([what(*one) for one in mine], [what(*one) for one in right]).pvalue
            > 1e-3
        )
    assert all(
        top >= 0 and top + h <= 200 and left >= 0 and left + w <= 300 for top, left, h, w in mine
    )


def test_half_the_pictures_are_mirrored_and_chance_is_the_generator_s_alone():
    preprocess = Preprocess(8, 8, (0, 0, 0), (1, 1, 1))
    ramp = torch.arange(0, 256, 4, dtype=torch.uint8).expand(3, 64, 64)
    made = [preprocess(ramp, torch.Generator().manual_seed(seed)) for seed in range(400)]
    mirrored = sum(bool(one[0, 0, 0] > one[0, 0, -1]) for one in made)
    assert abs(mirrored - 200) < 40  # four standard errors of 10
    torch.manual_seed(3)
    assert torch.equal(preprocess(ramp, torch.Generator().manual_seed(5)), made[5])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder for downloaded weights, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def answer(address, timeout):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return tmp_path / "hub/checkpoints"


@pytest.mark.parametrize(
    "name, entry, size",
    [
        ("resnet18", "IMAGENET1K_V1", 64),
        ("googlenet", "DEFAULT", 64),
        ("inception_v3", "IMAGENET1K_V1", 96),
    ],
)
def test_public_weights_give_the_features_of_torchvision_s_pre_trained_model(
    hub, monkeypatch, name, entry, size
):
    chosen = models.get_model_weights(name)[entry]
    hub.mkdir(parents=True)
    path = hub / chosen.url.rpartition("/")[2]
    # a stand-in under the official name; torchvision takes it as it is, here its hash is waved
    # through
    torch.save(own(name, **({"aux_logits": True} if name != "resnet18" else {})).state_dict(), path)
    monkeypatch.setattr(disk, "file_digest", lambda path: path.stem.rpartition("-")[2] + "0" * 56)
    backbone = Torchvision(name, entry, size=size).eval()
    right = models.get_model(name, weights=chosen).eval()
    right.fc = nn.Identity()
    with torch.no_grad():
        x = pictures(2, size)
        assert torch.equal(backbone(x), right(x))
    assert backbone.fingerprint.startswith(path.stem.rpartition("-")[2]) and not backbone.folded


def test_absent_public_weights_are_told_with_file_hash_and_folder(hub):
    assert (
        refusal(weights="IMAGENET1K_V1")
        == "backbone.weights=IMAGENET1K_V1: resnet18-f37072fd.pth could not be downloaded (Name or"
        " service not known); put https://download.pytorch.org/models/resnet18-f37072fd.pth"
        f" (its SHA-256 begins with f37072fd) into {hub}, or name a file with"
        " backbone.weights=FILE."
    )


def test_a_download_is_checked_against_its_hash(hub, monkeypatch):
    def answer(address, timeout):
        assert address.endswith("resnet18-f37072fd.pth")
        return io.BytesIO(b"another")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    said = refusal(weights="IMAGENET1K_V1")
    assert "could not be downloaded (what came is another file)" in said
    assert not hub.exists() or not list(hub.iterdir())


def test_another_file_under_the_official_name_is_refused(hub):
    hub.mkdir(parents=True)
    path = hub / "resnet18-f37072fd.pth"
    torch.save(own("resnet18").state_dict(), path)
    assert (
        refusal(weights="IMAGENET1K_V1")
        == f"backbone.weights=IMAGENET1K_V1: {path} is not the published file, whose SHA-256 begins"
        " with f37072fd; remove it and it is downloaded again."
    )


def test_a_file_of_a_whole_model_is_taken_and_its_classifier_left_aside(tmp_path):
    path, whole = tmp_path / "mine.pth", own("resnet18")
    torch.save(whole.state_dict(), path)
    backbone = Torchvision("resnet18", str(path), size=32).eval()
    whole.fc = nn.Identity()
    with torch.no_grad():
        assert torch.equal(backbone(pictures(1, 32)), whole(pictures(1, 32)))
    assert backbone.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_safetensors_file_is_taken_too(tmp_path):
    from safetensors.torch import save_file

    whole = own("squeezenet1_0")
    save_file(whole.state_dict(), tmp_path / "mine.safetensors")
    backbone = Torchvision("squeezenet1_0", str(tmp_path / "mine.safetensors"), size=32)
    assert torch.equal(backbone.network.features[0].weight, whole.features[0].weight)


def test_the_real_mobilenet_weights_load_and_their_folded_norms_are_seen(data):
    path = data / "weights/mobilenet_v2_1.0_224_tf_imagenet_features_bnfolded.pth"
    backbone = Torchvision("mobilenet_v2", str(path), size=64)
    assert backbone.features == 1280 and backbone.folded
    assert_held_in_evaluation(backbone, 64)


def test_the_real_resnet_weights_load_up_to_their_last_layer(data):
    path = data / "weights/resnet18_imagenet1k_v1_conv1_to_layer3_bnfolded.pth"
    backbone = Torchvision("resnet18", str(path), layer="layer3", size=64)
    assert backbone.features == 256 and backbone.folded
    assert_held_in_evaluation(backbone, 64)


def assert_held_in_evaluation(backbone, size):
    """Folded norms have lost their statistics: no freeze lets them take others."""
    x, before = pictures(4, size), {name: value.clone() for name, value in backbone.named_buffers()}
    backbone.eval()
    expected = backbone(x).detach()
    for freeze in (Freeze(0, batch_norm="train"), Freeze("all", batch_norm="train")):
        backbone.train()
        freeze.apply(backbone, 0)
        assert not any(
            one.training for one in backbone.modules() if isinstance(one, nn.BatchNorm2d)
        )
        for one in backbone.modules():  # dropout is not what is tested
            one.training = one.training and not isinstance(one, nn.Dropout)
        # the layout of memory may choose another convolution, whose sums are rounded otherwise
        torch.testing.assert_close(backbone(x).detach(), expected, rtol=1e-4, atol=1e-4)
        assert all(torch.equal(value, before[name]) for name, value in backbone.named_buffers())


@pytest.mark.parametrize(
    "make", [lambda: Torchvision("resnet18", "none", size=32), lambda: Small("none")]
)
def test_norms_that_are_not_folded_are_not_taken_for_folded(make):
    network = make()
    assert not network.folded
    assert not weights.folded(with_statistics(network))


def test_a_new_batch_norm_differs_from_a_folded_one_in_its_last_digits():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    assert not weights.folded(network)
    network[1].weight.data.fill_((1 + network[1].eps) ** 0.5)
    assert weights.folded(network) and not weights.folded(nn.Sequential(nn.Conv2d(3, 4, 1)))
    network[1].bias.data.fill_(3.0)  # what folding leaves
    assert weights.folded(network)


@pytest.mark.slow
def test_a_logistic_regression_on_real_features_tells_ants_from_bees(data):
    from sklearn.linear_model import LogisticRegression

    from qtlrun.dataset.hymenoptera import hymenoptera
    from qtlrun.dataset.splitting import Splitting

    path = data / "weights/mobilenet_v2_1.0_224_tf_imagenet_features_bnfolded.pth"
    backbone = Torchvision("mobilenet_v2", str(path), mean=[0.5] * 3, std=[0.5] * 3).eval()
    task = hymenoptera(data, Splitting(validation="test"))
    with torch.inference_mode():
        features = {
            name: torch.cat(
                [
                    backbone(split.batch(index, backbone.preprocess))
                    for index in torch.arange(len(split)).split(32)
                ]
            )
            for name, split in (("train", task.train), ("test", task.test))
        }
    model = LogisticRegression(max_iter=2000).fit(
        features["train"].numpy(), task.train.labels.numpy()
    )
    # .94 to .97 is told of these weights; with random ones it is .61 to .70
    assert model.score(features["test"].numpy(), task.test.labels.numpy()) > 0.93


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in models.list_models(module=models) if not name.endswith("128gf")]
)
def test_every_model_of_torchvision_s_is_a_backbone(name):
    with torch.device(
        "cpu" if name.startswith("regnet") else "meta"
    ):  # those compute while they are built
        backbone, whole = Torchvision(name, "none"), own_architecture(name)
    owned = [id(one) for stage in backbone.stages for one in stage.parameters]
    assert (
        sorted(owned) == sorted(id(one) for one in backbone.parameters())
        and len(backbone.stages) > 1
    )
    last = [one for one in whole.modules() if isinstance(one, (nn.Linear, nn.Conv2d))][-1]
    assert backbone.features == (
        last.in_channels if name.startswith("squeezenet") else last.in_features
    )


@pytest.mark.parametrize(
    "values, words",
    [
        (
            {"name": "resnet81"},
            "backbone.name=resnet81: did you mean resnet18? It is one of alexnet, ",
        ),
        (
            {"weights": "IMAGENET_V1"},
            (
                "backbone.weights=IMAGENET_V1: resnet18 has no such public weights; did you mean"
                " IMAGENET1K_V1? It is one of IMAGENET1K_V1, DEFAULT, none, FILE."
            ),
        ),
        (
            {"weights": "./absent.pth"},
            (
                "backbone.weights=absent.pth: there is no such file; give a file, a public name, or"
                " none for random weights."
            ),
        ),
        ({"layer": "layer5"}, "backbone.layer=layer5: did you mean layer"),
        ({"layer": "encoder"}, "backbone.layer=encoder: it is one of conv1, "),
        ({"size": 0}, "backbone.size=0: pixels, from 1 up."),
        ({"size": -3}, "backbone.size=-3: pixels, from 1 up."),
        (
            {"name": "vit_b_16", "size": 40},
            "backbone.size=40: vit_b_16 is not built for pictures of 40 x 40 (",
        ),
        (
            {"name": "maxvit_t", "size": 40},
            "backbone.size=40: maxvit_t is not built for pictures of 40 x 40 (",
        ),
        (
            {"name": "alexnet", "size": 16},
            "backbone.size=16: this model does not take pictures of 16 x 16 (",
        ),
        (
            {"mean": [0.5, 0.5]},
            "backbone.mean=[0.5, 0.5]: three numbers, one for red, green and blue.",
        ),
        (
            {"std": [0.5, 0, 0.5]},
            "backbone.std=[0.5, 0, 0.5]: three numbers, one for red, green and blue, above 0.",
        ),
    ],
)
def test_what_torchvision_has_not_is_refused(values, words):
    assert refusal(**values).startswith(words)


def test_a_file_that_lacks_a_layer_is_refused_with_its_name(data):
    path = str(data / "weights/resnet18_imagenet1k_v1_conv1_to_layer3_bnfolded.pth")
    assert (
        refusal(weights=path, size=32)
        == f"backbone.weights={path}: this file lacks layer4.0.conv1.weight (25 of 120 missing, 0"
        " unknown); name the model it was made for, and with backbone.layer the layer that it"
        " reaches to."
    )


def test_a_file_of_another_model_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(own("resnet34").state_dict(), path)
    assert (
        refusal(weights=str(path), size=32)
        == f"backbone.weights={path}: this file has layer1.2.conv1.weight, which this model has not"
        " (0 of 120 missing, 96 unknown); name the model it was made for, and with"
        " backbone.layer the layer that it reaches to."
    )


def test_a_file_of_another_width_is_refused(tmp_path):
    path = tmp_path / "wide.pth"
    torch.save(
        own("resnet18", width_per_group=64).state_dict()
        | {"conv1.weight": torch.zeros(32, 3, 7, 7)},
        path,
    )
    assert (
        refusal(weights=str(path), size=32)
        == f"backbone.weights={path}: conv1.weight is (32, 3, 7, 7) in the file and (64, 3, 7, 7)"
        " in the model."
    )


@pytest.mark.parametrize(
    "name, content", [("a.pth", b"nothing of torch's"), ("a.safetensors", b"12"), ("b.pth", None)]
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content) if content else torch.save([1, 2], path)
    words = refusal(weights=str(path))
    assert words.startswith(
        f"backbone.weights={path}: no state dict could be read from this file ("
    )


def test_nothing_in_a_weights_file_is_executed(tmp_path):
    path = tmp_path / "evil.pth"

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    torch.save({"conv1.weight": Evil()}, path)
    assert "no state dict could be read from this file" in refusal(weights=str(path))
    assert not (tmp_path / "executed").exists()


def small_refusal(**values):
    with pytest.raises(UsageError) as error:
        build("backbone", {"_target_": "qtlrun.backbone.small.Small"} | values)
    return str(error.value)


@pytest.mark.parametrize(
    "layer, features", [("layer1", 16), ("layer2", 32), ("layer3", 64), (None, 64)]
)
def test_the_small_backbone_ends_at_its_layer(layer, features):
    backbone = Small("none", layer=layer).eval()
    assert backbone.features == features
    seen = []
    backbone.blocks[-1].register_forward_hook(lambda module, given, out: seen.append(out))
    found = backbone(pictures(2, 8))
    torch.testing.assert_close(found, seen[0].mean((2, 3)), rtol=1e-6, atol=0)
    owned = [id(one) for stage in backbone.stages for one in stage.parameters]
    assert sorted(owned) == sorted(id(one) for one in backbone.parameters())
    copied = copy.deepcopy(backbone)
    assert torch.equal(copied(pictures(2, 8)), found)
    copied.blocks[0].conv1.weight.data.zero_()
    assert not torch.equal(copied(pictures(2, 8)), found) and torch.equal(
        backbone(pictures(2, 8)), found
    )


def test_the_small_backbone_takes_the_state_of_a_deeper_one():
    deep = with_statistics(Small("none", seed=5)).eval()
    shallow = Small("pretrain", layer="layer2", state=deep.state_dict()).eval()
    seen = []
    deep.layer2.register_forward_hook(lambda module, given, out: seen.append(out))
    deep(pictures(2, 8))
    assert torch.equal(shallow(pictures(2, 8)), seen[0].mean((2, 3)))


def test_the_small_backbone_loads_a_file(tmp_path):
    path, known = tmp_path / "small.pth", Small("none", seed=5)
    torch.save(known.state_dict(), path)
    loaded = Small(str(path), layer="layer1", seed=1)
    assert all(
        torch.equal(value, known.state_dict()[name]) for name, value in loaded.state_dict().items()
    )
    assert loaded.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    assert small_refusal(weights=str(path), width=8).startswith(
        f"backbone.weights={path}: stem.0.weight is (16, 3, 3, 3) in the file and (8, 3, 3, 3) in"
        " the model."
    )


def test_the_small_backbone_of_a_seed_is_random_in_its_own_way():
    torch.manual_seed(7)
    kept = torch.random.get_rng_state()
    first, again, other = (Small("none", seed=seed).stem[0].weight for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), kept)


@pytest.mark.parametrize(
    "values, words",
    [
        (
            {"size": 7},
            (
                "backbone.size=7: pixels, 8 to 64; larger pictures want a larger backbone, as"
                " resnet18."
            ),
        ),
        (
            {"size": 65},
            (
                "backbone.size=65: pixels, 8 to 64; larger pictures want a larger backbone, as"
                " resnet18."
            ),
        ),
        ({"width": 0}, "backbone.width=0: channels of the first block, from 1 up."),
        ({"layer": "layer4"}, "backbone.layer=layer4: "),
        ({"weights": "./absent.pth"}, "backbone.weights=absent.pth: there is no such file; "),
    ],
)
def test_what_the_small_backbone_has_not_is_refused(values, words):
    assert small_refusal(**values).startswith(words)


def test_without_a_backbone_pixels_are_features():
    backbone, given = Identity(64), scans(5, 1, 8, 8)
    features = backbone(backbone.preprocess(given))
    torch.testing.assert_close(features, given.flatten(1) / 255, rtol=1e-6, atol=0)
    vector = torch.randn(5, 64)
    assert torch.equal(backbone(backbone.preprocess(vector)), vector)
    assert Freeze("all", batch_norm="train").fixed(backbone) and Freeze(0).fixed(backbone)


def test_items_of_another_size_are_refused_with_theirs():
    with pytest.raises(ValueError) as error:
        Identity(32)(torch.zeros(2, 64))
    assert str(error.value) == "backbone.features=32: the dataset's items have 64 numbers."
    with pytest.raises(ValueError) as error:
        Identity(0)
    assert str(error.value) == "features=0: numbers an item has, from 1 up."


@pytest.mark.parametrize(
    "name, layer",
    [
        ("resnet18", None),
        ("resnet18", "layer3"),
        ("mobilenet_v2", None),
        ("shufflenet_v2_x0_5", None),
    ],
)
def test_settled_batch_norms_give_the_same_features_and_leave_the_backbone_alone(name, layer):
    backbone = Torchvision(name, weights="none", layer=layer, size=64).eval()
    draw = torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=draw)
            module.running_var.uniform_(0.5, 2, generator=draw)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    pictures = torch.randn(2, 3, 64, 64, generator=draw)
    with torch.no_grad():
        settled, right = backbone.settled(), backbone(pictures)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in settled.modules())
        # a few dozen convolutions in float32
        torch.testing.assert_close(
            settled(pictures), right, rtol=0, atol=1e-5 * float(right.abs().max())
        )
        half = Torchvision(name, weights="none", layer=layer, size=64, precision="bfloat16").eval()
        half.load_state_dict(before)
        found = half.settled()(pictures)
        assert (
            found.dtype == right.dtype and 1e-4 < float((found - right).norm() / right.norm()) < 0.1
        )  # eight bits
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_the_blocks_of_the_small_one_are_those_of_torchvision():
    from torchvision.models.resnet import BasicBlock, conv1x1

    from qtlrun.backbone.small import _wider

    torch.manual_seed(3)
    block = _wider(4).eval()
    torch.manual_seed(3)
    shortcut = torch.nn.Sequential(conv1x1(4, 8, stride=2), torch.nn.BatchNorm2d(8))
    peer = BasicBlock(4, 8, stride=2, downsample=shortcut).eval()
    state = peer.state_dict()
    assert list(block.state_dict()) == list(state)
    assert all(torch.equal(value, state[name]) for name, value in block.state_dict().items())
    maps = torch.randn(2, 4, 8, 8)
    assert torch.equal(block(maps), peer(maps))
