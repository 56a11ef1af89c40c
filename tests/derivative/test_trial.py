"""Trials of methods on a model's circuit."""

import composition
import numpy as np
import pytest
import torch

from qtlrun.derivative import trial
from qtlrun.derivative.method import compare_methods, recommend
from qtlrun.derivative.specimen import Specimen
from qtlrun.derivative.step import differentiate
from qtlrun.derivative.trial import draw_upstream, find_reference, try_methods
from qtlrun.device import script
from qtlrun.device.execution import TRANSFORMS
from qtlrun.device.method import Method, auto_method, count_executions, list_methods
from qtlrun.experiment import Experiment

BUDGET_S = 60.0  # so that a busy machine leaves none out
TITLES = ("statevector", "lightning.qubit", "default.qubit", "default.mixed adjoint")


def specimen(home, *words, budget=BUDGET_S):
    plan = composition.short_plan(home, "recipe.batch_size=3", *words)
    return Specimen(plan, Experiment(str(home)), None, budget, 0.0)


def by_title(results):
    return {result.method.title: result for result in results}


def part(name, method):
    (found,) = [
        each for each in list_methods(None, 0, {}) if (each.device, each.name) == (name, method)
    ]
    return found


def list_few(*values):
    """The methods but for those of slow devices."""
    return [each for each in list_methods(*values) if each.title.startswith(TITLES)]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(trial, "list_methods", list_few)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("QTLRUN_DATA", raising=False)
        patch.setattr(trial, "list_methods", list_few)
        return by_title(try_methods(specimen(tmp_path_factory.mktemp("home"))))


@pytest.mark.parametrize(
    "title",
    [
        "statevector dense",
        "statevector grouped",
        "statevector gatewise",
        "default.qubit backprop",
        "default.qubit adjoint",
        "lightning.qubit adjoint",
        "lightning.qubit parameter-shift",
        "lightning.qubit hadamard",
    ],
)
def test_an_exact_method_agrees_with_the_reference_to_rounding(results, title):
    found = results[title]
    assert found.works and found.timed and found.seconds > 0
    assert found.agreement.values < 1e-12 and found.agreement.gradient < 1e-12
    dtypes = {boundary.dtype for boundary in found.boundaries if boundary.name != "device"}
    assert dtypes == {"float32"}


def test_finite_differences_agree_to_their_step_and_no_better(results):
    # Forward differences of step 1e-7: half the second derivative times the step
    assert 1e-10 < results["lightning.qubit finite-diff"].agreement.gradient < 1e-6


def test_a_method_that_a_device_lacks_has_pennylane_s_reason(results):
    for title, method in (("lightning.qubit backprop", "backprop"), ("default.mixed adjoint",) * 2):
        reason = results[title].reason
        assert f"does not support {method.rpartition(' ')[2]}" in reason and "0x" not in reason
    assert "inputs ask for its own" in results["statevector fused"].reason


def test_the_composed_device_is_marked_once(results):
    composed = [title for title, result in results.items() if result.is_composed]
    assert composed == ["statevector dense"]


def test_executions_are_those_of_the_rule(results):
    # Two qubits, one layer: two inputs and two weights, four angles; three items a step
    assert results["lightning.qubit parameter-shift"].executions == 3 * (1 + 2 * 4)
    assert (
        results["statevector dense"].executions == results["default.qubit adjoint"].executions == 3
    )


def test_the_reference_is_the_parameter_shift_of_cosines(home):
    """Dressed circuit without layers: <Z> of H RY(x) is -sin x."""
    model = specimen(home, "circuit.depth=0")
    batch = model.circuit_batch(auto_method(model.variant.device), 3)
    found = find_reference(model, batch)
    x = batch.inputs.double()
    upstream = draw_upstream(batch)
    assert torch.allclose(found.values, -x.sin(), atol=1e-7)
    shifted = ((-(x + np.pi / 2).sin()) - (-(x - np.pi / 2).sin())) / 2
    assert torch.allclose(found.by_inputs, upstream * shifted, atol=1e-7)


def test_shots_give_noise_and_no_bias(home):
    found = by_title(try_methods(specimen(home, "device.shots=200", budget=1.0)))
    dense = found["statevector dense"]
    assert dense.is_composed and not dense.agreement.is_biased and dense.agreement.noise > 0
    # 1 + 2 x 4 circuits in one basis for each of 3 items
    assert dense.executions == 27
    assert not found["default.qubit backprop"].works
    assert "backprop" in found["default.qubit backprop"].reason


def test_noise_falls_as_the_root_of_the_shots(home):
    noises = []
    for shots in (100, 10_000):
        model = specimen(home, f"device.shots={shots}")
        (method,) = [
            each for each in list_methods(shots, 0, {}) if each.title == "statevector dense"
        ]
        batch = model.circuit_batch(method, 3).double()
        slopes = torch.stack([differentiate(batch).slopes for _ in range(30)])
        noises.append(float(slopes.var(0).sum().sqrt()))
    # Ten; each from 30 repeats of eight numbers, so within some 5 %
    assert 7 < noises[0] / noises[1] < 14


def test_a_budget_of_nothing_forecasts_all(home):
    found = try_methods(specimen(home, budget=1e-6))
    assert all(not result.timed and result.seconds > 0 for result in found if result.works)
    model = specimen(home, budget=1e-6)
    assert "none" in recommend(found, model)[0].full


def test_without_a_circuit_there_are_words_alone(home):
    (section,) = compare_methods(specimen(home, "head=classical"))
    assert not len(section.table) and "no circuit" in section.notes[0].full


def test_frozen_angles_have_no_gradient(home):
    model = specimen(home, "head.angles=frozen")
    batch = model.circuit_batch(auto_method(model.variant.device), 2)
    assert batch.by_inputs and not batch.by_weights


def test_devices_elsewhere_are_never_tried(monkeypatch):
    from qtlrun.device import method as module

    tried = []
    monkeypatch.setattr(module, "installed_names", lambda: ["cloud.device"])
    monkeypatch.setattr(module, "is_elsewhere", lambda name, remote: True)
    monkeypatch.setattr(module, "try_device", lambda *names: tried.append(names))
    found = list_methods(None, 0, {})
    assert not tried and found[-1] == Method("cloud.device", reason=module.ELSEWHERE)


def test_a_reverse_pass_is_one_execution(home):
    model = specimen(home)
    batch = model.circuit_batch(part("default.qubit", "adjoint"), 1)
    assert count_executions(batch.run) == 1


@pytest.mark.parametrize("name", TRANSFORMS)
def test_executions_are_the_tapes_that_pennylane_makes(home, name):
    run = specimen(home).circuit_batch(part("default.qubit", name), 1).run
    tape = script.build_tape(run.reading, [0.3] * script.count_angles(run.reading), None)
    tapes, _ = TRANSFORMS[name](tape, **run.options)
    assert count_executions(run) == 1 + len(tapes)
