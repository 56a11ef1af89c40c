"""Sites of rows on vectors, of which every split has a scaling of its own."""

import pytest
from finished import train

from qtlrun.compose.command import compose
from qtlrun.compose.finished import take_run
from qtlrun.experiment import Experiment
from qtlrun.lens.surface import site


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """Trainings on half moons, each on a split of its own."""
    place = tmp_path_factory.mktemp("vectors")
    words = ["dataset=moons", "dataset.points=400", "backbone=identity", "recipe.epochs=2"]
    words += ["seeds=3", "compare=[svm]"]
    folder = train(place, *words, "circuit.qubits=2", "circuit.depth=1", "splits=each")
    words = ["study=interpret", f"run={folder}", "lens=[landscape]", f"home={place / 'home'}"]
    (plan,) = take_run(compose(words))
    return Experiment(str(place / "home")).subjects(plan)


def test_every_training_has_the_validation_loss_of_the_run_on_its_own_split(subjects):
    assert len({subject.dataset.fingerprint for subject in subjects}) == 3
    for subject in subjects:
        value = site.direct_loss(subject, subject.split("validation"))
        assert value == pytest.approx(subject.training.validation_nll, rel=1e-6)


def test_an_item_of_two_splits_has_the_features_of_each(subjects):
    first, second, *_ = subjects
    items = set(first.split("train").items) & set(second.split("train").items)
    index = [first.split("train").items.index(item) for item in items]
    other = [second.split("train").items.index(item) for item in items]
    gap = (
        first.features(first.split("train"))[index] - second.features(second.split("train"))[other]
    )
    assert len(items) > 10 and gap.abs().max() > 1e-3


def test_items_are_thinned_at_equal_distances(subjects):
    split = subjects[0].split("train").subset(range(9))
    assert site.thin(split, 3).items == split.items[::4]
    assert site.thin(split, 9) is split
