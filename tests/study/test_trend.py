"""Slopes of differences along a swept number: what they are, and what they say of a claim."""

import functools

import composition
import numpy as np
import pandas as pd
import pytest
from composition import train_row
from rows import row, watched
from studied import FILES

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.compose import main
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.study.trend import Trend

CLAIM = "a circuit gains where the data are more nonlinear"
TURNS = ("0.5", "1.0", "2.0")
RIVALS = ("twin", "mlp")  # of these references those without a circuit
WORDS = (
    "backbone=identity",
    "dataset=spirals",
    "dataset.points=50",
    "recipe.epochs=1",
    "circuit.qubits=2",
    "circuit.depth=1",
)
COMPARE = ("compare=[twin,mlp,zeroed]", "seeds=3")
ITEMS = 40
ITEM = tuple(f"item {number}" for number in range(ITEMS))


def nll(mean, number, seeds, noise):
    """NLL (seeds, items) with this mean and noise of seeds, of items and of both that is drawn from
    `number`.
    """
    generator = np.random.default_rng(number)
    drawn = sum(
        generator.standard_normal(shape) for shape in ((seeds, 1), (1, ITEMS), (seeds, ITEMS))
    )
    return mean + noise * (drawn - drawn.mean(0).mean())


def told(label, values, seeds):
    """A row of two classes with these NLL; they are below log 2 where the answer is right."""
    logits = np.stack([-values, np.log1p(-np.exp(-values))], -1)
    labels = np.arange(values.shape[1]) % 2
    logits[:, labels == 1] = logits[:, labels == 1, ::-1]
    return row(label, logits, labels, seeds, said={"items": ITEM})


def runs(*keys, words=()):
    """Overrides of a sweep of one key, a list a point."""
    return [[*words, f"{key}={value}"] for key, values in keys for value in values]


composed = functools.cache(composition.compose_plan)
TURNED = runs(("dataset.turns", TURNS))


@pytest.fixture
def trend(home, tmp_path):
    """The study over points (run, overrides); `gap(place, name)` is a reference's NLL minus the
    composed model's.
    """

    def study(points, gap, claim=None, noise=0.0, words=(), outcome=None):
        plans = []
        for run, overrides in points:
            typed = {
                word.partition("=")[0]: word for word in (*WORDS, *COMPARE, *words, *overrides)
            }
            values = {"home": str(home), "command": ["qtlrun"], "overrides": overrides}
            values |= {"line": run} if run else {}
            plans.append(composed(*typed.values()).changed(values))
        experiment, made = Experiment(str(home)), Trend(None, claim, 1024)
        made.check(plans, experiment)

        def trained(label, variant, redraws, **_):
            (redraw,) = redraws
            seeds = redraw.seeds
            place = (
                variant.dataset.get("turns", 0)
                if variant.dataset.get("noise") in (0.7, None)
                else variant.dataset["noise"]
            )
            experiment.session.progress.step(label, 1, 1)
            if outcome and (found := outcome(label, place, seeds)) is not None:
                if isinstance(found, BaseException):
                    raise found
                seeds = found
            mean = 1 + place / 10 + (gap(place, label) if label != "composed" else 0)
            losses = nll(mean, (len(label), round(100 * place)), len(seeds), noise)
            return [told(label, losses, seeds)]

        experiment.train = trained
        return watched(made, plans, experiment, tmp_path)

    return study


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    from qtlrun.report import figure

    monkeypatch.setattr(figure, "encode", lambda drawn: FILES)


def alone(points):
    return [("", overrides) for overrides in points]


def slopes(found, metric="NLL"):
    return found.frame[found.frame["metric"] == metric].set_index(["series", "reference"])


SLOPES = {"twin": 0.3, "mlp": -0.1, "zeroed": 0.0}


def test_the_slope_of_a_difference_is_that_of_its_line(trend):
    found = trend(alone(TURNED), lambda place, name: 0.1 + SLOPES[name] * place)
    lines = slopes(found).loc["spirals, turns"]
    for name, steepness in SLOPES.items():  # composed minus the reference
        np.testing.assert_allclose(
            lines.loc[name, ["slope", "low", "high"]].astype(float), -steepness, atol=1e-9
        )  # roundings of logits near 1
    assert found.well and lines["classical"].to_dict() == {
        "twin": True,
        "mlp": True,
        "zeroed": False,
    }
    assert (
        set(lines["key"]) == {"dataset.turns"}
        and set(lines["seeds"]) == {3}
        and set(lines["places"]) == {3}
    )


