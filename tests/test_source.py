"""What an artifact is computed by, found from the imports: nothing is listed by hand."""

import os
import shutil
from importlib import metadata

import pytest
from composition import variants

from qtlrun import source
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

ROW = ("qtlrun.experiment.training", "qtlrun.experiment.evaluation")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose sources may change."""
    shutil.copytree(
        source.PACKAGE, tmp_path / "qtlrun", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(source, "PACKAGE", tmp_path / "qtlrun")
    yield tmp_path / "qtlrun"
    source.digest.cache_clear()


def digest(*modules):
    source.digest.cache_clear()
    return source.digest(*modules)


def reached(*modules):
    return {file.relative_to(source.PACKAGE).as_posix() for file in source.closure(*modules)}


def test_a_new_module_that_computes_changes_the_key(package):
    before, loop = digest(*ROW), package / "train.py"
    (package / "early_stopping.py").write_text("PATIENCE = 3\n")
    assert digest(*ROW) == before  # nothing imports it
    loop.write_text(loop.read_text() + "\n\ndef late():\n    from qtlrun import early_stopping\n")
    after = digest(*ROW)
    assert after != before and "early_stopping.py" in reached(*ROW)
    (package / "early_stopping.py").write_text("PATIENCE = 4\n")
    assert digest(*ROW) not in (before, after)


@pytest.mark.parametrize("module", ["train", "checkpoint", "optimizer", "layer", "tape/reader"])
def test_a_change_of_what_computes_changes_the_key(package, module):
    before, file = digest(*ROW, "qtlrun.device.statevector"), package / f"{module}.py"
    file.write_text(file.read_text() + "#")
    assert digest(*ROW, "qtlrun.device.statevector") != before


SHOWING = ("comparison/comparison.py", "comparison/row.py", "plan/claim.py", "plan/label.py")


@pytest.mark.parametrize("place", ["report", "study", "compose", "statistic", *SHOWING])
def test_a_change_of_what_shows_leaves_the_key(package, place):
    before = digest(*ROW, "qtlrun.device.statevector", "qtlrun.head.dressed")
    for file in sorted((package / place).rglob("*.py")) or [package / place]:
        file.write_text(file.read_text() + "#")
    os.utime(package / "train.py", (1, 1))
    assert digest(*ROW, "qtlrun.device.statevector", "qtlrun.head.dressed") == before


def test_the_hash_does_not_depend_on_where_the_package_lies_nor_on_an_order(package):
    here = digest("qtlrun.head.classical", "qtlrun.train")
    assert digest("qtlrun.train", "qtlrun.head.classical") == here
    (package.parent / "elsewhere").mkdir()
    package.rename(package.parent / "elsewhere/qtlrun")
    source.PACKAGE = package.parent / "elsewhere/qtlrun"
    assert digest("qtlrun.head.classical", "qtlrun.train") == here


def test_a_module_that_is_renamed_changes_the_key(package):
    before = digest("qtlrun.head.classical")
    (package / "head/classical.py").rename(package / "head/linear.py")
    assert digest("qtlrun.head.linear") != before


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import qtlrun.layer", {"layer.py"}),
        ("from qtlrun import layer as l, fock", {"layer.py", "fock.py"}),
        ("from qtlrun.layer import Start", {"layer.py"}),
        ("from qtlrun import (\n    layer,\n    fock,\n)", {"layer.py", "fock.py"}),
        ("def late():\n    from qtlrun import layer", {"layer.py"}),
        ("from qtlrun import layer as l, fock as f  # as ever", {"layer.py", "fock.py"}),
        ("from qtlrun.plan import facts", {"plan/fact.py"}),
        ("from qtlrun.plan import facts as f, is_plugin", {"plan/fact.py", "plan/part.py"}),
        ("from qtlrun.experiment import Experiment", {"experiment/__init__.py"}),
        ("from qtlrun.plan import *", {"plan/__init__.py", "plan/claim.py"}),
        ("# from qtlrun import layer", set()),
        ('"""from qtlrun import layer"""', set()),
    ],
)
def test_every_spelling_of_an_import_is_followed(package, text, names):
    (package / "fresh.py").write_text(text + "\n")
    found = reached("qtlrun.fresh")
    assert names <= found and (names or found == {"fresh.py"})


def test_a_package_that_hands_names_on_brings_what_is_asked_of_it(package):
    (package / "fresh.py").write_text("from qtlrun.plan import facts\n")
    assert reached("qtlrun.fresh") == {"fresh.py", "plan/fact.py", "error.py"}


def test_the_closure_is_what_python_loads_of_the_package():
    """Modules that importing one loads, but for the packages that hold them."""
    import subprocess
    import sys

    code = "import sys, qtlrun.simulator.dense; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in run.stdout.split() if name.startswith("qtlrun.")}
    files = {source._file(name) for name in loaded}
    files = {file for file in files if file.name != "__init__.py"}
    assert files <= set(source.closure("qtlrun.simulator.dense"))


def test_a_library_that_computes_is_in_the_versions_and_no_other():
    versions = source.versions("qtlrun.device.pennylane")
    assert {"torch", "pennylane", "pennylane-lightning", "numpy"} <= set(versions)
    assert versions["torch"] == metadata.version("torch")
    assert not {"pandas", "rich", "hydra-core", "matplotlib"} & set(versions)
    assert "scikit-learn" in source.versions("qtlrun.dataset.spirals")
    assert "pillow" in source.versions("qtlrun.dataset.folder")
    assert not {"pennylane", "scikit-learn"} & set(source.versions("qtlrun.optimizer"))


def test_the_names_of_distributions_are_those_of_their_packages():
    known = metadata.packages_distributions()
    assert all(name in known[package] for package, name in source.DISTRIBUTIONS.items())


def test_a_library_that_is_not_here_costs_no_search_through_all_that_is(monkeypatch):
    searches = []
    monkeypatch.setattr(metadata, "packages_distributions", lambda: searches.append(1) or {})
    for cached in (source._packages, source._versions):
        cached.cache_clear()
    assert source._versions("no_such_library") == {} and not searches
    assert source._versions("yaml") == source._versions("hydra") == {} and len(searches) == 1
    for cached in (source._packages, source._versions):
        cached.cache_clear()


def test_a_row_without_a_circuit_does_not_depend_on_devices_that_it_does_not_name(home):
    keys = {}
    for device in ("statevector", "default.qubit"):
        plan = variants("compare=[C]", f"device={device}")
        parts = {name: Parts(row, Session(str(home))) for name, row in plan.items()}
        keys[device] = {name: row_key(one, 0) for name, one in parts.items()}
    assert keys["statevector"]["C"] == keys["default.qubit"]["C"]
    assert keys["statevector"]["composed"] != keys["default.qubit"]["composed"]
