"""Libraries that a command loads, read from `sys.modules` at its end."""

import os
import subprocess
import sys

import pytest

# Each takes .3 to 2 s of processor to load
SLOW = (
    "torch",
    "torch._dynamo",
    "torchvision",
    "pennylane",
    "sklearn",
    "scipy.stats",
    "sympy",
    "pandas",
    "matplotlib",
    "matplotlib.pyplot",
)
CODE = f"""
import sys
from qtlrun.compose import main
code = main(sys.argv[1:])
print("code", code, "loaded", *(name for name in {SLOW} if name in sys.modules))
"""
SMALL = (
    "seeds=1",
    "splits=1",
    "compare=[C]",
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
    "recipe.epochs=1",
    "circuit.qubits=2",
    "circuit.depth=1",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Run a command line in a process of its own: its exit code, and the libraries it loads; all
    share a home.
    """
    place = tmp_path_factory.mktemp("start")

    def run(*words):
        environment = os.environ | {"QTLRUN_HOME": str(place / "home")}
        done = subprocess.run(
            [sys.executable, "-c", CODE, *words],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        _, code, _, *loaded = done.stdout.splitlines()[-1].split()
        return int(code), set(loaded)

    return run


def test_help_loads_nothing_slow(start):
    assert start("--help") == (0, set())


def test_a_misspelt_option_loads_nothing_slow(start):
    assert start("circuit.qubit=4") == (2, set())


@pytest.fixture(scope="module")
def trained(start):
    """What a run that trains everything ends with."""
    return start(*SMALL)


def test_a_run_from_the_store_loads_what_its_report_needs_and_no_more(start, trained):
    code, trained = trained
    assert code == 0 and trained >= {"torch", "pennylane"}
    assert not trained & {"torchvision", "torch._dynamo", "sklearn", "sympy"}
    assert start(*SMALL) == (0, {"torch", "pandas", "matplotlib"})


def test_a_device_is_known_to_be_here_without_pennylane(start):
    words = (*SMALL, "compare=[]", "backbone=identity", "device=default.qubit")
    words = [word for word in words if not word.startswith(("backbone.", "compare=[C]"))]
    assert start(*words)[0] == 0
    assert "pennylane" not in start(*words)[1]


def test_a_circuit_that_was_never_checked_is_traced(start, trained):
    assert trained[0] == 0
    code, loaded = start(*SMALL, "circuit.depth=-1")
    assert code == 2 and "pennylane" in loaded
