"""Published figures beside ours: what counts as reproduced, what stands beside it, what a refused
run costs.
"""

import urllib.error
from dataclasses import replace

import composition
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from rows import row, watched

from qtlrun.compose import main
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.study.reproduce import Reproduce

WORDS = ("compare=[twin,C]", "seeds=3")
SOURCE = "arXiv:0000.00000"
ITEMS = 1000


def answers(label, accuracies, errors=None):
    """A row whose seeds have exactly these accuracies."""
    right = [np.arange(ITEMS) < round(accuracy * ITEMS) for accuracy in accuracies]
    logits = np.stack([np.stack([one, ~one], -1).astype(float) for one in right])
    return row(label, logits, np.zeros(ITEMS, int), errors=errors)


@pytest.fixture
def reproduce(home, tmp_path):
    """The study over runs: {run: ({row: accuracies of its seeds, or what it fails with}, published
    accuracies)}.
    """

    def study(runs, refused=(), **more):
        points = []
        for number, (run, (_, published)) in enumerate(runs.items()):
            values = {"line": run, "overrides": run.split()}
            if published:
                values["published"] = {"source": SOURCE, "accuracy": published} | more
            plan = composition.short_plan(home, *WORDS, f"dataset.split_seed={number}")
            refusal = "weights: they are not here.\nFetch them." if run in refused else ""
            points.append(replace(plan.changed(values), refusal=refusal))
        experiment = Experiment(str(home))

        def trained(label, variant, *_, **__):
            made = list(runs.values())[variant.dataset["split_seed"]][0][label.rstrip("*")]
            if isinstance(made, BaseException):
                raise made
            experiment.session.progress.step(label, 1, 1)
            return [made if not isinstance(made, list) else answers(label, made)]

        experiment.train = trained
        made = Reproduce(None, 1024)
        made.check(points, experiment)
        return watched(made, points, experiment, tmp_path)

    return study


def all_of(accuracies):
    return dict.fromkeys(("composed", "twin", "C"), accuracies)


def verdicts(found):
    return found.frame.set_index(["run", "row"])["verdict"].to_dict()


def test_a_figure_is_reproduced_where_one_more_training_would_give_it(reproduce):
    ours = [0.68, 0.69, 0.70]
    # of new observations, about .64 to .74
    low, high = sm.OLS(ours, np.ones(3)).fit().get_prediction([1.0]).conf_int(obs=True)[0].tolist()
    for figure, word in (
        (low - 0.0101, "not reproduced"),
        (low - 0.0099, "reproduced"),
        (0.69, "reproduced"),
        (high + 0.0099, "reproduced"),
        (high + 0.0101, "not reproduced"),
    ):
        found = reproduce({"experiment=a_paper": (all_of(ours), {"composed": figure})})
        assert verdicts(found) == {("experiment=a_paper", "composed"): word}
        line = found.frame.iloc[0]
        np.testing.assert_allclose(
            [line["least"], line["most"], line["ours"]], [low, high, 0.69], rtol=1e-9
        )  # roundings, and room
        assert (line["seeds"], line["published"], line["source"]) == (
            3,
            figure,
            SOURCE,
        ) and found.well


def test_seeds_that_might_give_anything_neither_reproduce_a_figure_nor_refute_it(reproduce):
    found = reproduce({"experiment=a": (all_of([0.4, 0.6, 0.5]), {"composed": 0.5, "twin": 0.99})})
    assert set(verdicts(found).values()) == {"undecided"}


def test_what_one_more_training_might_give_is_an_accuracy(reproduce):
    line = reproduce({"experiment=a": (all_of([0.93, 0.95, 0.97]), {"composed": 0.97})}).frame.iloc[
        0
    ]
    assert line["most"] == 1 and 0.8 < line["least"] < 0.93  # 1.05, but for that
    assert line["against"] == "new seed; same split, same test pictures"


