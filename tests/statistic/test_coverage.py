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


def coverage(shares, splits, shared, draws=600, seeds=3, pictures=100):
    """Return how often a 95 % interval held the truth; `shared` is the correlation of the training
    noise of splits.
    """
    generator, held = np.random.default_rng(splits), 0
    sizes = splits, pictures, splits * pictures, splits * seeds * pictures
    split, picture, pair, rest = np.sqrt(np.multiply(shares, sizes))
    for _ in range(draws):
        training = np.sqrt(1 - shared) * generator.standard_normal((splits, 1, 1))
        training = training + np.sqrt(shared) * generator.standard_normal()
        values = split * training + picture * generator.standard_normal((1, 1, pictures))
        values = values + pair * generator.standard_normal((splits, 1, pictures))
        values = values + rest * generator.standard_normal((splits, seeds, pictures))
        interval = resampled(list(values), train=80, held=20, same_pictures=True)
        held += interval.low <= 0 <= interval.high
    return held / draws


@pytest.mark.parametrize("splits", [3, 5, 10])
@pytest.mark.parametrize("name", list(SHARES)[:5])
def test_splits_as_alike_as_the_correction_takes_them_cover_the_truth_as_often_as_they_say(
    name, splits
):
    # correlated by held/(held + train); three standard errors of 600 draws beside 90 to 99 %
    covered = coverage(SHARES[name], splits, shared=0.2)
    assert 0.90 - 0.036 <= covered <= 0.99 + 0.012


@pytest.mark.parametrize("splits", [3, 5, 10])
@pytest.mark.parametrize("name", ["splits only", "mostly splits", "pairs only", "residual only"])
def test_independent_splits_are_covered_more_often_than_said(name, splits):
    # the correction widens what needs none; three standard errors of 600 draws
    assert coverage(SHARES[name], splits, shared=0.0) >= 0.95 - 0.027


def redrawn(generator, splits, held, tested, trained, seed=0.0, official=0, folds=False, pool=100):
    """Redraw splits of a pool whose items have an effect when judged on and one when trained on;
    and its own mean.
    """
    judged, learnt = (np.sqrt(v) * generator.standard_normal(pool) for v in (tested, trained))
    pictures, order, values = (
        np.sqrt(tested) * generator.standard_normal(official),
        generator.permutation(pool),
        [],
    )
    for number in range(splits):
        out = order[number * held :][:held] if folds else generator.permutation(pool)[:held]
        training = np.delete(learnt, out).mean() + np.sqrt(seed) * generator.standard_normal((3, 1))
        values.append(training + (pictures if official else judged[out]))
    return values, learnt.mean()


def covered(draws, truth_of_the_pool=False, swapped=False, **words):
    generator, count = np.random.default_rng(0), 0
    train, held = 100 - words["held"], words["held"]
    train, held = (held, train) if swapped else (train, held)
    for _ in range(draws):
        values, truth = redrawn(generator, **words)
        interval = resampled(values, train=train, held=held, same_pictures="official" in words)
        count += interval.low <= truth * truth_of_the_pool <= interval.high
    return count / draws


@pytest.mark.parametrize("splits", [3, 5, 10, 30])
def test_items_held_out_of_one_pool_again_and_again_are_covered_exactly(splits):
    # the noise that the correction is made for; three standard errors of 1000 draws
    assert covered(1000, splits=splits, held=20, tested=1.0, trained=0.0) == pytest.approx(
        0.95, abs=0.021
    )


@pytest.mark.parametrize("folds", [5, 10])
def test_folds_are_covered_more_often_than_said(folds):
    # they share no held-out item, and the correction takes them as if they did
    assert (
        covered(500, splits=folds, held=100 // folds, tested=1.0, trained=0.0, folds=True) >= 0.95
    )


@pytest.mark.parametrize("splits", [3, 10])
def test_splits_of_a_pool_on_official_pictures_cover_new_splits_and_pictures(splits):
    words = {"splits": splits, "held": 20, "tested": 1.0, "trained": 1.0, "official": 100}
    assert 0.90 <= covered(500, truth_of_the_pool=True, **words) <= 0.99


def test_the_luck_of_a_pool_is_covered_by_the_jackknife_and_not_by_the_correction():
    # why the docstring says that the pool is held fixed: here training noise is nothing but the
    # choice of items
    words = {"splits": 10, "held": 20, "tested": 1e-9, "trained": 1.0, "official": 100}
    assert covered(300, **words) < 0.6
    assert covered(300, swapped=True, **words) == pytest.approx(
        0.95, abs=0.04
    )  # three standard errors of 300 draws
