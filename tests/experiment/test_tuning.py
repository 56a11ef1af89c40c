"""One row, many draws of its values: trained as one program, chosen by validation, kept by key."""

import gc
import json
import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from composition import train_row, variants

from qtlrun import store, train
from qtlrun.batch import Data
from qtlrun.comparison.outcome import Failure
from qtlrun.dataset import digits
from qtlrun.experiment import Experiment, evaluation, supply, training
from qtlrun.experiment import ensemble as ensembles
from qtlrun.experiment import group as grouping
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

SHORT = (
    "backbone=identity",
    "recipe.epochs=2",
    "dataset.train=5",
    "dataset.validation=4",
    "circuit.depth=2",
)
WHOLE = (
    "backbone.weights=none",
    "backbone.width=4",
    "recipe.epochs=1",
    "dataset.train=5",
    "dataset.validation=4",
)
NAMES = ("composed", "C", "twin")
DRAWS = [
    {"recipe.lr": 0.01, "recipe.weight_decay": 0.0, "recipe.scale": "none", "head.spread": 0.01},
    {
        "recipe.lr": 0.05,
        "recipe.weight_decay": 0.01,
        "recipe.scale": "standard",
        "head.spread": 0.01,
    },
    {"recipe.lr": 0.2, "recipe.weight_decay": 1e-5, "recipe.scale": "none", "head.spread": 1.0},
    {"recipe.lr": 0.01, "recipe.weight_decay": 0.1, "recipe.scale": "standard", "head.spread": 0.3},
]
SICK = {"recipe.lr": 1e30, "recipe.weight_decay": 0.1}  # no weight stays a number


def plan_of(name, *words):
    return variants(*SHORT, *words)[name]


def assert_same(one, other):
    """Every number but the seconds, to the last bit."""
    one, other = one.to_artifact(), other.to_artifact()
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype and np.array_equal(
            array, other.arrays[name]
        ), name
    known = [
        {name: value for name, value in entry.values.items() if "seconds" not in name}
        for entry in (one, other)
    ]
    assert known[0] == known[1]


def learned(home, plan, draws, seeds=(0, 3)):
    """What each draw and seed learned, by its place, without any test figure."""
    session = Session(str(home))
    candidates = [Parts(plan.changed(draw), session) for draw in draws]
    place = {id(parts): number for number, parts in enumerate(candidates)}
    runs = [Training(parts, seed) for parts in candidates for seed in seeds]
    return {
        (place[id(run.parts)], run.seed): outcome
        for outcomes in training.fit("row", runs)
        for run, outcome in outcomes
    }


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_one_program_in_which_each_has_the_very_bits_that_it_has_alone(
    home, programs, name
):
    plan = plan_of(name)
    among = learned(home, plan, DRAWS)
    assert programs == [8]
    for number, draw in enumerate(DRAWS):
        alone = learned(home, plan, [draw])
        for seed in (0, 3):
            assert_same(among[number, seed], alone[0, seed])
    assert (
        len(
            {
                among[number, 0].weights[next(iter(among[0, 0].weights))].tobytes()
                for number in range(4)
            }
        )
        == 4
    )


@pytest.mark.parametrize("name", NAMES)
def test_programs_that_are_too_large_are_split_and_give_the_same_bits(
    home, programs, monkeypatch, name
):
    plan = plan_of(name)
    among = learned(home, plan, DRAWS)
    head = Parts(plan, Session(str(home))).head(64, [0])
    size = sum(one.numel() for one in head.parameters())
    monkeypatch.setattr(grouping, "MAX_ENSEMBLE_NUMBERS", 3 * size)
    split = learned(home, plan, DRAWS)
    monkeypatch.setattr(grouping, "MAX_ENSEMBLE_NUMBERS", 1)
    single = learned(home, plan, DRAWS)
    assert programs == [8, 3, 3, 2, *[1] * 8]
    for place, one in among.items():
        assert_same(one, split[place])
        assert_same(one, single[place])


def test_draws_of_what_runs_may_not_differ_in_are_programs_of_their_own(home, programs):
    found = learned(
        home,
        plan_of("C"),
        [
            {"recipe.batch_size": 4},
            {"recipe.batch_size": 8},
            {"recipe.batch_size": 4, "recipe.lr": 0.1},
        ],
    )
    assert programs == [4, 2] and len(found) == 6


