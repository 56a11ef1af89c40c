"""Real rows of a small plan: equal draws for all, redrawn splits, and the ledger of who has read a
test split.
"""

import io
import itertools
import re
from types import SimpleNamespace

import composition
import numpy as np
import pandas as pd
import pytest
from figures import leave_undrawn
from rich.console import Console
from studied import FILES

from qtlrun import plan as plans
from qtlrun import statistic, train
from qtlrun.comparison.outcome import Failure
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, feature, group, supply
from qtlrun.ledger import Readings
from qtlrun.plan import build
from qtlrun.report import sentence
from qtlrun.report.progress import Progress
from qtlrun.report.report import Report
from qtlrun.study.compare import Compare

SHORT = (*composition.SMALL, "seeds=2", "splits=1", "compare=[C,twin]")


def plan_of(home, *words):
    """The plan of these words, each in place of a short one of its key."""
    keys = {word.partition("=")[0] for word in words}
    return composition.compose_plan(
        f"home={home}", *(word for word in SHORT if word.partition("=")[0] not in keys), *words
    )


@pytest.fixture
def made(home, tmp_path):
    """The point of a plan, its rows trained."""

    def make(*words, fresh=False):
        progress = Progress(Console(file=io.StringIO()))
        progress.begin(tmp_path / "log.txt")
        return Experiment(str(home), fresh, progress).compare(plan_of(home, *words))

    return make


@pytest.fixture
def ran(home, tmp_path, monkeypatch):
    """A command of one or several points: what it said, its tables, and whether all went well."""
    leave_undrawn(monkeypatch, lambda drawing: FILES)
    number = itertools.count()

    def run(*points, fresh=False, margin=0.05, **more):
        plans = [plan_of(home, *words) for words in points or [()]]
        out = tmp_path / f"out-{next(number)}"
        out.mkdir()
        progress = Progress(Console(file=io.StringIO(), width=100))
        experiment = Experiment(str(home), fresh, progress)
        with Report(out, progress) as report:
            study = Compare(margin=margin, shots=1024, surrogates=False)
            _, well = study.run(plans, experiment, report)
        said = progress.console.file.getvalue().rpartition("Written to")[0]
        tables = {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}
        files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        details = " ".join((out / "table.md").read_text().split())
        return SimpleNamespace(
            said=said,
            whole=" ".join(said.split()),
            details=details,
            out=out,
            tables=tables,
            well=well,
            files=files,
        )

    return run


@pytest.fixture
def readers(ran):
    """By how many plans the test items had been read, as the foot of a run's table says."""

    def count(*points, **values):
        said = ran(*points, **values).whole
        return int(re.search(r"have been read by (?:up to )?(\d+) plan", said)[1])

    return count


# Equal draws.


def test_every_row_is_given_the_same_draws_of_what_it_has(made):
    point = made("tune=5", "compare=[C,twin,frozen_circuit]")
    rows = point.splits[0]
    assert list(rows) == ["composed", "C*", "twin", "frozen_circuit"]
    for name, row in rows.items():
        assert len(row.draws) == len(row.tuning.nll) == 5
        shared = [
            {key: value for key, value in draw.items() if key != "head.spread"}
            for draw in rows["composed"].draws
        ]
        assert [
            {key: value for key, value in draw.items() if key != "head.spread"}
            for draw in row.draws
        ] == shared
        assert all(
            ("head.spread" in draw) == (name in ("composed", "frozen_circuit"))
            for draw in row.draws
        )
    assert len({draw["recipe.lr"] for draw in rows["C*"].draws}) == 5


def test_a_reference_s_draws_do_not_depend_on_which_others_there_are(made):
    first, second = (
        made("tune=4", f"compare={names}").splits[0]["C*"]
        for names in ("[C]", "[twin,C,frozen_circuit]")
    )
    assert first.draws == second.draws and second.stored


def test_every_split_has_draws_of_its_own_after_the_recipe_and_chooses_for_itself(made):
    point = made("tune=4", "splits=2")
    for label in point.labels:
        first, second = (rows[label] for rows in point.splits)
        assert first.draws[0] == second.draws[0]
        assert not any(draw in first.draws for draw in second.draws[1:])
        assert first.draws[0]["recipe.lr"] == plan_of("", "tune=4").model.recipe["lr"]
        assert first.tuning.nll != second.tuning.nll


