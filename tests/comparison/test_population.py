"""Populations of trained rows: comparisons drawn from them have the truth that they claim."""

import numpy as np
import pytest
from rows import random_logits, row

from qtlrun.comparison.population import MODEL, OTHER, Population
from qtlrun.comparison.row import Row


def single(name, number, skill, pool=None):
    """A row of one training on a division that tests thirty of forty pictures."""
    logits, labels = random_logits(1, skill=skill, number=number)
    tested = np.sort(np.random.default_rng(number % 100).permutation(40)[:30])
    items = tuple(f"item {index:02}" for index in tested)
    return row(name, logits[:, tested], labels[tested], [number], said={"items": items})


@pytest.fixture(scope="module")
def rows():
    model = [single("A", number, 1.5) for number in range(20)]
    return model, [single("B", 100 + number, 1.0) for number in range(20)]


def population(rows, shared=False):
    return Population.of(*rows, shared)


def drawn(draw, count=600):
    generator = np.random.default_rng(1)
    return [draw(5, generator) for _ in range(count)]


def differences(comparisons):
    return [
        np.mean([split[MODEL].nll.mean() - split[OTHER].nll.mean() for split in each.splits])
        for each in comparisons
    ]


def test_equal_rows_differ_by_nothing_on_average(rows):
    made = population(rows)
    means = differences(drawn(made.draw_null))
    assert abs(made.truth) > 0.2  # of rows that are not equal as they stand
    assert abs(np.mean(means)) < 4 * np.std(means) / np.sqrt(len(means))


def test_the_truth_of_a_draw_is_the_mean_over_all_pairs(rows):
    made = population(rows)
    means = differences(drawn(made.draw))
    assert np.mean(means) == pytest.approx(made.truth, abs=4 * np.std(means) / np.sqrt(len(means)))


def test_pictures_are_drawn_with_replacement_and_each_copy_is_one_of_its_own(rows):
    for comparison in drawn(population(rows).draw, 20):
        whole = {item for split in comparison.splits for item in split[MODEL].items}
        assert len({item.rpartition(" ")[0] for item in whole}) < len(whole)
        for split in comparison.splits:
            model, other = split[MODEL], split[OTHER]
            assert len(set(model.items)) == len(model.items) == len(model.labels)
            assert model.items == other.items and np.array_equal(model.labels, other.labels)


def test_a_split_of_each_training_or_one_of_all(rows):
    (apart,) = drawn(population(rows).draw_null, 1)
    assert [len(split[MODEL].outcomes) for split in apart.splits] == [1] * 5
    same = [[single(name, base, 1.0)] * 20 for name, base in (("A", 0), ("B", 100))]
    (together,) = drawn(population(same, shared=True).draw_null, 1)
    assert [len(split[OTHER].outcomes) for split in together.splits] == [5]


def test_what_failed_is_in_no_population(rows):
    model, other = rows
    lost = [Row("A", "", {}, ("a", "b"), {0: "the loss is not finite"}), *model[1:]]
    assert len(population((lost, other)).pairs) == 19


def test_a_comparison_that_is_drawn_has_a_verdict(rows):
    verdicts = [each.contrasts(0.05)[OTHER] for each in drawn(population(rows).draw, 20)]
    assert all(verdict.interval.low < verdict.interval.high for verdict in verdicts)
