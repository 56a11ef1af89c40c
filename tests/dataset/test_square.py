import numpy as np
import pytest
import torch
from composition import part

from qtlrun.error import UsageError
from qtlrun.plan import build


def square(**values):
    return build("dataset", part("dataset", "square") | values)


def refusal(**values):
    with pytest.raises(UsageError) as error:
        square(**values)
    return str(error.value)


def outside(data):
    return (
        torch.cat([split.labels for split in (data.train, data.validation, data.test)])
        .double()
        .mean()
        .item()
    )


@pytest.mark.parametrize("side", [0.5, 1.2, 1.9])
def test_the_share_of_the_points_inside_is_that_of_the_area(side):
    share = (side / 2) ** 2
    deviation = (share * (1 - share) / 20_000) ** 0.5
    assert abs(1 - outside(square(points=20_000, side=side)) - share) < 4 * deviation


def test_without_noise_a_box_holds_the_points_inside_and_no_others():
    """The scaling keeps the axes apart, so in units of the largest coordinate the border is at 1.2
    / 2 of it.
    """
    data = square(noise=0.0, points=20_000)
    low, high = data.train.inputs.amin(0), data.train.inputs.amax(0)
    points = (
        4 * (data.train.inputs - low) / (high - low) - 2
    )  # 12,000 points reach the edges to 1e-3
    reach = points.abs().amax(1)
    assert (reach[data.train.labels == 0] < 1.2 + 2e-3).all() and (
        reach[data.train.labels == 1] > 1.2 - 2e-3
    ).all()


def test_noise_moves_points_across_the_border_and_changes_no_class():
    quiet, noisy = square(noise=0.0), square(noise=0.1)
    assert torch.equal(quiet.test.labels, noisy.test.labels)
    assert not set(quiet.test.items) & set(noisy.test.items)
    box = quiet.train.inputs[quiet.train.labels == 0].abs().amax(0)
    inside = (noisy.train.inputs.abs() <= box).all(1)
    wrong = (inside != (noisy.train.labels == 0)).double().mean().item()
    # A point within .1 of the border, of length 9.6, crosses it with probability 1/4 on the
    # average: 9.6 * .2 / 4 / 16.
    assert abs(wrong - 0.03) < 4 * (0.03 * 0.97 / len(noisy.train)) ** 0.5


@pytest.mark.parametrize("side", [0.0, -1.0, 2.0, 3.5, float("nan")])
def test_a_side_beyond_the_points_is_refused(side):
    words = "coordinates are 2 at most; give more than 0 and less than that."
    assert refusal(side=side) == f"dataset.side={side}: {words}"


def test_a_class_without_a_point_is_refused():
    words = "all 50 points are {}; give more, or another side."
    assert refusal(points=50, side=1e-6) == "dataset.side=1e-06: " + words.format("outside")
    assert refusal(points=50, side=1.999999) == "dataset.side=1.999999: " + words.format("inside")


def test_a_class_with_too_few_points_for_the_splits_is_refused_with_its_count():
    few = int((np.abs(np.random.RandomState(21).uniform(-2, 2, (50, 2))).max(1) <= 0.2).sum())
    assert 0 < few < 3
    said = f"class inside has {few} items, too few for parts of 1 + 1 + a rest"
    counts = f"(items a class: inside {few}, outside {50 - few})"
    assert (
        refusal(points=50, side=0.2) == f"dataset.test=0.2: with validation=0.2, {said} {counts}."
    )
