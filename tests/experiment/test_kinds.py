"""Pictures, vectors and states: which backbone takes which, and what only states have."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from composition import train_row, variants
from PIL import Image

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, ensemble
from qtlrun.experiment.check import check_parts
from qtlrun.experiment.description import centre_patterns
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

STATES = (
    "dataset=coherent",
    "dataset.train=4",
    "dataset.validation=3",
    "dataset.test=5",
    "recipe.epochs=2",
    "head=classical",
)
PLUGIN = """
import torch
from torch import Tensor, nn
from qtlrun.backbone.stage import Stage


class Plain(nn.Module):
    '''Says nothing of what it takes.'''

    def __init__(self):
        super().__init__()
        self.features, self.stages, self.folded, self.fingerprint = 12, [], False, "plain"

    def preprocess(self, item, generator=None):
        return item

    def forward(self, items):
        return items


class Optical(nn.Module):
    '''One gain on a state's numbers; the share kept depends on the first displacement.'''

    takes = ("states",)

    def __init__(self, modes: int = 2, cut: float = .5, data=None):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.features, self.modes, self.cut, self.data = 12, modes, cut, data
        self.stages, self.folded, self.fingerprint = [Stage([self.gain], [self])], False, "optical"

    def preprocess(self, item, generator=None):
        return item

    def forward(self, items: Tensor):
        return self.gain * items

    def retention(self, items: Tensor):
        return {"norm_kept": 1 - self.cut * items[:, 1].abs() / 10}

    def patterns(self, items: Tensor):
        return items[:, [1, 2, 7, 8]].unflatten(1, (2, 2))


class Selecting(nn.Module):
    '''A linear head that keeps a share of each state: another one of each run.'''

    def __init__(self, features: int, classes: int, start):
        super().__init__()
        self.weight = nn.Parameter(start.normal("mine", (classes, features), .1))

    def forward(self, features: Tensor):
        return features @ self.weight.transpose(1, 2)

    def retention(self, features: Tensor):
        share = torch.arange(1, len(features) + 1).unsqueeze(1) / 10
        return {"norm_kept": share + 0 * features[..., 1], "post_selected": features[..., 1]}
"""


@pytest.fixture
def plan(tmp_path, home):
    """The plan of these words with parts of one's own, (group, its class, its values)."""
    path = tmp_path / "mine_kinds.py"
    path.write_text(PLUGIN)

    def make(*words, **parts):
        own = {
            group: {"_target_": f"mine_kinds.{name}", **values}
            for group, (name, values) in parts.items()
        }
        return replace(variants(*words)["composed"], plugins=[str(path)], **own)

    return make


@pytest.fixture
def parts(plan, home):
    return lambda *words, **own: Parts(plan(*words, **own), Session(str(home)))


OPTICAL = {"backbone": ("Optical", {"modes": 2, "cut": 0.5})}
TAKES_PICTURES = "backbone: it takes pictures, and the dataset's items are"
TAKES_STATES = "backbone: it takes states, and the dataset's items are"


@pytest.mark.parametrize(
    ("words", "own", "said"),
    [
        (
            ["dataset=spirals"],
            {},
            f"{TAKES_PICTURES} vectors; use backbone=identity or perceptron.",
        ),
        (
            ["dataset=iris"],
            {"backbone": ("Plain", {})},
            f"{TAKES_PICTURES} vectors; use backbone=identity or perceptron.",
        ),
        (STATES, {}, f"{TAKES_PICTURES} states; use backbone=photonic or heterodyne."),
        (
            [*STATES, "backbone=identity"],
            {},
            (
                "backbone: it takes vectors or pictures, and the dataset's items are states; "
                "use backbone=photonic or heterodyne."
            ),
        ),
        ([], OPTICAL, f"{TAKES_STATES} pictures; use backbone=small or efficientnet_lite0."),
        (
            ["dataset=moons"],
            OPTICAL,
            f"{TAKES_STATES} vectors; use backbone=identity or perceptron.",
        ),
    ],
)
def test_a_backbone_of_another_kind_than_the_items_is_refused_with_one_that_takes_them(
    plan, home, words, own, said
):
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan(*words, **own))
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("words", "own", "noun"),
    [
        ([], {}, "picture"),
        (["backbone=identity"], {}, "picture"),
        (["backbone=identity", "dataset=spirals"], {}, "item"),
        (STATES, OPTICAL, "state"),
    ],
)
def test_a_backbone_that_takes_the_items_is_not_refused_and_the_table_calls_them_what_they_are(
    plan, parts, home, words, own, noun
):
    Experiment(str(home)).check(plan(*words, **own))
    assert parts(*words, **own).dataset.noun == noun


