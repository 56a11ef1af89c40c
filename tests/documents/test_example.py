"""The examples of qtlrun/README.md, run as they stand."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qtlrun.compose import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "qtlrun/README.md").read_text()
ADDING = README.partition("\n## Adding a part\n")[2]
SECTIONS = dict(re.findall(r"^### (.*)\n((?:(?!^##).*\n)*)", ADDING, re.MULTILINE))
EXAMPLES = [title for title, text in SECTIONS.items() if "```sh" in text]
SMALL = ("seeds=2", "recipe.epochs=1", "outputs=outputs")
PRETRAINED = ("backbone.pretrain.recipe.epochs=1", "backbone.width=4")


def files(title):
    """Files of an example, by path; the first line of a block names it."""
    blocks = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", SECTIONS[title], re.M | re.S)
    return dict(blocks)


def commands(title):
    """Command lines of an example."""
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", SECTIONS[title], re.M | re.S)).splitlines()
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """A home in which the pre-training of the first example serves the others."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs(title, tmp_path, monkeypatch, undrawn, shared_home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QTLRUN_HOME", str(shared_home))
    monkeypatch.delenv("QTLRUN_DATA", raising=False)
    for path, text in files(title).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    for words in commands(title):
        composed = any(word.startswith(("backbone=", "experiment=")) for word in words)
        more = [] if composed else [*PRETRAINED]
        if not any("compare" in word or word.startswith("experiment=") for word in words):
            more.append("compare=[C]")
        assert main([*words, *SMALL, *more]) == 0
    (folder,) = Path("outputs").glob("*/*")
    tables = [pd.read_csv(path) for path in folder.glob("*.csv")]
    rows = {row for table in tables if "row" in table for row in table["row"]}
    assert len(rows) > 1 and not (folder / "errors.csv").exists()


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_takes_three_files_at_most_and_names_each_of_them(title):
    names = [Path(path).stem for path in files(title)]
    assert 1 <= len(names) <= 3
    words = " ".join(map(" ".join, commands(title)))
    assert all(f"{name}" in words for name in names if not name.startswith("test_"))


def test_the_test_of_an_example_holds(tmp_path, monkeypatch):
    """And fails for a circuit that turns about another axis."""
    (title,) = (title for title in EXAMPLES if "test_ring.py" in files(title))
    blocks = files(title)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Bytecode of the first would stand for the second, of one length and second
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "test_ring.py").write_text(blocks["test_ring.py"])

    def run(source, name):
        (tmp_path / "ring.py").write_text(source)
        monkeypatch.delitem(sys.modules, "ring", raising=False)
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location(name, tmp_path / "test_ring.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = [value for key, value in vars(module).items() if key.startswith("test_")]
        assert tests
        for test in tests:
            test()

    run(blocks["ring.py"], "test_ring")
    with pytest.raises(AssertionError):
        run(blocks["ring.py"].replace('rotation="Y"', 'rotation="Z"'), "test_other")


def test_a_metric_is_an_entry_of_the_list(tmp_path):
    """In a copy of the package; the block's first line names the file and the list."""
    ((path, name, entry),) = re.findall(
        r"^```python\n# (\S+): (\w+)\n(.*?)^```", SECTIONS["A metric"], re.M | re.S
    )
    for folder in ("qtlrun", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    source = (tmp_path / path).read_text()
    assert source.count(f"\n{name} = (\n") == 1
    (tmp_path / path).write_text(source.replace(f"\n{name} = (\n", f"\n{name} = (\n{entry}"))
    words = ["experiment=smoke", "backbone=identity", "compare=[]", "seeds=2"]
    subprocess.run(
        [sys.executable, "-m", "qtlrun", *words],
        cwd=tmp_path,
        env=os.environ | {"QTLRUN_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (folder,) = tmp_path.glob("outputs/*/*")
    rows = pd.read_csv(folder / "rows.csv").query("metric == 'test_confidence'")
    (table,) = pd.read_csv(folder / "table.csv")["confidence"]
    predictions = pd.read_csv(folder / "predictions.csv")
    largest = predictions.filter(regex=r"^p\(").max(axis=1).groupby(predictions["seed"]).mean()
    assert len(rows) == 2 and np.allclose(rows["value"], largest, atol=1e-6)  # float32 in the file
    assert np.isclose(table, largest.mean(), atol=1e-6)


def test_every_group_has_an_example_or_a_line():
    groups = {path.parent.name for path in (ROOT / "conf").glob("*/*.yaml")}
    shown = {path.split("/")[1] for title in EXAMPLES for path in files(title) if "/" in path}
    rest = SECTIONS["A recipe, a freeze, a parametrization"].lower()
    assert shown <= groups
    assert all(f"- **{group}**" in rest for group in groups - shown)