def test_slopes_and_differences_are_those_of_the_statistics(trend):
    found = trend(alone(TURNED), lambda place, name: 0.1 * place, noise=0.05)
    places = [float(value) for value in TURNS]
    for metric in ("NLL", "accuracy"):
        gaps = []
        for place in places:
            composed, twin = (
                nll(1 + place / 10 + more, (len(name), round(100 * place)), 3, 0.05)
                for name, more in (("composed", 0), ("twin", 0.1 * place))
            )
            values = (
                (lambda one: one)
                if metric == "NLL"
                else (lambda one: (one < np.log(2)).astype(float))
            )
            gaps.append(values(composed) - values(twin))
        answers = metric == "accuracy"
        expected = statistic.slope(places, gaps, [ITEM] * len(places), answers=answers)
        line = slopes(found, metric).loc["spirals, turns", "twin"]
        np.testing.assert_allclose(
            [line["slope"], line["low"], line["high"]],
            [expected.mean, expected.low, expected.high],
            rtol=1e-6,
            atol=1e-12,
        )
        differences = pd.read_csv(found.out / "differences.csv")
        mine = differences[(differences["reference"] == "twin") & (differences["metric"] == metric)]
        assert mine["value"].tolist() == places
        for gap, (_, line) in zip(
            map(statistic.proportion_difference if answers else statistic.two_way, gaps),
            mine.iterrows(),
            strict=True,
        ):
            np.testing.assert_allclose(
                [line["difference"], line["low"], line["high"]],
                [gap.mean, gap.low, gap.high],
                rtol=1e-6,
                atol=1e-12,
            )


GROWS = "As dataset.turns grows, the composed model gains on"
LARGEST = "of 2 classical references; at the largest it is better than"


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (
            {"twin": (0.1, 0.2), "mlp": (0.0, 0.1)},
            f"supported. {GROWS} twin, mlp, loses on none {LARGEST} twin, mlp.",
        ),
        (
            {"twin": (-0.5, 0.2), "mlp": (0.0, 0.1)},
            f"not supported. {GROWS} twin, mlp, loses on none {LARGEST} mlp.",
        ),
        (
            {"twin": (0.1, 0.2), "mlp": (0.9, -0.1)},
            f"not supported. {GROWS} twin, loses on mlp {LARGEST} twin, mlp.",
        ),
        (
            {"twin": (0.5, 0.0), "mlp": (0.9, -0.2)},
            f"contradicted. {GROWS} none, loses on mlp {LARGEST} twin, mlp.",
        ),
        (
            {"twin": (0.0, 0.0), "mlp": (0.0, 0.0)},
            f"not supported. {GROWS} none, loses on none {LARGEST} none.",
        ),
    ],
)
def test_a_claim_is_held_against_the_slopes_to_classical_references_alone(trend, gap, said):
    """Whatever the control without angles does."""
    for steepness in (-3, 3):
        lines = gap | {"zeroed": (6.5, steepness)}
        found = trend(
            alone(TURNED),
            lambda place, name, lines=lines: lines[name][0] + lines[name][1] * place,
            claim=CLAIM,
            noise=0.001,
        )
        assert f"The claim: {CLAIM} spirals, turns: {said}" in found.said


def test_without_a_claim_none_is_judged(trend):
    found = trend(alone(TURNED), lambda place, name: place)
    assert "claim" not in found.said and "supported" not in found.said


NOISY = ("0.1", "0.3")


def test_each_run_is_a_series_of_its_own_also_on_one_dataset(trend):
    turned = [("dataset=spirals dataset.turns=0.5,1.0,2.0", words) for words in TURNED]
    more = [
        ("dataset=spirals circuit.depth=2 dataset.turns=0.5,1.0", ["circuit.depth=2", *words])
        for words in TURNED[:2]
    ]
    noisy = [
        ("dataset=spirals dataset.noise=0.1,0.3", words) for words in runs(("dataset.noise", NOISY))
    ]
    found = trend(
        [*turned, *more, *noisy], lambda place, name: 0.3 * place, claim=CLAIM, noise=0.001
    )
    places = slopes(found).groupby("series", sort=False)["places"].first().to_dict()
    assert places == {"spirals, turns": 3, "spirals circuit.depth=2, turns": 2, "spirals, noise": 2}
    assert all(f"{name}: supported." in found.said for name in places)


