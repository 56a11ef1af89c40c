"""The backbone's own part where its row fails, and the design of rows without hashes."""

import dataclasses

import pytest
from composition import compose_plan

from qtlrun.credit.backbone import credit_backbone
from qtlrun.credit.game import play_game
from qtlrun.credit.wording import state_design
from qtlrun.experiment import Experiment

WORDS = ("backbone=perceptron", "dataset=moons", "recipe.epochs=1", "circuit.qubits=2")
SEEDS = ("dataset.points=400", "circuit.depth=1", "seeds=2", "compare=[D]")


@pytest.fixture
def plan(home):
    return compose_plan(f"home={home}", *WORDS, *SEEDS)


@pytest.fixture
def experiment(home):
    return Experiment(str(home))


@pytest.fixture
def game(plan, experiment):
    return play_game("A", plan.model, plan, experiment)


def test_a_backbone_whose_trainings_all_fail_has_a_note_and_no_figure(
    plan, experiment, game, monkeypatch
):
    whole = [rows[game.names[-1]] for rows in game.comparison.splits]
    lost = [dataclasses.replace(row, outcomes={}, errors={0: "nan", 1: "nan"}) for row in whole]
    monkeypatch.setattr(
        Experiment, "train_all", lambda self, label, *words, **values: {label: lost}
    )
    contributions, (note,) = credit_backbone(plan, game, experiment)
    assert not contributions and "no training of it and of A finished" in note.full


def test_test_items_without_hashes_are_counted(game):
    rows = game.comparison.splits[0]
    count = len(rows["none"].labels)
    bare = {name: dataclasses.replace(row, items=()) for name, row in rows.items()}
    comparison = dataclasses.replace(game.comparison, splits=[bare])
    words = state_design(dataclasses.replace(game, comparison=comparison)).full
    assert f"{count} each" in words or f"{count} test" in words
