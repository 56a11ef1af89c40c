"""study=credit by the command line."""

import pandas as pd
import pytest

WORDS = ("study=credit", "backbone=identity")


@pytest.mark.parametrize(
    "words, value",
    [
        (("head=classical",), "this head has 0 parts that can be trained alone or held"),
        (("head=logistic",), "this head has 0 parts"),
        (("head.pre=frozen", "head.post=frozen"), "this head has 1 part that can"),
        (("freeze=none", "backbone=perceptron"), "on features that do not change"),
        (("parametrization=quantum_train",), "its weights are generated"),
        (("head.pre=frosen",), "head.pre=frosen: did you mean frozen"),
    ],
)
def test_what_has_no_parts_to_share_a_gain_is_refused(refusal, words, value):
    assert value in refusal(*WORDS, "compare=[]", *words)


def test_a_sweep_is_refused(refusal):
    points = [("circuit.depth=1",), ("circuit.depth=2",)]
    assert "it takes one point" in refusal(*WORDS, points=points)


def test_the_shares_of_the_table_sum_to_the_gain(studied):
    found = studied(*WORDS, "compare=[twin]", "seeds=3", "splits=each")
    assert found.well and {"coalitions.csv", "credit.csv", "table.md"} <= set(found.files)
    credit = pd.read_csv(found.out / "credit.csv")
    for (_, metric), lines in credit.groupby(["row", "metric"]):
        kinds = lines.groupby("kind")["value"].sum()
        assert kinds["share"] == pytest.approx(kinds["gain"], abs=1e-9), metric
        assert kinds["dividend"] == pytest.approx(kinds["gain"], abs=1e-9)
    coalitions = pd.read_csv(found.out / "coalitions.csv").set_index(["row", "trained"])
    gain = coalitions.loc["A*" if "A*" in coalitions.index else coalitions.index[0][0], "nll"]
    composed = credit[(credit["kind"] == "gain") & (credit["metric"] == "test_nll")].iloc[0]
    assert gain["none"] - gain["pre + circuit + post"] == pytest.approx(composed["value"], abs=1e-9)
    assert "circuit - twin's block" in set(credit["parts"])


def test_one_seed_has_figures_without_an_interval_or_a_verdict(studied):
    found = studied(*WORDS, "compare=[]", "seeds=1")
    assert "One training" in found.said and "no verdict" in found.said
    credit = pd.read_csv(found.out / "credit.csv")
    assert credit["value"].notna().all()
    assert credit[["low", "high", "p", "p_holm"]].isna().all(axis=None)


def test_a_coalition_that_diverges_costs_the_shares_and_says_so(studied):
    words = ("recipe.optimizer=sgd", "recipe.lr=1e30", "recipe.scale=none")
    found = studied(*WORDS, "compare=[]", "seeds=2", *words)
    assert not found.well and ": error: " in found.said
    assert "no seed finished in every coalition" in found.said
    coalitions = pd.read_csv(found.out / "coalitions.csv").set_index("trained")
    assert coalitions.loc["none", "trainings"] == 2  # it trains nothing
    assert coalitions.loc["pre + circuit + post", "trainings"] == 0


def test_references_without_parts_are_named_and_left_out(studied):
    found = studied(*WORDS, "compare=[C,twin]")
    assert "Without parts to train apart, and so without shares: C" in found.said


def test_a_reference_with_a_trained_backbone_is_left_out_for_that_reason(studied):
    found = studied("study=credit", "backbone=perceptron", "compare=[B]")
    assert "With a backbone that is trained, and so without shares: B" in found.said


def test_the_backbone_has_its_own_part_where_its_row_is_asked_for(studied):
    """Whatever the store has: the p values of all shares are corrected with it."""
    words = ("study=credit", "backbone=perceptron")
    asked = studied(*words, "compare=[]")
    assert "+compare=D" in asked.said
    found = studied(*words, "compare=[D]")
    assert "backbone, D" in found.said and "+compare=D" not in found.said
    again = studied(*words, "compare=[]")  # the store has it now
    assert again.said.count("+compare=D") == 1 and "backbone, D" not in again.said
    first, second = (pd.read_csv(each.out / "credit.csv") for each in (asked, again))
    pd.testing.assert_frame_equal(first, second)