@pytest.mark.parametrize("name", NAMES)
def test_the_row_is_the_draw_of_least_validation_nll_as_if_it_had_been_typed(home, tmp_path, name):
    plan = plan_of(name)
    row = train_row(Experiment(str(home)), name, plan, [0, 3], draws=DRAWS)
    means = [
        np.mean([one.validation_nll for seed in (0, 3) for one in [made[0, seed]]])
        for made in (learned(home, plan, [draw]) for draw in DRAWS)
    ]
    assert list(row.tuning.means.values()) == pytest.approx(
        means, rel=1e-12
    ) and row.tuning.best == int(np.argmin(means))
    chosen = DRAWS[row.tuning.best]
    typed = [
        f"{key}={value}"
        for key, value in chosen.items()
        if not key.startswith("head.") or name == "composed"
    ]
    alone = train_row(Experiment(str(tmp_path / "elsewhere")), name, plan_of(name, *typed), [0, 3])
    for seed in (0, 3):
        assert_same(row.outcomes[seed], alone.outcomes[seed])
    assert row.drawn == {
        key: value for key, value in chosen.items() if name == "composed" or key != "head.spread"
    }


def test_a_trained_backbone_is_tuned_too_and_its_draws_are_what_they_are_alone(home, tmp_path):
    plan = variants(*WHOLE)["B"]
    draws = [
        {"recipe.backbone_lr": 0.001, "recipe.lr": 0.01},
        {"recipe.backbone_lr": 0.03, "recipe.lr": 0.1},
    ]
    row = train_row(Experiment(str(home)), "B", plan, [0], draws=draws)
    alone = train_row(
        Experiment(str(tmp_path / "elsewhere")), "B", plan.changed(draws[row.tuning.best]), [0]
    )
    assert_same(row.outcomes[0], alone.outcomes[0])


@pytest.fixture
def looks(monkeypatch):
    """How often a picture of the test split was looked at, by the learning rate of who looked."""
    counted = Counter()

    def watched(trainings):
        model = ensembles.build_ensemble(trainings)
        known = model.data["test"]

        def take(index, epoch):
            for run, items in zip(model.trainings, index, strict=True):
                counted[run.parts.recipe.lr] += len(items)
            return known.take(index, epoch)

        model.data["test"] = Data(take, known.labels, known.chunk)
        return model

    for module in (training, evaluation):
        monkeypatch.setattr(module, "build_ensemble", watched)
    return counted


@pytest.mark.parametrize("name, words", [*((name, SHORT) for name in NAMES), ("B", WHOLE)])
def test_the_test_split_is_read_for_the_chosen_draw_alone(home, looks, monkeypatch, name, words):
    asked, evaluate = [], supply.evaluate

    def counted(trained, **values):
        asked.extend((training.parts.recipe.lr, training.seed) for training in trained)
        return evaluate(trained, **values)

    monkeypatch.setattr(supply, "evaluate", counted)
    draws = [{"recipe.lr": lr} for lr in (0.001, 0.02, 0.3)]
    row = train_row(Experiment(str(home)), name, variants(*words)[name], [0, 3], draws=draws)
    chosen = draws[row.tuning.best]["recipe.lr"]
    assert looks == {chosen: 2 * len(row.labels)}
    assert sorted(asked) == [(chosen, 0), (chosen, 3)]


@pytest.mark.parametrize("name", NAMES)
def test_other_test_labels_and_pictures_change_nothing_of_the_choice(
    home, tmp_path, monkeypatch, name
):
    plan, make = plan_of(name), digits.digits
    first = train_row(Experiment(str(home)), name, plan, [0, 3], draws=DRAWS)

    def planted(**values):
        data = make(**values)
        data.test.labels.copy_((data.test.labels + 1) % 4)
        data.test.inputs.zero_()
        return data

    monkeypatch.setattr(digits, "digits", planted)
    second = train_row(Experiment(str(tmp_path / "elsewhere")), name, plan, [0, 3], draws=DRAWS)
    assert (
        first.tuning.nll == second.tuning.nll
        and first.tuning.best == second.tuning.best
        and first.drawn == second.drawn
    )
    assert not np.array_equal(first.labels, second.labels) and not np.array_equal(
        first.logits, second.logits
    )


def test_a_draw_that_diverges_is_never_chosen(home):
    draws = [SICK, {"recipe.lr": 0.01, "recipe.weight_decay": 0.0}, SICK | {"recipe.lr": 2e30}]
    row = train_row(
        Experiment(str(home)), "A", plan_of("composed", "recipe.optimizer=sgd"), [0, 3], draws=draws
    )
    assert (
        row.tuning.best == 1
        and row.tuning.nll[0] == [None, None]
        and np.isinf([row.tuning.means[number] for number in (0, 2)]).all()
    )
    assert row.errors == {} and row.seeds == [0, 3]


