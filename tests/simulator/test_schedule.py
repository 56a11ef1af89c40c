from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import Circuit, draw, random_circuit

from qtlrun.circuit.dressed import Dressed
from qtlrun.simulator import schedule
from qtlrun.tape import pauli, reader
from qtlrun.tape.tape import Gate


def layers(circuit):
    reading = reader.read(circuit)
    return schedule.layers(reading.gates, tuple(range(circuit.qubits)), reading.fed)


def slots(reading):
    return schedule.slots(reading.gates, schedule.groups(reading.qubits), reading.fed)


def words(function, qubits=3):
    """The words of each layer of a circuit without inputs."""

    def call(inputs, weights):
        function(weights)
        return qml.expval(qml.PauliZ(0))

    return [set(layer.turns) for layer in layers(Circuit(call, qubits, (8,)))]


def angles_of(reading, circuit):
    x, w = draw(1, 1, circuit.qubits).detach(), draw(1, *circuit.shape, seed=1).detach()
    return reading.angles(x, w)[0, 0].tolist()


def matrix(gates, angles, wires):
    """Gates, the first one acting first, as one matrix of PennyLane's."""
    made = (
        (
            qml.QubitUnitary(gate.matrix.numpy(), gate.wires)
            if gate.angle is None
            else qml.PauliRot(angles[gate.angle], gate.word, gate.wires)
        )
        for gate in gates
    )
    return reduce(
        lambda done, one: qml.matrix(one, wire_order=wires) @ done, made, np.eye(2 ** len(wires))
    )


@pytest.mark.parametrize("qubits", [2, 3, 4, 6])
@pytest.mark.parametrize("depth", [0, 1, 2, 6])
def test_the_dressed_circuit_is_one_layer_for_its_inputs_and_one_a_layer(qubits, depth):
    made = layers(Dressed(qubits, depth))
    assert len(made) == depth + 1
    assert [layer.fed for layer in made] == [True] + depth * [False]
    singles = {
        "".join("Y" if one == wire else "I" for one in range(qubits)) for wire in range(qubits)
    }
    assert all(set(layer.turns) == singles for layer in made)


@pytest.mark.parametrize(
    "function, expected",
    [
        (
            lambda w: [qml.RZ(w[0], 0), qml.IsingZZ(w[1], [0, 2]), qml.RZ(w[2], 2)],
            [{"ZII", "ZIZ", "IIZ"}],
        ),
        (
            lambda w: [
                qml.IsingXX(w[0], [0, 1]),
                qml.IsingYY(w[1], [0, 1]),
                qml.IsingZZ(w[2], [0, 1]),
            ],
            [{"XXI", "YYI", "ZZI"}],
        ),
        (lambda w: [qml.RX(w[0], 0), qml.RZ(w[1], 1), qml.RX(w[2], 0)], [{"XII", "IZI"}]),
        (lambda w: [qml.RX(w[0], 0), qml.RZ(w[1], 0)], [{"XII"}, {"ZII"}]),
        (
            lambda w: [qml.IsingXX(w[0], [0, 1]), qml.RZ(w[1], 1), qml.RX(w[2], 0)],
            [{"XXI", "XII"}, {"IZI"}],
        ),
        (
            lambda w: [qml.Rot(w[0], w[1], w[2], 0), qml.RY(w[3], 2)],
            [{"ZII", "IIY"}, {"YII"}, {"ZII"}],
        ),
    ],
)
def test_words_share_the_first_layer_up_to_which_they_commute(function, expected):
    assert words(function) == expected


@pytest.mark.parametrize(
    "gate, expected",
    [(lambda: qml.CNOT([0, 1]), [{"XII"}, {"XII"}]), (lambda: qml.CNOT([1, 2]), [{"XII"}])],
)
def test_a_rotation_passes_constant_gates_on_other_wires_alone(gate, expected):
    assert words(lambda w: [qml.RX(w[0], 0), gate(), qml.RX(w[1], 0)]) == expected


def test_rotations_by_inputs_and_by_weights_share_a_layer_about_one_word_alone():
    def function(inputs, weights):
        qml.RY(inputs[0], 0)
        qml.RY(weights[0], 0)
        qml.RY(weights[1], 1)
        return qml.expval(qml.PauliZ(0))

    made = layers(Circuit(function, 2, (2,)))
    assert [(layer.turns, layer.fed) for layer in made] == [
        ({"YI": [0, 1]}, True),
        ({"IY": [2]}, False),
    ]


def test_a_layer_has_as_many_words_as_wires_or_a_few():
    qubits, pairs = 5, [(one, other) for one in range(5) for other in range(one)]
    made = words(
        lambda w: [qml.IsingZZ(w[number % 8], pair) for number, pair in enumerate(pairs)], qubits
    )
    assert [len(layer) for layer in made] == [schedule.MAX_WORDS, len(pairs) - schedule.MAX_WORDS]


@pytest.mark.parametrize("number", range(20))
def test_layers_are_the_gates_in_an_order_that_changes_nothing(number):
    circuit = random_circuit(number, 2 + number % 4, 20)
    reading, wires = reader.read(circuit), tuple(range(circuit.qubits))
    angles, ordered = angles_of(reading, circuit), []
    for layer in schedule.layers(reading.gates, wires, reading.fed):
        assert all(pauli.commute(word, other) for word in layer.turns for other in layer.turns)
        turns = [Gate(wires, word, angle) for word, every in layer.turns.items() for angle in every]
        assert layer.fed == any(gate.angle in reading.fed for gate in turns)
        ordered += layer.constants + turns
    assert len(ordered) == len(reading.gates)
    torch.testing.assert_close(
        matrix(ordered, angles, wires), matrix(reading.gates, angles, wires), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("qubits", range(2, 25))
def test_groups_are_neighbours_and_four_or_five_where_that_is_possible(qubits):
    parts = schedule.groups(qubits)
    assert [wire for part in parts for wire in part] == list(range(qubits))
    assert qubits < 8 or qubits == 11 or {len(part) for part in parts} <= {4, 5}


@pytest.mark.parametrize("number", range(20))
def test_every_gate_of_a_slot_lies_in_its_group_or_permutes(number):
    circuit = random_circuit(number, 6 + number % 5, 25)
    parts = schedule.groups(circuit.qubits)
    for slot in slots(reader.read(circuit)):
        assert all(
            set(gate.wires) <= set(parts[group])
            for group, gates in slot.blocks.items()
            for gate in gates
        )
        for gate in slot.moves:
            sizes = gate.matrix.abs()
            assert ((sizes > 1e-14).sum(1) == 1).all() and ((sizes > 1e-14).sum(0) == 1).all()


@pytest.mark.parametrize("number", range(12))
def test_slots_act_as_the_gates_do(number):
    circuit = random_circuit(number, 6 + number % 2, 25)
    reading, wires = reader.read(circuit), tuple(range(circuit.qubits))
    angles = angles_of(reading, circuit)
    ordered = [
        gate
        for slot in slots(reading)
        for gates in (*slot.blocks.values(), slot.moves)
        for gate in gates
    ]
    torch.testing.assert_close(
        matrix(ordered, angles, wires), matrix(reading.gates, angles, wires), rtol=0, atol=1e-12
    )


def test_the_slots_of_the_dressed_circuit_are_one_a_layer():
    assert len(slots(reader.read(Dressed(16, 6)))) == 7
