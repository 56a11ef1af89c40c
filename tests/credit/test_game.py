"""Games: coalitions trained together, against rows trained alone and credits that are known."""

import dataclasses

import numpy as np
import pytest
from composition import compose_plan
from rows import row as row_of

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.credit.game import Game, play_game
from qtlrun.credit.player import Player, list_players
from qtlrun.credit.weight import weigh_interaction, weigh_share, weigh_step, weigh_whole
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts

QUICK = (
    "backbone=identity",
    "dataset=moons",
    "dataset.points=400",
    "recipe.epochs=3",
    "circuit.qubits=2",
    "circuit.depth=1",
    "seeds=3",
)
# Turned about Z before Z is measured: no angle changes what it gives, minus the sine of each input
IDLE = """
import pennylane as qml

def idle(inputs, weights):
    for wire in range(2):
        qml.Hadamard(wire)
        qml.RY(inputs[wire], wire)
        qml.RZ(weights[wire], wire)
    return [qml.expval(qml.PauliZ(wire)) for wire in range(2)]
"""


@pytest.fixture
def idle(tmp_path):
    """Words for a circuit whose angles change nothing."""
    path = tmp_path / "idle.py"
    path.write_text(IDLE)
    return (
        "circuit=file",
        f"circuit.path={path}:idle",
        "circuit.qubits=2",
        "circuit.shape=[2]",
    )


def plan_of(home, *words):
    keys = {word.partition("=")[0] for word in words}
    quick = [word for word in QUICK if word.partition("=")[0] not in keys]
    if "circuit" in keys:
        quick = [word for word in quick if not word.startswith("circuit.")]
    return compose_plan(f"home={home}", *quick, *words)


def game_of(plan, experiment, label="A", name=None):
    variant = plan.variants[name] if name else plan.model
    return play_game(label, variant, plan, experiment)


def test_every_coalition_has_the_very_bits_of_its_row_alone(home, tmp_path):
    """All parts are the composed row itself, all but the circuit the row with frozen angles."""
    plan = plan_of(home, "compare=[frozen_circuit]")
    game = game_of(plan, Experiment(str(home)))
    elsewhere = Experiment(str(tmp_path / "elsewhere"))
    rows = {
        "pre + circuit + post": plan.model,
        "pre + post": plan.references["frozen_circuit"],
        "pre": plan.model.changed({"head.angles": "frozen", "head.post": "frozen"}),
        "none": plan.model.changed(
            {"head.angles": "frozen", "head.pre": "frozen", "head.post": "frozen"}
        ),
    }
    for name, variant in rows.items():
        alone = elsewhere.train(name, variant, elsewhere.distinct_redraws(plan))
        for split, row in enumerate(alone):
            together = game.comparison.splits[split][name]
            assert np.array_equal(together.logits, row.logits)
            for seed in row.seeds:
                figures, others = (each.outcomes[seed].figures for each in (together, row))
                counts = {"parameters_head", "parameters_circuit", "executions", "evaluations"}
                counts |= {"angles_effective"}
                assert {key: figures[key] for key in counts} == {key: others[key] for key in counts}


def test_coalitions_on_one_split_are_one_program(home, programs):
    game_of(plan_of(home, "splits=1"), Experiment(str(home)))
    assert programs == [8 * 3]


def test_a_row_that_the_store_has_is_not_trained_again(home, programs):
    plan = plan_of(home, "splits=1")
    Experiment(str(home)).train("A", plan.model, plan.redraws)
    game_of(plan, Experiment(str(home)))
    assert programs == [3, 7 * 3]


def test_parts_that_are_not_trained_keep_their_start(home):
    plan = plan_of(home, "splits=1")
    game = game_of(plan, Experiment(str(home)))
    (rows,) = game.comparison.splits
    start = rows["none"].outcomes[1].weights
    weights = {"pre": "head.pre.weight", "circuit": "head.angles", "post": "head.post.weight"}
    for name in game.names:
        trained = rows[name].outcomes[1].weights
        for part, weight in weights.items():
            assert np.array_equal(trained[weight], start[weight]) == (part not in name)