def test_a_published_figure_above_all_that_seeds_give_is_not_reproduced(reproduce):
    found = reproduce(
        {"experiment=a": (all_of([0.700, 0.701, 0.702]), {"composed": 0.8, "twin": 0.701})}
    )
    assert verdicts(found) == {
        ("experiment=a", "composed"): "not reproduced",
        ("experiment=a", "twin"): "reproduced",
    }
    assert "2 published figures: 1 not reproduced, 1 reproduced." in found.said


@pytest.mark.parametrize(
    ("ours", "word"), [(0.970, "reproduced"), (0.981, "undecided"), (0.959, "undecided")]
)
def test_one_seed_gives_a_figure_that_it_equals_to_one_point_and_refutes_none(
    reproduce, ours, word
):
    found = reproduce({"experiment=a_paper": (all_of([ours]), {"composed": 0.9702})})
    assert (
        found.frame["verdict"].tolist() == [word]
        and found.frame["least"][0] == found.frame["most"][0] == ours
    )


def test_the_interval_of_ours_is_over_seeds_and_test_items_and_stays_an_accuracy(reproduce):
    found = reproduce({"experiment=a": (all_of([0.999, 1.0, 0.999]), {"composed": 0.999})})
    line = found.frame.iloc[0]
    assert 0.99 < line["low"] < line["ours"] < line["high"] <= 1


def test_a_reference_is_found_by_its_name_whatever_the_table_calls_it(reproduce):
    """A linear layer on pixels is no C in the sense of the literature, and its row is C*."""
    found = reproduce({"experiment=a": (all_of([0.5]) | {"C": [0.75]}, {"C": 0.75})})
    assert "C*" in set(pd.read_csv(found.out / "rows.csv")["row"])
    assert found.frame[["row", "ours", "verdict"]].to_numpy().tolist() == [
        ["C", 0.75, "reproduced"]
    ]


def test_beside_a_paper_preset_stands_the_sound_one_of_its_name(reproduce):
    found = reproduce(
        {
            "experiment=a_paper": (all_of([0.97]), {"composed": 0.97, "twin": 0.97}),
            "experiment=b_paper": (all_of([0.6]), {"composed": 0.6}),
            "experiment=a seeds=3": (all_of([0.9, 0.92, 0.94]), {"composed": 0.97}),
            "experiment=a": (all_of([0.1]), None),
            "experiment=ab": (all_of([0.2]), None),
        }
    )
    lines = found.frame.set_index(["run", "row"])
    for name in ("composed", "twin"):
        line = lines.loc["experiment=a_paper", name]
        assert (line["sound run"], line["sound"]) == (
            "experiment=a seeds=3",
            pytest.approx(0.92),
        ) and line["sound low"] < 0.92 < line["sound high"]
    assert lines.loc["experiment=b_paper", "composed"][["sound run", "sound"]].isna().all()
    assert lines.loc["experiment=a seeds=3", "composed"][["sound run", "sound"]].isna().all()


@pytest.mark.parametrize(("seeds", "word"), [(2, "undecided"), (3, "not reproduced")])
def test_three_equal_seeds_refute_a_figure_and_two_do_not(reproduce, seeds, word):
    """Of right answers to few items two seeds may have the same share by chance."""
    found = reproduce({"experiment=a": (all_of([0.9] * seeds), {"composed": 0.95})})
    assert verdicts(found) == {("experiment=a", "composed"): word}


