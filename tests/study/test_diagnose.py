"""The study diagnose as a user meets it: words, files, exit codes, refusals."""

import io
import json
import re

import pandas as pd
import plants
import pytest
from rich.console import Console

from qtlrun import run
from qtlrun.compose import main
from qtlrun.diagnosis import CHECKS
from qtlrun.report import terminal
from qtlrun.report.frame.finding import FINDINGS

QUICK = (
    *("dataset=moons", "dataset.points=600", "backbone=identity", "recipe.epochs=1"),
    *("circuit.qubits=2", "circuit.depth=1", "compare=[]"),
)
MODULES = """
import torch
from torch import nn


def sound():
    items = torch.randn(32, 4)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    return model, items, (items[:, 0] > 0).long()


def bright():
    items = torch.rand(16, 3, 8, 8) * 255
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), items, torch.arange(16) % 2


def asks(width):
    return None


def bare():
    return nn.Linear(4, 2)


def odd():
    return 3, 4, 5


def float_labels():
    return nn.Linear(4, 2), torch.randn(8, 4), torch.zeros(8)


def fails():
    return nn.Linear(4, 2).nowhere


nothing = None
"""
ERRORS = {
    "modules.py:asks": "called without arguments, and that fails: missing a required argument: 'w",
    "modules.py:bare": "it returns a module without a batch; return (module, items, labels)",
    "modules.py:odd": "int is no torch.nn.Module; return (module, items, labels)",
    "modules.py:float_labels": "its labels are float32; give numbers of classes, as int64",
    "modules.py:fails": "fails in modules.py, line 34: AttributeError",
    "modules.py:nothing": "has no class or function nothing",
    "modules.py": "is named here, as FILE.py:NAME",
    "nowhere.py:make": "there is no such Python file",
    "import.py:make": "import.py, line 2: ModuleNotFoundError: No module named 'nowhere'",
    "syntax.py:make": "line 1: ",
}


@pytest.fixture
def folder(home, undrawn, tmp_path, monkeypatch):
    """A folder with files of modules, and it is where commands are typed."""
    (tmp_path / "modules.py").write_text(MODULES)
    (tmp_path / "import.py").write_text("\nimport nowhere\n")
    (tmp_path / "syntax.py").write_text("def make(:\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sound_module_ends_with_0_and_a_sentence(folder, capsys):
    assert main(["study=diagnose", "module=modules.py:sound"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "checks of modules.py:sound: nothing was found." in printed
    assert "severity" not in printed  # no empty table
    (made,) = re.findall(r"(\d+) checks of", printed)
    left_out = re.findall(r"(\d+) that need", printed)
    assert len(left_out) == 3  # a circuit, data, an optimizer
    assert int(made) + sum(map(int, left_out)) == len(CHECKS)


def test_a_faulty_module_ends_with_1_and_leaves_its_findings_in_each_file(folder, capsys):
    assert main(["study=diagnose", "module=modules.py:bright", "outputs=out"]) == 1
    (place,) = (folder / "out").glob("*/*")
    frame = pd.read_csv(place / "findings.csv")
    document = json.loads((place / "findings.json").read_text())
    (line,) = [each for each in document["findings"] if each["code"] == "Q401"]
    row = frame.set_index("code").loc["Q401"]
    assert line["value"] == pytest.approx(row["value"]) and line["value"] > line["limit"] == 10
    assert line["fix"] == row["fix"] and not document["sound"]
    assert "Q401" in document["checks"] and document["model"] == "modules.py:bright"
    assert {"Q101", "Q407"} <= set(document["not_applicable"]) and document["unable"] == []
    table = (place / "table.md").read_text()
    assert row["reason"] in table and ".." not in table
    printed = capsys.readouterr().out
    assert "Q401  warning" in printed and "Remedy: divide pixels by 255" in printed


def test_checks_that_are_left_out_are_not_made(folder):
    result = run("study=diagnose", "module=modules.py:bright", "study.skip=[Q401]")
    assert "Q401" not in set(result.frame["code"])


@pytest.mark.parametrize("module, words", ERRORS.items(), ids=list(ERRORS))
def test_a_module_that_cannot_be_is_refused_in_one_line(folder, capsys, module, words):
    assert main(["study=diagnose", f"module={module}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("qtlrun: module") and words in line
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize(
    "given, words",
    [
        (("study.skip=[Q999]",), "study.skip=Q999: no check has this code"),
        (("-m", "seeds=1,2"), "study=diagnose: it takes one point, and this sweep has 2"),
        (("study.margin=-1",), "study.margin=-1"),
    ],
)
def test_what_it_does_not_take_is_refused(folder, capsys, given, words):
    assert main(["study=diagnose", "module=modules.py:sound", *given]) == 2
    assert words in capsys.readouterr().err


def test_it_takes_no_finished_run(folder, capsys):
    main(["seeds=1", *QUICK])
    assert main(["study=diagnose", "run=last"]) == 2
    assert "run" in (line := capsys.readouterr().err) and "takes no finished run" in line


def test_a_note_leaves_the_composed_model_sound(folder, capsys):
    assert main(["study=diagnose", "seeds=1", *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "Q413  note" in printed and "Remedy: train from more seeds: seeds=10." in printed
    assert "1 note" in printed or "notes." in printed


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_table_fits_its_terminal_and_breaks_no_word(width):
    line = {
        "code": "Q401",
        "name": "INPUT_SCALE",
        "severity": "warning",
        "value": 1.2345e-7,
        "limit": 10.0,
        "finding": " ".join(["channel"] * 30),
        "reason": "",
        "fix": "is it scaled?",
        "override": "backbone.mean=null",
    }
    console = Console(width=width, record=True, file=io.StringIO())
    terminal.show_findings(console, FINDINGS.frame([line, line | {"override": ""}]))
    printed = console.export_text().splitlines()
    assert max(len(each.rstrip()) for each in printed) <= width
    words = " ".join(printed).split()
    assert words.count("channel") + words.count("channel.") == 60
    assert "1.23e-07" in words and "backbone.mean=null." in words and "scaled?" in words


LARGE = (
    *("study=compare", f"plugins=[{plants.FOLDER / 'data.py'}]", "dataset=moons", "seeds=1"),
    *("dataset._target_=data.Large", "backbone=identity", "recipe.epochs=1", "compare=[C]"),
    *("recipe.scale=none", "circuit.qubits=2", "circuit.depth=1"),
)


def test_a_row_that_saturates_is_examined_by_the_checks_of_its_data(home, tmp_path, capsys):
    run(*LARGE, f"outputs={tmp_path}")
    printed = " ".join(capsys.readouterr().out.split())
    assert "composed: Q415 FEATURES_LARGE: one step at rate 0.01 may move" in printed
    assert "(recipe.scale=standard)." in printed and "C*: Q415" not in printed
    run(*LARGE, "diagnose=false", f"outputs={tmp_path}")
    assert "Q415" not in capsys.readouterr().out