@pytest.mark.parametrize(
    ("words", "features"),
    [
        ([], 64),
        (["dataset=moons"], 2),
        (["dataset=iris"], 4),
        (["dataset=spirals", "backbone.features=2"], 2),
    ],
)
def test_without_a_backbone_there_are_as_many_features_as_an_item_has_numbers(
    parts, words, features
):
    made = parts("backbone=identity", *words)
    check_parts(made)
    assert made.backbone.features == features
    items = made.dataset.train.batch([0, 1], made.backbone.preprocess)
    assert made.backbone(items).shape == (2, features)


def test_one_session_holds_the_features_of_two_datasets_apart(plan, home):
    session = Session(str(home))
    sizes = [
        Parts(plan("backbone=identity", f"dataset={name}"), session).backbone.features
        for name in ("moons", "iris", "moons")
    ]
    assert sizes == [2, 4, 2]


@pytest.mark.parametrize("backbone", ["identity", "perceptron"])
def test_pictures_of_one_size_are_taken_by_their_pixels_in_a_row(plan, home, tmp_path, backbone):
    for part, count in (("train", 12), ("val", 4), ("test", 4)):
        for number in range(count):
            path = tmp_path / "pictures" / part / ("ants", "bees")[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (5, 4), (number, len(part), count)).save(path)
    words = (f"backbone={backbone}", "dataset=folder", f"dataset.root={tmp_path}/pictures")
    experiment, made = Experiment(str(home)), plan(*words)
    experiment.check(made)
    experiment.load(made)
    parts = Parts(made, experiment.session)
    assert (
        parts.numbers == 60
        and parts.backbone(parts.dataset.train.batch([0, 1], parts.backbone.preprocess)).shape[0]
        == 2
    )
    Image.new("RGB", (4, 5), (99, 0, 0)).save(
        tmp_path / "pictures/test/ants/turned.png"
    )  # as many numbers, but another size
    with pytest.raises(UsageError, match="dataset: its pictures differ in size"):
        Experiment(str(home)).check(made)


def test_pictures_of_several_sizes_are_not_taken_by_their_pixels_in_a_row(plan, home, tmp_path):
    for number in range(20):
        path = tmp_path / "pictures" / ("ants", "bees")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8 + number), (number, 0, 0)).save(path)
    words = ("backbone=identity", "dataset=folder", f"dataset.root={tmp_path}/pictures")
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan(*words))
    assert (
        str(error.value)
        == "dataset: its pictures differ in size, and their pixels in a row take equal ones; use"
        " backbone=small or efficientnet_lite0."
    )
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan(*words, "backbone.features=192"))
    ending = (
        "pixels, for two), and this backbone takes their pixels in a row; use backbone=small or"
        " efficientnet_lite0."
    )
    assert str(error.value).startswith("dataset: its pictures differ in size (8 x ") and str(
        error.value
    ).endswith(ending)


AUGMENTED = "recipe.augment=true: the dataset's items are"