CHANGES = (
    "circuit.depth=9",
    "backbone.cutoff=20",
    "head=photonic",
    "+dataset.noise=.1",
    "~recipe.lr",
    "dtype=float32",
    "tune=4",
    "compare.twin.head.reach=1",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_with_something_changed_has_neither_verdict_nor_sound_figure(reproduce, change):
    """Its figure is no repetition, and the sound one is of another model."""
    found = reproduce(
        {
            "experiment=a_paper": (all_of([0.97]), {"composed": 0.97, "twin": 0.8}),
            f"experiment=a_paper {change}": (all_of([0.97]), {"composed": 0.97, "twin": 0.8}),
            "experiment=a": (all_of([0.9]), None),
        }
    )
    lines = found.frame.set_index(["run", "row"])
    assert lines.loc["experiment=a_paper", "verdict"].tolist() == ["reproduced", "undecided"]
    assert lines.loc["experiment=a_paper", "sound"].tolist() == [0.9, 0.9]
    changed = lines.loc[f"experiment=a_paper {change}"]
    assert (
        set(changed["verdict"]) == {"with this changed"}
        and changed["sound"].isna().all()
        and (changed["ours"] == 0.97).all()
    )
    assert (
        "2 published figures: 1 reproduced, 1 undecided. 2 lines with something changed: no"
        " repetition, and no verdict." in found.said
    )


@pytest.mark.parametrize("word", ["seeds=3", "compare=[twin,C]", "accelerator=cpu", "fresh=true"])
def test_a_run_with_other_seeds_or_references_is_a_repetition_and_its_figure_counts_once(
    reproduce, word
):
    runs = dict.fromkeys(
        ("experiment=a_paper", f"experiment=a_paper {word}"), (all_of([0.97]), {"composed": 0.97})
    )
    found = reproduce(runs)
    assert found.frame["verdict"].tolist() == ["reproduced", "reproduced"]
    assert "1 published figure: 1 reproduced. Reproduced:" in found.said


def test_where_everything_was_changed_there_is_no_published_figure_to_count(reproduce):
    found = reproduce({"experiment=a circuit.depth=9": (all_of([0.97]), {"composed": 0.97})})
    assert (
        "0 published figures. 1 line with something changed: no repetition, and no verdict."
        in found.said
    )


@pytest.mark.parametrize(("key", "value"), [("splits", 2), ("folds", 5)])
def test_splits_drawn_anew_are_refused(home, key, value):
    plan = composition.short_plan(home, *WORDS)
    plan = plan.changed({"published": {"accuracy": {"twin": 0.5}}, key: value})
    with pytest.raises(UsageError) as error:
        Reproduce(None, 1024).check([plan], Experiment(str(home)))
    assert str(error.value) == f"{key}={value}: study=reproduce does not use it; leave it out."


def test_a_run_that_was_refused_is_left_out_and_the_table_says_why(reproduce):
    runs = {
        "experiment=a_paper": (
            all_of(AssertionError("it was run")),
            {"composed": 0.9, "twin": 0.8},
        ),
        "experiment=b_paper seeds=1": (all_of([0.6]), {"composed": 0.6}),
    }
    found = reproduce(runs, refused=["experiment=a_paper"])
    assert not found.well and verdicts(found) == {
        ("experiment=a_paper", "composed"): "not run",
        ("experiment=a_paper", "twin"): "not run",
        ("experiment=b_paper seeds=1", "composed"): "reproduced",
    }
    assert found.frame["ours"].isna().tolist() == [True, True, False]
    assert (
        "experiment=a_paper: not run: weights: they are not here. Fetch them. "
        "With the weights or data in place: qtlrun experiment=a_paper" in found.said
    )
    assert "3 published figures: 2 not run, 1 reproduced." in found.said and set(
        pd.read_csv(found.out / "rows.csv")["run"]
    ) == {"experiment=b_paper seeds=1"}


def test_a_sound_run_that_was_refused_stands_beside_nothing(reproduce):
    runs = {
        "experiment=a_paper": (all_of([0.9]), {"composed": 0.9}),
        "experiment=a": (all_of([0.5]), None),
    }
    assert reproduce(runs, refused=["experiment=a"]).frame["sound run"].isna().all()


def test_where_every_run_was_refused_there_is_a_table_all_the_same(reproduce):
    found = reproduce(
        {"experiment=a": (all_of([0.9]), {"composed": 0.9})}, refused=["experiment=a"]
    )
    assert (
        not found.well
        and found.frame["verdict"].tolist() == ["not run"]
        and "reproduction.csv" in found.files
    )


def test_a_seed_that_fails_is_left_out_and_said(reproduce):
    lost = answers("composed", [0.908, 0.912], errors={2: "the loss is not finite from epoch 1 on"})
    found = reproduce({"experiment=a": (all_of([0.5]) | {"composed": lost}, {"composed": 0.91})})
    assert not found.well and found.frame[["seeds", "verdict"]].to_numpy().tolist() == [
        [2, "undecided"]
    ]
    assert (
        "composed at run=experiment=a, seed 2: error: the loss is not finite from epoch 1 on."
        in found.said
    )


def test_a_row_that_fails_costs_its_own_figure(reproduce):
    found = reproduce(
        {
            "experiment=a": (
                all_of([0.5]) | {"twin": MemoryError("128 GiB")},
                {"composed": 0.5, "twin": 0.6},
            )
        }
    )
    assert not found.well and found.frame["verdict"].tolist() == ["reproduced", "error"]
    assert "twin at run=experiment=a: error: MemoryError: 128 GiB." in found.said


def test_a_row_whose_seeds_all_failed_is_an_error(reproduce):
    nothing = row(
        "composed",
        np.zeros((0, 4, 2)),
        [0, 1, 0, 1],
        errors={0: "the loss is not finite from epoch 1 on"},
    )
    found = reproduce(
        {"experiment=a": (all_of([0.5]) | {"composed": nothing}, {"composed": 0.5, "twin": 0.5})}
    )
    assert not found.well and found.frame["verdict"].tolist() == ["error", "reproduced"]


def test_a_figure_of_other_items_is_neither_reproduced_nor_not(reproduce):
    """However near or far: .952 on all pictures of a test set is no repetition of .912 on a tenth
    of them.
    """
    for accuracies in ([0.912], [0.952], [0.91, 0.912, 0.914]):
        found = reproduce(
            {"experiment=a": (all_of(accuracies), {"composed": 0.912})},
            items="1000 of the 10,000 test pictures",
        )
        assert verdicts(found) == {("experiment=a", "composed"): "other items"}
        assert "1 published figure: 1 other items." in found.said
        assert (
            "experiment=a: published on 1000 of the 10,000 test pictures, so its figure and ours"
            " are of different items: no verdict." in found.said
        )


def test_presets_whose_publication_tested_on_other_items_say_so():
    for name in ("qt_mnist_paper", "qt_fashion_paper"):
        published = composition.compose_plan(f"experiment={name}").published
        assert published["items"] == "1000 of the 10,000 test pictures"


def test_a_study_that_is_stopped_says_so_to_its_caller_and_claims_nothing(reproduce):
    runs = {
        "experiment=a": (all_of([0.5]), {"composed": 0.5}),
        "experiment=b": (all_of(KeyboardInterrupt()), {"composed": 0.5}),
    }
    found = reproduce(runs)
    assert (
        isinstance(found.error, KeyboardInterrupt)
        and found.files == ["log.txt"]
        and "reproduced" not in found.said
    )


def test_what_is_written_is_the_frame_and_what_is_read(reproduce):
    found = reproduce(
        {
            "experiment=a_paper": (all_of([0.93, 0.95, 0.97]), {"composed": 0.97}),
            "experiment=a": (all_of([0.9, 0.91, 0.92]), None),
        }
    )
    assert found.files == [
        "environment.json",
        "log.txt",
        "plan.yaml",
        "reproduction.csv",
        "rows.csv",
        "table.csv",
        "table.md",
    ]
    written = pd.read_csv(found.out / "reproduction.csv")
    assert list(written) == list(found.frame) and written["most"][0] == pytest.approx(
        found.frame["most"][0], rel=1e-12
    )
    rows = pd.read_csv(found.out / "rows.csv")
    assert set(rows["run"]) == {"experiment=a_paper", "experiment=a"} and set(rows["row"]) == {
        "composed",
        "twin",
        "C*",
    }
    table = (found.out / "table.md").read_text()
    assert (
        "| a_paper: composed | 0.970 | .950 [.89, .98] | 3 | reproduced | .910 [.89, .93] |"
        in table
        and f"| {SOURCE} |" in table
    )


def test_the_norm_kept_stands_beside_figures_of_states_alone(reproduce):
    """A figure of a model that loses its states is one of the truncated model."""
    plain = reproduce({"experiment=a": (all_of([0.9, 0.91]), {"composed": 0.9})})
    assert (
        plain.frame["norm_kept"].isna().all()
        and "| norm |" not in (plain.out / "table.md").read_text()
    )
    cut = answers("composed", [0.9, 0.91])
    for seed, one in cut.outcomes.items():
        one.figures["norm_kept"] = 0.9 + 0.05 * seed
    found = reproduce(
        {"experiment=a": (all_of([0.9, 0.91]) | {"composed": cut}, {"composed": 0.9, "twin": 0.9})}
    )
    assert found.frame["norm_kept"][0] == pytest.approx(0.925) and pd.isna(
        found.frame["norm_kept"][1]
    )
    assert (
        "| norm | seeds |" in (table := (found.out / "table.md").read_text())
        and "| 0.925 | 2 |" in table
    )


def test_the_norm_of_the_sound_figure_stands_beside_it_and_what_is_lost_is_said(reproduce):
    def kept(norm):
        made = answers("composed", [0.9, 0.91])
        for one in made.outcomes.values():
            one.figures["norm_kept"] = norm
        return all_of([0.9, 0.91]) | {"composed": made}

    def study(published, sound):
        return reproduce(
            {
                "experiment=a_paper": (kept(published), {"composed": 0.9}),
                "experiment=a": (kept(sound), None),
            }
        )

    said = (
        "Norm kept inside the cutoff: below 0.99 in {} of 2 runs with states. These are figures of"
        " the truncated model, not of the states. Sweep the cutoff: -m backbone.cutoff=15,20,30."
    )
    found = study(0.727, 0.757)
    assert found.frame["norm_kept"][0] == pytest.approx(0.727) and found.frame["sound norm_kept"][
        0
    ] == pytest.approx(0.757)
    table = (found.out / "table.md").read_text()
    assert "| norm | seeds | verdict | sound, 95 % | its norm |" in table and "| 0.757 |" in table
    assert said.format(2) in found.said
    assert said.format(1) in study(0.995, 0.757).said and said.format(1) in study(0.727, 0.99).said
    assert "Norm kept" not in study(0.99, 0.99).said


def test_plans_without_published_figures_are_refused(home):
    with pytest.raises(UsageError) as error:
        Reproduce(None, 1024).check([composition.short_plan(home)], Experiment(str(home)))
    assert (
        str(error.value)
        == "study=reproduce: no plan here has published figures; choose presets that have, "
        "as study.runs=['experiment=spirals_paper']."
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "twins",
            (
                "published.accuracy.twins: this plan has no such row; did you mean twin? It is one"
                " of composed, twin, C."
            ),
        ),
        (
            "quantum",
            (
                "published.accuracy.quantum: this plan has no such row; it is one of composed,"
                " twin, C."
            ),
        ),
    ],
)
def test_a_published_figure_of_a_row_that_is_not_there_is_refused(home, row, said):
    plan = composition.short_plan(home, *WORDS)
    plan = plan.changed({"published": {"accuracy": {row: 0.5}}})
    with pytest.raises(UsageError) as error:
        Reproduce(None, 1024).check([plan], Experiment(str(home)))
    assert str(error.value) == said


