"""Labels whose truth is known."""

import numpy as np
import pytest
import torch
from composition import variants

from qtlrun.experiment import Experiment, feature
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.planted import Plant, plant_effect
from qtlrun.experiment.session import Session

SHORT = (
    "backbone=identity",
    "recipe.epochs=2",
    "circuit.qubits=3",
    "circuit.depth=2",
    "compare=[C]",
)
KINDS = ("circuit", "linear")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return Parts(variants(*SHORT)["composed"], Session(str(tmp_path_factory.mktemp("home"))))


@pytest.fixture(scope="module")
def known(parts):
    """The features of all pictures."""
    return torch.cat([feature.features(parts)[name] for name in feature.SPLITS])


def labels(made):
    return torch.cat([made[name][1] for name in feature.SPLITS])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_number_plants_the_same_labels_and_another_others(parts, known, kind):
    first = Plant(kind, 2.0, 0)(parts, known)
    torch.rand(5)
    second, other = Plant(kind, 2.0, 0)(parts, known), Plant(kind, 2.0, 1)(parts, known)
    for name in feature.SPLITS:
        assert all(
            torch.equal(one, two) for one, two in zip(first[name], second[name], strict=True)
        )
    assert (labels(first) != labels(other)).double().mean() > 0.3
    assert not torch.equal(first["train"][0], other["train"][0])  # and divides the pictures anew


def test_another_kind_plants_others(parts, known):
    one, other = (Plant(kind, 2.0, 0)(parts, known) for kind in KINDS)
    assert (labels(one) != labels(other)).double().mean() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_the_features_are_uncorrelated_components_of_unit_deviation_as_many_as_inputs(
    parts, known, kind
):
    made = Plant(kind, 1.0, 0)(parts, known)
    components = torch.cat([made[name][0] for name in feature.SPLITS])
    assert components.shape == (len(known), 3) and [
        len(made[name][0]) for name in feature.SPLITS
    ] == [214, 64, 150]
    # features of float32, standardised in float64
    np.testing.assert_allclose(torch.cov(components.T), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(components.mean(0), 0, atol=1e-5)
    assert len({tuple(one) for one in components.tolist()}) > len(known) - 3  # every picture once


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_effect_leaves_little_to_chance_and_a_small_one_much(parts, known, kind):
    """By the same draw the labels of a huge effect are the largest logits."""
    sure = labels(Plant(kind, 1e6, 0)(parts, known))
    agree = {
        effect: (labels(Plant(kind, effect, 0)(parts, known)) == sure).double().mean().item()
        for effect in (0.01, 1.0, 8.0)
    }
    assert agree[8.0] > 0.9 and agree[0.01] < 0.45 and agree[0.01] < agree[1.0] < agree[8.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("effect", [1.0, 8.0])
def test_every_class_is_planted_in_every_split(parts, known, kind, effect):
    for number in range(5):
        made = Plant(kind, effect, number)(parts, known)
        assert all(set(given.tolist()) == {0, 1, 2, 3} for _, given in made.values())
        assert torch.bincount(labels(made)).max() < 0.6 * len(known)


def test_linear_labels_are_those_of_a_linear_map_and_a_circuits_are_not(parts, known):
    from sklearn.linear_model import LogisticRegression

    found = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for number in range(4):
            made = Plant(kind, 1e3, number)(parts, known)
            (x, y), (seen, answers) = made["train"], made["test"]
            found[kind].append(
                LogisticRegression(C=1e4, max_iter=5000)
                .fit(x.numpy(), y.numpy())
                .score(seen.numpy(), answers.numpy())
            )
    assert (
        min(found["linear"]) > 0.93 and np.mean(found["circuit"]) < np.mean(found["linear"]) - 0.08
    )


def test_each_plant_has_items_and_a_fingerprint_of_its_own(parts):
    plants = Plant("linear", 8.0, 0), Plant("linear", 8.0, 1), Plant("linear", 8.0, 0)
    first, other, again = (plant_effect(parts, plant).dataset for plant in plants)
    items = [item for split in first.splits.values() for item in split.items]
    assert len(set(items)) == len(items) == sum(map(len, parts.dataset.splits.values()))
    assert first.fingerprint == again.fingerprint
    assert len({each.fingerprint for each in (first, other, parts.dataset)}) == 3


def test_rows_are_trained_on_what_is_planted_and_kept_by_it(home):
    plan = variants(*SHORT, "recipe.lr=0.1", "recipe.epochs=20")["C"]
    one = Experiment(str(home))
    (bare,) = one.predict("C", [plan], [[0]])
    made = [
        one.predict("C", [plan], [[0]], plants=[Plant("linear", effect, number)])[0]
        for effect, number in ((8.0, 0), (8.0, 1), (1.0, 0), (8.0, 0))
    ]
    assert bare.logits.shape[1] != made[0].logits.shape[1] == 150
    assert len({one.logits.tobytes() for one in made}) == 3 and np.array_equal(
        made[0].logits, made[3].logits
    )
    assert (
        made[0].logits[0].argmax(-1) == made[0].labels
    ).mean() > 0.8  # a linear map can be learned by one
    again = Experiment(str(home)).predict("C", [plan], [[0]], plants=[Plant("linear", 8.0, 0)])[0]
    assert np.array_equal(again.logits, made[0].logits)