@pytest.mark.parametrize(
    ("words", "own", "kind"),
    [
        (["backbone=identity", "dataset=moons"], {}, "vectors"),
        (STATES, OPTICAL, "states"),
        ([*STATES, "backbone=heterodyne", "freeze=none"], {}, "states"),
    ],
)
def test_what_is_no_picture_is_not_augmented(plan, home, words, own, kind):
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan(*words, "recipe.augment=true", **own))
    assert (
        str(error.value)
        == f"{AUGMENTED} {kind}, which are neither cropped nor mirrored; use false."
    )


def test_pictures_are_augmented(plan, home):
    Experiment(str(home)).check(plan("recipe.augment=true"))


MODE = (
    "dataset=gaussian",
    "backbone=photonic_mode",
    "backbone.weights=none",
    "head=photonic",
    "recipe=photonic",
)
AMPLITUDES = "head: this one takes the amplitudes of one mode; use backbone=photonic_mode."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backbone.output=block"], AMPLITUDES),
        (["backbone=heterodyne", "backbone.modes=1", "backbone.order=4"], AMPLITUDES),
        (["dataset=digits", "dataset.classes=[3,8]", "backbone=identity"], AMPLITUDES),
        (["dataset=digits", "dataset.classes=[3,8]", "backbone=small"], AMPLITUDES),
        (
            ["recipe.scale=standard"],
            "recipe.scale=standard: scaled amplitudes are no state; use none.",
        ),
    ],
)
def test_a_photonic_head_takes_the_amplitudes_of_one_mode_as_they_are(plan, home, words, said):
    """Of as many numbers, too: a head that took anything else for a state would train without a
    word.
    """
    names = {word.partition("=")[0] for word in words}
    kept = [word for word in MODE if word.partition("=")[0] not in names]
    if {"backbone=heterodyne", "backbone=identity", "backbone=small"} & set(words):
        kept.remove("backbone.weights=none")
    Experiment(str(home)).check(plan(*MODE))
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan(*kept, *words))
    assert str(error.value) == said


def test_a_head_of_no_layers_has_nothing_to_train_and_runs(plan, parts, home):
    """It reads the states as they come: the chance of no photon, and half of what is lost."""
    words = (
        *MODE,
        "head.layers=0",
        "dataset.train=4",
        "dataset.validation=4",
        "dataset.test=6",
        "recipe.epochs=2",
    )
    row = train_row(Experiment(str(home)), "mine", plan(*words, "dtype=float64"), [0, 1])
    assert not row.errors and row.metrics["parameters_head"].tolist() == [0, 0]
    made = parts(*words, "dtype=float64")
    with torch.no_grad():
        real, imaginary = made.backbone(made.dataset.test.inputs.double()).double().chunk(2, -1)
    chances = real.square() + imaginary.square()
    none = chances[:, 0] + (1 - chances.sum(1)) / 2
    expected = torch.stack([1 - none, none], -1).numpy() + 1e-7
    np.testing.assert_allclose(
        np.exp(row.logits), [expected] * 2, rtol=1e-9
    )  # a few roundings of float64


@pytest.mark.parametrize("features", [0, -1])
def test_no_features_are_refused(plan, home, features):
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan("backbone=identity", f"backbone.features={features}"))
    assert str(error.value) == f"backbone.features={features}: numbers an item has, from 1 up."


def test_a_backbone_that_asks_for_the_folder_of_data_is_given_it(parts, home):
    assert parts(*STATES, **OPTICAL).backbone.data == Session(str(home)).data


def test_a_dataset_that_prescribes_an_order_gives_it_to_training_alone(parts):
    for freeze in ("backbone", "none"):
        made = parts(*STATES, "dataset.order=drawn", f"freeze={freeze}", **OPTICAL)
        data = ensemble.build_ensemble([Training(made, 0)]).data
        assert torch.equal(data["train"].sequence(3), torch.arange(4 * 7))
        assert data["validation"].sequence is None and data["test"].sequence is None
    assert (
        ensemble.build_ensemble([Training(parts(*STATES, **OPTICAL), 0)]).data["train"].sequence
        is None
    )


