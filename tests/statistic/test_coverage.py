import numpy as np
import pytest

from qtlrun.statistic import resampled

# the share that splits, pictures, pairs of them and the residual have in the squared error of the
# mean
SHARES = {
    "splits only": (1, 0, 0, 0),
    "pictures only": (0, 1, 0, 0),
    "splits as pictures": (0.5, 0.5, 0, 0),
    "mostly splits": (0.8, 0.2, 0, 0),
    "mostly pictures": (0.1, 0.6, 0.1, 0.2),
    "pairs only": (0, 0, 1, 0),
    "residual only": (0, 0, 0, 1),
}
SAME = list(map(str, range(100)))


def coverage(shares, splits, draws=600, seeds=2, pictures=100):
    """Return how often a 95 % interval held the truth, on the same pictures."""
    generator, held = np.random.default_rng(splits), 0
    sizes = splits, pictures, splits * pictures, splits * seeds * pictures
    split, picture, pair, rest = np.sqrt(np.multiply(shares, sizes))
    for _ in range(draws):
        values = split * generator.standard_normal((splits, 1, 1))
        values = values + picture * generator.standard_normal((1, 1, pictures))
        values = values + pair * generator.standard_normal((splits, 1, pictures))
        values = values + rest * generator.standard_normal((splits, seeds, pictures))
        interval = resampled(list(values), [SAME] * splits, share=0.8)
        held += interval.low <= 0 <= interval.high
    return held / draws


@pytest.mark.parametrize("splits", [3, 5, 10])
@pytest.mark.parametrize("name", list(SHARES))
def test_splits_on_the_same_pictures_cover_the_truth_as_often_as_they_say(name, splits):
    # three standard errors of 600 draws beside 90 to 98 %, the range of the design
    assert 0.90 - 0.036 <= coverage(SHARES[name], splits) <= 0.98 + 0.017


def redrawn(generator, splits, trained, tested, *, effects, pool=120, official=False):
    """Redraw splits of a pool whose items have an effect when judged on and one when trained on.

    `effects` are the variances of both, and of each training. Gives values, names and the mean over
    training sets of this pool.
    """
    judged, learnt, luck = np.sqrt(effects)
    judged = judged * generator.standard_normal(2 * pool)
    learnt = learnt * generator.standard_normal(pool)
    values, items = [], []
    for _ in range(splits):
        order = generator.permutation(pool)
        out = np.arange(pool, pool + tested) if official else order[trained : trained + tested]
        mean = learnt[order[:trained]].mean() + luck * generator.standard_normal()
        values.append(mean + judged[out][None])
        items.append(list(map(str, out)))
    return values, items, learnt.mean()


def covered(draws, splits, trained, tested, **words):
    """Shares of intervals that hold the mean over this pool, and of those for pools like it."""
    generator, this, like = np.random.default_rng(0), 0, 0
    for _ in range(draws):
        values, items, truth = redrawn(generator, splits, trained, tested, **words)
        interval = resampled(values, items, share=trained / 120)
        this += interval.low <= truth <= interval.high
        like += interval.like_low <= 0 <= interval.like_high
    return this / draws, like / draws


DESIGNS = {
    "much trained on, official pictures": (90, 120, True),
    "little trained on, most tested": (20, 90, False),
    "thirds": (40, 40, False),
}


@pytest.mark.parametrize("splits", [5, 10])
@pytest.mark.parametrize("name", list(DESIGNS))
def test_splits_of_a_pool_cover_training_sets_of_it_and_of_pools_like_it(name, splits):
    trained, tested, official = DESIGNS[name]
    this, like = covered(600, splits, trained, tested, effects=(1.0, 20.0, 0.0), official=official)
    # three standard errors of 600 draws beside 90 to 98 %, the range of the design
    assert 0.90 - 0.036 <= like <= 0.98 + 0.017
    # where pictures are redrawn, the first interval is the second: here, where an item's effects
    # when tested and when trained on are independent, too wide for this pool
    assert 0.90 - 0.036 <= this <= (0.98 + 0.017 if official else 1.0)


def test_the_luck_of_a_pool_is_covered_by_the_second_interval_alone():
    generator, first, second = np.random.default_rng(0), 0, 0
    for _ in range(300):
        values, items, _ = redrawn(generator, 10, 90, 120, effects=(1e-9, 20.0, 0.0), official=True)
        interval = resampled(values, items, share=0.75)
        first += interval.low <= 0 <= interval.high
        second += interval.like_low <= 0 <= interval.like_high
    assert first / 300 < 0.6
    assert second / 300 == pytest.approx(0.95, abs=0.04)  # three standard errors of 300 draws


def test_noise_that_training_sets_do_not_share_widens_the_second_interval():
    # with one seed it cannot be told from training sets
    _, like = covered(300, 10, 90, 120, effects=(1.0, 0.0, 1.0), official=True)
    assert like >= 0.95 - 0.037