def test_weight_decay_moves_no_part_that_is_held(home):
    plan = plan_of(home, "splits=1", "recipe.weight_decay=0.1")
    (rows,) = game_of(plan, Experiment(str(home))).comparison.splits
    moved = rows["circuit"].outcomes[0].weights
    start = rows["none"].outcomes[0].weights
    assert not np.array_equal(moved["head.angles"], start["head.angles"])
    assert np.array_equal(moved["head.pre.bias"], start["head.pre.bias"])


def test_shares_sum_to_the_gain_in_every_training_and_item(home):
    game = game_of(plan_of(home), Experiment(str(home)))
    for gain in ("nll", "correct"):
        shares = [game.apply(weigh_share(3, part), gain) for part in range(3)]
        whole = game.apply(weigh_whole(3), gain)
        assert len(whole) == 3
        for cell, items in whole.items():
            assert np.abs(sum(share[cell] for share in shares) - items).max() < 1e-9
        estimates = [game.estimate(weigh_share(3, part), gain).interval for part in range(3)]
        total = game.estimate(weigh_whole(3), gain).interval
        assert sum(each.mean for each in estimates) == pytest.approx(total.mean, abs=1e-9)


def test_a_circuit_whose_angles_change_nothing_has_no_credit(home, idle):
    game = game_of(plan_of(home, *idle), Experiment(str(home)))
    place = game.index_of("circuit")
    weights = [
        weigh_share(3, place),
        weigh_step(3, place, 0),
        weigh_interaction(3, (0, place)),
        weigh_interaction(3, (place, 2)),
    ]
    for each in weights:
        interval = game.estimate(each, "nll").interval
        assert interval.mean == pytest.approx(0, abs=1e-6)  # its gradient is rounded in float32


def test_beside_a_circuit_that_changes_nothing_layers_have_the_credit_of_a_head_without(home, idle):
    """That circuit is minus the sine of each input, as head=sine is without one."""
    experiment = Experiment(str(home))
    plan = plan_of(home, *idle)
    game = game_of(plan, experiment)
    bare = game_of(plan_of(home, "head=sine"), experiment)
    assert [player.name for player in bare.players] == ["pre", "post"]
    for name in ("pre", "post"):
        share = game.estimate(weigh_share(3, game.index_of(name)), "nll").interval
        other = bare.estimate(weigh_share(2, bare.index_of(name)), "nll").interval
        assert share.mean == pytest.approx(other.mean, abs=1e-5)
        assert share.low == pytest.approx(other.low, abs=1e-5)


def test_a_game_of_the_twin_has_the_block_in_the_circuit_s_place(home):
    plan = plan_of(home, "compare=[twin]")
    game = game_of(plan, Experiment(str(home)), "twin", "twin")
    assert [(each.name, each.numbers) for each in game.players] == [
        ("pre", 6),
        ("block", 6),
        ("post", 6),
    ]


@pytest.mark.parametrize(
    "words, names",
    [
        (("head=quantum",), ["pre", "circuit", "post"]),
        (("head.angles=frozen",), ["pre", "post"]),
        (("head.post=frozen",), ["pre", "circuit"]),
        (("circuit=amplitude", "circuit.qubits=2"), ["circuit", "post"]),  # it has no first layer
        (("head=classical",), []),
        (("head=logistic",), []),
    ],
)
def test_parts_are_what_a_head_trains(home, words, names):
    plan = plan_of(home, "compare=[]", *words)
    parts = Parts(plan.model, Experiment(str(home)).session)
    assert [player.name for player in list_players(parts)] == names


def test_a_row_that_trains_its_backbone_has_no_game(home):
    plan = plan_of(home, "backbone=perceptron", "freeze=none")
    assert game_of(plan, Experiment(str(home))) is None


def test_tuning_is_the_same_for_every_coalition(home):
    plan = plan_of(home, "tune=3", "splits=1", "seeds=2")
    game = game_of(plan, Experiment(str(home)))
    (rows,) = game.comparison.splits
    assert {len(row.draws) for row in rows.values()} == {3}
    assert all(row.draws == rows["none"].draws for row in rows.values())
    alone = Experiment(str(home / "elsewhere")).train("A", plan.model, plan.redraws)
    assert alone[0].drawn == rows["pre + circuit + post"].drawn
    assert np.array_equal(alone[0].logits, rows["pre + circuit + post"].logits)