def test_the_draws_of_a_split_are_the_same_for_every_row(made):
    for rows in made("tune=4", "splits=2").splits:
        assert rows["C*"].draws[1:] == [
            {key: draw[key] for key in rows["C*"].draws[0]} for draw in rows["composed"].draws[1:]
        ]


def test_a_tuned_run_has_a_line_a_draw_of_which_one_a_row_and_split_is_chosen(ran):
    found = ran(("tune=3", "splits=2"))
    trials = found.tables["trials"]
    assert (
        len(trials) == 3 * 2 * 3
        and {"figures/tuning.png", "figures/tuning.svg", "trials.csv"} <= found.files
    )
    for _, mine in trials.groupby(["row", "split"]):
        assert list(mine["trial"]) == [0, 1, 2] and mine["chosen"].sum() == 1
        assert mine.loc[mine["chosen"], "validation_nll"].item() == mine["validation_nll"].min()
    assert (
        trials.loc[trials["row"] != "composed", "head.spread"].isna().all()
        and trials.loc[trials["row"] == "composed", "head.spread"].notna().all()
    )
    assert list(found.tables["table"]["trials"]) == [3, 3, 3]
    assert (
        "as drawn (2 draws of head.spread, recipe.backbone_lr, recipe.lr, recipe.scale,"
        " recipe.weight_decay, the same for every row), chosen by validation NLL." in found.details
    )
    single = ran(("tune=3",)).tables["trials"]
    assert "split" not in single and len(single) == 3 * 3


def test_an_untuned_run_has_no_trials_and_says_that_it_is_untuned(ran):
    found = ran()
    assert (
        "trials.csv" not in found.files
        and "figures/tuning.png" not in found.files
        and ", untuned recipe; " in found.whole
        and "one untuned recipe" in found.details
    )


def test_the_second_time_a_tuned_table_is_the_same_and_nothing_is_trained(ran, monkeypatch):
    words, fit = ("tune=3", "splits=2"), train.fit
    first = ran(words)
    monkeypatch.setattr(train, "fit", None)
    second = ran(words)
    assert first.said.count(", epochs: ") == 3 and ", epochs: " not in second.said and second.well
    for name in ("trials", "rows", "contrasts", "predictions"):
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name], check_exact=True)
    one, other = (found.tables["table"].drop(columns="from the store") for found in (first, second))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    monkeypatch.setattr(train, "fit", fit)
    third = ran(words, fresh=True)
    assert (
        "composed, epochs: 1 in" in third.said and not third.tables["table"]["from the store"].any()
    )
    pd.testing.assert_frame_equal(first.tables["trials"], third.tables["trials"], check_exact=True)


def test_a_row_of_which_all_draws_diverge_is_an_error_and_the_others_go_on(ran):
    sick = ("recipe.optimizer=sgd", "recipe.space.lr=[1e30,1e31]", "recipe.batch_size=4", "tune=2")
    sick += ("recipe.lr=1e30",)
    found = ran((*sick, "compare=[C,logistic]"))
    words = "FloatingPointError: all 2 draws of its tuning diverged; lower recipe.space.lr"
    assert not found.well and f"composed: error: {words}." in found.whole
    lines = found.tables["errors"].set_index("row")
    assert lines.loc["composed", "error"] == words and lines.loc["composed", "seed"] == -1
    assert set(found.tables["table"]["row"]) == {"composed", "C*", "logistic"}
    assert (
        found.tables["table"].set_index("row").loc["logistic", "seeds"] == 2
    )  # it has no rate, and no draw of it matters


# Redrawn splits.


def test_each_split_has_training_items_and_seeds_of_its_own(made):
    point = made("splits=3")
    assert [rows["composed"].seeds for rows in point.splits] == [[0, 1], [2, 3], [4, 5]]
    named = made("splits=2", "seeds=[3,7]")
    assert [rows["C*"].seeds for rows in named.splits] == [[3, 7], [11, 15]]
    assert len({rows["composed"].fingerprints["data"] for rows in point.splits}) == 3
    assert (
        len({rows["composed"].items for rows in point.splits}) == 3
        and len({len(rows["composed"].items) for rows in point.splits}) == 1
    )
    for rows in point.splits:  # and in each the rows stand on the same pictures
        assert (
            len({row.fingerprints["data"] for row in rows.values()})
            == len({row.items for row in rows.values()})
            == 1
        )
        assert {row.trained_on for row in rows.values()} == {24} and {
            row.validated_on for row in rows.values()
        } == {16}


