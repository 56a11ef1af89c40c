"""Published figures, through the package's own plans and its own training."""

import pytest
import torch
from composition import train_row, variants

from qtlrun.experiment import Experiment


@pytest.fixture
def accuracies(home):
    """The test accuracy of each row of a preset, a list of its seeds; trained, not found."""

    def make(*words, seeds, items):
        experiment, before = Experiment(str(home)), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            made = {
                name: train_row(experiment, name, plan, seeds)
                for name, plan in variants(*words).items()
            }
        finally:
            torch.set_num_threads(before)
        assert not any(row.stored or row.errors for row in made.values())
        assert all(row.seeds == seeds for row in made.values())
        assert {len(row.labels) for row in made.values()} == {items}
        return {name: row.metrics["test_accuracy"].tolist() for name, row in made.items()}

    return make


@pytest.mark.parametrize(
    "preset, circuit, classical",
    [
        pytest.param("spirals_paper", 0.970, 0.855, marks=pytest.mark.slow),
        ("spirals_hard_paper", 0.625, 0.540),
    ],
)
def test_the_spirals_end_at_the_very_figures_that_were_published(
    accuracies, preset, circuit, classical
):
    """On the very 200 points that were printed: nothing is left to chance there, so no tolerance
    is.

    Start values, points and their order are the published ones, drawn as published; in float64 and
    on one thread, where sums have one order, a thousand steps leave too little rounding to move a
    point across the boundary. In another order of the points the circuit gives up to five points of
    accuracy more or less.
    """
    found = accuracies(f"experiment={preset}", seeds=[55], items=200)
    right = {name: round(200 * one) for name, (one,) in found.items()}
    assert right == {"composed": round(200 * circuit), "twin": round(200 * classical)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset, items, least, most",
    [
        ("qc_states_paper", 7000, 0.785, 0.81),
        ("qq_states_paper", 4000, 0.855, 0.89),
    ],  # published are .8067 and .8755
)
def test_states_of_light_are_told_apart_as_often_as_was_published(
    accuracies, data, monkeypatch, preset, items, least, most
):
    """Two points around what is published: the first start is not Xavier's here, and its numbers
    are another library's.
    """
    monkeypatch.setenv("QTLRUN_DATA", str(data))
    if not any((data / "mari2019").glob("*.npy")):
        pytest.skip("the published photonic weights are not here")
    found = accuracies(f"experiment={preset}", "compare=[]", seeds=[0, 1], items=items)
    assert all(least <= one <= most for one in found["composed"])
