"""The calibration study: quick, right on an honest instrument, and alarmed by a false one."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from composition import check, short_plan
from rows import watched
from studied import FILES

from qtlrun import statistic
from qtlrun.contract.part import build_part
from qtlrun.report import figure, frame, sentence
from qtlrun.study import calibrate as module

QUICK = (
    "study=calibrate",
    "compare=[C,twin]",
    "backbone=small",
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
    "dataset.train=10",
    "dataset.validation=20",
    "circuit.qubits=2",
    "circuit.depth=1",
    "recipe.epochs=15",
    "recipe.lr=0.05",
    "recipe.batch_size=16",
    "splits=each",
    "seeds=5",
    "study.population=24",
    "study.networks=3",
    "study.draws=200",
    "study.planted=2",
    "study.effects=[8]",
)


@pytest.fixture(scope="module")
def calibrate(tmp_path_factory):
    """Calibrate the quick plan; the second time what was trained is found, and only the statistics
    are new.
    """
    place = tmp_path_factory.mktemp("calibrate")

    def run(name, *words, trainings=(10,), pictures=(40,)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figure, "encode", lambda made: FILES)
            patch.setattr(module, "FAMILY_TRAININGS", trainings)
            patch.setattr(module, "FAMILY_PICTURES", pictures)
            plan = short_plan(place / "home", *QUICK, *words)
            study = build_part("study", plan.study, plan.settings.plugins)
            experiment = check(plan)
            (place / name).mkdir(parents=True)
            return watched(study, [plan], experiment, place / name)

    return run


@pytest.fixture(scope="module")
def honest(calibrate):
    return calibrate("honest", trainings=(3, 10), pictures=(308,))


def test_the_instrument_is_honest(honest):
    assert honest.well, honest.said
    assert "No rate contradicts what an honest instrument promises." in honest.said
    assert "NOT" not in honest.said and "figures/detection.png" in honest.files


def test_every_row_is_held_against_itself_and_every_reference_covered(honest):
    frame = honest.frame
    nulls = frame[frame["check"] == "equal models"]
    assert list(nulls["contrast"]) == ["A - A", "C - C", "twin - twin"]
    coverage = frame[frame["check"] == "coverage"]
    assert list(coverage["contrast"]) == ["A - C", "A - twin"]
    assert set(nulls["trials"]) == {200} and (coverage["trials"] <= 200).all()


def test_every_rate_is_a_share_within_its_exact_interval(honest):
    for line in honest.frame.itertuples():
        assert 0 <= line.low <= line.rate <= line.high <= 1 and line.rate == line.hits / line.trials
        assert (line.low, line.high) == statistic.binomial(line.hits, line.trials)


def test_what_is_planted_is_found(honest):
    """Of two trials each, at an effect that leaves little to chance."""
    hits = honest.frame.set_index(["check", "contrast", "verdict"])["hits"]
    assert hits["planted circuit", "A - C", "better"] >= 1
    assert hits["planted circuit", "A - C", "worse"] == 0
    assert hits["planted linear", "A - C", "worse"] >= 1
    assert hits["planted linear", "A - C", "better"] == 0


def test_families_and_rules_are_written(honest):
    families = pd.read_csv(honest.out / "families.csv")
    assert set(families["family"]) == set(statistic.FAMILIES)
    assert set(families["trainings"]) == {3, 10} and set(families["pictures"]) == {308}
    rules = pd.read_csv(honest.out / "rules.csv").set_index("rule")["rate"]
    assert rules["best of ten seeds"] > 0.9
    ours = [rate for name, rate in rules.items() if name.startswith("this program")]
    assert len(ours) == 2 and max(ours) < rules["bootstrap of pictures, one seed"]


@pytest.mark.slow
def test_intervals_that_are_too_narrow_are_found_out(calibrate, monkeypatch):
    """A third of their width: false verdicts between equal rows, and truths left out."""
    judge = statistic.verdict_resampled

    def narrow(*given, **more):
        verdict = judge(*given, **more)
        gap = verdict.interval
        low, high = (gap.mean + (end - gap.mean) / 3 for end in (gap.low, gap.high))
        detectable = high < 0 or low > 0
        word = ("better" if high < 0 else "worse") if detectable else "undecided"
        gap = dataclasses.replace(gap, low=low, high=high)
        return dataclasses.replace(verdict, word=word, detectable=detectable, interval=gap)

    monkeypatch.setattr(statistic, "verdict_resampled", narrow)
    found = calibrate("narrow", "study.draws=400")
    assert not found.well and "NOT honest" in found.said
    rates = found.frame.set_index(["check", "contrast"])["rate"]
    assert rates["equal models", "A - A"] > 0.07 and rates["coverage", "A - C"] < 0.92


@pytest.mark.parametrize(("rate", "honest"), [(0.95, True), (0.94, True), (0.90, False)])
def test_a_coverage_of_ninety_percent_is_found_out(rate, honest):
    """In two thousand trials, in 99 of 100 calibrations."""
    hits = np.random.default_rng(0).binomial(2000, rate, 100)
    frames = [rates_of(int(hit), 2000) for hit in hits]
    verdicts = [sentence.calibration(frame, FAMILIES, RULES)[1] for frame in frames]
    assert np.mean(verdicts) >= 0.99 if honest else np.mean(verdicts) <= 0.01


def test_few_trials_contradict_no_promise_that_they_cannot_tell():
    assert sentence.calibration(rates_of(17, 20), FAMILIES, RULES)[1]
    assert not sentence.calibration(rates_of(10, 20), FAMILIES, RULES)[1]


def rates_of(hits, trials):
    """Rates of a calibration in which the interval held the truth in so many trials."""
    return frame.rates_frame(
        [
            frame.rate_line("equal models", 0.0, "A - A", "better or worse", 0, range(100)),
            frame.rate_line("coverage", np.nan, "A - C", "covered", hits, range(trials)),
        ]
    )


FAMILIES = pd.DataFrame(
    {
        "family": ["normal"],
        "trainings": [10],
        "pictures": [308],
        "judged": [1.0],
        "covered": [0.95],
        "false_equivalent": [0.05],
        "false_difference": [0.02],
        "draws": [2000],
    }
)
RULES = frame.rules_frame({"a rule": [True, False]})


def test_it_takes_tuning_one_division_and_models_without_a_letter(calibrate):
    words = ("study.population=6", "study.draws=20", "study.planted=1", "recipe.epochs=2")
    tuned = calibrate("tuned", "tune=2", "~recipe.space.lr", *words)
    whole = calibrate("whole", *words)
    assert len(tuned.frame) == len(whole.frame)
    rates = [each.frame[each.frame["check"].str.startswith("planted")] for each in (tuned, whole)]
    pd.testing.assert_frame_equal(*rates)
    assert "Rows on planted labels are not tuned" in tuned.said
    assert "planted labels are not tuned" not in whole.said
    alone = calibrate("alone", "splits=1", *words)
    assert list(alone.frame["check"].unique())[:2] == ["equal models", "coverage"]
    families = pd.read_csv(alone.out / "families.csv")
    assert {"trained C", "trained twin"} <= set(families["family"])
    photonic = calibrate("other", "head=classical", "compare=[twin]", *words)
    assert not any(photonic.frame["check"].str.startswith("planted"))


def test_the_exit_code_of_what_is_not_honest_is_one(monkeypatch):
    from qtlrun import compose
    from qtlrun.report.result import Result

    for well, code in ((True, 0), (False, 1)):
        monkeypatch.setattr(compose, "compose", lambda words: [None])
        monkeypatch.setattr(
            compose, "_run_study", lambda plans, well=well: Result(pd.DataFrame(), None, well)
        )
        assert compose.main(["study=calibrate"]) == code


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("compare=[]",), "compare"),
        (("seeds=2",), "seeds"),
        (("splits=2",), "splits"),
        (("folds=2",), "folds"),
        (("study.population=0",), "study.population"),
        (("study.networks=0",), "study.networks"),
        (("study.draws=0",), "study.draws"),
        (("study.planted=-1",), "study.planted"),
        (("study.effects=[]",), "study.effects"),
        (("study.effects=[0,1]",), "study.effects"),
        (("study.margin=0",), "study.margin"),
        (("study.margin=.6",), "study.margin"),
        (("study.margin=0%",), "study.margin"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(refusal, words, key):
    assert refusal("study=calibrate", *words).startswith(f"{key}=")