def test_two_runs_that_sweep_one_key_over_other_values_are_two_series(trend):
    points = [
        (f"dataset.turns={','.join(values)}", words)
        for values in (("0.5", "1.0"), ("1.5", "2.0"))
        for words in runs(("dataset.turns", values))
    ]
    found = trend(points, lambda place, name: 0.3 * place)
    assert (
        len(found.frame[(found.frame["metric"] == "NLL") & (found.frame["reference"] == "twin")])
        == 2
    )


def test_a_row_that_fails_at_one_place_costs_that_place(trend):
    def outcome(label, place, seeds):
        return MemoryError("128 GiB") if label == "twin" and place == 1 else None

    found = trend(alone(TURNED), lambda place, name: 0.3 * place, outcome=outcome)
    lines = slopes(found).loc["spirals, turns"]
    assert not found.well and lines["places"].to_dict() == {"twin": 2, "mlp": 3, "zeroed": 3}
    assert (
        lines.loc["twin", "slope"] == pytest.approx(-0.3, abs=1e-9)
        and "twin at dataset.turns=1.0: error: MemoryError: 128 GiB." in found.said
    )


def test_a_row_that_fails_at_the_first_place_keeps_the_others(trend):
    def outcome(label, place, seeds):
        return MemoryError("128 GiB") if label == "twin" and place == 0.5 else None

    found = trend(alone(TURNED), lambda place, name: 0.3 * place, outcome=outcome)
    assert slopes(found).loc["spirals, turns"]["places"].to_dict() == {
        "twin": 2,
        "mlp": 3,
        "zeroed": 3,
    }


def test_a_seed_that_fails_at_one_place_is_left_out_of_the_slope_everywhere(trend):
    def outcome(label, place, seeds):
        return [seed for seed in seeds if seed != 1] if label == "twin" and place == 1 else None

    found = trend(
        alone(TURNED), lambda place, name: 0.3 * place, words=("seeds=4",), outcome=outcome
    )
    assert slopes(found).loc["spirals, turns"]["seeds"].to_dict() == {
        "twin": 3,
        "mlp": 4,
        "zeroed": 4,
    }


def test_a_training_that_died_is_left_out_of_the_slope_and_takes_the_verdict(trend):
    """The twin's second one at 1 turn is far above guessing, and the others below."""

    def gap(place, name):
        if name == "twin" and place == 1:
            return np.array([-0.6, 0.0, -0.6, -0.6])[:, None]
        return 0.3 * place - 0.9

    found = trend(alone(TURNED), gap, words=("seeds=4",), claim=CLAIM)
    lines = slopes(found).loc["spirals, turns"]
    assert lines["seeds"].to_dict() == {"twin": 3, "mlp": 4, "zeroed": 4}
    np.testing.assert_allclose(lines["slope"].astype(float), -0.3, atol=1e-9)
    words = "no verdict, because 1 training died; the slopes are of the others."
    assert f"spirals, turns: {words}" in found.said and "supported" not in found.said


@pytest.mark.parametrize("later", ["splits=5", "folds=3"])
def test_what_a_later_point_asks_for_in_vain_is_refused_too(trend, later):
    points = [*alone(TURNED[:2]), ("", [*TURNED[2], later])]
    with pytest.raises(UsageError, match=f"{later}: study=trend does not use it"):
        trend(points, lambda place, name: 0.0)


def test_where_everything_fails_that_is_said(trend):
    found = trend(
        alone(TURNED),
        lambda place, name: 0.0,
        claim=CLAIM,
        outcome=lambda *_: MemoryError("128 GiB"),
    )
    assert (
        not found.well
        and "composed at dataset.turns=0.5: error: MemoryError: 128 GiB." in found.said
    )


def test_where_the_composed_model_fails_at_all_places_but_one_there_is_no_slope(trend):
    def outcome(label, place, seeds):
        return MemoryError("128 GiB") if label == "composed" and place != 2 else None

    found = trend(alone(TURNED), lambda place, name: 0.3 * place, claim=CLAIM, outcome=outcome)
    assert not found.well and not len(found.frame)


