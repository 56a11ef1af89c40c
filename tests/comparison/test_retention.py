import dataclasses
import math

import numpy as np
import pytest
from rows import row

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.retention import compare_retention, retain
from qtlrun.report.frame import retention_frame
from qtlrun.report.sentence import retention

LABELS = np.array([0, 1] * 50)


def answered(label, right, trained_on=10):
    """A row with the right answers that are given, of each seed or by seed."""
    seeds = list(right) if isinstance(right, dict) else range(len(right))
    right = np.asarray([right[seed] for seed in seeds], bool)
    chosen = np.where(right, LABELS[: right.shape[1]], 1 - LABELS[: right.shape[1]])
    logits = np.stack([1 - chosen, chosen], -1) * 2.0
    said = {"trained_on": trained_on, "validated_on": 0, "pool": 1000}
    return row(label, logits, LABELS[: right.shape[1]], seeds, said=said)


def points(few, many):
    """Comparisons on few and on many training items, by label the answers of each."""
    made = []
    for size, answers in ((10, few), (100, many)):
        rows = {label: answered(label, each, size) for label, each in answers.items()}
        made.append(Comparison({"train_size": size}, next(iter(answers)), [rows]))
    return made


def shares(*values, pictures=100):
    """Answers of one seed for each share that is right, the first pictures."""
    return [np.arange(pictures) < round(value * pictures) for value in values]


def test_a_row_keeps_the_ratio_of_its_accuracies():
    found = retain(*points({"A": shares(0.6, 0.6, 0.6)}, {"A": shares(0.8, 0.8, 0.8)}), "A")
    assert found.change.mean == pytest.approx(-0.2)
    assert found.share.mean == pytest.approx(0.75)
    assert found.share_above == pytest.approx(0.1 / 0.3)
    assert found.change.low < -0.2 < found.change.high
    assert found.share.low < 0.75 < found.share.high


def test_equal_answers_are_kept_whole():
    answers = shares(0.8, 0.7, 0.9)
    found = retain(*points({"A": answers}, {"A": answers}), "A")
    assert found.share.mean == 1 and found.share.low == 1 and found.share.high == 1


