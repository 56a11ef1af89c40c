import pytest
from composition import part

from qtlrun.error import UsageError
from qtlrun.plan import build

NAMES = ["spirals", "moons", "square", "iris"]
DRAWN = ["spirals", "moons", "square"]  # those that are drawn by a seed


def make(name, **values):
    """The dataset of an option's file, but for some values."""
    return build("dataset", part("dataset", name) | values)


def refusal(name, **values):
    with pytest.raises(UsageError) as error:
        make(name, **values)
    return str(error.value)


@pytest.mark.parametrize("share", [0, 1.0, -0.2])
@pytest.mark.parametrize("name", NAMES)
def test_a_share_for_test_that_cannot_be_is_refused(name, share):
    words = "give a share of every class between 0 and 1, such as 0.2."
    assert refusal(name, test=share) == f"dataset.test={share}: {words}"
    assert refusal(name, test=share, fold=[0, 3]) == f"dataset.test={share}: {words}"


def test_classes_too_small_for_what_is_drawn_of_them_are_refused_with_their_counts():
    listed = "(items a class: setosa 50, versicolor 50, virginica 49)"
    said = "class setosa has 50 items, too few for parts of 30 + 25 + a rest"
    assert (
        refusal("iris", test=0.6, validation=0.5)
        == f"dataset.test=0.6: with validation=0.5, {said} {listed}."
    )
    said = "class virginica has 49 items, too few for 50 folds"
    assert refusal("iris", fold=[0, 50]) == f"dataset.fold=[0, 50]: {said} {listed}."
    assert (
        refusal("spirals", points=3, fold=[0, 3], validation=0.99)
        == "dataset.fold=[0, 3]: with validation=0.99, class first has 2 items, too few for parts"
        " of 2 + a rest (items a class: first 2, second 2)."
    )


@pytest.mark.parametrize("seed", [-1, 2**32])
@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_that_numpy_does_not_take_is_refused(name, seed):
    words = "numpy's generator takes a whole number from 0 to 4294967295."
    assert refusal(name, seed=seed) == f"dataset.seed={seed}: {words}"


@pytest.mark.parametrize("noise", [-0.1, float("inf"), float("nan")])
@pytest.mark.parametrize("name", DRAWN)
def test_noise_that_is_no_width_is_refused(name, noise):
    assert (
        refusal(name, noise=noise)
        == f"dataset.noise={noise}: a finite number of 0 or more is needed here."
    )


@pytest.mark.parametrize(
    "name, least, words",
    [
        ("spirals", 3, "every class needs a point in each split; give 3 or more a class."),
        ("moons", 6, "either class needs a point in each split; give 6 or more in all."),
        ("square", 6, "either class needs a point in each split; give 6 or more in all."),
    ],
)
@pytest.mark.parametrize("points", [-1, 0, 1, 2])
def test_fewer_points_than_there_are_splits_to_fill_are_refused(name, least, words, points):
    points = least - 1 if points == 2 else points
    assert refusal(name, points=points) == f"dataset.points={points}: {words}"


@pytest.mark.parametrize("name, least", [("spirals", 3), ("moons", 6)])
def test_the_least_number_of_points_fills_every_split_with_one_of_each_class(name, least):
    data = make(name, points=least)
    assert [
        split.labels.bincount().tolist() for split in (data.train, data.validation, data.test)
    ] == [[1, 1]] * 3
