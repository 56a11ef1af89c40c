import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from qtlrun import checkpoint, train
from qtlrun.backbone.small import Small
from qtlrun.batch import Data, cached
from qtlrun.checkpoint import Keeper
from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.experiment.network import Network
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Start
from qtlrun.recipe import Recipe
from qtlrun.store import Entry, Store
from qtlrun.train import fit

EPOCHS, SEEDS = 5, [4, 0, 9]
PLATEAU = {"schedule": "plateau", "patience": 0, "gamma": 0.3}


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr(train, "WORK_PER_WRITE", 0)


def recipe(**values):
    return Recipe(**{"epochs": EPOCHS, "batch_size": 8, "lr": 0.05, "backbone_lr": 0.01} | values)


class Dropped(Classical):
    """A head with dropout."""

    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, self.training))


class Unsteady(nn.Module):
    """A small backbone and a head, with dropout between them."""

    def __init__(self):
        super().__init__()
        self.network = Network(Small("none", width=4), Classical(16, 3, Start([4])))

    def forward(self, x):
        return self.network.head(
            nn.functional.dropout(self.network.features(x), 0.2, self.training)
        )


def heads(made, recipes, sequence=None):
    """A training of heads on features, one run a recipe."""
    draw = torch.Generator().manual_seed(0)
    x, labels = torch.randn(27, 6, generator=draw), torch.randint(3, (27,), generator=draw)
    data, seen = cached(x, labels, sequence=sequence), cached(x[:11], labels[:11])
    return (
        made(Start(SEEDS[: len(recipes)])),
        None,
        recipes,
        Freeze("all"),
        data,
        seen,
        SEEDS[: len(recipes)],
    )


def network(freeze, **values):
    """A training of a whole network on pictures."""
    draw = torch.Generator().manual_seed(0)
    x, labels = torch.randn(12, 3, 8, 8, generator=draw), torch.randint(3, (12,), generator=draw)
    model, data = (
        Unsteady(),
        Data(
            lambda index, epoch: x[index[0]] * (1 if epoch is None else 1 + 0.1 * epoch), labels, 64
        ),
    )
    return (
        model,
        model.network.backbone,
        [recipe(batch_size=4, **values)],
        freeze,
        data,
        data,
        SEEDS[:1],
    )


def classical(start):
    return Classical(6, 3, start)


def quantum(start):
    return Quantum(6, 3, Dressed(2, 2), Statevector(), start)


def diverging(start):
    head = classical(start)
    head.linear.bias.data[1] = math.nan
    return head


TRAININGS = {
    "plateau, recipes of their own": lambda: heads(
        quantum,
        [
            recipe(lr=rate, weight_decay=decay, select=select, **PLATEAU)
            for rate, decay, select in (
                (0.5, 0.0, "nll"),
                (0.05, 0.1, "accuracy"),
                (3.0, 0.01, "last"),
            )
        ],
    ),
    "dropout, sgd with momentum": lambda: heads(
        lambda start: Dropped(6, 3, start),
        [recipe(optimizer="sgd", momentum=0.9, schedule="cosine")] * 3,
    ),
    "an old adam, a given order": lambda: heads(
        classical,
        [recipe(optimizer="pennylane_adam", schedule="step", step_size=2)] * 2,
        lambda epoch: torch.arange(27).roll(epoch),
    ),
    "a run that diverges": lambda: heads(diverging, [recipe(**PLATEAU)] * 3),
    "gradual freeze, moving batch norms": lambda: network(
        Freeze("all", every=2, batch_norm="train"), optimizer="adamw", weight_decay=0.1
    ),
    "a network with momentum and plateau": lambda: network(
        Freeze(0, batch_norm="train"), optimizer="sgd", lr=1.0, momentum=0.9, **PLATEAU
    ),
}


class Kept:
    """A keeper whose states lie in a store, as an entry; counts them."""

    def __init__(self, place):
        self.store, self.count = Store(place), 0
        self.keeper = Keeper(self.get, self.put)

    def get(self):
        entry = self.store.get("training", "0")
        return None if entry is None else entry.arrays

    def put(self, state):
        self.store.put("training", "0", Entry({}, state))
        self.count += 1


def ended(model, records):
    """All that a training gives, as bits; without its seconds."""
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}, [
        repr(replace(one, seconds=0.0)) for one in records
    ]


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_broken_off_after_any_epoch_ends_at_the_bits_of_one_that_was_not(name, tmp_path):
    make = TRAININGS[name]
    whole = make()
    records = list(fit(*whole))
    expected = ended(whole[0], records)
    assert len(records) == EPOCHS
    if "plateau" in name:
        assert records[-1].lr[0] != records[0].lr[0]  # there was one
    if "diverges" in name:
        assert math.isnan(records[0].loss[1]) and records[-1].best[1] == -1
    for stop in range(1, EPOCHS + 1):
        kept, broken = Kept(tmp_path / str(stop)), make()
        training = fit(*broken, kept.keeper)
        first = [next(training) for _ in range(stop)]
        training.close()
        assert kept.count == stop
        other = make()
        continued = list(fit(*other, kept.keeper))
        assert ended(other[0], continued) == expected
        assert [one.seconds for one in continued[:stop]] == [
            one.seconds for one in first
        ]  # they add up over the parts
        assert kept.count == EPOCHS  # no epoch was trained twice