def test_a_prescribed_order_is_that_of_training(plan, home, monkeypatch):
    """Of the same start values every seed ends the same only where the order is given."""
    from qtlrun.layer import Start

    seeds = Start.__init__
    monkeypatch.setattr(
        Start, "__init__", lambda self, given, *more: seeds(self, [0] * len(given), *more)
    )
    logits = {
        order: (
            train_row(
                Experiment(str(home)),
                "C",
                plan(*STATES, f"dataset.order={order}", **OPTICAL),
                [0, 1],
            ).logits
        )
        for order in ("drawn", "null")
    }
    assert np.array_equal(*logits["drawn"]) and not np.array_equal(*logits["null"])


@pytest.mark.parametrize("freeze", ["backbone", "none"])
def test_what_a_photonic_backbone_keeps_is_the_mean_over_the_test_items(plan, parts, home, freeze):
    words = (*STATES, f"freeze={freeze}")
    row = train_row(Experiment(str(home)), "C", plan(*words, **OPTICAL), [0, 1])
    lost = 0.05 * parts(*words, **OPTICAL).dataset.test.inputs[:, 1].abs().mean().item()
    assert row.metrics["norm_kept"].tolist() == pytest.approx(
        [1 - lost] * 2, rel=1e-6
    )  # of float32
    assert lost > 0.01 and "post_selected" not in row.metrics


def test_a_row_found_in_the_store_has_kept_what_it_kept(plan, home):
    first, second = (
        train_row(Experiment(str(home)), "C", plan(*STATES, **OPTICAL), [0, 1]) for _ in range(2)
    )
    assert (
        second.stored
        and second.metrics["norm_kept"].tolist() == first.metrics["norm_kept"].tolist()
    )


@pytest.mark.parametrize("freeze", ["backbone", "none"])
def test_what_a_photonic_head_keeps_is_that_of_each_run_and_stands_for_both(
    plan, parts, home, freeze
):
    own = OPTICAL | {"head": ("Selecting", {})}
    words = (*STATES, f"freeze={freeze}", "recipe.lr=0", "recipe.backbone_lr=0")
    row = train_row(Experiment(str(home)), "mine", plan(*words, **own), [0, 1])
    displaced = parts(*words, **own).dataset.test.inputs[:, 1].mean().item()
    shares = (
        [0.1, 0.2] if freeze == "backbone" else [0.1, 0.1]
    )  # trained backbones go one by one, and each is its program's first run
    assert row.metrics["norm_kept"].tolist() == pytest.approx(shares, rel=1e-6)  # of float32
    assert row.metrics["post_selected"].tolist() == pytest.approx(
        [displaced] * 2, rel=1e-5, abs=1e-7
    )


def test_rows_without_photonic_parts_keep_nothing(plan, home):
    row = train_row(
        Experiment(str(home)),
        "C",
        plan("backbone=identity", "dataset=moons", "recipe.epochs=1", "head=classical"),
        [0],
    )
    assert (
        not {"norm_kept", "post_selected"} & set(row.metrics)
        and row.ceiling is None
        and row.patterns is None
    )


def test_the_pattern_of_each_class_is_what_the_backbone_makes_of_its_centre(plan, parts, home):
    row = train_row(Experiment(str(home)), "C", plan(*STATES, **OPTICAL), [0])
    centres = parts(*STATES, **OPTICAL).dataset.centres
    np.testing.assert_allclose(
        row.patterns, centres[:, [1, 2, 7, 8]].reshape(7, 2, 2), rtol=1e-6
    )  # of float32
    assert row.ceiling == parts(*STATES, **OPTICAL).dataset.ceiling and 0.5 < row.ceiling <= 1


def test_one_mode_has_no_pattern(parts):
    assert centre_patterns(parts(*STATES, backbone=("Optical", {"modes": 1, "cut": 0.5}))) is None
    assert centre_patterns(parts("backbone=identity")) is None