def test_the_interval_of_a_share_is_that_of_a_crossed_bootstrap():
    """Of seeds and pictures that are drawn with replacement; 2000 draws leave 5 % of its width."""
    generator = np.random.default_rng(0)
    hard = generator.uniform(0.3, 0.9, 100)
    skill = generator.normal(0, 0.1, (12, 1))
    many = generator.random((12, 100)) < np.clip(hard + 0.1 + skill / 2, 0, 1)
    few = generator.random((12, 100)) < np.clip(hard - 0.1 + skill, 0, 1)
    found = retain(*points({"A": few}, {"A": many}), "A").share
    drawn = []
    for _ in range(2000):
        index = np.ix_(generator.integers(12, size=12), generator.integers(100, size=100))
        drawn.append(few[index].mean() / many[index].mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    # The bootstrap holds the residual noise twice, and Student's quantile is wider than the normal
    assert found.high - found.low == pytest.approx(high - low, rel=0.25)


def test_a_lower_start_that_stays_is_kept_more_and_said_to_be_lower():
    few = {"A": shares(*[0.60, 0.61, 0.59, 0.6]), "C": shares(*[0.70, 0.71, 0.69, 0.7])}
    many = {"A": shares(*[0.62, 0.61, 0.63, 0.62]), "C": shares(*[0.95, 0.96, 0.94, 0.95])}
    pair = points(few, many)
    gap = compare_retention(*pair, "C").interval
    assert gap.mean == pytest.approx(0.6 / 0.62 - 0.7 / 0.95) and gap.low > 0
    frame = retention_frame(pair)
    assert frame["verdict"].tolist() == ["", "keeps more"]
    said = " ".join(note.full for note in retention(frame, "A", 100))
    assert "keeps more against C" in said and "it had less to lose" in said
    assert "no robustness" in said


def test_the_difference_of_a_row_to_its_like_is_nothing():
    answers = {"A": shares(0.6, 0.7, 0.5), "C": shares(0.6, 0.7, 0.5)}
    full = {"A": shares(0.8, 0.9, 0.7), "C": shares(0.8, 0.9, 0.7)}
    gap = compare_retention(*points(answers, full), "C").interval
    assert gap.mean == 0 and gap.low == 0 and gap.high == 0


def test_seeds_that_failed_in_either_row_are_left_out_of_both():
    """Each seed keeps a share of its own, the same in both rows, which lost one seed each."""
    few = dict(enumerate(shares(0.1, 0.2, 0.4, 0.8)))
    many = dict.fromkeys(few, shares(0.8)[0])
    without = {0: few[0], 1: few[1], 3: few[3]}, {1: few[1], 2: few[2], 3: few[3]}
    made = points(dict(zip("AC", without, strict=True)), {"A": many, "C": many})
    gap = compare_retention(*made, "C").interval
    assert gap.seeds == 2 and gap.mean == 0 and gap.low == 0 and gap.high == 0


FEW = {"A": shares(0.60, 0.61, 0.59, 0.6), "C": shares(0.70, 0.71, 0.69, 0.7)}
MANY = {"A": shares(0.62, 0.61, 0.63, 0.62), "C": shares(0.95, 0.96, 0.94, 0.95)}


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("label", ["A", "C"])
def test_a_failed_training_of_either_row_at_either_size_takes_the_verdict(size, label):
    """The others would say that A keeps more, and are no sample of all."""
    pair = points(FEW, MANY)
    assert retention_frame(pair)["verdict"].tolist() == ["", "keeps more"]
    rows = pair[size].splits[0]
    left = {seed: each for seed, each in rows[label].outcomes.items() if seed != 2}
    rows[label] = dataclasses.replace(rows[label], outcomes=left, errors={2: "not finite"})
    verdict = compare_retention(*pair, "C")
    assert verdict.lost and verdict.interval.seeds == 3
    frame = retention_frame(pair)
    assert frame["verdict"].tolist() == ["", "no verdict"] and frame["lost"].tolist()[1] == 1
    words = " ".join(note.full for note in retention(frame, "A", 100))
    assert "no verdict against C" in words and "1 training failed or died)" in words
    assert "it had less to lose" not in words


def test_a_dead_training_takes_the_verdict_and_its_pair_is_left_out():
    """One of five trainings of C answers every item at random; the other four are equal."""
    few = {"A": shares(*[0.8] * 5), "C": shares(*[0.8] * 5)}
    pair = points(few, few)
    pair[0].splits[0]["C"].outcomes[3].logits[:] = 0
    assert pair[0].dead_seeds("C") == {0: {3}} and pair[0].dead("C") == 1
    verdict = compare_retention(*pair, "C")
    assert verdict.lost and verdict.interval.seeds == 4 and verdict.interval.mean == 0
    assert retention_frame(pair)["verdict"].tolist() == ["", "no verdict"]


def test_rows_without_a_common_seed_are_not_compared():
    few, many = shares(0.6, 0.5), shares(0.8, 0.8)
    apart = {
        label: dict(zip(seeds, few, strict=True)) for label, seeds in (("A", (0, 1)), ("C", (2, 3)))
    }
    whole = {
        label: dict(zip(seeds, many, strict=True))
        for label, seeds in (("A", (0, 1)), ("C", (2, 3)))
    }
    assert compare_retention(*points(apart, whole), "C") is None


def test_two_trainings_have_no_verdict():
    few = {"A": shares(0.6, 0.6), "C": shares(0.5, 0.5)}
    many = {"A": shares(0.6, 0.6), "C": shares(0.9, 0.9)}
    assert retention_frame(points(few, many))["verdict"].tolist() == ["", "undecided"]


def test_a_row_that_is_never_right_keeps_nothing():
    pair = points({"A": shares(0.0, 0.0, 0.0)}, {"A": shares(0.0, 0.0, 0.0)})
    assert retain(*pair, "A") is None and retention_frame(pair).empty


def test_at_chance_nothing_is_above_it():
    found = retain(*points({"A": shares(0.4, 0.4)}, {"A": shares(0.5, 0.5)}), "A")
    assert math.isnan(found.share_above) and found.share.mean == pytest.approx(0.8)


def test_intervals_of_the_difference_hold_the_truth_as_often_as_they_say():
    """Two rows that keep the same share: at most 10 of 100 draws tell them apart at 95 %."""
    generator = np.random.default_rng(1)
    told = 0
    for _ in range(100):
        hard = generator.uniform(-0.15, 0.15, 100)
        answers = []
        for _size, levels in ((10, (0.6, 0.45)), (100, (0.8, 0.6))):
            skill = generator.normal(0, 0.05, (2, 8, 1))
            right = [
                generator.random((8, 100)) < np.clip(level + hard + each, 0, 1)
                for level, each in zip(levels, skill, strict=True)
            ]
            answers.append(dict(zip(("A", "C"), right, strict=True)))
        gap = compare_retention(*points(*answers), "C").interval
        told += not gap.low <= 0 <= gap.high
    assert told <= 10
