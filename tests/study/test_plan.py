"""The plan of a command before it runs: counted exactly, timed on stand-ins, nothing kept."""

import urllib.request

import composition
import pytest

from qtlrun.checkpoint import Record
from qtlrun.experiment.forecast import Duration, Forecaster
from qtlrun.experiment.rehearsal import shorten, time_epoch

PAIR = ("compare=[C,twin]", "study=plan")


def test_a_plan_counts_what_its_run_then_has_and_finds_it_in_the_store(studied, home):
    before = studied(*PAIR)
    frame = before.frame.set_index("row")
    assert frame["trainings"].tolist() == [3, 3, 3] and frame["stored"].tolist() == [0, 0, 0]
    assert (frame["minutes"] > 0).all() and (frame["MiB"] > 0).all()
    assert not (home / "store" / "row").exists() and not (home / "store" / "progress").exists()
    run = studied("compare=[C,twin]").frame
    executions = run[run["metric"] == "executions"].groupby("row")["value"].sum()
    assert frame["executions"]["composed"] == executions["composed"] > 0
    assert frame["shots"]["composed"] == 1024 * executions["composed"]
    assert frame["executions"].isna().tolist() == [False, True, True]
    after = studied(*PAIR).frame
    assert after["stored"].tolist() == [3, 3, 3] and after["minutes"].tolist() == [0, 0, 0]
    fresh = studied(*PAIR, "fresh=true").frame
    assert fresh["stored"].tolist() == [0, 0, 0]


def test_a_plan_is_written_for_people_and_programs(studied):
    found = studied(*PAIR, shots=10)
    assert {"forecast.csv", "plan.yaml", "table.md", "environment.json"} <= set(found.files)
    assert "Together 9 trainings, of which the store has 0" in found.said
    assert found.frame["shots"].max() == 10 * found.frame["executions"].max()


def test_every_draw_of_a_tuned_row_is_a_training(studied):
    before = studied(*PAIR, "tune=3").frame
    assert before["trainings"].tolist() == [9, 9, 9]
    studied("compare=[C,twin]", "tune=3")
    assert studied(*PAIR, "tune=3").frame["stored"].tolist() == [9, 9, 9]


def test_points_of_a_sweep_share_the_rows_that_do_not_vary(home):
    plans = [
        composition.short_plan(home, "compare=[C]", f"circuit.depth={depth}") for depth in (1, 2)
    ]
    forecaster = Forecaster(composition.check(*plans).session)
    forecasts = [
        [forecaster.forecast(plan, name) for name in (plan.composed, "C")] for plan in plans
    ]
    assert [[each.stored for each in rows] for rows in forecasts] == [[0, 0], [0, 3]]
    assert forecasts[1][1].duration == Duration()


def test_absent_data_and_weights_are_named_and_not_downloaded(home, monkeypatch, tmp_path, capsys):
    from qtlrun.compose import main

    monkeypatch.setattr(urllib.request, "urlopen", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    assert main(["experiment=ants_bees", "compare=[C]", "study=plan", "seeds=2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Together 4 trainings." in said and "minutes" not in said
    assert "Would be downloaded: https://download.pytorch.org/tutorial/hymenoptera" in said
    assert "(47 MB)" in said and "resnet18-f37072fd.pth (45 MB)" in said


@pytest.mark.parametrize("epoch_s", [1e-3, 0.5, 40.0])
def test_an_epoch_is_timed_by_its_shares(epoch_s):
    shares = []

    def fit_share(share):
        shares.append(share)
        for epoch in range(100):
            yield Record(
                epoch, [0.0], [0.0], [0.0], [0], [0.0], epoch_s * share * (1 + (not epoch))
            )

    assert time_epoch(fit_share, 1000, 10) == pytest.approx(epoch_s)
    assert shares[0] == 0.02 and shares == sorted(shares) and shares[-1] <= 1


def test_a_stand_in_has_no_item_of_the_test_split(home):
    experiment = composition.check(composition.short_plan(home, "compare=[]"))
    dataset = experiment.dataset(composition.short_plan(home).model)
    short = shorten(dataset, 0.5)
    assert len(short.train) == len(dataset.train) / 2 and len(short.test) == len(dataset.test) / 2
    assert set(short.test.items) <= set(dataset.train.items)
