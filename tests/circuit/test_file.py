"""Circuits of the user's, from a file."""

import math

import pytest
import torch
from circuits import numbers, values_and_slopes
from composition import compose_plan

from qtlrun.circuit.file import FileCircuit
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import Variant, build, check_plan

SOURCE = """
import math

import pennylane as qml
import torch


def ansatz(inputs, weights, wires):
    for wire in wires:
        qml.Hadamard(wire)
        qml.RZ(math.pi * inputs[wire], wire)
        qml.RY(torch.arctan(inputs[wire]), wire)
    qml.IsingZZ((math.pi - inputs[0]) * (math.pi - inputs[1]), [0, 1])
    qml.CRX(inputs[1] * weights[0, 1, 0] ** 2, [1, 2])
    for layer in weights:
        for wire in wires:
            qml.Rot(layer[wire, 0], layer[wire, 1], layer[wire, 0] * inputs[wire], wire)
        qml.CNOT([0, 2])
    return [qml.expval(qml.Z(wire)) for wire in wires]


def cosine(inputs, weights):
    qml.RY(inputs[0] * weights[0] + weights[1], 0)
    return qml.expval(qml.Z(0))


def named(inputs, slope, offsets):
    qml.RY(inputs[0] * slope + offsets[1], 0)
    return qml.expval(qml.Z(0))


@qml.qnode(qml.device("default.qubit", wires=1))
def node(inputs, weights):
    return cosine(inputs, weights)


def nothing(inputs, weights):
    qml.RY(inputs[0], 0)


def third(inputs, weights, wires):
    qml.RY(weights[2], 0)
    return qml.expval(qml.Z(0))


def beyond(inputs, weights, wires):
    return qml.expval(qml.Z(len(wires)))


def state(inputs, weights):
    return qml.state()


def samples(inputs, weights):
    return qml.sample(qml.Z(0))


def reversed(weights):
    return qml.expval(qml.Z(0))
"""
TARGET = {"_target_": "qtlrun.circuit.file.FileCircuit"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_arithmetic_on_inputs_is_the_same_on_each_device(file):
    circuit = FileCircuit(f"{file}:ansatz", 3, [2, 3, 2])
    first = values_and_slopes(Statevector(), circuit)
    for name in ("default.qubit", "lightning.qubit"):
        for ours, theirs in zip(first, values_and_slopes(PennyLane(name), circuit), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("cosine", [2]),
        ("cosine", 2),
        ("cosine", {"weights": 2}),
        ("named", {"offsets": [2], "slope": 1}),
        ("node", [2]),
    ],
)
def test_weights_are_passed_in_their_shape_or_by_name(file, name, shape):
    circuit = FileCircuit(f"{file}:{name}", 1, shape)
    x, w = numbers(5, 1), numbers(*circuit.shape, seed=1)
    offset, slope = (w[1], w[2]) if name == "named" else (w[1], w[0])
    expected = (x * slope + offset).cos()
    torch.testing.assert_close(Statevector().run(circuit)(x, w), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "name, shape, words",
    [
        ("nothing", [2], "it returns None"),
        ("third", [2], "third with weights 2 fails in"),
        ("beyond", [2], "it uses wire 1, and its 1 qubits"),
        ("state", [2], "no head takes that"),
        ("samples", [2], "no head takes that"),
    ],
)
def test_a_function_that_is_no_circuit_is_refused_where_it_is_read(file, name, shape, words):
    with pytest.raises(UsageError) as error:
        Statevector().run(FileCircuit(f"{file}:{name}", 1, shape))
    assert error.value.key == "circuit" and words in error.value.reason
    if name == "third":
        line = SOURCE.splitlines().index("    qml.RY(weights[2], 0)") + 1
        assert f"mine.py, line {line}: IndexError" in error.value.reason


@pytest.mark.parametrize(
    "values, key, words",
    [
        ({"path": "mine.py"}, "path", "as FILE.py:NAME"),
        ({"path": "absent.py:f"}, "path", "there is no such Python file"),
        ({"path": "mine.py:cosin"}, "path", "did you mean cosine?"),
        ({"path": "mine.py:math"}, "path", "has no class or function math"),
        ({"path": "mine.py:reversed"}, "path", "its arguments are (weights)"),
        ({"path": "mine.py:named", "shape": {"slope": 1}}, "path", "shape names inputs and slope"),
        ({"shape": [-1]}, "shape", "whole numbers from 0 up"),
        ({"shape": {}}, "shape", "it names no weights"),
        ({"shape": {"weights": "a"}}, "shape", "whole numbers from 0 up"),
        ({"qubits": 0}, "qubits", "at least one qubit"),
        ({"inputs": -1}, "inputs", "from 0 up"),
        ({"copies": 0}, "copies", "from 1 to"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_key(file, monkeypatch, values, key, words):
    monkeypatch.chdir(file.parent)
    with pytest.raises(UsageError) as error:
        build("circuit", TARGET | {"path": "mine.py:cosine", "qubits": 1, "shape": 2} | values)
    assert error.value.key == f"circuit.{key}" and error.value.value == (values[key])
    assert words in f"{error.value.reason}; {error.value.fix}"


@pytest.mark.parametrize(
    "source, words",
    [
        ("def f(inputs, weights)\n    pass\n", "line 1: expected ':'"),
        ("\nimport nowhere_at_all\n", "broken.py, line 2: ModuleNotFoundError"),
        ("\n\n1 / 0\n", "broken.py, line 3: ZeroDivisionError"),
    ],
)
def test_a_file_that_does_not_load_has_its_error_and_line(tmp_path, monkeypatch, source, words):
    (tmp_path / "broken.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        build("circuit", TARGET | {"path": "broken.py:f", "qubits": 1, "shape": 2})
    assert (error.value.key, error.value.value) == ("circuit.path", "broken.py:f")
    assert words in error.value.reason


def plan_of(path, *words):
    return compose_plan(
        "circuit=file",
        f"circuit.path={path}:ansatz",
        "circuit.qubits=3",
        "circuit.shape=[2,3,2]",
        *words,
    )


def test_a_row_depends_on_the_bytes_of_its_file_and_not_on_its_folder(file):
    before = plan_of(file).model.identity_key
    other = file.parent / "other" / file.name
    other.parent.mkdir()
    other.write_text(SOURCE)
    assert plan_of(other).model.identity_key == before
    beside = file.parent / "angle.py"
    beside.write_text("RIGHT = 1\n")
    file.write_text("import angle\n" + SOURCE)
    imports = plan_of(file).model.identity_key
    beside.write_text("RIGHT = 2\n")
    assert len({before, imports, plan_of(file).model.identity_key}) == 3


def test_a_row_without_the_circuit_depends_on_nothing_of_its_file(file):
    before = plan_of(file).references["C"].identity
    file.write_text(SOURCE + "\n")
    assert plan_of(file).references["C"].identity == before
    assert isinstance(plan_of(file).model, Variant) and "files" not in before


def test_a_file_that_is_no_python_is_refused_before_anything_is_built(file):
    file.write_text("def ansatz(:\n")
    plan = plan_of(file)
    with pytest.raises(UsageError) as error:
        check_plan(plan)
    assert error.value.key == "circuit.path"
    assert math.isfinite(plan.settings.tune)
