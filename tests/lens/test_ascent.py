import dataclasses

import pytest
import torch

from qtlrun.backbone.efficientnet import EfficientnetLite0
from qtlrun.error import BadValue
from qtlrun.lens.render.ascent import Ascent, draw_noise, total_variation
from qtlrun.lens.settling import settle_backbone

PLAIN = Ascent(steps=400, rate=0.05, variation=0, norm=0, shift=0, falloff=0)
GREY = torch.full((2, 3, 8, 8), 0.5, dtype=torch.float64)


def weights(seed=0):
    return torch.randn((3, 8, 8), generator=torch.Generator().manual_seed(seed)).double()


def linear(direction):
    return lambda pictures: (pictures * direction).sum((1, 2, 3))


def test_a_linear_score_ends_in_the_direction_of_its_weights_at_the_radius_of_the_norm():
    direction = weights()
    ascent = dataclasses.replace(PLAIN, norm=20)
    step = ascent.climb(GREY, GREY, linear(direction), 0) - GREY
    expected = direction / direction.square().mean().sqrt() / 20
    assert torch.allclose(step, expected.expand_as(step), atol=1e-6)


def test_a_score_a_million_times_smaller_climbs_alike():
    ascent = dataclasses.replace(PLAIN, steps=20, variation=0.1, falloff=1, shift=1)
    large = ascent.climb(GREY, GREY, linear(weights()), 0)
    small = ascent.climb(GREY, GREY, linear(1e-30 * weights()), 0)
    assert torch.allclose(large, small) and not torch.allclose(large, GREY)


def test_smooth_gradients_find_the_same_optimum_of_a_concave_score():
    goal = 0.5 + 0.1 * weights().tanh()
    ascent = dataclasses.replace(PLAIN, falloff=1)
    result = ascent.climb(GREY, GREY, lambda each: -(each - goal).square().sum((1, 2, 3)), 0)
    assert (result - goal).abs().max() < 0.01


def test_the_ascent_never_leaves_zero_to_one():
    bounds = []

    def score(pictures):
        bounds.extend([pictures.min().item(), pictures.max().item()])
        return 1e6 * linear(weights())(pictures)

    result = dataclasses.replace(PLAIN, rate=3, steps=10).climb(GREY, GREY, score, 0)
    assert min(bounds) >= 0 and max(bounds) <= 1
    assert set(result.unique().tolist()) >= {0, 1}  # it was held at both


def test_no_step_keeps_the_picture():
    picture = torch.rand((1, 3, 8, 8), dtype=torch.float64)
    ascent = dataclasses.replace(PLAIN, steps=0)
    assert torch.equal(ascent.climb(picture, picture, linear(weights()), 0), picture)


def test_a_score_without_a_slope_keeps_the_picture():
    picture = torch.rand((1, 3, 8, 8), dtype=torch.float64)
    result = PLAIN.climb(picture, picture, lambda each: 0 * each.sum((1, 2, 3)), 0)
    assert torch.equal(result, picture)


def test_the_highest_picture_on_the_way_is_kept_and_none_below_its_start():
    """A rate so large that steps overshoot; the second picture starts at its optimum."""
    goal = torch.stack([torch.full((3, 8, 8), value, dtype=torch.float64) for value in (0.7, 0.5)])
    seen = []

    def score(pictures):
        scores = -(pictures - goal).square().sum((1, 2, 3))
        seen.append(scores.detach())
        return scores

    ascent = dataclasses.replace(PLAIN, steps=7, rate=0.3)
    result = ascent.climb(GREY, GREY, score, 0)
    assert torch.equal(score(result), torch.stack(seen).amax(0))
    assert torch.equal(result[1], GREY[1]) and not torch.equal(result[0], GREY[0])