def test_a_training_may_be_broken_off_often(tmp_path):
    make, kept = TRAININGS["plateau, recipes of their own"], Kept(tmp_path)
    whole = make()
    expected = ended(whole[0], list(fit(*whole)))
    for stop in (1, 2, 4):
        training = fit(*make(), kept.keeper)
        assert [next(training).epoch for _ in range(stop)] == list(range(stop))
        training.close()
    last = make()
    assert ended(last[0], list(fit(*last, kept.keeper))) == expected


@pytest.mark.parametrize(
    "epochs, epoch, writing",
    [(200, 0.1, 0.01), (100, 1.0, 0.01), (100, 3.0, 0.2), (1000, 0.5, 3.0), (50, 20.0, 3.0)],
)
def test_leaving_states_takes_less_than_two_percent_and_a_stop_costs_little_more_than_an_epoch(
    monkeypatch, tmp_path, epochs, epoch, writing
):
    """Seconds of an epoch and of writing a state, on a clock that only these two move."""
    clock, kept, unsaved = [0.0], Kept(tmp_path), [0.0]
    monkeypatch.setattr(train, "WORK_PER_WRITE", 60)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])

    def put(state):
        clock[0] += writing
        kept.count += 1
        unsaved.append(0.0)

    given = recipe(epochs=epochs, batch_size=27)  # a step an epoch: only the clock matters
    training = fit(*heads(classical, [given]), Keeper(lambda: None, put))
    for _ in training:  # the first epoch takes no time on this clock
        clock[0] += epoch
        unsaved.append(unsaved[-1] + epoch)
    assert 0 < kept.count * writing < 0.02 * clock[0]
    assert max(unsaved) <= epoch + max(60 * writing, 2)


def test_a_training_of_half_a_minute_leaves_states(monkeypatch):
    clock, states = [0.0], []
    monkeypatch.setattr(train, "WORK_PER_WRITE", 60)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    for record in fit(*heads(quantum, [recipe(epochs=30)]), Keeper(lambda: None, states.append)):
        clock[0] = record.epoch + 1.0
    assert 10 <= len(states) <= 15
    assert [len(one["records/loss"]) for one in states] == sorted(
        len(one["records/loss"]) for one in states
    )


def test_a_large_state_is_first_left_when_that_is_worth_it():
    """What 200 MB take to be written is not known before: a second, say; a minute is enough work,
    and five are too much.
    """
    schedule = checkpoint.Schedule(60, 200_000_000)
    assert 60 <= schedule.times * schedule.seconds <= 300


def test_a_kept_state_does_not_change_while_training_goes_on():
    states = []
    list(fit(*TRAININGS["dropout, sgd with momentum"](), Keeper(lambda: None, states.append)))
    assert len(states) == EPOCHS and [len(one["records/loss"]) for one in states] == [1, 2, 3, 4, 5]
    weights = [one["model/linear.weight"].tobytes() for one in states]
    assert len(set(weights)) == EPOCHS
    assert [one["steps"].tolist() for one in states] == [
        [4 * epoch] for epoch in range(1, 6)
    ]  # 27 items in batches of 8


def state_of(make):
    states = []
    list(fit(*make(), Keeper(lambda: None, states.append)))
    return states[-1]


@pytest.mark.parametrize(
    "change, words",
    [
        (
            {"model/linear.weight": np.zeros((3, 3, 7), np.float32)},
            "model/linear.weight is float32 [3, 3, 7] in it, and float32 [3, 3, 6] in this one.",
        ),
        (
            {"model/linear.bias": np.zeros((3, 3))},
            "model/linear.bias is float64 [3, 3] in it, and float32 [3, 3] in this one.",
        ),
        (
            {"model/angles": np.zeros(2)},
            "model/angles is float64 [2] in it, and absent in this one.",
        ),
        ({"best": None}, "best is absent in it, and int64 [3] in this one."),
        ({"records/lr": None}, "records/lr is absent in it, and there in this one."),
    ],
)
def test_the_state_of_another_model_is_refused_and_changes_nothing(change, words):
    make = TRAININGS["dropout, sgd with momentum"]
    found = {name: value for name, value in (state_of(make) | change).items() if value is not None}
    training = make()
    before = ended(training[0], [])
    with pytest.raises(ValueError) as error:
        next(fit(*training, Keeper(lambda: found, lambda state: None)))
    assert str(error.value) == "keeper: its state is of another training; " + words
    assert ended(training[0], []) == before


def test_a_state_of_more_epochs_than_are_wanted_is_refused():
    found = state_of(lambda: heads(classical, [recipe()]))
    with pytest.raises(ValueError) as error:
        next(fit(*heads(classical, [recipe(epochs=4)]), Keeper(lambda: found, lambda state: None)))
    assert (
        str(error.value)
        == "keeper: its state is of another training; 5 epochs are behind it, and recipe.epochs=4."
    )
