"""Scenes for the tests of lenses: finished runs, trained once, their rows before a lens."""

from pathlib import Path

import pytest
from finished import SMALL, train
from rich.console import Console

from qtlrun.compose.command import compose
from qtlrun.compose.finished import take_run
from qtlrun.experiment import Experiment
from qtlrun.lens.inspection import arrange
from qtlrun.lens.scene import Scene
from qtlrun.plan import Plan
from qtlrun.report.progress import Progress

QUICK = ("recipe.epochs=1", "circuit.qubits=2", "circuit.depth=1", "seeds=3")


def plan_of(folder: Path, *words: str) -> Plan:
    """Plan that looks into the run of a folder; `words` choose lenses and their values."""
    home = folder.parents[2] / "home"
    named = [f"run={folder}", f"home={home}", "study=interpret", *words]
    (plan,) = take_run(compose(named))
    return plan


def open_scene(folder: Path, *rows: str) -> Scene:
    """Rows of the run of a folder, those of these labels; all without one."""
    plan = plan_of(folder)
    experiment = Experiment(plan.settings.home, progress=Progress(Console(quiet=True)))
    return arrange(experiment.subjects(plan), plan, experiment, rows or None)


@pytest.fixture(scope="session")
def pictures_run(tmp_path_factory):
    """Folder of a run on tiny pictures, whose backbone has stages: A, B, C, D and twin."""
    return train(tmp_path_factory.mktemp("pictures"), *SMALL, "compare=[B,C,D,twin]")


@pytest.fixture(scope="session")
def vectors_run(tmp_path_factory):
    """Folder of a run on points in the plane: a circuit, its controls, and rows without a layer."""
    words = (
        "dataset=moons",
        "dataset.points=800",
        "backbone=identity",
        "compare=[C,twin,frozen_circuit,logistic,svm]",
    )
    return train(tmp_path_factory.mktemp("vectors"), *words, *QUICK)


@pytest.fixture(scope="session")
def states_run(tmp_path_factory):
    """Folder of a run on states of light, which a photonic backbone reads."""
    words = ("dataset=coherent", "backbone=photonic", "head=classical", "compare=[]")
    words += ("backbone.weights=none", "backbone.layers=2")
    return train(tmp_path_factory.mktemp("states"), *words, *QUICK)


@pytest.fixture
def pictures(pictures_run):
    """Scene of the run on pictures."""
    return open_scene(pictures_run)


@pytest.fixture
def vectors(vectors_run):
    """Scene of the run on points."""
    return open_scene(vectors_run)


@pytest.fixture
def states(states_run):
    """Scene of the run on states of light."""
    return open_scene(states_run)
