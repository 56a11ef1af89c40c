"""A long training that is broken off goes on from where it last left its state."""

import numpy as np
import pytest
from composition import train_row, variants

from qtlrun import train
from qtlrun.experiment import Experiment

NETWORK = (
    "dataset=iris",
    "backbone=perceptron",
    "backbone.widths=[3]",
    "head=classical",
    "freeze=none",
    "recipe.epochs=4",
    "recipe.batch_size=30",
)
GENERATED = (
    "parametrization=quantum_train_small",
    "parametrization.depth=1",
    "parametrization.mapping=[2]",
    "recipe.schedule=plateau",
    "recipe.patience=0",
    "recipe.lr=0.3",
)
GRADUAL = ("freeze=gradual", "freeze.every=1", "recipe.optimizer=sgd", "recipe.momentum=0.9")


@pytest.fixture
def every_epoch(monkeypatch):
    """Leave the state after every epoch, not every minute."""
    monkeypatch.setattr(train, "WORK_PER_WRITE", 0)


def trained(home, *words, stop=None, fresh=False):
    """A row, and the epochs that were told of; `stop` interrupts after so many."""
    made, seen = Experiment(str(home), fresh), []

    def step(stage, done, total):
        if stage.endswith("epochs") and done:
            seen.append(done)
            if done == stop:
                raise KeyboardInterrupt

    made.session.progress.step = step
    return train_row(made, "composed", variants(*NETWORK, *words)["composed"], [0]), seen


def said(row):
    """All that a row's entry holds but the seconds it took."""
    values = {
        name: value
        for name, value in row.outcomes[0].figures.items()
        if name not in ("seconds", "features_seconds")
    }
    return values, {
        name: array.tolist() for name, array in row.outcomes[0].to_artifact().arrays.items()
    }


def left(home):
    return list((home / "store" / "progress").iterdir())


@pytest.mark.parametrize("words", [GENERATED, GRADUAL])
def test_a_training_that_was_stopped_ends_at_the_bits_of_one_that_was_not(
    tmp_path, every_epoch, words
):
    whole, _ = trained(tmp_path / "whole", *words)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", *words, stop=2)
    assert left(tmp_path / "stopped")
    again, _ = trained(tmp_path / "stopped", *words)
    assert said(again) == said(whole)
    assert not left(tmp_path / "stopped")


def test_what_was_trained_already_is_not_trained_again(tmp_path, every_epoch, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, *GENERATED, stop=3)
    epochs, one = [], train._train_epoch
    monkeypatch.setattr(
        train, "_train_epoch", lambda *given: epochs.append(given[-1]) or one(*given)
    )
    row, seen = trained(tmp_path, *GENERATED)
    assert epochs in ([2, 3], [3]) and seen == [1, 2, 3, 4]
    assert len(row.outcomes[0].curves) == 4 and np.isfinite(row.metrics["seconds"]).all()


def test_another_training_does_not_go_on_from_it(tmp_path, every_epoch):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "one", *GENERATED, stop=2)
    other, _ = trained(tmp_path / "one", *GENERATED, "recipe.weight_decay=0.1")
    alone, _ = trained(tmp_path / "other", *GENERATED, "recipe.weight_decay=0.1")
    assert said(other) == said(alone)


def test_fresh_trains_anew(tmp_path, every_epoch, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, *GENERATED, stop=2)
    epochs, one = [], train._train_epoch
    monkeypatch.setattr(
        train, "_train_epoch", lambda *given: epochs.append(given[-1]) or one(*given)
    )
    trained(tmp_path, *GENERATED, fresh=True)
    assert epochs == [0, 1, 2, 3]


def test_a_short_training_leaves_nothing(tmp_path):
    trained(tmp_path, *GRADUAL)
    assert not (tmp_path / "store" / "progress").exists()
