import dataclasses
import math

import pytest
import torch

from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.experiment import feature
from qtlrun.experiment.subject import FEATURES
from qtlrun.lens.render import ascent, target, transfer
from qtlrun.lens.scene import choose_items

VALUES = {
    "steps": 16,
    "rate": 0.1,
    "variation": 0.1,
    "norm": 0,
    "shift": 1,
    "falloff": 1,
    "items": 6,
    "classes": None,
    "outputs": 1,
    "channels": 2,
    "side": None,
    "trainings": 2,
    "trainings_large": 1,
    "seed": 0,
}


def dream(**values):
    part = {"_target_": "qtlrun.lens.dream.Dream"} | VALUES | values
    return build_part("lens", part, (), "lens.dream")


@pytest.fixture(scope="module")
def view(scene):
    return dream().view(scene)


def test_each_row_dreams_of_what_it_has(view):
    numbers = view.frames["numbers"]
    noise = numbers[(numbers["origin"] == "noise") & (numbers["seed"] == 0)]
    layers = {row: set(each["layer"]) for row, each in noise.groupby("row")}
    inner = {"logits", "outputs", "difference"}
    assert layers == {
        "A": inner | {FEATURES},
        "twin": inner,  # its features are A's
        "C": {"logits"},
        "B": {"logits", FEATURES},
    }
    assert set(numbers[numbers["origin"] == "test item"]["seed"]) == {0}
    assert set(view.figures) == {"", "circuit", "features", "item"}


def test_dreams_reach_more_than_they_start_from(scene, view):
    numbers = view.frames["numbers"]
    subject = scene.trainings["C"][0]
    start = ascent.draw_noise(ascent.open_pictures(subject, [0] * 3, None), 0)
    split = subject.split("test").subset([0, 1, 2])
    (logits,) = target.find_targets(subject, split, [0, 1, 2], 0, [])
    with torch.no_grad():
        values = logits.read(ascent.read_pictures(subject, start)).diagonal()
    mine = (numbers["row"] == "C") & (numbers["seed"] == 0) & (numbers["origin"] == "noise")
    assert (numbers[mine]["value"].to_numpy() > values.numpy()).all()


def test_the_same_seed_dreams_alike(scene, view):
    again = dream().view(scene).frames["numbers"]
    assert again.equals(view.frames["numbers"])


def test_the_probability_of_a_dream_is_that_of_its_judges(scene, view):
    numbers = view.frames["numbers"]
    judged = numbers[(numbers["origin"] == "noise") & (numbers["layer"] == "logits")]
    assert judged["probability"].between(0, 1).all() and judged["probability_row"].notna().all()
    subjects = [scene.trainings[row][seed] for row in ("A", "C") for seed in (0, 1)]
    pictures = {
        each: torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(number))
        for number, each in enumerate(subjects)
    }
    beliefs = transfer.judge_pictures(pictures, [0, 2])

    def ask(judge, dreamer):
        with torch.no_grad():
            logits = ascent.read_pictures(judge, pictures[dreamer])["logits"]
        return logits.softmax(1)[[0, 1], [0, 2]]

    first, sibling, *others = subjects
    belief = beliefs[first]
    torch.testing.assert_close(belief.itself, ask(first, first))
    torch.testing.assert_close(belief.row, ask(sibling, first))
    expected = torch.stack([ask(other, first) for other in others]).mean(0)
    torch.testing.assert_close(belief.others, expected)


def test_only_the_belief_of_the_dreamer_is_tested_between_rows(view):
    tested = {}
    for each in view.readings:
        tested.setdefault(each.measure, set()).add(each.is_tested)
    assert tested["believed: its row"] == tested["believed: other rows"] == {False}
    alone = {*tested} - {"believed: its row", "believed: other rows"}
    assert "believed: itself" in alone and all(tested[name] == {True} for name in alone)
    assert [note.full for note in view.notes if "not tested" in note.full]


def test_figures_show_the_trainings_that_rows_share_and_rows_with_a_frozen_backbone_have_more(
    scene, monkeypatch
):
    """Where the composed row lacks the first training; the large backbone of B was trained."""
    monkeypatch.setattr(feature, "is_large", lambda backbone: True)
    (_, second), both, trained = (scene.trainings[row] for row in "ACB")
    rows = {"A": [second], "C": both, "B": trained}
    view = dream(trainings=1).view(dataclasses.replace(scene, trainings=rows))
    numbers = view.frames["numbers"]
    assert set(numbers["seed"]) == {second.seed}
    everyone = dream(steps=1).view(scene).frames["numbers"]
    seeds = {row: each["seed"].nunique() for row, each in everyone.groupby("row")}
    assert seeds == {"A": 2, "C": 2, "twin": 2, "B": 1}


