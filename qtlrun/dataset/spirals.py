"""Two spirals in the plane, wound into one another."""

from dataclasses import replace
from hashlib import sha256
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64
from sklearn.model_selection import train_test_split
from torch import Tensor

from qtlrun.dataset import vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.dataset.splitting import Splitting, check_share
from qtlrun.error import BadValue, check_finite
from qtlrun.plan import facts

CLASSES = ("first", "second")
MIN_POINTS = 3  # per class; one in every split
TEST_SHARE = 0.2  # of the points, with draw="stratified"
PUBLISHED_TRAIN = 2000  # points
PUBLISHED_TEST = 200  # points
PUBLISHED_DRAW = 42  # seed of the division
PUBLISHED_SHUFFLE = 150  # seed of the order in training
PUBLISHED_PASSES = 5  # of the training over its points


@facts(
    defects={"scaled_by": "all", "mirrored": True, "draw": "mari2019", "order": "after_classical"}
)
def spirals(
    points: int,
    turns: float,
    noise: float,
    seed: int,
    mirrored: bool,
    scaled_by: Literal["train", "all"],
    draw: Literal["stratified", "mari2019"],
    order: Literal["first", "after_classical"] | None,
    splitting: Splitting,
    test: float | None = None,
) -> Dataset:
    """Points of two spirals that start in the centre and wind about it.

    A point at the angle t (radians) lies at the radius t. The second spiral is the first turned by
    half a turn.

    Source: Mari et al., arXiv:1912.08278, example 1, whose code has 2200 points a class, noise 0.7
    and 1.52 or 2 turns. Its defects are `mirrored=true` and `scaled_by="all"`.

    Arguments:
        points: of each spiral.
        turns: of a spiral about the centre.
        noise: bound of what a point is off: uniform in [0, noise) in x and in y, so one-sided.
        seed: of the draw of the points.
        mirrored: give the second spiral the points of the first, negated, instead of points of its
            own, so that a point of the test split may have been trained on with the other sign and
            label.
        scaled_by: "train", or "all": the points of the test split too.
        draw: "stratified" draws every split as `splitting` says; "mari2019" is the publication's
            division and fixes the number of items: 200 points are the test split and validation
            too, the next 2000 in the order of that draw are the train split, and whatever `points`
            leaves beyond them is not used.
        order: of training with "mari2019": "first" is the published one, whose permutations
            compose, "after_classical" that of the net which the publication trained second, on the
            items as the first had left them; None: each run shuffles.
        splitting: of the points, without the test split.
        test: share of the points in the test split; None is a fifth, or those 200 points, beside
            which no share is taken.
    """
    _check_points(points, turns, noise, seed)
    if test is not None:
        check_share("test", test)
    if draw == "mari2019":
        _check_published(points, test, splitting)
    elif order is not None:
        raise BadValue(
            "order", order, "it is the order of draw=mari2019 alone", "use that draw, or order=null"
        )
    vectors = _points(points, turns, noise, seed, mirrored)
    whole = vector.as_split(vectors, np.repeat([0, 1], points))
    if draw == "mari2019":
        parts = _divide_published(whole)
    else:
        parts = splitting.divide(whole, CLASSES, TEST_SHARE if test is None else test)
    by = parts["train"] if scaled_by == "train" else whole
    dataset = vector.scale(parts, CLASSES, by, size=len(whole))
    return dataset if order is None else _order_training(dataset, order)


class Sequence:
    """Order of the items in each epoch: `start` in epoch 0, permuted once more after each epoch.

    One generator draws all permutations, each of the order that the one before had left.
    """

    def __init__(self, start: Int64[Tensor, " items"]):
        self._orders = [start]
        self._draw = np.random.RandomState(PUBLISHED_SHUFFLE)

    def __call__(self, epoch: int) -> Int64[Tensor, " items"]:
        while len(self._orders) <= epoch:
            last = self._orders[-1]
            permutation = np.arange(len(last))
            self._draw.shuffle(permutation)
            self._orders.append(last[torch.from_numpy(permutation)])
        return self._orders[epoch]


def _points(
    points: int, turns: float, noise: float, seed: int, mirrored: bool
) -> Float64[np.ndarray, "items 2"]:
    """Draw the points of the first class, then of the second."""
    draw = np.random.RandomState(seed)
    first = _spiral(draw, points, turns, noise)
    second = first if mirrored else _spiral(draw, points, turns, noise)
    return np.concatenate([first, -second])


def _spiral(
    draw: np.random.RandomState, points: int, turns: float, noise: float
) -> Float64[np.ndarray, "points 2"]:
    angle = np.sqrt(draw.rand(points, 1)) * turns * 2 * np.pi
    x = -np.cos(angle) * angle + draw.rand(points, 1) * noise
    y = np.sin(angle) * angle + draw.rand(points, 1) * noise
    return np.concatenate([x, y], axis=1)


def _check_points(points: int, turns: float, noise: float, seed: int) -> None:
    """Refuse too few points, and a spiral that cannot be drawn."""
    if points < MIN_POINTS:
        raise BadValue(
            "points",
            points,
            "every class needs a point in each split",
            f"give {MIN_POINTS} or more a class",
        )
    check_finite(turns=turns, noise=noise)
    if turns == 0:
        raise BadValue(
            "turns", turns, "a spiral winds about its centre more than 0 times", "1.52 is published"
        )
    vector.check_seed(seed)


def _check_published(points: int, test: float | None, splitting: Splitting) -> None:
    """Refuse what the published division leaves no room for."""
    if splitting.validation != "test":
        raise BadValue(
            "validation",
            splitting.validation,
            "draw=mari2019 has no split for it",
            "use test, or draw=stratified",
        )
    for name, value, part in (
        ("test", test, "test"),
        ("train_size", splitting.train_size, "training"),
        ("fold", splitting.fold, "test"),
    ):
        if value is not None:
            raise BadValue(
                name, value, f"draw=mari2019 fixes the {part} split", "use null, or draw=stratified"
            )
    least = PUBLISHED_TRAIN + PUBLISHED_TEST
    if 2 * points < least:
        raise BadValue(
            "points",
            points,
            (
                f"draw=mari2019 takes {PUBLISHED_TRAIN} points for training and"
                f" {PUBLISHED_TEST} for the test"
            ),
            f"give {least // 2} or more a class, or use draw=stratified",
        )


def _order_training(dataset: Dataset, order: str) -> Dataset:
    """Dataset with a published order of training; what is learned in another order differs."""
    sequence = Sequence(torch.arange(len(dataset.train)))
    if order == "after_classical":
        # The last of its passes was not followed by a shuffle.
        sequence = Sequence(sequence(PUBLISHED_PASSES - 1))
    fingerprint = sha256(f"{dataset.fingerprint}\0{order}".encode()).hexdigest()
    return replace(dataset, fingerprint=fingerprint, sequence=sequence)


def _divide_published(whole: Split) -> dict[str, Split]:
    train, test = train_test_split(
        np.arange(len(whole)), test_size=PUBLISHED_TEST, random_state=PUBLISHED_DRAW
    )
    test = whole.subset(torch.from_numpy(test))
    return {
        "train": whole.subset(torch.from_numpy(train[:PUBLISHED_TRAIN])),
        "validation": test,
        "test": test,
    }
