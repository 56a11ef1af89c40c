"""Every protocol of a grid: each is what it would be alone, and what is said of all of them is what
they are.
"""

import numpy as np
import pandas as pd
import pytest
from composition import train_row

from qtlrun import statistic, train
from qtlrun.experiment import Experiment

WORDS = ("study=multiverse", "compare=[twin,C]")
GRID = {
    "recipe": {"lr": [0.002, 0.03], "scale": ["none", "standard"], "epochs": [1, 2]},
    "head": {"spread": [0.01, 1.0]},
}
PARTS = "dataset, backbone, freeze, recipe, circuit, head, parametrization, device."


@pytest.fixture
def trained(monkeypatch):
    """How many runs each training had, by its head."""
    sizes, fit = [], train.fit

    def fitted(*given):
        sizes.append((type(given[0]).__name__, len(given[2])))
        return fit(*given)

    monkeypatch.setattr(train, "fit", fitted)
    return sizes


def test_every_combination_is_a_protocol_and_each_difference_is_that_of_its_own_run(
    studied, tmp_path
):
    found = studied(*WORDS, choices=GRID)
    frame = found.frame
    assert (
        found.well and list(frame["reference"]) == ["twin"] * 16 + ["C"] * 16
    )  # in the order of the plan
    keys = ["recipe.lr", "recipe.scale", "recipe.epochs", "head.spread"]
    assert (
        list(frame.columns)[1:5] == keys
        and len(frame[["reference", *keys]].drop_duplicates()) == 32
    )
    line = frame[
        (frame[keys] == [0.03, "standard", 2, 1.0]).all(axis=1) & (frame["reference"] == "twin")
    ].iloc[0]

    one = Experiment(str(tmp_path / "elsewhere"))
    typed = dict(zip(keys, [0.03, "standard", 2, 1.0], strict=True))
    rows = {
        name: train_row(one, name, row.changed(typed), [0, 1, 2])
        for name, row in found.plan.variants.items()
    }
    verdict = statistic.verdict(rows["composed"].nll - rows["twin"].nll, 0.05)
    gap = verdict.interval
    assert (line["difference"], line["low"], line["high"], line["verdict"]) == (
        gap.mean,
        gap.low,
        gap.high,
        verdict.word,
    )
    validation = (
        rows["composed"].metrics["validation_nll"].mean()
        - rows["twin"].metrics["validation_nll"].mean()
    )
    assert line["validation"] == pytest.approx(validation, abs=1e-12) and line["seeds"] == 3


def test_a_choice_that_a_row_lacks_leaves_it_as_it_is_and_trains_it_once(studied, trained):
    found = studied(
        "study=multiverse",
        "compare=[twin]",
        choices={"recipe": {"lr": [0.002, 0.03]}, "head": {"spread": [0.01, 1.0]}},
    )
    assert sorted(trained) == [("Quantum", 4 * 3), ("Twin", 2 * 3)]
    assert len(found.frame) == 4 and found.frame["difference"].nunique() == 4
    trained.clear()
    again = studied(
        "study=multiverse",
        "compare=[twin]",
        choices={"recipe": {"lr": [0.002, 0.03]}, "head": {"spread": [0.01, 1.0]}},
    )
    assert trained == []
    pd.testing.assert_frame_equal(found.frame, again.frame, check_exact=True)