def test_measurements_that_cannot_be_are_refused():
    with pytest.raises(ValueError) as error:
        Reproduce(None, 0)
    assert str(error.value) == "shots=0: measurements of an execution, from 1 up."


@pytest.fixture
def presets(tmp_path, undrawn, monkeypatch):
    """A folder of presets: a sound one and its paper's, one that claims too much, one whose data
    are not there.
    """
    folder, shared = (
        tmp_path / "options/experiment",
        "# @package _global_\n# One's own.\ndefaults:\n  - override /recipe: smoke\n",
    )
    folder.mkdir(parents=True)
    tiny = (
        shared
        + "  - override /backbone: identity\n  - override /dataset: moons\n  - override /compare:"
        " [C]\n" + "dataset: {points: 60}\nseeds: 2\ncircuit: {qubits: 2, depth: 1}\n"
    )
    figures = "published: {source: nowhere, accuracy: {composed: %s, C: 0.8}}\n"
    for name, text in (
        ("a", tiny),
        ("a_paper", tiny + figures % 0.8),
        ("far_paper", tiny.replace("seeds: 2", "seeds: 1") + figures % 0),
    ):
        (folder / f"{name}.yaml").write_text(text)
    (folder / "lost_paper.yaml").write_text(
        (tiny + figures % 0.8).replace("moons", "folder").replace("points: 60", "root: /nowhere")
    )
    monkeypatch.chdir(tmp_path)
    return ["--config-dir", str(tmp_path / "options"), "study=reproduce"]