def test_a_draw_of_which_one_seed_diverges_is_never_chosen(home, monkeypatch):
    """Though its other seed would be the best of all."""

    def sick(label, runs):
        for outcomes in trained(label, runs):
            yield [
                (
                    run,
                    Failure("diverged")
                    if run.parts.recipe.lr == 0.05 and run.seed == 3
                    else outcome,
                )
                for run, outcome in outcomes
            ]

    trained = supply.fit
    monkeypatch.setattr(supply, "fit", sick)
    draws = [{"recipe.lr": 0.05}, {"recipe.lr": 1e-6}]
    row = train_row(Experiment(str(home)), "C", plan_of("C"), [0, 3], draws=draws)
    assert row.tuning.nll[0][0] < row.tuning.nll[1][0] and row.tuning.nll[0][1] is None
    assert row.tuning.best == 1 and row.errors == {}


def test_where_all_draws_diverge_the_row_says_what_to_lower(home):
    one, plan = Experiment(str(home)), plan_of("composed", "recipe.optimizer=sgd")
    with pytest.raises(FloatingPointError) as error:
        train_row(one, "A", plan, [0], draws=[SICK, SICK | {"recipe.lr": 1e31}])
    assert str(error.value) == "all 2 draws of its tuning diverged; lower recipe.space.lr"
    assert train_row(one, "A", plan, [0], draws=[SICK, {"recipe.lr": 0.01}]).seeds == [
        0
    ]  # nothing of it stands in the way


def test_a_tuned_row_is_found_in_the_store(home, monkeypatch):
    plan = plan_of("composed")
    first = train_row(Experiment(str(home)), "A", plan, [0, 3], draws=DRAWS)
    monkeypatch.setattr(train, "fit", None)  # nothing is trained now
    second = train_row(Experiment(str(home)), "A", plan, [0, 3], draws=DRAWS)
    assert second.stored and not first.stored
    assert (first.tuning.nll, first.tuning.seconds, first.draws) == (
        second.tuning.nll,
        second.tuning.seconds,
        second.draws,
    )
    assert first.seconds_alone == second.seconds_alone
    for seed in (0, 3):
        assert_same(first.outcomes[seed], second.outcomes[seed])
        assert first.outcomes[seed].figures == second.outcomes[seed].figures
    # the chosen draw is an ordinary row, whoever trained it
    assert train_row(Experiment(str(home)), "A", plan.changed(first.drawn), [0, 3]).stored


def test_asked_for_afresh_a_tuned_row_is_trained_anew_once(home, programs):
    plan = plan_of("composed")
    first = train_row(Experiment(str(home)), "A", plan, [0, 3], draws=DRAWS)
    one = Experiment(str(home), fresh=True)
    second, third = (train_row(one, "A", plan, [0, 3], draws=DRAWS) for _ in range(2))
    assert programs == [8, 8] and not second.stored and not third.stored
    assert first.tuning.nll == second.tuning.nll == third.tuning.nll
    for seed in (0, 3):
        assert_same(first.outcomes[seed], second.outcomes[seed])


def test_other_seeds_are_tuned_anew(home, programs):
    plan, one = plan_of("C"), Experiment(str(home))
    train_row(one, "C", plan, [0], draws=DRAWS)
    train_row(one, "C", plan, [0, 3], draws=DRAWS)
    train_row(one, "C", plan, [0, 3], draws=DRAWS[:3])
    assert programs == [4, 8]


@pytest.mark.parametrize("name", NAMES)
def test_a_tuning_of_more_draws_trains_only_those_that_one_of_fewer_lacked(
    home, tmp_path, programs, name
):
    plan = plan_of(name)
    fewer = train_row(Experiment(str(home)), name, plan, [0, 3], draws=DRAWS[:3])
    more = train_row(Experiment(str(home)), name, plan, [0, 3], draws=DRAWS)
    assert programs[:2] == [6, 2]
    whole = train_row(Experiment(str(tmp_path / "elsewhere")), name, plan, [0, 3], draws=DRAWS)
    assert {number: more.tuning.nll[number] for number in range(3)} == fewer.tuning.nll
    assert more.tuning.nll == whole.tuning.nll and more.tuning.best == whole.tuning.best
    for seed in (0, 3):
        assert_same(more.outcomes[seed], whole.outcomes[seed])
    assert more.tuning.seconds > fewer.tuning.seconds


def test_fewer_draws_of_a_tuning_train_at_most_their_best(home, programs):
    """Of the others the weights were not kept."""
    plan, one = plan_of("C"), Experiment(str(home))
    more = train_row(one, "C", plan, [0, 3], draws=DRAWS)
    fewer = train_row(
        Experiment(str(home)),
        "C",
        plan,
        [0, 3],
        draws=[draw for number, draw in enumerate(DRAWS) if number != more.tuning.best],
    )
    assert programs == [8, 2] and fewer.errors == {} and fewer.seeds == [0, 3]
    assert set(map(tuple, fewer.tuning.nll.values())) < set(map(tuple, more.tuning.nll.values()))


