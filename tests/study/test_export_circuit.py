"""What is exported of a circuit computes the trained model's logits by other programs."""

import runpy

import numpy as np
import pytest
import torch
from composition import compose_plan
from PIL import Image
from rows import watched

from qtlrun.backbone.identity import Identity
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.program import kind_unprepared
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


@pytest.fixture
def without_onnx(monkeypatch):
    """Leave out the file that takes the longest."""

    def refuse(module, example):
        raise UsageError("it is left out")

    monkeypatch.setattr("qtlrun.study.export.export_onnx", refuse)


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
def test_copies_of_a_circuit_are_exported_one_by_one(tmp_path, without_onnx):
    found = export(tmp_path, "circuit.copies=2", "circuit.readout=paulis")
    assert found.well
    plan = found.plan
    (row,) = found.experiment.train("composed", plan.model, plan.redraws, reader=plan.reader_key)
    items = found.experiment.dataset(plan.model.redrawn(plan.redraws[0].change)).test.inputs.float()
    logits = run_circuit(found.out, items).double().numpy()
    assert "circuit.py" in set(found.frame["file"])
    assert np.abs(logits - row.outcomes[0].logits).max() < 1e-5  # single precision
    assert {"circuit0.qasm", "circuit1.qasm", "front.pt2", "back.pt2"} <= set(found.files)
    first, second = ((found.out / f"circuit{copy}.qasm").read_text() for copy in (0, 1))
    assert first != second and len(first.splitlines()) == len(second.splitlines())
    front = torch.export.load(found.out / "front.pt2").module()
    assert front(items).shape == (len(items), 2 * first.count("input float"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_shots_are_left_out_of_the_comparison_and_that_is_said(tmp_path, without_onnx):
    found = export(tmp_path, "device.shots=50")
    assert found.well and (found.frame["difference"] < 1e-5).all()
    assert "compared at exact values of the circuit: no file has its shots" in found.said


DIGITS = ("dataset=digits", "dataset.train_size=40", "circuit.qubits=2", "circuit.depth=1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pixels_in_a_row_are_read_from_a_picture(tmp_path, without_onnx):
    found = export(tmp_path, *DIGITS)
    assert {"network.py", "circuit.py"} <= set(found.files)
    path = tmp_path / "1.png"
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(path)
    program = runpy.run_path(str(found.out / "network.py"))
    assert program["read"](path).tolist() == pytest.approx((pixels / 255).reshape(1, 64), abs=1e-7)
    Image.fromarray(pixels[:4]).save(path)
    with pytest.raises(SystemExit, match="32 pixels, and the network takes 64"):
        program["read"](path)


def test_preparation_by_code_is_told_from_none():
    def refuse(item):
        raise ValueError(item.shape)

    flat = torch.Size([12])
    identity = Identity(features=12).preprocess
    assert kind_unprepared(identity, flat, None) == "vectors"
    assert kind_unprepared(identity, flat, 3) == "pixels"
    for preprocess in (lambda item: item / 2, refuse):
        assert kind_unprepared(preprocess, flat, None) is None
        assert kind_unprepared(preprocess, flat, 3) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_circuit_whose_items_no_program_reads_is_left_out_with_a_note(
    tmp_path, without_onnx, monkeypatch
):
    monkeypatch.setattr("qtlrun.study.export.kind_unprepared", lambda *_: None)
    found = export(tmp_path)
    assert not {"network.py", "circuit.py"} & set(found.files) and "circuit.qasm" in found.files
    assert "network.py is left out: the backbone prepares items by code" in found.said
    assert "circuit.py is left out: the backbone prepares items by code" in found.said


@pytest.mark.filterwarnings("ignore")
def test_onnx_is_read_again_and_compared(tmp_path):
    pytest.importorskip("onnxscript")
    found = export(tmp_path)
    difference = found.frame.set_index("file")["difference"]
    assert found.well and difference["network.onnx"] < 1e-5 and difference["circuit.py"] < 1e-5


def test_another_file_than_was_written_is_no_longer_the_network(
    tmp_path, without_onnx, monkeypatch
):
    monkeypatch.setattr("qtlrun.study.export.load_program", lambda path: lambda items: items[:, :3])
    found = export(tmp_path)
    assert not found.well and "not the same network" in found.said
