"""What is exported of a circuit computes the trained model's logits by other programs."""

import runpy

import numpy as np
import pytest
import torch
from composition import compose_plan
from rows import watched

from qtlrun.experiment import Experiment
from qtlrun.study.export import Export

IRIS = (
    "dataset=iris",
    "backbone=identity",
    "circuit.qubits=2",
    "circuit.depth=1",
    "recipe.epochs=2",
    "study=export",
    "compare=[]",
    "seeds=1",
    "splits=1",
)


def export(place, *words):
    """Export of a small circuit's training; its plan and the experiment stand beside it."""
    plan = compose_plan(f"home={place / 'home'}", *IRIS, *words)
    experiment = Experiment(str(place / "home"))
    found = watched(Export(row=None, seed=None), [plan], experiment, place)
    found.plan, found.experiment = plan, experiment
    return found


def run_circuit(folder, items):
    """Logits that circuit.py gives of prepared items."""
    return runpy.run_path(str(folder / "circuit.py"))["predict"](items).detach()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("words", [(), ("circuit.readout=paulis",)])
def test_copies_of_a_circuit_are_exported_one_by_one(tmp_path, words):
    found = export(tmp_path, "circuit.copies=2", *words)
    assert found.well
    plan = found.plan
    (row,) = found.experiment.train("composed", plan.model, plan.redraws, reader=plan.reader_key)
    items = found.experiment.dataset(plan.model.redrawn(plan.redraws[0].change)).test.inputs.float()
    logits = run_circuit(found.out, items).double().numpy()
    assert np.abs(logits - row.outcomes[0].logits).max() < 1e-5  # single precision
    assert {"circuit0.qasm", "circuit1.qasm", "front.pt2", "back.pt2"} <= set(found.files)
    first, second = ((found.out / f"circuit{copy}.qasm").read_text() for copy in (0, 1))
    assert first != second and len(first.splitlines()) == len(second.splitlines())
    front = torch.export.load(found.out / "front.pt2").module()
    assert front(items).shape == (len(items), 2 * first.count("input float"))