def test_each_seed_is_trained_on_a_division_of_its_own(made):
    point = made("splits=each", "seeds=[3,5]")
    assert [rows["composed"].seeds for rows in point.splits] == [[3], [5]]
    assert len({rows["composed"].fingerprints["data"] for rows in point.splits}) == 2
    for number, seed in enumerate((3, 5)):
        alone = made("splits=1", f"dataset.split_seed={number}", f"seeds=[{seed}]", fresh=True)
        for label in point.labels:
            row, other = point.splits[number][label], alone.splits[0][label]
            assert np.array_equal(row.logits, other.logits) and row.items == other.items


def test_divisions_are_trained_in_one_program_a_row(made, monkeypatch):
    runs, fit = [], train.fit

    def counted(model, backbone, recipes, *given):
        runs.append(len(recipes))
        return fit(model, backbone, recipes, *given)

    monkeypatch.setattr(train, "fit", counted)
    made("splits=each", "seeds=4", "tune=2", fresh=True)
    assert sorted(runs) == [8, 8, 8]


def test_divisions_of_large_features_are_trained_one_by_one_to_the_same_bits(made, monkeypatch):
    together = made("splits=each", "seeds=2", fresh=True)
    monkeypatch.setattr(group, "MAX_DIVISION_NUMBERS", 1)
    alone = made("splits=each", "seeds=2", fresh=True)
    for first, second in zip(together.splits, alone.splits, strict=True):
        for label, row in first.items():
            assert np.array_equal(row.logits, second[label].logits)
            assert row.outcomes.keys() == second[label].outcomes.keys()


def test_each_division_is_scaled_by_its_own_training_items(made):
    point = made("splits=each", "seeds=2", "recipe.scale=standard")
    means = [rows["composed"].finished[0].weights["scaling.mean"] for rows in point.splits]
    assert not np.array_equal(*means)
    for number, mean in enumerate(means):
        alone = made("splits=1", f"dataset.split_seed={number}", "seeds=1", "recipe.scale=standard")
        expected = alone.splits[0]["composed"].finished[0].weights["scaling.mean"]
        assert np.array_equal(mean, expected)


def test_seeds_of_a_dataset_that_comes_divided_are_one_split(made, monkeypatch):
    monkeypatch.setattr(
        Experiment, "dataset", lambda self, variant: SimpleNamespace(fingerprint="whole")
    )
    point = made("splits=each", "seeds=3")
    assert [rows["composed"].seeds for rows in point.splits] == [[0, 1, 2]]


def test_the_first_split_is_the_one_that_a_run_without_splits_has(made):
    alone, first = made().splits[0], made("splits=2").splits[0]
    for label, row in alone.items():
        assert first[label].stored and np.array_equal(row.logits, first[label].logits)
    second, named = (
        made("splits=2").splits[1],
        made("dataset.split_seed=1", "seeds=[2,3]").splits[0],
    )
    assert named["composed"].stored and np.array_equal(
        second["composed"].logits, named["composed"].logits
    )


def test_features_are_computed_once_for_all_splits(made, monkeypatch):
    calls, extended = [], feature._extend_pool

    def counted(*given):
        calls.append(given)
        return extended(*given)

    monkeypatch.setattr(feature, "_extend_pool", counted)
    point = made("splits=3")
    assert len(calls) == 1 and len(point.splits) == 3
    made("folds=3")
    assert len(calls) == 1


def test_rows_of_splits_are_paired_on_their_split_with_the_interval_of_resampled_splits(
    made,
):
    point = made("splits=3")
    for label in ("C*", "twin"):
        differences = [rows["composed"].nll - rows[label].nll for rows in point.splits]
        first = point.splits[0]["composed"]
        pool = 24 + first.validated_on + len(first.labels)
        items = [rows["composed"].items for rows in point.splits]
        expected = statistic.resampled(differences, items, share=24 / pool)
        verdict = point.contrasts(0.05)[label]
        assert verdict.interval == expected and verdict.interval.splits == 3
        assert verdict.interval.mean == pytest.approx(np.mean([one.mean() for one in differences]))


