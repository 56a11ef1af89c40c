import numpy as np
import pandas as pd
import pytest

from qtlrun.lens.shape import alignment, similarity
from qtlrun.lens.shape.alignment import Aligned


def gaussian(seed, items=100, numbers=5):
    return np.random.default_rng(seed).normal(size=(items, numbers))


def test_a_layer_is_alike_to_itself_turned_scaled_and_moved():
    points = gaussian(0)
    turn, _ = np.linalg.qr(gaussian(1, 5, 5))
    assert similarity.align(points, 3 * points @ turn + 10) == pytest.approx(1)


def test_independent_layers_have_no_alignment_on_average():
    """Few items of many numbers, where the estimate with bias is near 1."""
    values = [
        similarity.align(gaussian(seed, 20, 200), gaussian(seed + 1000, 20, 200))
        for seed in range(100)
    ]
    error = np.std(values) / len(values) ** 0.5
    assert abs(np.mean(values)) < 4 * error
    centered = [each - each.mean(0) for each in (gaussian(0, 20, 200), gaussian(1000, 20, 200))]
    grams = [each @ each.T for each in centered]
    biased = np.vdot(*grams) / np.prod([np.linalg.norm(gram) for gram in grams])
    assert biased > 0.9


def test_alignment_is_that_of_the_published_sum():
    """HSIC without bias as Song et al. (JMLR 2012) write it, eq. 5."""
    first = gaussian(0, 12, 3)
    second = np.tanh(first @ gaussian(1, 3, 4))

    def hsic(one, other):
        gram, others = (each @ each.T * (1 - np.eye(12)) for each in (one, other))
        ones = np.ones(12)
        total = np.trace(gram @ others) + gram.sum() * others.sum() / (11 * 10)
        return (total - 2 / 10 * (ones @ gram @ others @ ones)) / (12 * 9)

    expected = hsic(first, second) / (hsic(first, first) * hsic(second, second)) ** 0.5
    assert similarity.align(first, second) == pytest.approx(expected)


@pytest.mark.parametrize("points", [np.ones((20, 3)), np.full((20, 3), 1e6), np.eye(3)])
def test_nothing_is_alike_where_nothing_differs_or_items_are_few(points):
    assert np.isnan(similarity.align(points, points))


def trainings(noise, apart=False):
    """Three seeds of two rows: the second row's layer is the first's and noise."""
    rows = []
    for seed in range(3):
        items = (str(seed * apart),)
        points = gaussian(0) + 0.3 * gaussian(10 + seed)
        other = points + noise * gaussian(20 + seed)
        rows.append(Aligned("A", 0, seed, items, {"outputs": similarity.profile(points)}))
        rows.append(Aligned("twin", 0, seed, items, {"outputs": similarity.profile(other)}))
    return rows


@pytest.mark.parametrize("noise, verdict", [(0.1, ": no less alike"), (3.0, ": less alike")])
def test_rows_are_less_alike_only_where_seeds_are_more_so(noise, verdict):
    pairs = alignment.compare(trainings(noise))
    (note,) = alignment.summarise(pairs, "A", ("outputs", "logits"))
    assert verdict in note.full


def test_two_seeds_are_too_few_to_tell():
    pairs = alignment.compare(trainings(3.0)[:4])
    (note,) = alignment.summarise(pairs, "A", ("outputs",))
    assert note.full.endswith("too few seeds to tell.")


def test_each_pair_stands_once():
    pairs = alignment.compare(trainings(1.0))
    counts = pairs.groupby("pair").size()
    assert dict(counts) == {alignment.ROWS: 3, alignment.SEEDS: 6}


def test_trainings_of_other_items_are_not_compared():
    pairs = alignment.compare(trainings(1.0, apart=True))
    assert dict(pairs.groupby("pair").size()) == {alignment.ROWS: 3}
    assert not alignment.summarise(pairs, "A", ("outputs",))


def test_rows_that_share_no_layer_have_no_sentence():
    assert not alignment.summarise(pd.DataFrame(), "A", ("outputs",))
    pairs = alignment.compare(trainings(1.0))
    assert not alignment.summarise(pairs, "A", ("logits",))
    assert not alignment.summarise(pairs, "C", ("outputs",))