@pytest.mark.parametrize("best", [0, 3])
def test_an_interrupted_tuning_goes_on_where_it_was(home, tmp_path, programs, monkeypatch, best):
    plan, draws = (
        plan_of("C"),
        [{"recipe.lr": 0.02 if number == best else 1e-6 * (1 + number)} for number in range(4)],
    )
    monkeypatch.setattr(grouping, "MAX_ENSEMBLE_NUMBERS", 1)  # a program a run
    trained = supply.fit

    def interrupted(label, runs):
        for number, outcomes in enumerate(trained(label, runs)):
            if number == 5:  # of the third draw one seed is done
                raise KeyboardInterrupt
            yield outcomes

    with monkeypatch.context() as patch:
        patch.setattr(supply, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_row(Experiment(str(home)), "C", plan, [0, 3], draws=draws)
    programs.clear()
    row = train_row(Experiment(str(home)), "C", plan, [0, 3], draws=draws)
    assert len(programs) == 2 * (
        2 + (best == 0)
    )  # two draws were finished; if one of them wins, its weights are trained anew
    whole = train_row(Experiment(str(tmp_path / "elsewhere")), "C", plan, [0, 3], draws=draws)
    assert row.tuning.nll == whole.tuning.nll and row.tuning.best == whole.tuning.best == best
    for seed in (0, 3):
        assert_same(row.outcomes[seed], whole.outcomes[seed])


def test_weights_are_kept_in_memory_of_the_best_draw_so_far_alone(home, monkeypatch):
    """As many draws as can be are trained, each a network of its own."""
    monkeypatch.setattr(grouping, "MAX_ENSEMBLE_NUMBERS", 1)
    trained, alive = supply.fit, []

    def watched(label, runs):
        for outcomes in trained(label, runs):
            for _, outcome in outcomes:
                alive.append(weakref.ref(outcome))
            yield outcomes
            outcomes = outcome = None
            gc.collect()
            counts.append(sum(one() is not None for one in alive))

    counts = []
    monkeypatch.setattr(supply, "fit", watched)
    draws = [{"recipe.lr": lr} for lr in (0.001, 0.002, 0.003, 0.004, 0.005, 0.006)]
    train_row(Experiment(str(home)), "C", plan_of("C"), [0], draws=draws)
    assert len(alive) == 6 and max(counts) <= 2  # the best so far, and the last


def test_a_space_is_in_no_key(home):
    for name in NAMES:
        plan = plan_of(name)
        head = {key: value for key, value in plan.head.items() if key != "space"}
        recipe = plan.recipe | {"space": {"lr": [0.1, 0.2]}}
        other = replace(plan, recipe=recipe, head=head)
        assert row_key(Parts(plan, Session(str(home))), 0) == row_key(
            Parts(other, Session(str(home))), 0
        )
        assert plan.identity == other.identity


def test_an_untuned_row_stays_in_the_store_whatever_may_be_drawn(home, monkeypatch):
    one = Experiment(str(home))
    train_row(one, "A", plan_of("composed"), [0])
    monkeypatch.setattr(train, "fit", None)
    assert train_row(
        one,
        "A",
        plan_of(
            "composed",
            "recipe.space.lr=[0.1,0.2]",
            "head.space.spread=[0.5,0.6]",
            "+recipe.space.gamma=[.1,.2]",
        ),
        [0],
    ).outcomes


def test_what_tuning_costs_is_the_time_of_all_its_draws(home):
    row = train_row(Experiment(str(home)), "C", plan_of("C"), [0, 3], draws=DRAWS)
    assert (
        row.tuning.seconds > row.metrics["seconds"].sum() * 0.5
    )  # half of the draws at the least, in whatever order
    assert row.seconds_alone == row.outcomes[0].features_seconds + row.tuning.seconds


def test_what_tuning_keeps_is_strict_json(home):
    train_row(
        Experiment(str(home)),
        "A",
        plan_of("composed", "recipe.optimizer=sgd"),
        [0],
        draws=[SICK, {"recipe.lr": 0.01}],
    )
    paths = list((home / "store/trial").glob("*/values.json"))

    def no_constant(text):
        raise AssertionError(text)

    kept = {
        path.parent.name: json.loads(path.read_text(), parse_constant=no_constant) for path in paths
    }
    sick, well = sorted((values["nll"] for values in kept.values()), key=lambda one: one != [None])
    assert len(paths) == 2 and sick == [None] and well[0] > 0
    assert all(
        store.Store(str(home)).get("trial", name).values == values for name, values in kept.items()
    )
