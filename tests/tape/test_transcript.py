"""A transcript is the circuit: read by PennyLane and by Qiskit, it gives the same values."""

import numpy as np
import pennylane as qml
import pytest
import torch

from qtlrun.circuit.dressed import Dressed
from qtlrun.error import UsageError
from qtlrun.tape import reader
from qtlrun.tape.openqasm import write_openqasm
from qtlrun.tape.quantum_script import write_function
from qtlrun.tape.transcript import CONSTANTS, ROTATIONS, parameters, transcribe

QUBITS = 3


class Mixed:
    """Words, products of inputs and weights, arithmetic, unnamed matrices, and three outcomes."""

    qubits = QUBITS
    inputs = 3
    shape = (3,)

    def __call__(self, inputs, weights):
        qml.RX(inputs[0] * weights[0], 0)
        qml.PauliRot(inputs[1] + weights[1], "XYZ", [0, 1, 2])
        qml.U3(0.1, 0.2, 0.3, 1)
        qml.CRX(torch.sin(inputs[2]) * weights[2], [0, 2])
        qml.IsingXX(0.3, [1, 0])
        qml.ISWAP([0, 1])
        qml.adjoint(qml.T(2))
        qml.QFT([0, 1, 2])
        observable = 0.5 * qml.Z(0) - 2 * qml.X(2)
        return [qml.expval(qml.X(0) @ qml.Y(1)), qml.probs([2, 0]), qml.expval(observable)]


class Named:
    """Every constant gate that has a name, each after a rotation."""

    qubits = QUBITS
    inputs = 3
    shape = (3,)

    def __call__(self, inputs, weights):
        for number, operation in enumerate(CONSTANTS.values()):
            qml.RY(inputs[number % 3] + weights[number % 3] + number, number % 3)
            wires = [(number + wire) % 3 for wire in range(len(operation.wires))]
            qml.apply(operation.map_wires(dict(zip(operation.wires, wires, strict=True))))
        return [qml.expval(qml.Y(wire)) for wire in range(3)]


CIRCUITS = (Dressed(QUBITS, 2), Mixed(), Named())


def drawn(circuit):
    """Values of two samples by PennyLane, the transcript and its inputs."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(1, *circuit.shape, generator=generator, dtype=torch.float64)
    inputs = torch.randn(1, 2, QUBITS, generator=generator, dtype=torch.float64)
    reading = reader.read(circuit)
    node = qml.QNode(circuit, qml.device("default.qubit", wires=QUBITS))
    values = [flat(node(sample, weights[0])) for sample in inputs[0]]
    return values, transcribe(reading, weights), parameters(reading, inputs, weights)[0]


def flat(values):
    return np.concatenate([np.ravel(value.detach().numpy()) for value in values])


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: type(circuit).__name__)
def test_the_function_of_pennylane_gives_the_values_of_the_circuit(circuit):
    values, transcript, numbers = drawn(circuit)
    names = {"qml": qml}
    exec(write_function(transcript), names)
    node = qml.QNode(names["circuit"], qml.device("default.qubit", wires=QUBITS))
    for expected, sample in zip(values, numbers, strict=True):
        assert np.allclose(flat(map(torch.as_tensor, node(sample))), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: type(circuit).__name__)
def test_qiskit_reads_the_program_and_gives_the_values_of_the_circuit(circuit):
    pytest.importorskip("qiskit_qasm3_import")
    from qiskit import qasm3
    from qiskit.quantum_info import Statevector

    values, transcript, numbers = drawn(circuit)
    program = qasm3.loads(write_openqasm(transcript, "title"))
    program.remove_final_measurements()
    for expected, sample in zip(values, numbers, strict=True):
        bound = program.assign_parameters(
            {parameter: float(sample[int(parameter.name[1:])]) for parameter in program.parameters}
        )
        # Qiskit's first qubit is the lowest bit
        state = Statevector(bound).data.reshape([2] * QUBITS).transpose().ravel()
        matrices = [matrix for each in transcript.outcomes for matrix in each.matrices(QUBITS)]
        found = [(state.conj() @ matrix @ state).real for matrix in matrices]
        assert np.allclose(found, expected, atol=1e-12)


def test_named_gates_keep_their_names_and_others_are_rotations_and_cnots():
    _, transcript, _ = drawn(Dressed(QUBITS, 1))
    assert [each.name for each in transcript.instructions] == [*["h", "ry"] * 3, "cx", "cx"] + [
        "ry"
    ] * 3
    _, transcript, _ = drawn(Named())
    assert set(CONSTANTS) - {"id"} <= {each.name for each in transcript.instructions}
    _, transcript, _ = drawn(Mixed())
    allowed = {*CONSTANTS, *ROTATIONS.values()}
    assert {each.name for each in transcript.instructions} <= allowed


def test_bits_are_measured_where_they_give_every_outcome():
    _, diagonal, _ = drawn(Dressed(QUBITS, 1))
    _, other, _ = drawn(Mixed())
    assert write_openqasm(diagonal, "a").endswith("// value 2: <Z2>\nc = measure q;\n")
    assert "measure" not in write_openqasm(other, "a")
    assert "// value 1: probabilities of q[2], q[0], the first" in write_openqasm(other, "a")
    assert "// value 2: 0.5 <Z0> + -2.0 <X2>" in write_openqasm(other, "a")


def test_weights_of_what_is_measured_keep_their_digits():
    class Weighted(Dressed):
        def __call__(self, inputs, weights):
            qml.RX(inputs[0] + weights[0, 0], 0)
            return [qml.expval(21.0 * qml.Z(0) + qml.Z(1) - 1.0 * qml.Z(2))]

    _, transcript, _ = drawn(Weighted(QUBITS, 1))
    assert "// value 0: 21.0 <Z0> + <Z1> + -1.0 <Z2>\n" in write_openqasm(transcript, "a")


@pytest.mark.parametrize("angle", [1e-5, 1e-8])
def test_a_small_rotation_is_no_identity_and_none_is_one(angle):
    rotation = qml.RX(angle, 0).matrix()

    class Small(Dressed):
        def __call__(self, inputs, weights):
            qml.QubitUnitary(rotation, 0)
            qml.QubitUnitary(np.exp(0.3j) * np.eye(2), 1)
            return super().__call__(inputs, weights)

    _, transcript, _ = drawn(Small(QUBITS, 1))
    embedding = next(n for n, each in enumerate(transcript.instructions) if each.name == "h")
    *turns, identity = transcript.instructions[:embedding]
    matrix = np.eye(2)
    for turn in turns:
        assert turn.wires == (0,) and turn.angle is not None
        gate = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ}[turn.name]
        matrix = gate(turn.angle.constant, 0).matrix() @ matrix
    assert abs(matrix[1, 0]) == pytest.approx(np.sin(angle / 2), rel=1e-6)
    assert identity.name == "id" and identity.wires == (1,)


def test_a_matrix_that_moves_is_refused():
    class Moving(Dressed):
        def __call__(self, inputs, weights):
            phase = torch.exp(1j * inputs[0])
            qml.DiagonalQubitUnitary(torch.stack([phase, phase.conj()]), 0)
            return super().__call__(inputs, weights)

    circuit = Moving(QUBITS, 1)
    reading = reader.read(circuit)
    with pytest.raises(UsageError) as error:
        transcribe(reading, torch.zeros(1, *circuit.shape))
    assert error.value.key == "circuit" and "depends on values" in error.value.reason