def lose(game, name, seed):
    """The game, with a training that failed."""
    splits = []
    for rows in game.comparison.splits:
        row = rows[name]
        left = {each: outcome for each, outcome in row.outcomes.items() if each != seed}
        errors = {seed: "the loss is not finite"} if seed in row.outcomes else {}
        splits.append(rows | {name: dataclasses.replace(row, outcomes=left, errors=errors)})
    return Game(game.label, game.players, Comparison({}, game.names[-1], splits))


def test_a_training_that_fails_is_left_out_of_every_coalition_and_takes_the_verdict(home):
    game = game_of(plan_of(home, "splits=1"), Experiment(str(home)))
    left = lose(game, "circuit", 1)
    assert not left.is_whole and left.seeds == [[0, 2]] and left.trainings == 2
    assert set(left.apply(weigh_whole(3), "nll")) == {(0, 0), (0, 2)}
    verdict = left.estimate(weigh_whole(3), "nll")
    assert verdict.lost and verdict.word == "undecided"


@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_the_sum_of_shares_is_held_to_the_rounding_of_the_largest_worth(scale, monkeypatch):
    """Of a coalition that diverged and is finite too; a wrong sum is seen beside any worth."""
    players = [Player("pre", 1), Player("angles", 1), Player("post", 1)]
    draw = np.random.default_rng(0)
    names = Game("A", players, Comparison({}, "A")).names
    logits = draw.normal(size=(len(names), 2, 20, 2)) * scale
    labels = np.zeros(20, int)
    rows = {name: row_of(name, each, labels) for name, each in zip(names, logits, strict=True)}
    game = Game("A", players, Comparison({}, names[-1], [rows]))
    game.check_sum()
    shares = {(0, 0): np.full(20, 1e-8 * scale)}
    monkeypatch.setattr(Game, "apply", lambda *_: shares)
    with pytest.raises(ArithmeticError, match="shares of A differ"):
        game.check_sum()


def simulate(seeds, items, truth, draw):
    """Accuracies of 8 coalitions with effects of seeds, of pictures and of both."""
    spread = 0.3 * draw.normal(size=(8, seeds, 1)) + 0.3 * draw.normal(size=(8, 1, items))
    return truth[:, None, None] + spread + 0.5 * draw.normal(size=(8, seeds, items))


@pytest.mark.parametrize("kind", ["share", "interaction"])
def test_intervals_hold_a_known_credit_in_19_of_20_games(kind):
    """Simulated worths; 400 games tell a coverage of 95 % to within 2.2 % (two deviations)."""
    draw = np.random.default_rng(3)
    truth = np.linspace(0, 1, 8) ** 2
    weights = weigh_share(3, 1) if kind == "share" else weigh_interaction(3, (0, 1))
    held = 0
    for _ in range(400):
        values = np.tensordot(weights, simulate(8, 60, truth, draw), 1)
        interval = statistic.crossed(values)
        held += interval.low <= weights @ truth <= interval.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """Shares and an interaction of 60 trainings, each (trainings, items)."""
    home = tmp_path_factory.mktemp("population")
    plan = plan_of(home, "splits=1", "seeds=60", "recipe.epochs=8", "dataset.points=1600")
    game = game_of(plan, Experiment(str(home)))
    weights = [*(weigh_share(3, part) for part in range(3)), weigh_interaction(3, (0, 1))]
    return [np.stack(list(game.apply(each, "nll").values())) for each in weights]


@pytest.mark.slow
@pytest.mark.parametrize(("trainings", "least"), [(8, 0.88), (20, 0.93)])
def test_intervals_hold_the_credit_of_a_trained_population(population, trainings, least):
    """Of 2,000 draws of trainings and 80 items; a share is skewed, which eight do not tell."""
    draw = np.random.default_rng(0)
    for values in population:
        held = 0
        for _ in range(2000):
            seeds = draw.integers(len(values), size=trainings)
            items = draw.integers(values.shape[1], size=80)
            interval = statistic.crossed(values[np.ix_(seeds, items)])
            held += interval.low <= values.mean() <= interval.high
        assert least <= held / 2000 <= 0.98


def test_a_part_has_the_name_that_a_reader_knows():
    names = [Player(key, 1).name for key in ("pre", "angles", "middle", "post", "gate")]
    assert names == ["pre", "circuit", "block", "post", "gate"]
