"""Rows of several runs in one table, read from their folders."""

import pandas as pd
import pytest
from composition import compose_plan, short_plan
from rows import resplit

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.report import frame as frames
from qtlrun.report.folder import RunFolder
from qtlrun.report.output import write_environment
from qtlrun.study.join import Join


@pytest.fixture
def join(studied):
    """Join the folders of these runs."""
    return lambda *runs: studied("study=join", f"runs=[{','.join(str(run.out) for run in runs)}]")


def test_rows_of_runs_on_the_same_data_are_compared_as_in_one_run(studied, join):
    first = studied("compare=[C]")
    second = studied("compare=[C]", "circuit.depth=2")
    both = studied("compare=[C,twin]")
    found = join(first, second, both)
    frame = found.frame
    assert frame["row"].tolist() == ["composed", "C*", "composed", "twin"]
    assert frame["also in"].tolist() == [
        both.out.name,
        f"{second.out.name}, {both.out.name}",
        "",
        "",
    ]
    contrasts = pd.read_csv(both.out / "contrasts.csv").query("metric == 'test_nll'")
    table = frame[frame["row"] != "composed"]
    for name in ("difference", "low", "high"):
        assert table[name].tolist() == pytest.approx(contrasts[name].tolist(), abs=1e-9)
    assert table["verdict"].tolist() == contrasts["verdict"].tolist()
    rows = pd.read_csv(found.out / "rows.csv")
    assert set(rows["run"]) == {each.out.name for each in (first, second, both)}


def test_on_several_splits_the_difference_is_the_run_s_own(studied, join):
    run = studied("compare=[C]", "splits=each")
    found = join(run, studied("compare=[]", "circuit.depth=2", "splits=each"))
    contrast = pd.read_csv(run.out / "contrasts.csv").query("metric == 'test_nll'").iloc[0]
    line = found.frame.set_index("row").loc["C*"]
    for name in ("difference", "low", "high"):
        assert line[name] == pytest.approx(contrast[name], abs=1e-12)
    assert line["verdict"] == contrast["verdict"]
    assert "without hashes" not in found.said


@pytest.mark.parametrize("tested", ["redrawn", "common", "independent"])
def test_items_that_splits_share_are_one_in_a_folder_as_in_its_run(tmp_path, home, tested):
    """Of a pool of 700 items on 400 of which each split is trained."""
    made = resplit(same=tested == "common", splits=4)
    for split, rows in enumerate(made.splits):
        for each in rows.values():
            if tested == "redrawn":  # three in four are those of the split before
                each.items = tuple(f"item {number + 10 * split}" for number in range(40))
            each.pool = 700
            each.independent = tested == "independent"
            each.counts = {"train": {"a": 400}, "validation": {"a": 100}}
    (tmp_path / "predictions.csv").write_text(frames.csv(frames.predictions_frame(made)))
    (tmp_path / "rows.csv").write_text(frames.csv(frames.rows_frame([made], 1024)))
    write_environment(tmp_path, [short_plan(home)], [made])
    folder = RunFolder(tmp_path)
    rows = [folder.rows(label, hashed=True) for label in ("A", "B")]
    found = Join(margin=0.05)._compare(*rows)
    verdict = made.contrasts(0.05)["B"]
    gap = verdict.interval
    assert [found[name] for name in ("difference", "low", "high")] == pytest.approx(
        [gap.mean, gap.low, gap.high], abs=1e-12
    )
    assert found["verdict"] == verdict.phrase


def test_a_run_without_hashes_of_its_items_is_joined_and_said_to_be_older(studied, join):
    run = studied("compare=[C]", "splits=each")
    other = studied("compare=[]", "circuit.depth=2", "splits=each")
    path = run.out / "predictions.csv"
    pd.read_csv(path).drop(columns="item").to_csv(path, index=False)
    found = join(run, other)
    assert found.frame["difference"].notna().sum() == 2
    assert f"{run.out.name}: written without hashes of the test items." in found.said


def test_the_nll_of_a_class_without_probability_is_that_of_the_run(studied):
    run = studied("compare=[]")
    path = run.out / "predictions.csv"
    lines = pd.read_csv(path)
    probabilities = [name for name in lines if name.startswith("p(")]
    right = f"p({lines['class'][0]})"
    lines.loc[0, probabilities] = [float(name != right) / 3 for name in probabilities]
    lines.loc[0, "nll"] = 5000.0  # nats
    lines.to_csv(path, index=False)
    (row,) = RunFolder(run.out).rows("composed", hashed=True)
    assert row.nll[0, 0] == pytest.approx(5000.0)


def test_a_row_that_lost_a_training_in_its_run_has_no_verdict(studied, join):
    run = studied("compare=[twin,C]")
    frame = pd.read_csv(run.out / "rows.csv")
    lost = frame[frame["row"] == "twin"].iloc[:1].assign(seed=99, metric="error", value=1.0)
    pd.concat([frame, lost]).to_csv(run.out / "rows.csv", index=False)
    table = join(run, studied("compare=[]", "circuit.depth=2")).frame.set_index("row")
    assert table["verdict"]["twin"] == "no verdict"
    assert table["verdict"]["C*"] in ("better", "worse", "equivalent", "undecided")


def test_rows_of_other_data_stand_side_by_side(studied, join):
    found = join(studied("compare=[]"), studied("compare=[]", "dataset.split_seed=7"))
    assert len(found.frame) == 2 and "difference" not in found.frame
    assert "One row was trained or tested on other items" in found.said


def test_the_predictions_of_a_folder_are_those_of_the_run(studied):
    run = studied("compare=[]")
    folder = RunFolder(run.out)
    (row,) = folder.rows("composed", hashed=True)
    values = run.frame[run.frame["metric"] == "test_nll"]["value"]
    assert row.nll.mean(1).tolist() == pytest.approx(values.tolist(), abs=1e-9)
    assert folder.means("composed")["nll"] == pytest.approx(values.mean())


def test_what_cannot_be_joined_is_refused(refusal, tmp_path):
    assert refusal("study=join").startswith("runs=[]: two or more different folders are joined")
    here = f"runs=[{tmp_path},{tmp_path}]"
    assert "two or more different folders" in refusal("study=join", here)
    (tmp_path / "b").mkdir()
    other = f"runs=[{tmp_path},{tmp_path}/b]"
    assert refusal("study=join", other).startswith(f"runs={tmp_path}: plan.yaml is not there")
    assert "this study reads no folders" in refusal(here)


def test_the_composed_row_is_the_plans_whatever_row_has_the_first_predictions(studied, join, home):
    first = studied("compare=[C]")
    other = studied("compare=[]", "circuit.depth=2")
    path = first.out / "predictions.csv"
    lines = pd.read_csv(path)
    composed = lines["row"] == "composed"
    pd.concat([lines[~composed], lines[composed]]).to_csv(path, index=False)
    frame = join(first, other).frame
    assert frame[frame["difference"].isna()]["row"].tolist() == ["composed"]
    lines[~composed].to_csv(path, index=False)
    plan = compose_plan("study=join", f"runs=[{first.out},{other.out}]")
    with pytest.raises(UsageError, match="its composed row, composed, has no prediction") as error:
        Join(margin=0.05).check([plan], Experiment(str(home)))
    assert (error.value.key, error.value.value) == ("runs", str(first.out))