def test_the_shares_that_are_said_are_those_of_the_frame(studied):
    found = studied(*WORDS, choices=GRID)
    written = (found.out / "table.md").read_text()
    for name in ("twin", "C"):
        part = found.frame[found.frame["reference"] == name]
        gap, below = part["difference"], (part["difference"] < 0).mean()
        assert (
            f"composed - {name}, {found.plan.claims[name]}: below 0 (composed better) in"
            f" {below:.0%} of 16 protocols of 3 seeds, above 0 in {1 - below:.0%}; median"
            f" {gap.median():+z.3f} nats, from {gap.min():+z.3f} to {gap.max():+z.3f}; the 95 %"
            f" interval lies below 0 in {(part['high'] < 0).mean():.0%} and above 0 in"
            f" {(part['low'] > 0).mean():.0%}." in written
        )
        assert (
            f"composed - {name}, {found.plan.claims[name]}: composed better in {below:.0%} of 16"
            f" protocols of 3 seeds (95 % interval below 0 in {(part['high'] < 0).mean():.0%}),"
            f" worse in {1 - below:.0%} (above 0 in {(part['low'] > 0).mean():.0%}); " in found.said
        )
        keys = {
            key: part[key] for key in ("recipe.lr", "recipe.scale", "recipe.epochs", "head.spread")
        }
        total = statistic.swayed(gap.to_numpy(), keys)
        order = sorted(total, key=total.get, reverse=True)
        assert list(keys) == list(total)
        places = [
            written.partition(f"composed - {name}")[2].index(f"{key} {total[key]:.0%} (")
            for key in order
        ]
        assert places == sorted(places)
    assert {"multiverse.csv", "plan.yaml", "environment.json", "table.md"} <= set(found.files)
    assert {
        f"figures/specification_curve-{name}.{kind}"
        for name in ("twin", "C")
        for kind in ("png", "svg")
    } <= set(found.files)


def test_a_protocol_that_diverges_is_left_out_and_the_others_are_told(studied):
    choices = {"recipe": {"lr": [0.01, 1e30], "scale": ["none", "standard"]}}
    found = studied(
        "study=multiverse",
        "compare=[twin]",
        "recipe.optimizer=sgd",
        "recipe.batch_size=4",
        choices=choices,
    )
    sick = found.frame["recipe.lr"] == 1e30
    assert (
        not found.well
        and found.frame.loc[sick, "difference"].isna().all()
        and (found.frame.loc[sick, "seeds"] == 0).all()
    )
    assert (
        np.isfinite(found.frame.loc[~sick, "difference"]).all()
        and "of 2 protocols of 3 seeds" in found.said
    )


def test_one_protocol_that_is_left_has_no_variance_to_share(studied):
    found = studied(
        "study=multiverse",
        "compare=[twin]",
        "recipe.optimizer=sgd",
        "recipe.batch_size=4",
        choices={"recipe": {"lr": [0.01, 1e30]}},
    )
    written = (found.out / "table.md").read_text()
    assert "of 1 protocol of 3 seeds" in written and "Of the variance" not in written


def test_a_grid_of_which_all_protocols_diverge_says_so(studied):
    choices = {"recipe": {"lr": [1e30, 1e31]}}
    found = studied(
        "study=multiverse",
        "compare=[twin]",
        "recipe.optimizer=sgd",
        "recipe.batch_size=4",
        choices=choices,
    )
    assert not found.well and "composed - twin: no protocol was finished." in found.said


@pytest.mark.parametrize(
    "dataset",
    [{"train_size": [None, 12, 20]}, {"train_size": [None, 12]}, {"fold": [[0, 3], [1, 3]]}],
    ids=str,
)
def test_a_choice_may_be_null_or_a_list(studied, dataset):
    found = studied(
        "study=multiverse",
        "compare=[twin]",
        choices={"recipe": {"lr": [0.002, 0.03]}, "dataset": dataset},
    )
    ((name, values),) = dataset.items()
    assert (
        found.well
        and len(found.frame) == 2 * len(values)
        and f"dataset.{name} " in (found.out / "table.md").read_text().partition("part in:")[2]
    )


