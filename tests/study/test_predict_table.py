"""Vectors of a table are predicted as when the run was trained, in whatever form they stand."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from finished import predict, table, train

KINDS = ("left", "right")
WORDS = ("backbone=identity", "head=logistic", "compare=[]", "seeds=1", "splits=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run on Unix times and widths, and of its test items without their labels."""
    place = tmp_path_factory.mktemp("table")
    draw = np.random.default_rng(0)
    kinds = np.arange(120) % 2
    times = 1.7e9 + 20 * draw.normal(size=120) + 60 * kinds
    values = {"time": times, "width": draw.normal(size=120) + kinds}
    items = pd.DataFrame(values | {"kind": np.array(KINDS)[kinds]})
    items.to_csv(place / "items.csv", index=False)
    train(place, "dataset=csv", f"dataset.path={place}/items.csv", "dataset.label=kind", *WORDS)
    (run,) = (place / "outputs").glob("*/*")
    run.rename(place / "run")
    trained = pd.read_csv(place / "run/predictions.csv")
    lines = trained["picture"].str.removeprefix("line ").astype(int) - 2  # below the header
    items.iloc[lines][["time", "width"]].to_csv(place / "new.csv", index=False)
    return place


@pytest.fixture(scope="module")
def trained(place):
    """Probabilities of the test items, by the training."""
    return pd.read_csv(place / "run/predictions.csv").filter(like="p(").to_numpy()


def probabilities(folder):
    return table(folder, "predictions_by_seed").filter(like="p(").to_numpy()


def test_a_mean_far_above_the_deviation_is_scaled_in_double_precision(place, trained):
    found = probabilities(predict(place, f"run={place}/run", f"images={place}/new.csv"))
    # The logits are of single precision
    assert found == pytest.approx(trained, abs=2e-6)


def test_an_exported_program_scales_in_double_precision(place, trained, tmp_path):
    folder = train(tmp_path, "study=export", f"run={place}/run")
    lines = (place / "new.csv").read_text().splitlines()
    (tmp_path / "plain.csv").write_text("\n".join(lines[1:]))
    command = [sys.executable, folder / "network.py", tmp_path / "plain.csv"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = map(json.loads, done.stdout.splitlines())
    found = np.array([[line[kind] for kind in KINDS] for line in lines])
    assert found == pytest.approx(trained, abs=2e-6)
    exported = pd.read_csv(folder / "export.csv")
    assert exported["difference"].max() < 1e-6
    shutil.rmtree(folder)
