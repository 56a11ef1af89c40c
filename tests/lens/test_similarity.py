import numpy as np
import pandas as pd
import pytest

from qtlrun.lens.shape import alignment, similarity
from qtlrun.lens.shape.alignment import Aligned


def gaussian(seed, items=100, numbers=5):
    return np.random.default_rng(seed).normal(size=(items, numbers))


def align(first, second):
    return similarity.profile(first) @ similarity.profile(second)


def test_a_layer_is_alike_to_itself_turned_scaled_and_moved():
    points = gaussian(0)
    turn, _ = np.linalg.qr(gaussian(1, 5, 5))
    assert align(points, 3 * points @ turn + 10) == pytest.approx(1)


def test_independent_layers_have_no_alignment_on_average():
    """Few items of many numbers, where the estimate with bias is near 1."""
    values = [align(gaussian(seed, 20, 200), gaussian(seed + 1000, 20, 200)) for seed in range(100)]
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
    assert align(first, second) == pytest.approx(expected)


@pytest.mark.parametrize("points", [np.ones((20, 3)), np.full((20, 3), 1e6), np.eye(3)])
def test_nothing_is_alike_where_nothing_differs_or_items_are_few(points):
    assert np.isnan(align(points, points))


def trainings(noise, apart=False, start=0.0, seeds=3):
    """Seeds of two rows: a layer, its own noise, and values that both rows of a seed start from."""
    rows = []
    for seed in range(seeds):
        items = (str(seed * apart),)
        shared = gaussian(0) + start * gaussian(10 + seed)
        for number, (row, size) in enumerate([("A", 0.3), ("twin", noise)]):
            points = shared + size * gaussian(20 + 10 * number + seed)
            keys = {"row": row, "split": 0, "seed": seed}
            rows.append(Aligned(keys, items, {"outputs": similarity.profile(points)}))
    return rows


@pytest.mark.parametrize(
    "noise, verdict",
    [(0.3, "not told apart"), (3.0, "less alike in every pair of other seeds")],
)
def test_rows_are_less_alike_only_where_seeds_are_more_so(noise, verdict):
    pairs = alignment.compare(trainings(noise))
    (note,) = alignment.summarise(pairs, "A", ("outputs", "logits"))
    assert note.full.endswith(f": {verdict}.")


def test_rows_that_start_alike_are_not_called_alike_by_that():
    """At one seed they are more alike than seeds of one row; at other seeds they are not."""
    pairs = alignment.compare(trainings(0.3, start=1.0))
    means = pairs.groupby("pair")["cka"].mean()
    assert means[alignment.ROWS] > 1.5 * means[alignment.SEEDS]
    (note,) = alignment.summarise(pairs, "A", ("outputs",))
    assert f"{means[alignment.CROSSED]:.2f} (" in note.full and "not told apart" in note.full


def test_two_rows_of_one_kind_are_seldom_called_apart():
    """Pairs share trainings, so a test of them as a sample is wrong about three times in ten."""
    told = 0
    for draw in range(50):
        rows = []
        for number in range(12):
            points = gaussian(0, 40) + 1.0 * gaussian(1000 + 12 * draw + number, 40)
            keys = {"row": "A" if number < 6 else "twin", "split": 0, "seed": number % 6}
            rows.append(Aligned(keys, (), {"outputs": similarity.profile(points)}))
        (note,) = alignment.summarise(alignment.compare(rows), "A", ("outputs",))
        told += "not told apart" not in note.full
    assert told <= 3


@pytest.mark.parametrize("seeds, words", [(2, "too few seeds to tell"), (1, "no other seeds")])
def test_few_seeds_are_too_few_to_tell(seeds, words):
    pairs = alignment.compare(trainings(3.0, seeds=seeds))
    (note,) = alignment.summarise(pairs, "A", ("outputs",))
    assert words in note.full


def test_each_pair_stands_once():
    counts = alignment.compare(trainings(1.0)).groupby("pair").size()
    assert dict(counts) == {alignment.ROWS: 3, alignment.SEEDS: 6, alignment.CROSSED: 6}


def test_trainings_of_other_items_are_not_compared():
    pairs = alignment.compare(trainings(1.0, apart=True))
    assert dict(pairs.groupby("pair").size()) == {alignment.ROWS: 3}
    (note,) = alignment.summarise(pairs, "A", ("outputs",))
    assert note.full.endswith("no other seeds to compare with.")


def test_rows_that_share_no_layer_have_no_sentence():
    assert not alignment.summarise(pd.DataFrame(), "A", ("outputs",))
    pairs = alignment.compare(trainings(1.0))
    assert not alignment.summarise(pairs, "A", ("logits",))
    assert not alignment.summarise(pairs, "C", ("outputs",))
