"""The calibration study: quick, right on an honest instrument, and alarmed by a false one."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from composition import check, short_plan
from rows import watched
from studied import FILES

from qtlrun import statistic
from qtlrun.contract.part import build_part
from qtlrun.report import figure
from qtlrun.statistic import Verdict, interval
from qtlrun.study.calibrate import Calibrate

QUICK = (
    "study=calibrate",
    "backbone=small",
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
    "dataset.train=10",
    "dataset.validation=20",
    "circuit.qubits=2",
    "circuit.depth=1",
    "recipe.epochs=20",
    "recipe.lr=0.05",
    "recipe.batch_size=16",
    "study.nulls=40",
    "study.resamples=200",
    "study.planted=2",
    "study.effects=[8]",
)
ONLY = (
    "study=calibrate: it plants effects for A against C and twin; compose A (head=quantum"
    " freeze=backbone) and leave both in compare."
)


@pytest.fixture(scope="module")
def calibrate(tmp_path_factory):
    """Calibrate the quick plan; the second time what was trained is found, and only the statistics
    are new.
    """
    place = tmp_path_factory.mktemp("calibrate")

    def run(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figure, "encode", lambda made: FILES)
            plan = short_plan(place / "home", *QUICK)
            study = build_part("study", plan.study, plan.settings.plugins)
            experiment = check(plan)
            (place / name).mkdir(parents=True)
            return watched(study, [plan], experiment, place / name)

    return run


@pytest.fixture(scope="module")
def honest(calibrate):
    return calibrate("honest")


def test_the_instrument_is_honest(honest):
    assert honest.well, honest.said
    assert (
        "No rate contradicts what an honest instrument promises." in honest.said
        and "NOT" not in honest.said
    )
    assert (honest.out / "figures/detection.png").is_file()


def test_every_rate_is_a_share_within_its_exact_interval(honest):
    frame = honest.frame
    read = pd.read_csv(
        honest.out / "calibration.csv", keep_default_na=False, na_values=[""]
    )  # one check is called null
    pd.testing.assert_frame_equal(frame, read, check_exact=True)
    assert list(frame["check"].unique()) == [
        "equal models",
        "coverage",
        "planted circuit",
        "planted linear",
    ]
    assert len(frame) == 2 + 2 * 2 * 4  # of each planted effect every verdict on C and on twin
    assert frame["trials"].tolist() == [40, 200] + [2] * 16
    for line in frame.itertuples():
        assert 0 <= line.low <= line.rate <= line.high <= 1 and line.rate == line.hits / line.trials
        assert (line.low, line.high) == statistic.binomial(line.hits, line.trials)
    planted = (
        frame[frame["check"].str.startswith("planted")].groupby(["check", "contrast"])["hits"].sum()
    )
    assert (planted == 2).all()


def test_what_is_planted_is_found(honest):
    """Of two trials each, at an effect that leaves little to chance."""
    hits = honest.frame.set_index(["check", "contrast", "verdict"])["hits"]
    assert (
        hits["planted circuit", "A - C", "better"] >= 1
        and hits["planted circuit", "A - C", "worse"] == 0
    )
    assert (
        hits["planted linear", "A - C", "worse"] >= 1
        and hits["planted linear", "A - C", "better"] == 0
    )


def test_intervals_that_are_too_narrow_are_found_out(calibrate, honest, monkeypatch):
    """A third of their width: false verdicts between equal models."""

    def narrow(values, margin, **more):
        gap = statistic.two_way(values)
        low, high = (gap.mean + (end - gap.mean) / 3 for end in (gap.low, gap.high))
        word = "better" if high < 0 else "worse" if low > 0 else "undecided"
        return Verdict(word, word != "undecided", gap, margin)

    monkeypatch.setattr(statistic, "verdict", narrow)
    found = calibrate("narrow")
    null = found.frame.iloc[0]
    assert (
        not found.well
        and "NOT honest: a rate contradicts what is promised; look at calibration.csv."
        in found.said
    )
    assert null["low"] > 0.05 and honest.frame.iloc[0]["low"] <= 0.05


def test_intervals_of_half_the_width_hold_the_truth_too_seldom(calibrate, honest, monkeypatch):
    two_way = statistic.two_way

    def half(values, level=0.95):
        gap = two_way(values, level)
        return dataclasses.replace(
            gap, low=(gap.low + gap.mean) / 2, high=(gap.high + gap.mean) / 2
        )

    monkeypatch.setattr(statistic, "two_way", half)
    found = calibrate("half")
    assert (
        not found.well
        and "NOT honest" in found.said
        and found.frame.iloc[1]["high"] < 0.9 <= honest.frame.iloc[1]["high"]
    )


def test_intervals_over_seeds_alone_hold_the_truth_of_other_pictures_too_seldom(monkeypatch):
    """Where pictures differ more than seeds, as where networks are trained for long."""
    draw, made = np.random.default_rng(0), Calibrate(0.05, 1, 400, 1, [1.0])
    population = (
        draw.normal(size=(200, 1)) * 0.05
        + draw.normal(size=300)
        + draw.normal(size=(200, 300)) * 0.1
    )
    as_it_is = made._coverage(population, 10)
    assert as_it_is["low"] <= 0.98 and as_it_is["high"] >= 0.90

    def seeds_alone(values, level=0.95):
        means = values.mean(1)
        half = float(
            interval.quantile(len(means) - 1, level) * means.std(ddof=1) / np.sqrt(len(means))
        )
        return SimpleNamespace(low=float(means.mean()) - half, high=float(means.mean()) + half)

    monkeypatch.setattr(statistic, "two_way", seeds_alone)
    assert made._coverage(population, 10)["high"] < 0.90


def test_a_verdict_that_finds_nothing_says_so(calibrate, monkeypatch):
    """Never wrong between equal models, and of no use."""
    verdict = statistic.verdict

    def shy(values, margin, **more):
        return Verdict("undecided", False, verdict(values, margin).interval, margin)

    monkeypatch.setattr(statistic, "verdict", shy)
    found = calibrate("shy")
    planted = found.frame[found.frame["check"].str.startswith("planted")].set_index("verdict")
    assert (planted.loc["undecided", "hits"] == 2).all() and (
        planted.loc[["better", "worse"], "hits"] == 0
    ).all()
    # of two trials none may be chance
    assert found.well and "better than C in effect 8: 0 of 2" in found.said


def test_the_exit_code_of_what_is_not_honest_is_one(monkeypatch):
    from qtlrun import compose

    for well, code in ((True, 0), (False, 1)):
        monkeypatch.setattr(compose, "compose", lambda words: [None])
        monkeypatch.setattr(compose, "_run_study", lambda plans, well=well: (None, well))
        assert compose.main(["study=calibrate"]) == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ONLY),  # features that nothing pre-trained
        (("head=twin",), ONLY),
        (("compare=[C]", "backbone=small"), ONLY),
        (
            ("seeds=2", "backbone=small"),
            "seeds=2: fewer than three give no verdict that could be calibrated.",
        ),
        (("tune=4",), "tune=4: study=calibrate does not use it; leave it out."),
        (("splits=2",), "splits=2: study=calibrate does not use it; leave it out."),
        (("study.nulls=0",), "study.nulls=0: a whole number from 1 up."),
        (("study.planted=0",), "study.planted=0: a whole number from 1 up."),
        (("study.resamples=-1",), "study.resamples=-1: a whole number from 1 up."),
        (("study.effects=[]",), "study.effects=[]: one or more numbers above 0."),
        (("study.effects=[0,1]",), "study.effects=[0, 1]: one or more numbers above 0."),
        (
            ("study.margin=0",),
            "study.margin=0: nats of negative log-likelihood, above 0 and at most 0.5.",
        ),
        (
            ("study.margin=.6",),
            "study.margin=0.6: nats of negative log-likelihood, above 0 and at most 0.5.",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(refusal, words, said):
    assert refusal("study=calibrate", *words) == said
