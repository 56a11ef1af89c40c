"""A row that is trained under a noise, beside those of the run that was not."""

import composition
import pytest
from rows import random_logits, row

from qtlrun.comparison.comparison import Comparison
from qtlrun.experiment import Experiment
from qtlrun.robustness.exposure import Exposure
from qtlrun.robustness.kind import Grid
from qtlrun.robustness.training import add_trained

GRID = Grid("bit_flip", (0.1, 0.2))


def train(label, number):
    """Row of a split, of logits that its number tells."""
    logits, labels = random_logits(2, number=number)
    return row(label, logits, labels)


@pytest.mark.parametrize("finished", [(0, 2), (0, 1), (0, 1, 2)])
def test_a_row_trained_under_noise_stands_in_the_split_that_it_was_trained_on(home, finished):
    """Whichever split of the run has no finished training, of all its rows or of that row."""
    run = [{"A": train("A", number), "twin": train("twin", 10 + number)} for number in finished]
    alone = {"twin": train("twin", 30)}  # of a fourth split, in which every training of A failed
    numbers = (*finished, 3)
    comparisons = {
        position: Comparison({}, "A", [*run, alone]) for position in (0.0, *GRID.strengths)
    }
    noisy = [{"composed": train("composed", 20 + number)} for number in range(4)]
    experiment = Experiment(str(home))
    experiment.compare = lambda plan: Comparison({}, "composed", noisy)
    exposure = Exposure(GRID, comparisons, ("A",), numbers=numbers)
    trained = add_trained(exposure, composition.short_plan(home), experiment, "A").comparisons
    for position, comparison in trained.items():
        *splits, last = comparison.splits
        assert last == alone
        for number, rows in zip(finished, splits, strict=True):
            source = train("A", 20 + number if position else number)
            assert (rows["A, trained so"].logits == source.logits).all()
            assert rows["A, trained so"].name == "A, trained so"