def test_a_study_that_is_stopped_says_so_to_its_caller_and_claims_nothing(trend):
    def outcome(label, place, seeds):
        return KeyboardInterrupt() if label == "mlp" and place == 1 else None

    found = trend(alone(TURNED), lambda place, name: place, claim=CLAIM, outcome=outcome)
    assert (
        isinstance(found.error, KeyboardInterrupt)
        and found.files == ["log.txt"]
        and "supported" not in found.said
    )


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_foot_is_of_the_slopes_and_says_over_what_their_intervals_are(trend, seeds):
    found = trend(alone(TURNED), lambda place, name: 0.3 * place, words=(f"seeds={seeds}",))
    lines = (found.out / "table.md").read_text().split("\n\n")
    foot = (
        f"Least-squares lines from the least to the largest value, with 95 % intervals over {seeds}"
        " seeds and the test items; items that values share are paired."
    )
    brief = f"{seeds} seeds, 95 % intervals."
    assert foot in lines and brief in found.said
    assert "have been read by 0 plans of this store" in lines[lines.index(foot) + 1]
    assert "seconds per seed" not in found.said and "trained: " not in found.said


def test_a_reference_without_a_seed_in_common_has_no_slope(trend):
    def outcome(label, place, seeds):
        return [seed for seed in seeds if (seed == 0) == (place == 1)] if label == "twin" else None

    found = trend(alone(TURNED), lambda place, name: 0.3 * place, outcome=outcome)
    assert set(found.frame["reference"]) == {"mlp", "zeroed"} and found.well


def test_what_is_written_is_the_frames_and_the_figure(trend):
    found = trend(alone(TURNED), lambda place, name: 0.3 * place, claim=CLAIM, noise=0.01)
    tables = [
        "differences.csv",
        "environment.json",
        "figures/trend.png",
        "figures/trend.svg",
        "log.txt",
        "plan.yaml",
        "rows.csv",
        "slopes.csv",
        "table.csv",
        "table.md",
    ]
    assert found.files == tables
    pd.testing.assert_frame_equal(
        pd.read_csv(found.out / "slopes.csv"), found.frame, rtol=1e-12, check_dtype=False
    )
    rows = pd.read_csv(found.out / "rows.csv")
    assert set(rows["dataset.turns"]) == {0.5, 1, 2} and set(rows["row"]) == {
        "composed",
        "twin",
        "mlp",
        "zeroed",
    }
    table = (found.out / "table.md").read_text()
    assert (
        "| series | composed minus | NLL along the range, nats, 95 % | accuracy, 95 % |" in table
        and f"The claim: {CLAIM}" in table
    )


def test_the_table_has_the_change_along_the_range_whatever_the_unit(trend):
    """A slope of 1e-5 per item is .01 nats over a thousand; a rounded zero has no minus."""
    for unit in (1, 1e-5):
        points = runs(("dataset.turns", [place / unit for place in (1, 2, 3)]))
        found = trend(
            alone(points),
            lambda place, name, unit=unit: (
                {"twin": 0.1, "mlp": -0.1, "zeroed": 2e-5}[name] * place * unit
            ),
        )
        lines = (found.out / "table.md").read_text()
        said = {
            "twin": "-.200 [-.200, -.200]",
            "mlp": "+.200 [+.200, +.200]",
            "zeroed": "+.000 [+.000, +.000]",
        }
        for name, words in said.items():
            assert f"| spirals, turns | {name} | {words} |" in lines
        assert slopes(found).loc["spirals, turns"]["range"].tolist() == pytest.approx(
            [2 / unit] * 3
        )


def test_items_that_two_places_share_in_part_are_paired(trend, monkeypatch):
    """The study hands the items' hashes to the statistics, of each place its own."""
    given = []
    monkeypatch.setattr(
        statistic,
        "slope",
        lambda places, gaps, items, slope=statistic.slope, **more: (
            given.append(items) or slope(places, gaps, items, **more)
        ),
    )
    trend(alone(TURNED), lambda place, name: 0.3 * place)
    assert len(given) == 6 and all(
        one == [ITEM] * 3 for one in given
    )  # three references, two metrics