LIST = "a list of different values is needed here."
GROUPS = (
    "study.choices: groups of keys with the values to try, as study.choices.recipe.lr=[0.001,0.01]."
)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (
            {"recip": {"lr": [0.1]}},
            f"study.choices.recip: did you mean recipe? It is one of {PARTS}",
        ),
        ({"compare": {"twin": [1]}}, f"study.choices.compare: it is one of {PARTS}"),
        (
            {"recipe": {"lr": ["fast"]}},
            "recipe.lr=fast: a number is needed here, and this is a text.",
        ),
        (
            {"recipe": {"epochs": [1, 0]}},
            "recipe.epochs=0: a whole number from 1 up is needed here.",
        ),
        ({"recipe": {"lr": []}}, f"study.choices.recipe.lr=[]: {LIST}"),
        ({"recipe": {"lr": [0.1, 0.1]}}, f"study.choices.recipe.lr=[0.1, 0.1]: {LIST}"),
        ({"recipe": {"lr": 0.1}}, f"study.choices.recipe.lr=0.1: {LIST}"),
        ({}, GROUPS),
        ({"recipe": {}}, GROUPS),
        ({"recipe": 3}, GROUPS),
    ],
)
def test_choices_that_cannot_be_are_refused(refusal, choices, said):
    assert refusal("study=multiverse", choices=choices) in (said, f"study.{said}")


@pytest.mark.parametrize(
    "choices", [{"recipe": {"lrr": [0.1, 0.2]}}, {"head": {"spred": [0.1, 0.2]}}]
)
def test_a_choice_that_no_row_has_is_refused(refusal, choices):
    """Else a misspelt key would multiply the protocols by a choice that changes nothing."""
    ((group, part),) = choices.items()
    right = {"recipe": "lr", "head": "spread"}[group]
    said = refusal("study=multiverse", choices=choices)
    assert said.startswith(
        f"study.choices.{group}.{next(iter(part))}: no row has such a value; did you mean {right}?"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("compare=[]",),
            (
                "compare=[]: a multiverse is one of differences; choose a reference, as"
                " compare=[twin]."
            ),
        ),
        (("tune=4",), "tune=4: study=multiverse does not use it; leave it out."),
        (("splits=2",), "splits=2: study=multiverse does not use it; leave it out."),
        (("folds=2",), "folds=2: study=multiverse does not use it; leave it out."),
        (
            ("recipe.lr=.1",),
            (
                "recipe.lr: study.choices.recipe.lr has it too, so the value typed would not be"
                " heeded; ~study.choices.recipe.lr takes it out of the grid."
            ),
        ),
        (
            ("study.margin=0",),
            "study.margin=0: nats of negative log-likelihood, above 0 and at most 0.5;"
            " or a share of the reference's, above 0% and at most 50%, as 5%.",
        ),
        (
            ("study.margin=.6",),
            "study.margin=0.6: nats of negative log-likelihood, above 0 and at most 0.5;"
            " or a share of the reference's, above 0% and at most 50%, as 5%.",
        ),
    ],
)
def test_a_multiverse_that_cannot_be_is_refused(refusal, words, said):
    assert refusal("study=multiverse", *words) == said


def test_one_joint_test_exchanges_the_names_within_each_seed_over_all_protocols(studied, tmp_path):
    found = studied("study=multiverse", "compare=[twin]", choices=GRID)
    (line,) = pd.read_csv(found.out / "joint.csv").to_dict("records")
    assert (line["reference"], line["protocols"], line["seeds"]) == ("twin", 16, 3)
    # eight flips of three seeds, each with its mirror
    assert (line["flips"], line["exact"], line["least"]) == (8, True, 0.25)
    assert line["median"] == pytest.approx(found.frame["difference"].median(), abs=1e-12)
    below = (found.frame["difference"] < 0).mean()
    assert line["share"] == max(below, 1 - below)
    assert line["p_median"] in (0.25, 0.5, 0.75, 1.0) and line["p_share"] in (0.25, 0.5, 0.75, 1)
    words = f"Joint test of composed - twin over all protocols: median p = {line['p_median']:.3g}"
    assert words in found.said and "3 seeds cannot give a p below 0.25" in found.said
