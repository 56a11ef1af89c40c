import copy
import gc
import os
from pathlib import Path

# Two threads on a busy machine wait for each other; what a test starts inherits this.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import signature

pytest_plugins = ["scenes", "studied"]  # fixtures of lenses, of studies and of what they report
signature.install("qtlrun")
# All tests hold a million objects, which Python would go through again and again for cycles.
gc.set_threshold(100_000)
# Tests outlive no power cut; a tenth of their time would be spent on waiting for the disk
os.fsync = lambda _: None
os.environ["TERM"] = (
    "xterm-256color"  # what a terminal is told must not depend on where the tests run
)


# Files that take the longest; they begin, so that no process is left alone with one at the end
LONGEST = (
    "test_plants.py",
    "test_conf.py",
    "test_compose.py",
    "test_command.py",
    "test_start.py",
    "test_rows.py",
    "test_example.py",
    "test_calibrate.py",
    "test_table.py",
    "test_export.py",
    "test_interpret.py",
)


def pytest_collection_modifyitems(items):
    """The longest files first; the tests of a file keep their order."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(autouse=True)
def same_start():
    """The same draws in any order; oracles set the number of torch's threads when loaded."""
    import torch

    torch.default_generator.manual_seed(0)  # torch's own also asks for each accelerator
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def options_once():
    """The package's options are parsed once; Hydra reads some twenty files for each plan."""
    from hydra._internal.core_plugins import importlib_resources_config_source as source

    read, known = source.ImportlibResourcesConfigSource._read_config, {}

    def read_once(self, path):
        if path not in known:
            known[path] = read(self, path)
        return copy.deepcopy(known[path])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source.ImportlibResourcesConfigSource, "_read_config", read_once)
        yield


@pytest.fixture(scope="session")
def data():
    """The folder of real pictures and weights."""
    folder = Path(os.environ.get("QTLRUN_DATA") or Path(__file__).parents[2] / "shared/data")
    if not folder.is_dir():
        pytest.skip("the real pictures and weights are not here; QTLRUN_DATA names their folder")
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, for the store and for data that is downloaded."""
    monkeypatch.setenv("QTLRUN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QTLRUN_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def undrawn(monkeypatch):
    """No figure is drawn, which would take the longest of a small run."""
    from figures import leave_undrawn

    from qtlrun.report import figure

    leave_undrawn(monkeypatch)
    monkeypatch.setattr(figure, "drawing", lambda *_: {})


@pytest.fixture
def programs(monkeypatch):
    """How many runs each training had."""
    from qtlrun import train

    sizes, fit = [], train.fit

    def fitted(*given):
        sizes.append(len(given[2]))
        return fit(*given)

    monkeypatch.setattr(train, "fit", fitted)
    return sizes


@pytest.fixture
def one_thread():
    """Sums are taken in another order by more threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
