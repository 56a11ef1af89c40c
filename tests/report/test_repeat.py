"""Verdicts repeated on other splits: how often they agree, in words."""

import numpy as np
import pytest
from rows import pair

from qtlrun.report import sentence

MARGIN = 0.05
NOISE = 0.1 * np.random.default_rng(0).normal(size=(5, 100))


def points(*means):
    """A point per mean difference in nats, each on splits of its own."""
    made = [pair(mean + NOISE) for mean in means]
    for number, each in enumerate(made):
        each.keys["dataset.split_seed"] = 10 * number
    return made


@pytest.mark.parametrize(
    ("means", "ending"),
    [
        ((0.3, 0.3, 0.3), "worse 3. Of 3 pairs 3 agree or have an undecided one; 0 are better"),
        ((0.3, -0.3, -0.3), "worse 1, better 2. Of 3 pairs 1 agree or have an undecided one; 2"),
    ],
)
def test_pairs_of_verdicts_that_agree_are_counted(means, ending):
    (note,) = sentence.repeats(points(*means), MARGIN)
    assert f"A - B on {len(means)} sets of splits: {ending}" in note.full


def test_other_sweeps_repeat_nothing():
    made = points(0.3, -0.3)
    for each in made:
        each.keys["circuit.qubits"] = 2
    assert sentence.repeats(made, MARGIN) == [] and sentence.repeats(points(0.3), MARGIN) == []


def test_a_set_without_a_verdict_agrees_with_none():
    """A failed training withholds one of three verdicts, which leaves one pair."""
    made = points(0.3, 0.3, -0.3)
    made[1].splits[0]["B"].errors[7] = "the loss is not finite"
    (note,) = sentence.repeats(made, MARGIN)
    assert "worse 1, no verdict 1, better 1. Of 1 pair 0 agree" in note.full