def test_a_claim_that_no_reference_could_contradict_is_refused(trend):
    words = ("compare=[zeroed,unentangled]",)
    said = (
        "study.claim: it is held against references without a circuit, and there is none; choose"
        " one, as compare=[twin]."
    )
    for run, where in (("", ""), ("dataset.turns=0.5,1", "study.runs, dataset.turns=0.5,1: ")):
        with pytest.raises(UsageError) as error:
            trend(
                [(run, overrides) for overrides in TURNED],
                lambda place, name: 0.0,
                claim=CLAIM,
                words=words,
            )
        assert str(error.value) == where + said
    assert trend(
        alone(TURNED), lambda place, name: 0.0, words=words
    ).well  # without a claim there is nothing to hold


ONE = "study=trend follows one number; sweep it, as -m dataset.turns=0.5,1,2 (here vary: {})."


@pytest.mark.parametrize(
    ("points", "words", "said"),
    [
        (
            [["dataset.turns=1", "dataset.noise=0.1"], ["dataset.turns=2", "dataset.noise=0.3"]],
            (),
            ONE.format("dataset.turns, dataset.noise"),
        ),
        ([["dataset.turns=1"]], (), ONE.format("none")),
        ([["recipe.scale=none"], ["recipe.scale=standard"]], (), ONE.format("recipe.scale")),
        (
            TURNED,
            ("compare=[]",),
            "compare=[]: a trend is one of differences; choose a reference, as compare=[twin].",
        ),
        (TURNED, ("seeds=2",), "seeds=2: fewer than three seeds give no interval here."),
        (TURNED, ("seeds=[4,9]",), "seeds=[4, 9]: fewer than three seeds give no interval here."),
        (
            [["seeds=3"], ["seeds=2"]],
            (),
            "seeds=2: fewer than three seeds give no interval here.",
        ),
        (TURNED, ("splits=2",), "splits=2: study=trend does not use it; leave it out."),
        (TURNED, ("folds=3",), "folds=3: study=trend does not use it; leave it out."),
    ],
)
@pytest.mark.parametrize("run", ["", "dataset.turns=0.5,1"])
def test_what_is_no_sweep_of_one_number_is_refused(trend, points, words, said, run):
    with pytest.raises(UsageError) as error:
        trend([(run, overrides) for overrides in points], lambda place, name: 0.0, words=words)
    shared = words and words[0].partition("=")[0] in ("splits", "folds")
    assert str(error.value) == ("" if shared or not run else f"study.runs, {run}: ") + said


def test_measurements_that_cannot_be_are_refused():
    with pytest.raises(ValueError) as error:
        Trend(None, None, 0)
    assert str(error.value) == "shots=0: measurements of an execution, from 1 up."


QUICK = [
    "study=trend",
    "backbone=identity",
    "dataset=moons",
    "dataset.points=60",
    "recipe.epochs=1",
    "circuit.qubits=2",
    "circuit.depth=1",
    "compare=[twin]",
    "seeds=3",
]


def test_a_sweep_and_a_run_of_the_same_points_give_the_same_slopes(
    home, tmp_path, monkeypatch, capsys
):
    """Of trained rows, by the command line; a point of the sweep is what it would be in a
    comparison.
    """
    monkeypatch.chdir(tmp_path)
    assert main([*QUICK, "-m", "dataset.noise=0.1,0.4"]) == 0
    assert (
        main([*QUICK, "study.runs=['dataset.noise=0.1,0.4']", "study.claim=a circuit gains"]) == 0
    )
    first, second = (pd.read_csv(path) for path in sorted(tmp_path.glob("outputs/*/*/slopes.csv")))
    pd.testing.assert_frame_equal(first, second)
    assert (
        set(first["series"]) == {"moons, noise"}
        and "The claim: a circuit gains" in capsys.readouterr().out
    )
    differences = pd.read_csv(next(tmp_path.glob("outputs/*/*/differences.csv")))
    words = [word for word in QUICK if not word.startswith("study")]
    points = [plans_of(home, *words, f"dataset.noise={value}") for value in (0.1, 0.4)]
    for line, made in zip(
        differences[differences["metric"] == "NLL"]["difference"], points, strict=True
    ):
        assert line == pytest.approx(made, rel=1e-9)


def plans_of(home, *words):
    """Composed minus twin in nats, of a comparison of these words."""
    made, experiment = composition.variants(*words), Experiment(str(home))
    point = Comparison(
        {},
        "composed",
        splits=[
            {name: train_row(experiment, name, plan, [0, 1, 2]) for name, plan in made.items()}
        ],
    )
    return point.contrasts(0.05)["twin"].interval.mean