def test_a_split_has_its_column_and_its_files(ran):
    found = ran(("splits=2",))
    rows = found.tables["rows"]
    assert list(rows.columns) == ["row", "split", "seed", "metric", "value"]
    assert sorted(
        {(split, seed) for split, seed in zip(rows["split"], rows["seed"], strict=True)}
    ) == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert {
        f"weights/{row}-split{split}-seed{2 * split + seed}.safetensors"
        for row in ("composed", "C", "twin")
        for split in (0, 1)
        for seed in (0, 1)
    } == {name for name in found.files if name.startswith("weights/")}
    predictions = found.tables["predictions"]
    assert set(predictions["split"]) == {0, 1} and list(predictions.columns)[:3] == [
        "row",
        "split",
        "seed",
    ]
    table_ = found.tables["table"].set_index("row")
    wide = rows[rows["metric"] == "test_accuracy"].groupby("row")["value"].mean()
    np.testing.assert_allclose(table_["accuracy"], wide[table_.index], rtol=1e-12)
    assert list(table_["seeds"]) == [4, 4, 4]
    single = ran()
    assert (
        list(single.tables["rows"].columns) == ["row", "seed", "metric", "value"]
        and "weights/composed-seed0.safetensors" in single.files
    )
    assert "split" not in single.tables["predictions"]


@pytest.mark.parametrize("folds", [2, 3])
def test_the_test_folds_are_disjoint_and_cover_all_pictures(made, folds):
    point = made(f"folds={folds}", "compare=[C]", "seeds=1")
    tests = [rows["composed"].items for rows in point.splits]
    dataset = build("dataset", plan_of("").model.dataset)
    everything = [
        item for split in (dataset.train, dataset.validation, dataset.test) for item in split.items
    ]
    assert len(tests) == folds and sorted(item for items in tests for item in items) == sorted(
        everything
    )
    sizes = [len(items) for items in tests]
    assert max(sizes) - min(sizes) <= 4  # one of each class


def test_a_seed_that_failed_in_one_split_costs_that_seed_and_not_the_table(ran, monkeypatch):
    """What is left is compared; nothing that was trained is lost."""
    trained = supply.fit

    def sick(label, runs):
        for outcomes in trained(label, runs):
            yield [
                (
                    run,
                    Failure("the loss is not finite")
                    if label == "C*" and run.seed == 2
                    else outcome,
                )
                for run, outcome in outcomes
            ]

    monkeypatch.setattr(supply, "fit", sick)
    found = ran(("splits=3",))
    assert not found.well and "C*, split 1, seed 2: error: the loss is not finite." in found.whole
    lines = found.tables["table"].set_index("row")
    assert list(lines["seeds"]) == [6, 5, 6] and np.isfinite(lines["NLL"]).all()
    assert (
        np.isfinite(found.tables["contrasts"]["difference"]).all()
        and len(found.tables["contrasts"]) == 2 * 4
    )
    (line,) = found.tables["errors"].to_dict("records")
    assert (line["row"], line["split"], line["seed"]) == ("C*", 1, 2)


def test_a_row_that_failed_costs_itself_alone(made, monkeypatch):
    trained = Experiment.train

    def sick(self, label, *given, **values):
        if label == "C*":
            raise MemoryError("128 GiB")
        return trained(self, label, *given, **values)

    monkeypatch.setattr(Experiment, "train", sick)
    point = made("splits=2")
    assert point.failed and point.of("C*") == [] and len(point.of("composed")) == 2
    assert point.labels == ["composed", "twin"] and set(point.contrasts(0.05)) == {"twin"}
    (line,) = sentence.written(sentence.errors(point))
    assert line == "C*: error: MemoryError: 128 GiB."


# The ledger of readers.


def test_two_different_plans_have_read_a_test_set_twice_and_the_same_one_again_no_more(readers):
    assert readers() == 1
    assert readers() == 1
    assert readers(("recipe.lr=0.02",)) == 2
    assert readers() == 2
    assert readers((), fresh=True) == 2


def reader_key(*words):
    return plan_of("", *words).reader_key


@pytest.mark.parametrize(
    "word",
    [
        "seeds=3",
        "splits=2",
        "compare=[C]",
        "circuit.depth=2",
        "tune=2",
        "dtype=float64",
        "dataset.train_size=12",
        "head.entangle=false",
    ],
)
def test_what_figures_depend_on_makes_another_reader(word):
    assert reader_key(word) != reader_key()


