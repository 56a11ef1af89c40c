"""A row that is trained under a noise, beside those of the run that was not."""

from types import SimpleNamespace

import composition
import pytest
from rows import random_logits, row

from qtlrun.comparison.comparison import Comparison
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.subject import Subject
from qtlrun.robustness.exposure import Exposure
from qtlrun.robustness.kind import Grid
from qtlrun.robustness.selection import Selection
from qtlrun.robustness.training import add_trained, check_trained

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
    exposure = Exposure(GRID, comparisons, ("A",), numbers=numbers, failures={"A": 1})
    trained = add_trained(exposure, composition.short_plan(home), experiment, "A")
    assert trained.failures == {"A": 1, "A under noise": 1}  # without noise it is A
    for position, comparison in trained.comparisons.items():
        *splits, last = comparison.splits
        assert last == alone
        for number, rows in zip(finished, splits, strict=True):
            source = train("A", 20 + number if position else number)
            assert (rows["A under noise"].logits == source.logits).all()
            assert rows["A under noise"].name == "A under noise"


@pytest.mark.parametrize(
    "device, is_exact",
    [
        ("device.shots=null", True),
        ("device.shots=20", False),
        ("device.method=jumps", False),
    ],
)
def test_a_run_that_draws_at_random_is_not_trained_under_noise(home, device, is_exact):
    """At strength 0 it would have its shots, and at every other exact values."""
    plan = composition.compose_plan(f"home={home}", *composition.SHORT, "device=mixed", device)
    experiment = Experiment(str(home))
    experiment.finished = lambda plan: SimpleNamespace(composed="A")

    def check(parts):
        subject = object.__new__(Subject)
        vars(subject).update(training=SimpleNamespace(parts=parts))
        check_trained(plan, experiment, Selection({"A": [subject]}, "A", "twin", [], {}))

    if is_exact:
        experiment.explore(plan.model, check)
        return
    with pytest.raises(UsageError) as error:
        experiment.explore(plan.model, check)
    assert error.value.key == "study.train" and "device.shots=null" in error.value.fix


def test_a_run_that_was_trained_under_noise_is_not_held_against_training_under_it(home):
    """Its rows would stand for training without noise."""
    plan = composition.short_plan(home, "device=mixed", "device.noise.bit_flip=0.1")
    with pytest.raises(UsageError) as error:
        check_trained(plan, Experiment(str(home)), Selection({}, "A", None, [], {}))
    assert error.value.key == "study.train"
