import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from rows import generated, outcome, point, random_logits, resplit, row
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.tuning import Trial, Tuning
from qtlrun.plan.override import parse, swept_values
from qtlrun.report import frame as frames

SHOTS = 1024
MARGIN = 0.05


@pytest.fixture
def mixed():
    """A point of three rows on seeds 0 to 4; twin lost seed 1 and the composed row seed 3."""
    made = point(("A", "B", "twin"), evaluations=300, executions=7000)
    for name, seed in (("twin", 1), ("A", 3)):
        made.splits[0][name].outcomes.pop(seed)
        made.splits[0][name].errors[seed] = "the loss is not finite from epoch 2 on"
    return made


def failed(made, label):
    """The point with one row failed whole."""
    made.splits[0].pop(label)
    made.errors[label] = "MemoryError: 128 GiB"
    return made


def test_metrics_are_those_of_scikit_learn():
    logits, labels = random_logits(classes=5, pictures=60)
    metrics = row("A", logits, labels).metrics
    odds = softmax(logits, -1)
    expected = {
        "test_accuracy": [accuracy_score(labels, one.argmax(-1)) for one in odds],
        "test_nll": [log_loss(labels, one, labels=range(5)) for one in odds],
        "test_f1": [f1_score(labels, one.argmax(-1), average="macro") for one in odds],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(metrics[name], values, rtol=1e-12)  # a few roundings of float64
    np.testing.assert_array_equal(metrics["test_ece"], statistic.calibration_error(odds, labels))
    assert list(metrics.index) == [0, 1, 2, 3, 4] and metrics.index.name == "seed"


def test_metrics_by_hand():
    # probabilities of 3/4 for the first class throughout: right, right, wrong
    logits = np.log([[[3, 1], [3, 1], [3, 1]]])
    metrics = row(
        "A", logits, [0, 0, 1], seconds=1.5, features_seconds=0.25, parameters_circuit=24
    ).metrics.loc[0]
    assert metrics["test_accuracy"] == pytest.approx(2 / 3)
    assert metrics["test_nll"] == pytest.approx(-np.log([3 / 4, 3 / 4, 1 / 4]).mean())
    assert metrics["test_f1"] == pytest.approx((2 * 2 / (3 + 2) + 0) / 2)
    assert metrics["test_ece"] == pytest.approx(3 / 4 - 2 / 3)
    assert metrics[["seconds", "parameters_circuit", "parameters_head", "executions"]].tolist() == [
        1.5,
        24,
        10,
        0,
    ]


def test_logits_beyond_the_range_of_the_exponential_have_finite_metrics():
    metrics = row("A", [[[2e4, -2e4], [2e4, -2e4]]], [0, 1]).metrics
    assert metrics.loc[0, "test_nll"] == 2e4 and np.isfinite(metrics.to_numpy()).all()


def test_validation_figures_are_those_of_the_epoch_kept():
    logits, labels = random_logits(seeds=1)
    metrics = row("A", logits, labels, epochs=5, validation=0.3, best=2).metrics.loc[0]
    assert (metrics["validation_nll"], metrics["validation_accuracy"], metrics["best_epoch"]) == (
        0.3,
        0.75,
        2,
    )


def test_a_row_alone_takes_its_features_once_and_all_its_seeds():
    logits, labels = random_logits(seeds=3)
    assert row("A", logits, labels, seconds=2.0, features_seconds=0.5).seconds_alone == 6.5


def test_shares_of_photonic_rows_are_columns_of_theirs_alone():
    made = point(("A", "B"), seeds=3)
    for seed, one in made.splits[0]["A"].outcomes.items():
        one.figures.update(norm_kept=0.9 + 0.03 * seed, post_selected=0.2)
    assert {"norm_kept", "post_selected"} & set(made.splits[0]["B"].metrics) == set()
    assert made.splits[0]["A"].metrics["norm_kept"].tolist() == pytest.approx([0.9, 0.93, 0.96])
    frame = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert frame.loc["A", ["norm_kept", "post_selected"]].tolist() == pytest.approx([0.93, 0.2])
    assert frame.loc["B", ["norm_kept", "post_selected"]].isna().all()
    rows = frames.rows_frame([made], SHOTS)
    assert rows[rows["metric"] == "norm_kept"][["row", "seed"]].to_numpy().tolist() == [
        ["A", 0],
        ["A", 1],
        ["A", 2],
    ]


def test_a_table_without_photonic_rows_has_no_such_columns():
    assert not {"norm_kept", "post_selected"} & set(frames.table(point(("A", "B")), MARGIN, SHOTS))


def test_the_generalisation_gap_is_training_minus_test_accuracy():
    # right in two of three and in all three test pictures, and in seven of eight training pictures
    logits = np.log([[[3, 1], [3, 1], [3, 1]], [[3, 1], [3, 1], [1, 3]]])
    made = Comparison({}, "A", [{"A": row("A", logits, [0, 0, 1], train_accuracy=7 / 8)}])
    metrics = made.splits[0]["A"].metrics
    assert metrics["train_accuracy"].tolist() == [7 / 8, 7 / 8]
    assert metrics["generalisation_gap"].tolist() == pytest.approx([7 / 8 - 2 / 3, 7 / 8 - 1])
    rows = frames.rows_frame([made], SHOTS).set_index(["metric", "seed"])["value"]
    assert (
        rows["generalisation_gap", 1] == pytest.approx(-1 / 8)
        and rows["train_accuracy", 0] == 7 / 8
    )
    line = frames.table(made, MARGIN, SHOTS).loc[0]
    assert line["train accuracy"] == 7 / 8 and line["gap"] == pytest.approx(7 / 8 - 5 / 6)


def test_figures_of_a_generator_are_columns_of_its_rows_alone():
    made = generated(point(("A", "B", "hashing"), seeds=2), "A")
    rival = {"weights_generated": 6690, "parameters_mapping": 1497, "compression": 6690 / 1497}
    generated(made, "hashing", values=rival)
    made.splits[0]["A"].outcomes[1].figures["generator_rank"] = 1239
    own = [
        "weights_generated",
        "parameters_mapping",
        "generator_qubits",
        "generator_gates",
        "angles_live",
        "generator_rank",
        "executions_step",
    ]
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert table.loc["A", own].tolist() == [6690, 249, 13, 416, 1223, 1238, 4577]
    assert (
        str(table.loc["A", "executions_step"]) == "4577"
    )  # a whole number, though the row beside it has none
    assert (
        table.loc["B", [*own, "compression"]].isna().all()
        and table.loc["hashing", own[2:]].isna().all()
    )
    assert table["compression"].tolist() == pytest.approx(
        [6690 / 1497, np.nan, 6690 / 1497], nan_ok=True
    )
    rows = frames.rows_frame([made], SHOTS)
    assert rows[rows["metric"] == "generator_rank"][
        ["row", "seed", "value"]
    ].to_numpy().tolist() == [["A", 0, 1237], ["A", 1, 1239]]
    assert set(rows.loc[rows["metric"] == "compression", "row"]) == {"A", "hashing"}
    assert made.generated == ["A", "hashing"]


def test_a_table_without_a_generator_has_no_such_columns():
    made = point(("A", "B"))
    made.splits[0]["B"].outcomes.clear()
    assert not {"weights_generated", "parameters_mapping", "compression"} & set(
        frames.table(made, MARGIN, SHOTS)
    )
    assert made.generated == []


def test_accuracies_by_shots_have_a_line_a_number_of_shots_of_each_seed():
    made = generated(point(("A", "B"), seeds=2), "A", {1000: 0.25, 10_000: 0.5})
    assert frames.shots_frame([made]).to_dict("records") == [
        {"row": "A", "seed": 0, "shots": 1000, "accuracy": 0.25},
        {"row": "A", "seed": 0, "shots": 10_000, "accuracy": 0.5},
        {"row": "A", "seed": 1, "shots": 1000, "accuracy": 0.26},
        {"row": "A", "seed": 1, "shots": 10_000, "accuracy": 0.51},
    ]
    assert frames.csv(frames.shots_frame([made])).splitlines()[2] == "A,0,10000,0.5"


def test_accuracies_by_shots_of_splits_and_of_a_sweep_have_their_columns():
    frame = frames.shots_frame([generated(resplit(("A",), splits=2, seeds=1), "A", {1000: 0.25})])
    assert list(frame.columns) == ["row", "split", "seed", "shots", "accuracy"] and list(
        frame["split"]
    ) == [0, 1]
    frame = frames.shots_frame(
        [generated(one, "A", {1000: 0.25}) for one in swept_points([0.6, 0.4])]
    )
    assert list(frame["circuit.qubits"]) == [2] * 5 + [3] * 5 and "split" not in frame


def test_rows_without_a_generator_have_no_accuracies_by_shots():
    made = point(("A", "B"))
    made.splits[0]["B"].outcomes.clear()
    assert len(frames.shots_frame([made])) == 0 and len(made.shots("A")) == 0


def test_seeds_stand_in_order_however_they_were_finished():
    logits, labels = random_logits(seeds=2)
    made = row("A", logits, labels, seeds=[7, 3])
    assert made.seeds == [3, 7]
    np.testing.assert_array_equal(made.logits, logits[::-1])


def test_rows_are_long_and_a_failed_seed_is_the_metric_error(mixed):
    frame = frames.rows_frame([mixed], SHOTS)
    assert list(frame.columns) == ["row", "seed", "metric", "value"]
    wide = frame.pivot(index=["row", "seed"], columns="metric", values="value")
    assert wide["error"].dropna().to_dict() == {("A", 3): 1, ("twin", 1): 1}
    finished = wide[wide["error"].isna()]
    assert len(finished) == 13 and not finished.drop(columns="error").isna().any(axis=None)
    assert finished.loc[("B", 2), "test_nll"] == mixed.splits[0]["B"].metrics.loc[2, "test_nll"]
    assert set(wide["shots"].dropna()) == {7000 * SHOTS}


def test_errors_have_their_words_and_a_row_that_failed_whole_has_the_seed_minus_one(mixed):
    frame = frames.errors_frame([failed(mixed, "B")])
    assert frame.to_dict("records") == [
        {"row": "A", "seed": 3, "error": "the loss is not finite from epoch 2 on"},
        {"row": "twin", "seed": 1, "error": "the loss is not finite from epoch 2 on"},
        {"row": "B", "seed": -1, "error": "MemoryError: 128 GiB"},
    ]
    rows = frames.rows_frame([mixed], SHOTS)
    assert rows[rows["row"] == "B"].to_dict("records") == [
        {"row": "B", "seed": -1, "metric": "error", "value": 1.0}
    ]


def test_a_contrast_is_taken_on_the_seeds_that_both_finished(mixed):
    lines = (
        frames.contrasts_frame([mixed], MARGIN).query("metric == 'test_nll'").set_index("reference")
    )
    for label, seeds in (("B", [0, 1, 2, 4]), ("twin", [0, 2, 4])):
        other, full = mixed.splits[0][label], random_logits(skill=1.0, number=0)
        mine = statistic.nll(full[0][seeds], full[1])
        verdict = statistic.verdict(
            mine - other.nll[[other.seeds.index(seed) for seed in seeds]], MARGIN
        )
        assert [both for _, _, both in mixed.pairs(label)] == [seeds]
        assert lines.loc[label, ["difference", "low", "high", "training", "pictures"]].tolist() == [
            getattr(verdict.interval, name)
            for name in ("mean", "low", "high", "training", "pictures")
        ]
        assert verdict.word != lines.loc[label, "verdict"] == "no verdict"  # a seed failed
    assert set(lines["metric"]) == {"test_nll"}


def test_rows_without_a_common_seed_or_without_common_pictures_have_no_contrast():
    made = point(("A", "B", "C", "D"))
    made.splits[0]["B"] = row("B", *random_logits(), seeds=[5, 6, 7, 8, 9])
    made.splits[0]["C"] = row("C", *random_logits(pictures=30))
    assert list(made.contrasts(MARGIN)) == ["D"]
    assert set(frames.contrasts_frame([made], MARGIN)["reference"]) == {"D"}
    assert frames.sweep_table([made]).loc[0, ["minus B", "minus C"]].isna().all()


def test_brier_scores_are_paired_over_seeds_and_pictures_and_less_is_better():
    made = point(("A", "B"))  # B has more skill
    scores = []
    for label in ("A", "B"):
        one = made.splits[0][label]
        odds = softmax(one.logits, -1)
        scores.append(np.square(odds - np.eye(4)[one.labels]).sum(-1))
    gap = statistic.crossed(scores[0] - scores[1])
    line = frames.contrasts_frame([made], MARGIN).set_index("metric").loc["test_brier"]
    # a few roundings of float64
    ends = [gap.mean, gap.low, gap.high]
    assert line[["difference", "low", "high"]].tolist() == pytest.approx(ends, rel=1e-9)
    assert line["verdict"] == "worse" and gap.low > 0
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert table["Brier"].tolist() == pytest.approx([score.mean() for score in scores], rel=1e-9)
    names = ["Brier difference", "Brier difference low", "Brier difference high"]
    assert table.loc["B", names].tolist() == pytest.approx(ends, rel=1e-9)


def test_brier_scores_have_no_verdict_where_a_training_failed(mixed):
    assert {one.word for one in mixed.score_contrasts("brier").values()} == {"undecided"}


def test_no_contrast_is_an_empty_frame_with_its_columns():
    frame = frames.contrasts_frame([point(("A",))], MARGIN)
    assert len(frame) == 0 and list(frame.columns)[:3] == ["reference", "metric", "difference"]


def test_a_table_has_a_line_a_row_with_two_way_intervals(mixed):
    table = frames.table(mixed, MARGIN, SHOTS).set_index("row")
    assert list(table.index) == ["A", "B", "twin"] and list(table["seeds"]) == [4, 5, 4]
    one = mixed.splits[0]["twin"]
    accuracy, nll = (
        statistic.two_way(statistic.correct(one.logits, one.labels)),
        statistic.two_way(one.nll),
    )
    line = table.loc["twin"]
    assert (line["accuracy"], line["accuracy low"]) == (accuracy.mean, accuracy.low)
    assert (line["NLL"], line["NLL low"], line["NLL high"]) == (nll.mean, nll.low, nll.high)
    assert (
        line["macro F1"] == one.metrics["test_f1"].mean()
        and line["ECE"] == one.metrics["test_ece"].mean()
    )
    assert (line["executions"], line["shots"], line["seconds alone"]) == (
        7000,
        7000 * SHOTS,
        4 * 2.0 + 0.5,
    )
    assert line["difference"] == mixed.contrasts(MARGIN)["twin"].interval.mean
    assert pd.isna(table.loc["A", "verdict"])


def test_an_interval_does_not_leave_what_can_be():
    # two seeds that differ much: the interval of either figure would be wider than its range
    logits = np.array([[[3.0, 0]] * 8, [[0, 3.0]] * 8])
    line = frames.table(Comparison({}, "A", [{"A": row("A", logits, [0] * 8)}]), MARGIN, SHOTS).loc[
        0
    ]
    assert (line["accuracy"], line["accuracy low"], line["accuracy high"]) == pytest.approx(
        (0.5, 0, 1)
    )
    assert line["NLL low"] == 0


def test_counts_stay_whole_numbers_beside_a_row_that_failed(mixed):
    table = frames.table(failed(mixed, "B"), MARGIN, SHOTS).set_index("row")
    assert list(table.index) == ["A", "twin", "B"]
    assert table.loc["B", "what it is"] == "error" and table.loc["B", "seeds"] == 0
    assert (
        str(table.loc["A", "parameters_head"]) == "10"
        and table.loc["B", "parameters_head"] is pd.NA
    )


def test_a_point_whose_composed_row_failed_still_gives_a_table(mixed):
    made = failed(mixed, "A")
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert list(table.index) == ["B", "twin", "A"] and table.loc["A", "what it is"] == "error"
    assert table.loc["B", "accuracy"] > 0 and "verdict" not in table
    assert made.contrasts(MARGIN) == {} and made.failed
    assert len(frames.contrasts_frame([made], MARGIN)) == 0


def test_a_row_that_lost_every_seed_has_a_line_without_figures(mixed):
    mixed.splits[0]["A"].outcomes.clear()
    table = frames.table(mixed, MARGIN, SHOTS).set_index("row")
    assert table.loc["A", "seeds"] == 0 and np.isnan(table.loc["A", "accuracy"])
    assert frames.sweep_table([mixed])["validation NLL"].isna().all()


def test_a_point_of_failures_alone_gives_a_table():
    made = failed(point(("A",)), "A")
    assert frames.table(made, MARGIN, SHOTS).to_dict("records") == [
        {"row": "A", "what it is": "error", "seeds": 0, "failed": None}
    ]
    assert len(frames.rows_frame([made], SHOTS)) == 1


def test_one_seed_has_intervals_over_pictures_and_no_verdict():
    made = point(("A", "B"), seeds=1)
    line = frames.table(made, MARGIN, SHOTS).set_index("row").loc["B"]
    assert line["NLL low"] < line["NLL"] < line["NLL high"] and line["verdict"] == "undecided"
    assert np.isnan(line["training noise"]) and line["picture noise"] > 0


def test_twelve_classes_have_a_table():
    made = point(("A", "B"), classes=12, pictures=120)
    line = frames.table(made, MARGIN, SHOTS).loc[0]
    assert 0 < line["macro F1"] < 1 and 0 < line["ECE"] < 1


def tuned(row, *means, **draws):
    """The row, tuned: mean validation figures of its draws, and their values by key."""
    row.tuning = Tuning({number: [mean] for number, mean in enumerate(means)}, 12.5)
    row.draws = [
        dict(zip(draws, values, strict=True)) for values in zip(*draws.values(), strict=True)
    ]
    return row


def test_every_epoch_of_every_training_has_a_line_and_one_is_kept(mixed):
    mixed.splits[0]["B"].outcomes[2] = outcome(*_first(mixed, "B"), epochs=5, best=2)
    frame = frames.epochs_frame([mixed])
    trained = frame.groupby(["row", "seed"], sort=False)
    assert len(frame) == 3 * (4 + 5 + 4) + 2 and (trained["kept"].sum() == 1).all()
    line = frame.query("row == 'B' and seed == 2").set_index("epoch")
    assert line["train_loss"].tolist() == [0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert line["validation_nll"].idxmin() == line["kept"].idxmax() == 2


def _first(made, label):
    """Logits and labels of the first seed of a row."""
    first = made.splits[0][label].finished[0]
    return first.logits, first.labels


def test_epochs_of_splits_and_of_a_sweep_have_their_columns():
    frame = frames.epochs_frame([resplit(("A",), splits=2, seeds=1)])
    assert frame["split"].tolist() == [0] * 3 + [1] * 3
    frame = frames.epochs_frame(swept_points([0.6, 0.4]))
    assert sorted(set(frame["circuit.qubits"])) == [2, 3] and "split" not in frame


def test_trials_have_a_line_a_draw_and_one_of_a_row_is_chosen():
    made = point(("A", "B", "twin"))
    tuned(made.splits[0]["A"], 0.5, 0.3, 0.4, lr=[1.0, 2.0, 3.0], spread=[0.1, 0.2, 0.3])
    tuned(made.splits[0]["twin"], None, 0.9, 0.9, lr=[1.0, 2.0, 3.0])
    frame = frames.trials_frame([made])
    assert list(frame.columns) == ["row", "trial", "lr", "spread", "validation_nll", "chosen"]
    assert list(frame["row"]) == ["A"] * 3 + ["twin"] * 3 and list(frame["trial"]) == [0, 1, 2] * 2
    assert list(frame["chosen"]) == [False, True, False] * 2  # of equal ones the first
    assert frame["validation_nll"].tolist() == [0.5, 0.3, 0.4, np.inf, 0.9, 0.9]
    assert frame["spread"].isna().tolist() == [False] * 3 + [True] * 3


def test_trials_of_splits_and_of_a_sweep_have_their_columns():
    made = resplit(("A",), splits=2)
    for rows, best in zip(made.splits, (0, 1), strict=True):
        tuned(rows["A"], 0.5 + best, 0.7, lr=[1.0, 2.0])
    frame = frames.trials_frame([made])
    assert list(frame["split"]) == [0, 0, 1, 1] and list(frame["chosen"]) == [
        True,
        False,
        False,
        True,
    ]
    points = swept_points([0.6, 0.4])
    for one in points:
        tuned(one.splits[0]["B"], 0.5, lr=[1.0])
    frame = frames.trials_frame(points)
    assert list(frame["circuit.qubits"]) == [2, 3] and "split" not in frame


def test_a_table_says_what_was_chosen_and_in_each_split_where_they_differ():
    made = resplit(("A", "B"), splits=2)
    tuned(made.splits[0]["A"], 0.5, 0.7, lr=[1.0, 2.0], scale=["none", "none"])
    tuned(made.splits[1]["A"], 0.8, 0.7, lr=[1.0, 2.0], scale=["none", "none"])
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert str(table.loc["A", "trials"]) == "2" and table.loc["B", "trials"] is pd.NA
    assert table.loc["A", ["lr", "scale"]].tolist() == ["1.0 | 2.0", "none"]


def test_a_tuned_row_alone_takes_the_time_of_all_its_draws():
    logits, labels = random_logits(seeds=3)
    assert (
        tuned(
            row("A", logits, labels, seconds=2.0, features_seconds=0.5), 0.5, lr=[1.0]
        ).seconds_alone
        == 13.0
    )


def test_the_choice_of_a_draw_is_the_least_mean_over_seeds_that_all_finished():
    assert Tuning({0: [0.5, 0.7], 1: [0.55, 0.55], 2: [0.1, None]}, 0.0).best == 1
    assert Tuning({0: [0.5], 1: [0.5]}, 0.0).best == 0
    assert (
        Tuning({3: [0.5], 7: [0.4]}, 0.0).best == 7
    )  # by their numbers, while others are still to be tried
    with pytest.raises(
        FloatingPointError, match="^all 2 draws of its tuning diverged; lower recipe.space.lr$"
    ):
        Tuning({0: [None, 0.1], 1: [0.2, None]}, 0.0).best
    assert Tuning({0: [None]}, 0.0).winner is None and Tuning({}, 0.0).winner is None


def test_trials_are_tuned_in_the_order_of_their_numbers_whichever_came_first():
    made = Tuning.of({5: Trial([0.4, 0.6], 1.5), 2: Trial([0.5, 0.5], 2.0)})
    assert list(made.nll) == [2, 5] and made.means == {2: 0.5, 5: 0.5}
    assert made.best == 2 and made.seconds == 3.5


def test_figures_of_splits_are_means_over_them_with_the_interval_of_resampled_splits():
    made = resplit(splits=4, seeds=2)
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    rows = [rows["B"] for rows in made.splits]
    items = [one.items for one in rows]
    # of 400, 100 and 40 items
    nll = statistic.resampled([one.nll for one in rows], items, share=400 / 540)
    accuracy = statistic.proportion_resampled(
        [statistic.correct(one.logits, one.labels) for one in rows], items, share=400 / 540
    )
    line = table.loc["B"]
    assert (line["NLL"], line["NLL low"], line["NLL high"]) == (
        nll.mean,
        max(nll.low, 0.0),
        nll.high,
    )
    assert (line["accuracy"], line["accuracy low"]) == (accuracy.mean, max(accuracy.low, 0.0))
    assert line["macro F1"] == pytest.approx(
        np.mean([one.metrics["test_f1"].mean() for one in rows])
    )
    assert (line["seeds"], line["seconds alone"]) == (8, 4 * (2 * 2.0 + 0.5))


@pytest.mark.parametrize(("pool", "share"), [(0, 400 / 500), (1040, 0.4)])
def test_where_the_test_pictures_stay_the_pool_is_what_is_trained_and_validated_on(pool, share):
    made = resplit(splits=3, seeds=2, same=True, trained_on=400, validated_on=100)
    for rows in made.splits:
        rows["A"].pool = pool  # all that could be drawn, where more is there
    differences = [rows["A"].nll - rows["B"].nll for rows in made.splits]
    items = [rows["A"].items for rows in made.splits]
    interval = statistic.resampled(differences, items, share=share)
    assert made.contrasts(MARGIN)["B"].interval == interval and interval.pictures > 0


def test_rows_of_splits_have_their_column_and_errors_too():
    made = resplit(splits=2, seeds=1)
    made.splits[1]["B"].errors[9] = "diverged"
    frame = frames.rows_frame([made], SHOTS)
    assert list(frame.columns) == ["row", "split", "seed", "metric", "value"]
    assert frame.loc[frame["metric"] == "error", ["row", "split", "seed"]].values.tolist() == [
        ["B", 1, 9]
    ]
    assert frames.errors_frame([made]).to_dict("records") == [
        {"row": "B", "split": 1, "seed": 9, "error": "diverged"}
    ]


def test_a_seed_that_failed_in_one_split_leaves_a_table_of_the_others():
    made = resplit(splits=3, seeds=3)
    del made.splits[2]["B"].outcomes[7]
    made.splits[2]["B"].errors[7] = "diverged"
    table = frames.table(made, MARGIN, SHOTS).set_index("row")
    assert list(table["seeds"]) == [9, 8] and np.isfinite(table["NLL"]).all()
    metrics = ["test_nll", "test_accuracy", "test_brier"]
    assert list(frames.contrasts_frame([made], MARGIN)["metric"]) == metrics


def test_splits_of_data_that_are_drawn_anew_have_students_interval_over_them():
    """They have no item in common, so nothing is to be corrected."""
    made = resplit(splits=4, seeds=2, trained_on=16)
    for rows in made.splits:
        for one in rows.values():
            one.independent = True
    line = frames.table(made, MARGIN, SHOTS).set_index("row").loc["B"]
    low, high = sm.stats.DescrStatsW([rows["B"].nll.mean() for rows in made.splits]).tconfint_mean()
    np.testing.assert_allclose(
        [line["NLL low"], line["NLL high"]], [low, high], rtol=1e-9
    )  # the same sums


def test_a_row_that_failed_has_one_line_over_all_splits():
    made = resplit(splits=3, seeds=3)
    for rows in made.splits:
        rows.pop("B")
    made.errors["B"] = "MemoryError: 128 GiB"
    table = frames.table(made, MARGIN, SHOTS)
    assert (
        list(table["row"]) == ["A", "B"]
        and list(table["what it is"])[1] == "error"
        and list(table["seeds"]) == [9, 0]
    )
    errors = frames.errors_frame([made])
    assert errors[["row", "seed", "error"]].values.tolist() == [["B", -1, "MemoryError: 128 GiB"]]
    frame = frames.rows_frame([made], SHOTS)
    failures = frame[frame["metric"] == "error"]
    assert failures[["row", "seed"]].values.tolist() == [["B", -1]]
    assert made.contrasts(MARGIN) == {}


def test_a_contrast_that_a_split_lacks_has_no_word_and_one_of_fewer_seeds_takes_as_many_of_each():
    made = resplit(("A", "B", "C"), splits=3, seeds=3)
    for seed in (3, 4, 5):
        made.splits[1]["B"].errors[seed] = "diverged"
    made.splits[1]["B"].outcomes.clear()
    del made.splits[2]["C"].outcomes[6]
    contrasts = made.contrasts(MARGIN)
    assert contrasts["B"].lost and contrasts["B"].interval.splits == 2
    assert contrasts["C"].interval.seeds == 2
    values = [rows["A"].nll - rows["C"].nll for rows in made.splits[:2]]
    last = made.splits[2]["A"].nll[1:] - made.splits[2]["C"].nll
    expected = statistic.resampled(
        [*(one[:2] for one in values), last],
        [rows["A"].items for rows in made.splits],
        share=400 / 540,
    )
    assert contrasts["C"].interval == expected


def swept_points(validations, **values):
    keys = [{"circuit.qubits": 2 + number} for number in range(len(validations))]
    return [
        point(("A", "B"), keys=key, validation=nll, **values)
        for key, nll in zip(keys, validations, strict=True)
    ]


def test_a_sweep_shows_validation_and_marks_the_lowest():
    points = swept_points([0.6, 0.4, 0.5])
    for one in points[1].splits[0]["B"].outcomes.values():
        for curve in one.curves:
            curve["nll"] += 0.25
    frame = frames.sweep_table(points)
    assert list(frame.columns) == ["circuit.qubits", "validation NLL", "error", "minus B", "chosen"]
    np.testing.assert_allclose(frame["validation NLL"], [0.6, 0.4, 0.5])
    np.testing.assert_allclose(frame["minus B"], [0, -0.25, 0], atol=1e-12)
    assert list(frame["chosen"]) == [False, True, False]


def test_the_choice_does_not_look_at_test_figures():
    points = swept_points([0.5, 0.4])
    points[0].splits[0]["A"] = dataclasses.replace(
        points[0].splits[0]["A"],
        outcomes=row("A", *random_logits(skill=50), validation=0.5).outcomes,
    )
    assert (
        points[0].splits[0]["A"].metrics["test_nll"].mean()
        < points[1].splits[0]["A"].metrics["test_nll"].mean()
    )
    assert list(frames.sweep_table(points)["chosen"]) == [False, True]


def test_of_equal_points_the_first_is_chosen():
    assert list(frames.sweep_table(swept_points([0.5, 0.4, 0.4]))["chosen"]) == [False, True, False]


def test_a_difference_over_a_sweep_is_taken_on_the_seeds_that_both_finished():
    points = swept_points([0.5, 0.5])
    mine, other = points[0].splits[0]["A"], points[0].splits[0]["B"]
    other.outcomes[0] = outcome(np.zeros((40, 4)), mine.labels, validation=0.1)
    del mine.outcomes[0]
    mine.errors[0] = "diverged"
    frame = frames.sweep_table(points)
    assert frame["minus B"].tolist() == [0, 0] and frame["error"].tolist() == [1, 0]


def test_a_point_that_failed_is_a_line_with_its_errors_and_is_never_chosen():
    points = swept_points([0.1, 0.4])
    failed(points[0], "A")
    frame = frames.sweep_table(points)
    assert frame["error"].tolist() == [1, 0] and frame["chosen"].tolist() == [False, True]
    assert np.isnan(frame.loc[0, "validation NLL"]) and np.isnan(frame.loc[0, "minus B"])
    assert frames.errors_frame(points).to_dict("records") == [
        {"circuit.qubits": 2, "row": "A", "seed": -1, "error": "MemoryError: 128 GiB"}
    ]


def test_a_sweep_of_failures_alone_chooses_nothing():
    frame = frames.sweep_table([failed(failed(one, "A"), "B") for one in swept_points([0.1, 0.4])])
    assert (
        frame["error"].tolist() == [2, 2]
        and not frame["chosen"].any()
        and frame["validation NLL"].isna().all()
    )


@pytest.mark.parametrize(
    "key, chosen",
    [
        ("dataset.turns", False),
        ("dataset.train_size", False),
        ("backbone.cutoff", False),
        ("head.cutoff", False),
        ("recipe.lr", True),
        ("backbone.layers", True),
        ("dataset", False),
        ("experiment", False),
    ],
)
def test_no_point_is_chosen_among_tasks_or_among_simulations(key, chosen):
    """An easier task, or a cutoff that loses more, has the lower validation NLL for no merit of the
    model.
    """
    points = swept_points([0.6, 0.4])
    for number, one in enumerate(points):
        one.keys = {key: number, "recipe.epochs": number}
    assert frames.sweep_table(points)["chosen"].tolist() == [False, chosen]


def test_no_point_is_chosen_where_validation_is_the_test_split():
    points = swept_points([0.4, 0.6])
    points[0].splits[0]["A"].blind = False
    assert frames.sweep_table(points)["chosen"].tolist() == [False, True]
    points[1].splits[0]["A"].blind = False
    frame = frames.sweep_table(points)
    assert frame["chosen"].tolist() == [False, False] and frame["validation NLL"].tolist() == [
        0.4,
        0.6,
    ]


def test_swept_keys_stand_in_every_frame():
    points = swept_points([0.6, 0.4])
    assert set(frames.rows_frame(points, SHOTS)["circuit.qubits"]) == {2, 3}
    assert frames.contrasts_frame(points, MARGIN)["circuit.qubits"].tolist() == [2] * 3 + [3] * 3
    assert points[1].name == "circuit.qubits=3"


@pytest.mark.parametrize(
    ("overrides", "points"),
    [
        (
            [["circuit.qubits=2", "seeds=3"], ["circuit.qubits=4", "seeds=3"]],
            [{"circuit.qubits": 2}, {"circuit.qubits": 4}],
        ),
        ([["recipe.lr=1e-3"], ["recipe.lr=0.01"]], [{"recipe.lr": 0.001}, {"recipe.lr": 0.01}]),
        (
            [["+compare=unentangled"], ["+compare=zeroed"]],
            [{"compare": "unentangled"}, {"compare": "zeroed"}],
        ),
        ([["++seeds=[1,2]"], ["++seeds=[3]"]], [{"seeds": "[1,2]"}, {"seeds": "[3]"}]),
        (
            [["dataset.path='a b'"], ['dataset.path="c=d"']],
            [{"dataset.path": "a b"}, {"dataset.path": "c=d"}],
        ),
        (
            [["head=quantum", "~recipe"], ["head=twin", "~recipe"]],
            [{"head": "quantum"}, {"head": "twin"}],
        ),
        (
            [["backbone.layer=null"], ["backbone.layer=layer1"]],
            [{"backbone.layer": "null"}, {"backbone.layer": "layer1"}],
        ),
        ([["a=1", "b=2"], ["a=2", "b=1"]], [{"a": 1, "b": 2}, {"a": 2, "b": 1}]),
        ([["a=1", "b=2"]], [{}]),
        ([[]], [{}]),
        ([["a=1"], ["a=1"]], [{}, {}]),
    ],
)
def test_swept_keys_are_those_whose_values_differ(overrides, points):
    assert swept_values([parse(words) for words in overrides]) == points


def test_results_load_no_torch():
    code = (
        "import sys, qtlrun.report.frame, qtlrun.report.figure;"
        " print(sorted({'torch', 'pennylane', 'hydra', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