@pytest.mark.parametrize(
    "word",
    [
        "outputs=elsewhere",
        "study.margin=0.1",
        "study.shots=10",
        "recipe.space.lr=[0.1,0.2]",
        "fresh=true",
        "compare=[twin,C]",
    ],
)
def test_what_no_figure_depends_on_makes_none(word):
    assert reader_key(word) == reader_key()


def test_of_tuned_plans_another_space_is_another_reader():
    assert reader_key("tune=2") != reader_key("tune=2", "recipe.space.lr=[0.1,0.2]")


def test_a_sweep_is_as_many_readers_as_it_has_points_at_the_most(readers):
    points = [("circuit.qubits=1",), ("circuit.qubits=2",)]
    assert 1 <= readers(*points) <= 2
    assert readers(*points) <= 2
    assert readers(points[0]) <= 2  # a point of it alone is no other plan
    assert readers(("circuit.qubits=3",)) <= 3


def test_readers_are_counted_by_picture_and_by_pool(readers, made):
    """Half of the pictures stand in the test splits of two divisions, a fold's in no other's."""
    assert readers() == 1 and readers(("recipe.lr=0.02",)) == 2
    assert readers(("dataset.split_seed=1",)) == 3  # pictures of the first division are among them
    assert readers(("dataset.train_size=12",)) == 4  # the same ones, for less training
    divided = made("splits=3", "seeds=3").reads
    assert divided == Readings(5, 5)  # one plan, in however many splits it reads a picture
    folded = [
        row.reads
        for rows in made("folds=2", "dataset.train_size=8").splits
        for row in rows.values()
    ]
    assert {reads.pool for reads in folded} == {6}


def test_redraws_of_a_plan_are_one_reader_and_those_of_four_plans_four(made):
    for number in range(1, 5):
        reads = made(f"dataset.split_seed={10 * number}", "splits=2", "compare=[]").reads
        assert reads == Readings(number, number)


def test_a_row_that_was_never_trained_has_read_nothing(home, made, monkeypatch):
    monkeypatch.setattr(train, "fit", None)
    point = made()
    assert (
        set(point.errors) == {"composed", "C*", "twin"} and not (home / "store/readings").exists()
    )


def test_what_was_typed_of_one_reference_is_part_of_what_it_isolates():
    """C of another rate is no longer the head alone against one linear layer."""

    def isolated(*words):
        return composition.compose_plan("compare=[C]", *words).claims["C"]

    claim = isolated()
    assert claim == "the whole head against one linear layer"
    assert (
        isolated("+compare.C.recipe.lr=1.0", "+compare.C.recipe.epochs=2")
        == f"{claim}, and recipe.lr=1.0, recipe.epochs=2"
    )
    assert isolated("recipe.lr=1.0") == claim  # of every row


def test_the_rivals_that_are_fitted_say_among_how_many_settings_validation_chose(ran):
    found = ran(["compare=[C,svm,logistic]", "seeds=1"])
    assert (
        "in composed, C, fitted to convergence, validation choosing among settings: svm (18"
        " settings), logistic (6 settings)." in found.details
    )


def test_a_model_without_a_letter_keeps_the_claim_of_a_reference():
    """Spirals have no pre-trained backbone, and their circuit is compared as A's is."""
    words = ("experiment=spirals", "compare=[C,twin,frozen_circuit]")
    assert composition.compose_plan(*words).claims == {
        "C": "the whole head against one linear layer",
        "twin": "the circuit against a classical block in its place",
        "frozen_circuit": "the training of the circuit's angles",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("isolates=3", "compare.mine.isolates=3: a sentence is needed here."),
        ("of=circus", "compare.mine.of=circus: did you mean circuit?"),
        ("by_letter.E=it", "compare.mine.by_letter.E: "),
        ("by_letter.composed=it", "compare.mine.by_letter.composed: "),
        ("by_letter.A=3", "compare.mine.by_letter.A=3: a sentence is needed here."),
        ("by_letter=it", "compare.mine.by_letter=it: a sentence for each letter is needed here."),
        ("isolates={A:it}", "compare.mine.isolates={A: 'it'}: a sentence is needed here."),
    ],
)
def test_a_claim_that_is_no_sentence_is_refused(change, words):
    plan = composition.compose_plan("+compare.mine.head.spread=0.1", f"+compare.mine.{change}")
    with pytest.raises(UsageError) as error:
        plans.check_plan(plan)
    assert str(error.value).startswith(words)
