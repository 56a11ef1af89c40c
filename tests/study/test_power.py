"""What a pilot predicts is what its own interval says, projected."""

import math

import pytest

from qtlrun import statistic
from qtlrun.experiment import Experiment

WORDS = ("study=power", "compare=[twin,C]")


def verdicts(found, tmp_path):
    """The contrasts of the pilot, as a comparison makes them."""
    return Experiment(found.plan.settings.home).compare(found.plan).contrasts(0.05)


def line_of(found, name):
    """What is said of a contrast of the pilot."""
    (line,) = [
        line
        for line in (found.out / "table.md").read_text().split("\n\n")
        if line.startswith(f"composed - {name}, ")
    ]
    return line


def ways(gap, need):
    """What would detect the margin, in words."""
    known = [
        (need.seeds, "seeds on these pictures"),
        (need.pictures, "pictures with these seeds"),
        (need.splits, "splits"),
    ]
    said = [f"{size} {what}" for size, what in known if size]
    if need.both and not said:
        said.append(
            f"{math.ceil(need.both * gap.seeds)} seeds on {math.ceil(need.both * gap.items)}"
            " pictures"
        )
    return " or ".join(said) or "no size that is predicted here"


@pytest.mark.parametrize(
    "words", [(), ("splits=3", "seeds=2"), ("splits=3", "seeds=1"), ("folds=3", "seeds=2")]
)
def test_at_the_pilots_own_size_the_half_width_is_that_of_its_interval(studied, tmp_path, words):
    found = studied(*WORDS, *words)
    pilot = found.frame[found.frame["pilot"]].set_index("reference")
    made = verdicts(found, tmp_path)
    assert found.well and list(pilot.index) == list(made) == ["twin", "C*"]
    for name, verdict in made.items():
        gap, line = verdict.interval, pilot.loc[name]
        half = (gap.high - gap.low) / 2
        if (
            gap.splits > 1 and gap.sigma2_split == 0
        ):  # splits differed less than their seeds: nothing was left, and more is predicted
            assert line["half_width"] >= half
        else:
            assert line["half_width"] == pytest.approx(half, rel=1e-9)
        assert (line["splits"], line["seeds"], line["pictures"]) == (
            gap.splits,
            gap.seeds,
            gap.items,
        )


def test_every_size_asked_for_is_predicted_and_more_of_both_is_narrower(studied):
    found = studied(*WORDS, seeds=[5, 40], pictures=[2, 8])
    for _, part in found.frame.groupby("reference"):
        pictures = sorted(set(part["pictures"]))
        assert (
            sorted(set(part["seeds"])) == [3, 5, 40]
            and [one / pictures[0] for one in pictures] == [1, 2, 8]
            and len(part) == 9
        )
        wide = part.set_index(["seeds", "pictures"])["half_width"]
        assert (
            wide[40, pictures[2]] < wide[40, pictures[0]]
            and wide[40, pictures[2]] < wide[3, pictures[2]]
        )
    assert {"figures/power.png", "power.csv", "table.csv"} <= set(found.files)


def test_a_pilot_of_one_seed_a_split_predicts_numbers_of_splits(studied):
    found = studied(*WORDS, "splits=3", "seeds=1", seeds=[5, 40], pictures=[2])
    for _, part in found.frame.groupby("reference"):
        assert set(part["splits"]) == {3, 5, 40} and set(part["seeds"]) == {1}
        wide = part[part["pictures"] == part["pictures"].min()].set_index("splits")["half_width"]
        assert wide[40] < wide[5] < wide[3]


def test_what_is_said_to_be_needed_is_what_the_statistics_say(studied, tmp_path):
    found = studied(*WORDS)
    for name, verdict in verdicts(found, tmp_path).items():
        gap, need = verdict.interval, statistic.needed(verdict.interval, 0.05)
        low, high = statistic.doubt(gap)
        begin = (
            f"{gap.mean:+z.3f} nats, half-width {(gap.high - gap.low) / 2:.3f} (training noise"
            f" {gap.training:.3f}, "
        )
        assert begin in line_of(
            found, name
        ) and f"so small a pilot knows it to {low:.2f} to {high:.2f} times that)" in line_of(
            found, name
        )
        assert line_of(found, name).endswith(
            f"would be detected, four times in five, by {ways(gap, need)}."
        )


def test_of_a_pilot_of_splits_their_number_is_said(studied, tmp_path):
    found = studied(*WORDS, "splits=3", "seeds=2")
    for name, verdict in verdicts(found, tmp_path).items():
        gap, line = verdict.interval, line_of(found, name)
        need = statistic.needed(gap, 0.05)
        assert "noise of splits and training" in line and "; 3 splits, 2 seeds and" in line
        assert line.endswith(f"would be detected, four times in five, by {ways(gap, need)}.")
        assert "pictures with these seeds" not in line  # each split has pictures of its own


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("seeds=2",), "seeds=2: a pilot of fewer than three predicts nothing."),
        (("splits=2", "seeds=5"), "splits=2: a pilot of fewer than three predicts nothing."),
        (
            ("compare=[]",),
            "compare=[]: power is that of a difference; choose a reference, as compare=[twin].",
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
        (("study.seeds=[1]",), "study.seeds=[1]: an interval needs two or more."),
        (("study.seeds=[]",), "study.seeds=[]: sizes from 1 up."),
        (("study.seeds=[0,5]",), "study.seeds=[0, 5]: sizes from 1 up."),
        (("study.pictures=[0]",), "study.pictures=[0]: sizes from 1 up."),
    ],
)
def test_a_pilot_that_predicts_nothing_is_refused(refusal, words, said):
    assert refusal("study=power", *words) == said
