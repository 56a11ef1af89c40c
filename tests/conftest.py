import gc
import os
from pathlib import Path

import pytest
import signature

pytest_plugins = ["scenes", "studied"]  # fixtures of lenses, of studies and of what they report
signature.install("qtlrun")
# All tests hold a million objects, which Python would go through again and again for cycles.
gc.set_threshold(100_000)
os.environ["TERM"] = (
    "xterm-256color"  # what a terminal is told must not depend on where the tests run
)
# Two threads on a busy machine wait for each other; what a test starts inherits this.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def same_start():
    """The same draws in any order; oracles set the number of torch's threads when loaded."""
    import torch

    torch.default_generator.manual_seed(0)  # torch's own also asks for each accelerator
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


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
