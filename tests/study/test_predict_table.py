"""Vectors of a table are predicted as when the run was trained, in whatever form they stand."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from finished import predict, table, train

from qtlrun.dataset.unlabelled import read_vectors
from qtlrun.error import UsageError

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


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_found_by_their_names_whatever_stands_beside_them(
    place, trained, tmp_path, delimiter
):
    new = pd.read_csv(place / "new.csv")
    new["note"] = f"quoted{delimiter} text"
    file = tmp_path / "new.csv"
    new[["note", "width", "time"]].to_csv(file, sep=delimiter, encoding="utf-8-sig")
    found = probabilities(predict(place, f"run={place}/run", f"images={file}"))
    assert found == pytest.approx(trained, abs=2e-6)


REFUSED = [
    ("time,breadth\n1,2", "its first line (time, breadth) lacks of the run's columns width"),
    ("1.7e9,0.5\n1.7e9,1", "its first line (1.7e9, 0.5) lacks the run's columns time, width"),
    ("", "its first line () lacks the run's columns time, width"),
    ("time,width,time\n1,2,3", "2 columns are named time; give each its own name"),
    ("time,width\n", "it has no line beneath its first"),
    ("time,width\n1,1_0", "line 2, column width: 1_0 is no finite number; mend it."),
    ("time,width\n1,nan", "line 2, column width: a number is missing (nan)"),
    ("time,width\n1,2,3", "line 2 has 3 cells, and the first line 2; put text"),
]


@pytest.mark.parametrize("content, reason", REFUSED)
def test_a_table_without_the_columns_or_a_number_is_refused(tmp_path, content, reason):
    file = tmp_path / "new.csv"
    file.write_text(content)
    with pytest.raises(UsageError) as error:
        read_vectors(str(file), 2, ("time", "width"))
    assert str(error.value).startswith(f"images={file}: {reason}")


@pytest.mark.parametrize("header", ["", "a;b\n", "'';\n"])
def test_a_dataset_without_names_is_read_by_position(tmp_path, header):
    file = tmp_path / "new.csv"
    file.write_text(header + '1.5;"2"\n\n3;4\n')
    assert read_vectors(str(file), 2).tolist() == [[1.5, 2], [3, 4]]


@pytest.mark.parametrize(
    "content, reason",
    [
        ("0,1\n5,6", "its first line (0, 1) may be a header or an item; put names above it"),
        ("1,2\n5,6", "its first line (1, 2) may be a header or an item; put names above it"),
        ("a,1\n5,6", "line 1, column 1: a is no number; mend it."),
        ("1_0,4\n5,6", "line 1, column 1: 1_0 is no finite number"),
        ("5,6,7\n", "it has 3 columns, and the run was trained on items of 2 numbers"),
        ("", "it has 0 columns, and the run was trained on items of 2 numbers"),
        ("a,b\n", "it has no line beneath its first"),
    ],
)
def test_a_table_that_is_not_read_by_position_is_refused(tmp_path, content, reason):
    file = tmp_path / "new.csv"
    file.write_text(content)
    with pytest.raises(UsageError) as error:
        read_vectors(str(file), 2)
    assert str(error.value).startswith(f"images={file}: {reason}")