def test_presets_of_a_command_line_are_reproduced_and_the_one_whose_data_are_not_here_is_not_run(
    presets, home, tmp_path, capsys
):
    runs = "['experiment=a_paper','experiment=lost_paper','experiment=far_paper','experiment=a']"
    assert main([*presets, f"study.runs={runs}"]) == 1  # one was not run
    (out,) = tmp_path.glob("outputs/*/*-reproduce")
    frame = pd.read_csv(out / "reproduction.csv").set_index(["run", "row"])
    assert (
        frame.loc[("experiment=far_paper", "composed"), "verdict"] == "undecided"
    )  # no net of two classes is always wrong, and its one seed refutes nothing
    assert (
        set(frame.loc["experiment=lost_paper", "verdict"]) == {"not run"}
        and frame.loc["experiment=a_paper", "ours"].notna().all()
    )
    assert set(frame.loc["experiment=a_paper", "sound run"]) == {"experiment=a"}
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "experiment=lost_paper: not run: dataset.root=/nowhere: there is no such folder; give one"
        " that holds class folders. With the weights or data in place: qtlrun experiment=lost_paper"
        in said
    )


def test_weights_that_are_not_here_are_excused_too_and_are_said_in_full(
    presets, home, tmp_path, capsys, monkeypatch
):
    def fail(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    run = "experiment=a_paper dataset=digits ~dataset.points backbone=resnet18"
    assert main([*presets, f"study.runs=['{run}']"]) == 1
    (said,) = [line for line in logged(tmp_path) if ": not run: " in line]
    assert (
        said
        == f"{run}: not run: backbone.weights=IMAGENET1K_V1: resnet18-f37072fd.pth could not be"
        " downloaded (no network); put"
        " https://download.pytorch.org/models/resnet18-f37072fd.pth (its SHA-256 begins with"
        f" f37072fd) into {tmp_path}/torch/hub/checkpoints, or name a file with"
        f" backbone.weights=FILE. With the weights or data in place: qtlrun {run}"
    )


def logged(place):
    """The lines under the table that the study wrote."""
    return next(place.glob("outputs/*/*/table.md")).read_text().splitlines()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "circuit.qubits=0",
            "circuit.qubits=0: a circuit needs at least one qubit; 4 is the published number.",
        ),
        (
            "recipe.augment=true",
            (
                "recipe.augment=true: the dataset's items are vectors, which are neither cropped"
                " nor mirrored; use false."
            ),
        ),
        ("backbone.features=3", "backbone.features=3: the dataset's items have 2 numbers."),
    ],
)
def test_a_run_that_is_refused_for_what_it_is_ends_the_study(
    presets, home, tmp_path, capsys, word, said
):
    """What is wrong with it no weights or data would mend."""
    assert main([*presets, f"study.runs=['experiment=a_paper {word}','experiment=far_paper']"]) == 2
    assert capsys.readouterr().err == f"qtlrun: {said}\n" and not list(tmp_path.glob("outputs/*/*"))


def test_a_run_that_is_a_sweep_has_a_line_a_point(presets, home, tmp_path):
    assert main([*presets, "study.runs=['experiment=a_paper seeds=1,3']"]) == 0
    frame = pd.read_csv(next(tmp_path.glob("outputs/*/*/reproduction.csv")))
    assert frame[frame["row"] == "composed"]["seeds"].tolist() == [1, 3]