def test_the_pixels_of_every_picture_in_the_figures_are_in_a_frame(scene, view):
    """Pictures of 8 x 8 pixels are written whole; those that begin at a test item have it."""
    pixels = view.frames["pixels"]
    colours = [name for name in ("grey", "red", "green", "blue") if name in pixels]
    assert pixels[colours].stack().between(0, 1).all()
    pictures = pixels.groupby(["row", "origin", "layer", "name"], sort=False)
    assert (pictures.size() == 64).all()
    images = [axis for each in view.figures.values() for axis in each.axes if axis.images]
    layers = pixels[pixels["origin"] == "test item"].groupby("row")["layer"].nunique()
    twice = (layers - 1).sum()  # one figure shows the item once
    assert len(pictures) - twice == len(images)
    first = scene.firsts["A"]
    item = ascent.open_pictures(first, choose_items(first.dataset, 1), None)[0]
    places = pixels[(pixels["row"] == "A") & (pixels["name"] == "test item")][:64]
    torch.testing.assert_close(
        torch.tensor(places[colours].T.to_numpy(copy=True)).reshape(len(colours), 8, 8),
        item.double(),
        rtol=0,
        atol=1e-4,
    )


def test_one_training_alone_has_no_judge_but_itself(scene):
    subject = scene.trainings["A"][0]
    picture = torch.rand((3, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    belief = transfer.judge_pictures({subject: picture}, [0, 1, 2])[subject]
    assert belief.row.isnan().all() and belief.others.isnan().all()


def test_a_contrast_is_a_logit_less_the_mean_of_the_others():
    logits = torch.tensor([[4.0, 1.0, 3.0]])
    torch.testing.assert_close(target.contrast(logits), torch.tensor([[2.0, -2.5, 0.5]]))


def test_the_difference_is_between_inputs_and_outputs_in_units_of_their_size():
    layers = {"inputs": torch.tensor([[3.0, -3.0]]), "outputs": torch.tensor([[0.5, 0.5]])}
    read = target._difference(layers)
    assert read(layers).item() == pytest.approx(math.sqrt(2))  # of 1 - 1 and -1 - 1
    alike = {"inputs": layers["inputs"], "outputs": layers["inputs"] / 6}
    assert read(alike).item() == pytest.approx(0, abs=1e-5)


def test_pictures_of_a_test_item_are_its_own(scene):
    subject = scene.trainings["A"][0]
    items = subject.items(subject.split("test"), [1])
    pictures = ascent.open_pictures(subject, [1], None)
    torch.testing.assert_close(subject.network.backbone.preprocess.normalise(pictures), items)
    assert ascent.open_pictures(subject, [1], 6).shape == (1, 3, 6, 6)


def test_only_a_large_backbone_dreams_smaller_and_only_of_sizes_that_it_takes(scene, monkeypatch):
    subject = scene.trainings["A"][0]
    assert ascent.find_side(subject, 6) is None
    monkeypatch.setattr(feature, "is_large", lambda backbone: True)
    assert ascent.find_side(subject, 6) == 6 and ascent.find_side(subject, None) is None

    def refuse(pictures):
        raise RuntimeError(f"it takes no {pictures.shape}")

    monkeypatch.setattr(subject.network.backbone, "forward", refuse)
    assert ascent.find_side(subject, 6) is None


def test_vectors_are_no_pictures(scene):
    split = dataclasses.replace(scene.dataset.test, inputs=torch.zeros((6, 2)))
    dataset = dataclasses.replace(scene.dataset, train=split, test=split)
    subject = dataclasses.replace(scene.trainings["A"][0], dataset=dataset)
    view = dream().view(dataclasses.replace(scene, trainings={"A": [subject]}))
    assert not view.figures and "vectors" in view.notes[0].full


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("items", 0),
        ("trainings", 0),
        ("trainings_large", 0),
        ("outputs", -1),
        ("channels", -1),
        ("side", 7),
        ("steps", -1),
        ("rate", -0.1),
        ("classes", []),
        ("classes", ["ant", "ant"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(name, value):
    with pytest.raises(UsageError) as error:
        dream(**{name: value})
    assert error.value.key == f"lens.dream.{name}" and error.value.value == value


def test_a_class_that_is_not_there_is_refused(scene):
    with pytest.raises(UsageError) as error:
        dream(classes=["cat"]).check(scene.dataset.classes)
    assert (error.value.key, error.value.value) == ("classes", "cat")