def test_a_picture_is_kept_by_its_score_as_it_stands_whatever_the_shifts():
    goal = GREY + 0.2 * weights().sign()
    ascent = dataclasses.replace(PLAIN, steps=9, rate=0.5, shift=1)
    result = ascent.climb(GREY, GREY, lambda each: -(each - goal).square().sum((1, 2, 3)), 0)
    assert ((result - goal).square().sum() <= (GREY - goal).square().sum()).all()


@pytest.mark.parametrize("shift", [0, 1])
def test_a_step_scores_its_pictures_once_and_again_where_they_are_shifted(shift):
    calls = []

    def score(pictures):
        calls.append(pictures)
        return linear(weights())(pictures)

    ascent = dataclasses.replace(PLAIN, steps=20, shift=shift)
    ascent.climb(GREY, GREY, score, 0)
    shifted = sum(map(any, ascent._draw_shifts((8, 8), 0)))
    assert (shifted > 0) == (shift > 0)
    assert len(calls) == 20 + shifted + 1  # the end is scored, too


def test_a_backbone_with_its_norms_folded_in_climbs_to_the_same_pictures():
    """In double precision: in single the rounding of either grows with the steps."""
    backbone = EfficientnetLite0(weights="none", layer="block2", size=16).double()
    backbone(draw_noise(torch.zeros(8, 3, 16, 16).double(), 1))  # moves the norms' statistics
    backbone.eval().requires_grad_(False)
    goals = torch.randn(2, backbone.features, generator=torch.Generator().manual_seed(0)).double()
    pictures = draw_noise(torch.zeros(2, 3, 16, 16).double(), 0)
    ascent = dataclasses.replace(PLAIN, steps=8, shift=2, falloff=1)
    results = []
    for each in (backbone, settle_backbone(backbone)):
        score = lambda x, each=each: (each(x) * goals).sum(1)  # noqa: E731
        results.append(ascent.climb(pictures, pictures, score, 0))
    assert (results[0] - pictures).abs().max() > 0.01
    torch.testing.assert_close(*results, rtol=0, atol=1e-5)


def test_a_seed_shifts_alike_and_another_seed_otherwise():
    ascent = dataclasses.replace(PLAIN, steps=10, shift=1)
    first, again, other = (ascent.climb(GREY, GREY, linear(weights()), s) for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_a_picture_climbs_alike_alone_and_beside_another():
    ascent = dataclasses.replace(PLAIN, steps=10, variation=0.1, falloff=1)
    start = torch.rand((2, 3, 8, 8), dtype=torch.float64)
    both = ascent.climb(start, start, lambda each: each.square().sum((1, 2, 3)), 0)
    alone = ascent.climb(start[1:], start[1:], lambda each: each.square().sum((1, 2, 3)), 0)
    assert torch.allclose(both[1:], alone)


def test_shifts_are_at_most_one_pixel_for_each_eight_of_a_side():
    ascent = dataclasses.replace(PLAIN, steps=200, shift=8)
    down, right = zip(*ascent._draw_shifts((8, 24), 0), strict=True)
    assert set(down) == {-1, 0, 1} and set(right) == set(range(-3, 4))


def test_the_total_variation_of_a_constant_picture_is_nothing_and_of_a_step_its_height():
    pictures = torch.zeros((2, 1, 4, 4))
    pictures[1, :, :, 2:] = 0.5  # one of three differences in each line
    assert total_variation(pictures).tolist() == pytest.approx([0, 0.5 / 3])


def test_noise_is_the_same_for_all_pictures_and_of_a_seed():
    noise = draw_noise(GREY, 0)
    assert torch.equal(noise[0], noise[1]) and torch.equal(noise, draw_noise(GREY, 0))
    assert not torch.equal(noise, draw_noise(GREY, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, -1) for name in ("steps", "rate", "variation", "norm", "shift", "falloff")],
        *[("rate", float("nan")), ("norm", float("inf"))],
    ],
)
def test_values_that_are_no_numbers_from_0_up_are_refused(name, value):
    with pytest.raises(BadValue) as error:
        dataclasses.replace(PLAIN, **{name: value})
    assert error.value.key == name
