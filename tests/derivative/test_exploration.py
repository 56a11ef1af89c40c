import dataclasses

import numpy as np
import pytest
import torch
from composition import compose_plan

from qtlrun.derivative import exploration, family, fisher, locality, plateau
from qtlrun.derivative.family import Family
from qtlrun.derivative.variance import GLOBAL, UNIFORM
from qtlrun.experiment import Experiment
from qtlrun.experiment.ensemble import Training, build_ensemble
from qtlrun.experiment.parts import Parts
from qtlrun.report.figure import encode

BUDGET_S = 60.0
MOONS = "backbone=identity", "dataset=moons"


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch):
    monkeypatch.setattr(family, "QUBITS", (2, 3, 4, 5))
    monkeypatch.setattr(family, "DEPTHS", (2,))
    monkeypatch.setattr(fisher, "STARTS", 2)
    monkeypatch.setattr(locality, "SEEDS", 2)
    monkeypatch.setattr(plateau, "DRAWS", 50)


def compose_parts(home, *words):
    plan = compose_plan(*MOONS, f"home={home}", *words)
    return Parts(plan.model, Experiment(str(home)).session)


def compose_family(home, *words):
    parts = compose_parts(home, "head=quantum", *words)
    return Family(parts, parts.head(2, [0]))


def words_of(section):
    return " ".join(note.full for note in section.notes)


def test_a_composed_circuit_has_all_sections(home):
    parts = compose_parts(home, "head=quantum", "circuit.qubits=2", "circuit.depth=1")
    sections = {each.title: each for each in exploration.explore(parts, 0, BUDGET_S)}
    assert list(sections) == ["trainability", "expressibility", "locality", "fisher"]
    assert all(len(each.table) and each.frames for each in sections.values())
    variances = sections["trainability"].frames["plateau"]
    assert set(variances["qubits"]) == {2, 3, 4, 5} and set(variances["depth"]) == {1, 2}
    assert (variances["low"] <= variances["variance"]).all()
    assert (variances["variance"] <= variances["largest"]).all()
    (figure,) = sections["trainability"].figures.values()
    assert encode(figure)["png"]


@pytest.mark.parametrize(
    "words, reason",
    [
        (["head=post_variational"], "solved"),
        (["head=classical"], "no circuit"),
        (["head=classical", "parametrization=quantum_train"], "generated"),
    ],
    ids=["solved", "classical", "generated"],
)
def test_a_head_without_a_trained_circuit_says_why_it_is_not_measured(home, words, reason):
    section = exploration.explore(compose_parts(home, *words), 0, BUDGET_S)[0]
    assert reason in words_of(section) and not section.figures


def test_shots_are_left_out(home, monkeypatch):
    monkeypatch.setattr(family, "QUBITS", (2,))
    monkeypatch.setattr(family, "DEPTHS", (1,))
    words = "head=quantum", "circuit.qubits=2", "circuit.depth=1"
    exact, noisy = (
        exploration.explore(compose_parts(home, *words, *more), 0, BUDGET_S)
        for more in ((), ("device.shots=10",))
    )
    for one, other in zip(exact, noisy, strict=True):
        for name, frame in one.frames.items():
            assert frame.equals(other.frames[name])


def test_no_test_item_is_read(home):
    parts = compose_parts(home, "head=quantum", "dataset.validation=test")
    ensemble = build_ensemble([Training(parts, 0)])

    def refuse(*_):
        raise AssertionError("a test item is read")

    for name in ("validation", "test"):
        ensemble.data[name] = dataclasses.replace(ensemble.data[name], take=refuse)
    sets = exploration.draw_sets(ensemble, 0)
    rows = torch.cat([sets.features, sets.others]).numpy()
    assert len(np.unique(rows, axis=0)) == len(rows)  # none is fitted and judged


def test_a_circuit_of_one_size_is_measured_at_that_size(home, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import pennylane as qml\n\n\ndef turn(inputs, weights):\n"
        "    qml.RY(inputs[0], 0)\n    qml.RY(weights[0], 0)\n    qml.CNOT([0, 1])\n"
        "    return qml.expval(qml.Z(1))\n"
    )
    words = f"circuit.path={file}:turn", "circuit.qubits=2", "circuit.shape=1"
    each = compose_family(home, "circuit=file", *words)
    section = plateau.describe_plateau(each, each.parts.session.progress, 0, BUDGET_S)
    assert set(section.frames["plateau"]["qubits"]) == {2}
    assert "the only size" in words_of(section)


def test_a_size_that_the_circuit_cannot_have_is_named(home):
    each = compose_family(home, "circuit=brickwork", "circuit.qubits=4", "circuit.depth=1")
    measured = plateau.measure_plateau(each, each.parts.session.progress, 0, BUDGET_S, starts=20)
    assert any("3 or more" in reason for reason in measured.refusals.values())
    assert {line["qubits"] for line in measured.lines} == {3, 4, 5}


def test_sizes_beyond_the_budget_are_named_and_the_smallest_is_measured(home):
    each = compose_family(home, "circuit.depth=1")
    measured = plateau.measure_plateau(each, each.parts.session.progress, 0, 1e-9, starts=20)
    assert {line["qubits"] for line in measured.lines} <= {2}
    assert "5 qubits, depth 2" in measured.refusals


def test_without_entanglement_the_global_derivative_vanishes_exponentially(home):
    each = compose_family(home, "head.entangle=false", "circuit.depth=1")
    measured = plateau.measure_plateau(each, each.parts.session.progress, 0, BUDGET_S)
    decline = measured.declines[1, GLOBAL, UNIFORM]
    # A product of sines of uniform angles: each wire has half the square
    assert decline.low - 0.1 < -1 < decline.high + 0.1


def test_a_circuit_without_angles_has_no_plateau(home):
    each = compose_family(home, "circuit.depth=0")
    measured = plateau.measure_plateau(each, each.parts.session.progress, 0, BUDGET_S, starts=20)
    assert all(line["depth"] == 2 for line in measured.lines)
