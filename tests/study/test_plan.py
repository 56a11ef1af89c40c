"""The plan of a command before it runs: counted exactly, timed on stand-ins, nothing kept."""

import urllib.request
from types import SimpleNamespace

import composition
import pytest
from finished import draw_pictures

from qtlrun.checkpoint import Record
from qtlrun.device.cached import CachedDevice
from qtlrun.experiment import feature, forecast, rehearsal
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.forecast import Duration, Forecaster
from qtlrun.experiment.group import group_trainings
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.rehearsal import shorten, time_epoch
from qtlrun.experiment.session import Session

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


class Counted:
    """A compiled circuit that counts the items that it is run on."""

    def __init__(self, compiled, count):
        self.compiled, self.count = compiled, count

    def __call__(self, inputs, weights):
        self.count.append(inputs.shape[:-1].numel())
        return self.compiled(inputs, weights)

    def __getattr__(self, name):
        return getattr(self.compiled, name)


@pytest.fixture
def runs_of_circuits(monkeypatch):
    """Items that circuits were run on, call by call."""
    count, run = [], CachedDevice.run
    monkeypatch.setattr(CachedDevice, "run", lambda *values: Counted(run(*values), count))
    return count


@pytest.mark.parametrize("name", ["composed", "sequential"])
def test_the_epochs_of_a_plan_run_as_many_circuits_as_those_of_its_run(
    home, tmp_path, monkeypatch, runs_of_circuits, name
):
    """An epoch is counted in place of its seconds."""
    counts = []

    def count_epoch(fit_share, items, batch_size):
        before = sum(runs_of_circuits)
        next(fit_share(1.0))
        counts.append(sum(runs_of_circuits) - before)
        return counts[-1]

    monkeypatch.setattr(rehearsal, "time_epoch", count_epoch)
    plan = composition.short_plan(home, "compare=[sequential]", "recipe.epochs=5")
    experiment = composition.check(plan)
    variant = plan.variants[name]
    trainings = [Training(Parts(variant, experiment.session), seed) for seed in plan.seeds]
    stand_ins = rehearsal.Rehearsal(Session(str(tmp_path / "other")))
    (group,) = group_trainings(stand_ins.stand_in(trainings))
    pace = stand_ins.measure(group)
    row = composition.train_row(experiment, name, variant, plan.seeds)
    tested = len(experiment.dataset(variant).test)
    assert pace.training == row.metrics["evaluations"].sum() - len(plan.seeds) * tested
    assert counts == ([counts[-1]] if name == "composed" else [0, counts[-1]])


def test_features_of_a_plan_take_as_many_passes_as_those_of_its_run(home, tmp_path, monkeypatch):
    """Each pass of the network that computes features is a second of the clock, no other is."""
    root = draw_pictures(tmp_path / "pictures", 30)
    words = (f"dataset.root={root}", "backbone=mobilenet_v2", "backbone.weights=none")
    words = (*words, "backbone.size=32", "compare=[]", "recipe.augment=false")
    plan = composition.compose_plan(f"home={home}", "dataset=folder", *words)
    experiment = composition.check(plan)
    parts = Parts(plan.model, experiment.session)
    passes = []
    settled = type(parts.backbone).settled

    def counted(backbone):
        network = settled(backbone)
        return lambda pictures: passes.append(len(pictures)) or network(pictures)

    monkeypatch.setattr(type(parts.backbone), "settled", counted)
    clock = SimpleNamespace(perf_counter=lambda: float(len(passes)))
    monkeypatch.setattr(forecast, "time", clock)
    seconds = Forecaster(experiment.session)._compute_features(parts)
    before = len(passes)
    feature.features(parts)
    assert seconds == len(passes) - before == 3
    assert set(passes) == {32}


def test_a_stand_in_has_no_item_of_the_test_split(home):
    experiment = composition.check(composition.short_plan(home, "compare=[]"))
    dataset = experiment.dataset(composition.short_plan(home).model)
    short = shorten(dataset, 0.5)
    assert len(short.train) == len(dataset.train) / 2 and len(short.test) == len(dataset.test) / 2
    assert set(short.test.items) <= set(dataset.train.items)
