"""Curves of the cost of a step."""

import math

import composition
import pytest

from qtlrun.derivative import cost
from qtlrun.derivative.cost import SIZES, measure_costs, trace_curves
from qtlrun.derivative.specimen import Specimen
from qtlrun.device.method import auto_method, list_methods
from qtlrun.experiment import Experiment

SHORT_SIZES = {"qubits": (2, 3), "depth": (1, 2), "batch": (1, 4)}


@pytest.fixture
def model(home, monkeypatch):
    def make(*words, budget=60.0):
        monkeypatch.setattr(cost, "SIZES", SHORT_SIZES)
        monkeypatch.setattr(cost, "MAX_STEP_S", math.inf)  # on a busy machine any step is long
        plan = composition.short_plan(home, "recipe.batch_size=3", *words)
        return Specimen(plan, Experiment(str(home)), None, budget, 0.0)

    return make


def curves(specimen):
    points = list(trace_curves(specimen, [auto_method({})]))
    return {name: [point for point in points if point.size == name] for name in SIZES}


def test_each_size_has_a_curve(model):
    found = curves(model())
    for name, points in found.items():
        assert [point.value for point in points] == list(SHORT_SIZES[name])
        assert all(point.seconds > 0 and not point.reason for point in points)


def test_a_curve_without_time_ends_at_its_first_point_and_says_so(model):
    for points in curves(model(budget=1e-9)).values():
        assert len(points) == 1 and "used up" in points[0].reason


def test_a_curve_ends_before_a_step_takes_long(model, monkeypatch):
    specimen = model()
    monkeypatch.setattr(cost, "MAX_STEP_S", 1e-9)
    for points in curves(specimen).values():
        assert len(points) == 1 and points[0].reason.startswith("the next step would take about")


def test_sizes_that_the_circuit_cannot_have_are_left_out(model):
    found = curves(model("circuit=brickwork", "circuit.qubits=3"))  # from 3 qubits up
    assert [point.value for point in found["qubits"]] == [3]


def test_a_method_that_cannot_have_the_circuit_is_asked_once(model, monkeypatch):
    asked = []
    time_point = cost._time_point

    def note(specimen, method, name, value):
        asked.append((name, value))
        return time_point(specimen, method, name, value)

    monkeypatch.setattr(cost, "_time_point", note)
    (fused,) = [each for each in list_methods(None, 0, {}) if each.name == "fused"]
    assert not list(trace_curves(model(), [fused]))
    assert asked == [("qubits", 2), ("depth", 1), ("batch", 1)]


def test_without_a_circuit_there_are_words_alone(model):
    (section,) = measure_costs(model("head=classical"))
    assert not section.figures and "no circuit" in section.notes[0].full
