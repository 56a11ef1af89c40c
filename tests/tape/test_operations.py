"""Every operation that PennyLane ships: the values and gradients of default.qubit, or a refusal in
a sentence.
"""

import inspect

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import Circuit, draw, qnode, slopes

from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector

WIRES = 5
X, Y, Z = qml.PauliX, qml.PauliY, qml.PauliZ
MATRIX = np.array([[0.1, 0.2], [0.3, -0.1]])
UNITARY = qml.matrix(
    qml.prod(qml.Rot(0.1, 0.2, 0.3, 0), qml.CNOT([0, 1]), qml.RX(0.4, 1)), wire_order=[0, 1]
)
AMPLITUDES = np.array([0.5, -0.5, 0.1, 0.7])


def weighted(index, wires, param):
    return qml.CRX(param, wires)


def block(weights, wires):
    qml.RY(weights[0], wires[0])
    qml.RX(weights[1], wires[1])
    qml.CNOT(wires)


def evolved(w, wires):
    qml.RX(w[0], wires[0])
    qml.CRY(w[1], wires[:2])


def complex_state(x):
    return torch.complex(x[:4], x[1:5].roll(1)) / torch.linalg.vector_norm(
        torch.cat([x[:4], x[1:5]])
    )


def lcu():
    return qml.dot([0.3, 0.2], [X(2), Z(3) @ X(2)])


def signs(x):
    return 1 if x > 1 else 0


def third(x):
    return x**2 / 9


# What applies each to wires 0 to 4, of inputs x (5,) and weights w (24,).
EXAMPLES = {
    "AQFT": lambda x, w: qml.AQFT(1, range(3)),
    "Adder": lambda x, w: qml.Adder(3, [0, 1, 2]),
    "AllSinglesDoubles": lambda x, w: qml.AllSinglesDoubles(
        w[:2], range(4), np.array([1, 1, 0, 0]), singles=[[0, 2]], doubles=[[0, 1, 2, 3]]
    ),
    "AmplitudeAmplification": lambda x, w: qml.AmplitudeAmplification(
        qml.RY(w[0], 0), qml.FlipSign([1], [0]), iters=2
    ),
    "AmplitudeEmbedding": lambda x, w: qml.AmplitudeEmbedding(x[:4], [0, 1], normalize=True),
    "AngleEmbedding": lambda x, w: qml.AngleEmbedding(x, range(5), rotation="Y"),
    "ApproxTimeEvolution": lambda x, w: qml.ApproxTimeEvolution(
        qml.Hamiltonian([0.3, -0.2], [X(0), Z(0) @ X(1)]), w[0], 2
    ),
    "ArbitraryStatePreparation": lambda x, w: qml.ArbitraryStatePreparation(w[:6], [0, 1]),
    "ArbitraryUnitary": lambda x, w: qml.ArbitraryUnitary(w[:15], [0, 2]),
    "Barrier": lambda x, w: qml.Barrier([0, 1]),
    "BasicEntanglerLayers": lambda x, w: qml.BasicEntanglerLayers(w[:10].reshape(2, 5), range(5)),
    "BasisEmbedding": lambda x, w: qml.BasisEmbedding([1, 0], [0, 1]),
    "BasisRotation": lambda x, w: qml.BasisRotation(
        [0, 1], np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    ),
    "BasisState": lambda x, w: qml.BasisState([1, 1], [2, 3]),
    "BlockEncode": lambda x, w: qml.BlockEncode(MATRIX, [0, 1]),
    "CCZ": lambda x, w: qml.CCZ([0, 1, 2]),
    "CH": lambda x, w: qml.CH([0, 1]),
    "CNOT": lambda x, w: qml.CNOT([0, 1]),
    "CPhase": lambda x, w: qml.CPhase(w[0], [0, 1]),
    "CPhaseShift00": lambda x, w: qml.CPhaseShift00(w[0], [0, 1]),
    "CPhaseShift01": lambda x, w: qml.CPhaseShift01(w[0], [0, 1]),
    "CPhaseShift10": lambda x, w: qml.CPhaseShift10(w[0], [0, 1]),
    "CRX": lambda x, w: qml.CRX(w[0], [2, 1]),
    "CRY": lambda x, w: qml.CRY(w[0], [0, 1]),
    "CRZ": lambda x, w: qml.CRZ(w[0], [0, 1]),
    "CRot": lambda x, w: qml.CRot(w[0], w[1], x[2], [0, 1]),
    "CSWAP": lambda x, w: qml.CSWAP([0, 1, 2]),
    "CY": lambda x, w: qml.CY([0, 1]),
    "CZ": lambda x, w: qml.CZ([0, 1]),
    "CommutingEvolution": lambda x, w: qml.CommutingEvolution(
        qml.Hamiltonian([0.3, -0.2], [X(0), X(0) @ X(1)]), w[0]
    ),
    "ControlledQubitUnitary": lambda x, w: qml.ControlledQubitUnitary(
        qml.matrix(qml.Rot(w[0], w[1], w[2], 0)), [0, 1]
    ),
    "ControlledSequence": lambda x, w: qml.ControlledSequence(qml.RX(w[0], 2), control=[0, 1]),
    "CosineWindow": lambda x, w: qml.CosineWindow(wires=[3, 4]),
    "DiagonalQubitUnitary": lambda x, w: qml.DiagonalQubitUnitary(torch.exp(1j * w[:4]), [0, 1]),
    "DoubleExcitation": lambda x, w: qml.DoubleExcitation(w[0], range(4)),
    "DoubleExcitationMinus": lambda x, w: qml.DoubleExcitationMinus(w[0], range(4)),
    "DoubleExcitationPlus": lambda x, w: qml.DoubleExcitationPlus(w[0], range(4)),
    "ECR": lambda x, w: qml.ECR([0, 1]),
    "Elbow": lambda x, w: qml.Elbow([0, 1, 4]),
    "FABLE": lambda x, w: qml.FABLE(MATRIX, [0, 1, 2]),
    "FermionicDoubleExcitation": lambda x, w: qml.FermionicDoubleExcitation(w[0], [0, 1], [2, 3]),
    "FermionicSWAP": lambda x, w: qml.FermionicSWAP(w[0], [0, 1]),
    "FermionicSingleExcitation": lambda x, w: qml.FermionicSingleExcitation(w[0], [0, 1, 2]),
    "FlipSign": lambda x, w: qml.FlipSign([1, 0], [0, 1]),
    "GQSP": lambda x, w: qml.GQSP(qml.RX(w[0], 1), w[:6].reshape(3, 2), control=0),
    "GateFabric": lambda x, w: qml.GateFabric(w[:2].reshape(1, 1, 2), range(4), [1, 1, 0, 0]),
    "GlobalPhase": lambda x, w: qml.GlobalPhase(w[0], [0]),
    "GroverOperator": lambda x, w: qml.GroverOperator(range(3)),
    "H": lambda x, w: qml.H(0),
    "I": lambda x, w: qml.I(0),
    "IQPEmbedding": lambda x, w: qml.IQPEmbedding(
        x[:3], range(3), n_repeats=2, pattern=[[0, 1], [2, 0]]
    ),
    "ISWAP": lambda x, w: qml.ISWAP([0, 1]),
    "IntegerComparator": lambda x, w: qml.IntegerComparator(2, [0, 1, 2]),
    "IsingXX": lambda x, w: qml.IsingXX(w[0], [0, 1]),
    "IsingXY": lambda x, w: qml.IsingXY(w[0], [0, 1]),
    "IsingYY": lambda x, w: qml.IsingYY(w[0], [0, 1]),
    "IsingZZ": lambda x, w: qml.IsingZZ(w[0], [0, 1]),
    "MERA": lambda x, w: qml.MERA(range(4), 2, block, 2, w[:10].reshape(5, 2)),
    "MPS": lambda x, w: qml.MPS(range(4), 2, block, 2, w[:6].reshape(3, 2)),
    "ModExp": lambda x, w: qml.ModExp([0], [1], 1, 2, [2, 3, 4]),
    "MottonenStatePreparation": lambda x, w: qml.MottonenStatePreparation(
        x[:4] / x[:4].norm(), [0, 1]
    ),
    "MultiControlledX": lambda x, w: qml.MultiControlledX([0, 1, 2, 3], control_values=[1, 0, 1]),
    "MultiRZ": lambda x, w: qml.MultiRZ(w[0], [0, 1, 2]),
    "MultiplexerStatePreparation": lambda x, w: qml.MultiplexerStatePreparation(AMPLITUDES, [0, 1]),
    "Multiplier": lambda x, w: qml.Multiplier(3, [0], 2, [1, 2, 3]),
    "OrbitalRotation": lambda x, w: qml.OrbitalRotation(w[0], range(4)),
    "OutAdder": lambda x, w: qml.OutAdder([0], [1], [2, 3]),
    "OutMultiplier": lambda x, w: qml.OutMultiplier([0], [1], [2, 3]),
    "OutPoly": lambda x, w: qml.OutPoly(lambda a, b: a + b, [[0], [1]], [2, 3]),
    "PCPhase": lambda x, w: qml.PCPhase(w[0], 2, [0, 1]),
    "PSWAP": lambda x, w: qml.PSWAP(w[0], [0, 1]),
    "ParticleConservingU1": lambda x, w: qml.ParticleConservingU1(
        w[:6].reshape(1, 3, 2), range(4), [1, 1, 0, 0]
    ),
    "ParticleConservingU2": lambda x, w: qml.ParticleConservingU2(
        w[:7].reshape(1, 7), range(4), [1, 1, 0, 0]
    ),
    "PauliRot": lambda x, w: qml.PauliRot(w[0], "XIY", [0, 1, 2]),
    "PauliX": lambda x, w: X(0),
    "PauliY": lambda x, w: Y(0),
    "PauliZ": lambda x, w: Z(0),
    "Permute": lambda x, w: qml.Permute([2, 0, 1], [0, 1, 2]),
    "PhaseAdder": lambda x, w: qml.PhaseAdder(3, [0, 1, 2]),
    "PhaseShift": lambda x, w: qml.PhaseShift(w[0], 0),
    "PrepSelPrep": lambda x, w: qml.PrepSelPrep(lcu(), control=[0]),
    "QAOAEmbedding": lambda x, w: qml.QAOAEmbedding(x[:3], w[:6].reshape(1, 6), range(3)),
    "QDrift": lambda x, w: qml.QDrift(qml.dot([0.3, 0.2], [X(0), Z(0) @ X(1)]), 0.5, n=3, seed=1),
    "QFT": lambda x, w: qml.QFT(range(4)),
    "QROM": lambda x, w: qml.QROM(["1", "0"], [0], [1], [2]),
    "QROMStatePreparation": lambda x, w: qml.QROMStatePreparation(
        np.array([0.6, 0.8]), [0], [1, 2], [3, 4]
    ),
    "QSVT": lambda x, w: qml.QSVT(
        qml.BlockEncode(MATRIX, [0, 1]),
        [qml.PCPhase(w[0], 2, [0, 1]), qml.PCPhase(w[1], 2, [0, 1])],
    ),
    "QuantumMonteCarlo": lambda x, w: qml.QuantumMonteCarlo(
        [0.2, 0.3, 0.1, 0.4], third, [0, 1, 2], [3, 4]
    ),
    "QuantumPhaseEstimation": lambda x, w: qml.QuantumPhaseEstimation(
        qml.Rot(w[0], w[1], w[2], 0), estimation_wires=[1, 2, 3]
    ),
    "QubitCarry": lambda x, w: qml.QubitCarry(wires=range(4)),
    "QubitSum": lambda x, w: qml.QubitSum(wires=range(3)),
    "QubitUnitary": lambda x, w: qml.QubitUnitary(qml.matrix(qml.Rot(w[0], w[1], x[2], 0)), 0),
    "Qubitization": lambda x, w: qml.Qubitization(lcu(), control=[0]),
    "RX": lambda x, w: qml.RX(w[0], 0),
    "RY": lambda x, w: qml.RY(w[0], 0),
    "RZ": lambda x, w: qml.RZ(w[0], 0),
    "RandomLayers": lambda x, w: qml.RandomLayers(w[:6].reshape(2, 3), range(3), seed=3),
    "Reflection": lambda x, w: qml.Reflection(qml.RY(w[0], 0), w[1]),
    "Rot": lambda x, w: qml.Rot(w[0], x[0], w[1], 0),
    "S": lambda x, w: qml.S(0),
    "SISWAP": lambda x, w: qml.SISWAP([0, 1]),
    "SWAP": lambda x, w: qml.SWAP([0, 1]),
    "SX": lambda x, w: qml.SX(0),
    "Select": lambda x, w: qml.Select(
        [qml.RX(w[0], 2), qml.RY(w[1], 2), qml.Rot(w[2], x[0], w[3], 2)], control=[0, 1]
    ),
    "SelectOnlyQRAM": lambda x, w: qml.SelectOnlyQRAM(["1", "0"], [0], [1]),
    "SelectPauliRot": lambda x, w: qml.SelectPauliRot(
        np.array([0.1, 0.2, 0.3, 0.4]), [0, 1], 2, rot_axis="Y"
    ),
    "SemiAdder": lambda x, w: qml.SemiAdder([0, 1], [2, 3], [4]),
    "SimplifiedTwoDesign": lambda x, w: qml.SimplifiedTwoDesign(
        w[:3], w[3:7].reshape(1, 2, 2), range(3)
    ),
    "SingleExcitation": lambda x, w: qml.SingleExcitation(w[0], [0, 1]),
    "SingleExcitationMinus": lambda x, w: qml.SingleExcitationMinus(w[0], [0, 1]),
    "SingleExcitationPlus": lambda x, w: qml.SingleExcitationPlus(w[0], [0, 1]),
    "Snapshot": lambda x, w: qml.Snapshot("here"),
    "SpecialUnitary": lambda x, w: qml.SpecialUnitary(w[:15], [0, 1]),
    "StatePrep": lambda x, w: qml.StatePrep(complex_state(x), [0, 1]),
    "StronglyEntanglingLayers": lambda x, w: qml.StronglyEntanglingLayers(
        w[:15].reshape(1, 5, 3), range(5)
    ),
    "Superposition": lambda x, w: qml.Superposition(
        np.array([0.6, 0.8]), [[0, 1], [1, 1]], [0, 1], 2
    ),
    "T": lambda x, w: qml.T(0),
    "TTN": lambda x, w: qml.TTN(range(4), 2, block, 2, w[:6].reshape(3, 2)),
    "Toffoli": lambda x, w: qml.Toffoli([0, 1, 2]),
    "TrotterProduct": lambda x, w: qml.TrotterProduct(
        qml.dot([0.3, 0.2], [X(0), Z(1) @ X(0)]), w[0], n=2, order=2
    ),
    "TrotterizedQfunc": lambda x, w: qml.TrotterizedQfunc(
        w[0], w[1:3], qfunc=lambda t, a, wires: evolved(t * a, wires), n=2, wires=[0, 1]
    ),
    "TwoLocalSwapNetwork": lambda x, w: qml.TwoLocalSwapNetwork(
        range(3), acquaintances=weighted, weights=w[:3], fermionic=False
    ),
    "U1": lambda x, w: qml.U1(w[0], 0),
    "U2": lambda x, w: qml.U2(w[0], w[1], 0),
    "U3": lambda x, w: qml.U3(w[0], w[1], w[2], 0),
    "UCCSD": lambda x, w: qml.UCCSD(
        w[:2], range(4), s_wires=[[0, 1, 2]], d_wires=[[[0, 1], [2, 3]]], init_state=[1, 1, 0, 0]
    ),
    "WireCut": lambda x, w: qml.WireCut([0]),
    "kUpCCGSD": lambda x, w: qml.kUpCCGSD(w[:6].reshape(1, 6), range(4), init_state=[1, 1, 0, 0]),
    # and what is made of others
    "adjoint of a template": lambda x, w: qml.adjoint(qml.StronglyEntanglingLayers)(
        w[:6].reshape(1, 2, 3), [0, 1]
    ),
    "controlled template": lambda x, w: qml.ctrl(
        qml.StronglyEntanglingLayers(w[:6].reshape(1, 2, 3), [0, 1]), 2
    ),
    "controlled adjoint": lambda x, w: qml.ctrl(qml.adjoint(qml.Rot(w[0], w[1], w[2], 1)), 0),
    "controlled power": lambda x, w: qml.ctrl(
        qml.pow(qml.U3(w[0], w[1], w[2], 1), 3), [0, 2], control_values=[0, 1]
    ),
    "controlled phase of several": lambda x, w: qml.ctrl(qml.GlobalPhase(w[0]), [0, 1, 2]),
    "power of a product": lambda x, w: qml.pow(qml.prod(qml.RX(w[0], 1), qml.RZ(w[1], 1)), -2),
    "exponential of a word": lambda x, w: qml.exp(X(0) @ Y(1), 1j * w[0]),
    "exponential of a sum": lambda x, w: qml.exp(X(0) @ Y(1) + Z(0), 1j * w[0]),
    "evolution": lambda x, w: qml.evolve(0.3 * Z(0) + 0.2 * Z(0) @ Z(1), w[0]),
    "change of basis": lambda x, w: qml.change_op_basis(qml.RX(w[0], 1), qml.RZ(w[1], 1)),
    "estimation of a product": lambda x, w: qml.QuantumPhaseEstimation(
        qml.prod(qml.RX(w[0], 0), qml.RZ(x[1], 1)), estimation_wires=[2, 3]
    ),
    "estimation of a trained matrix": lambda x, w: qml.QuantumPhaseEstimation(
        qml.QubitUnitary(qml.matrix(qml.RX(w[0], 0)), 0), estimation_wires=[2, 3]
    ),
    "selection of products": lambda x, w: qml.Select(
        [qml.prod(qml.RX(w[0], 2), qml.RZ(w[1], 2)), qml.CNOT([2, 3])], control=[0]
    ),
    "controlled exponential": lambda x, w: qml.ctrl(qml.evolve(X(1) @ Z(2), w[0]), 0),
    "product on several wires": lambda x, w: qml.prod(
        qml.RX(x[0], 2), qml.CRY(w[1], [2, 0]), qml.RZ(x[1], 0)
    ),
    "trained amplitudes": lambda x, w: qml.StatePrep(w[:4] / w[:4].norm(), [0, 1]),
}
# PennyLane's own default.qubit does not run them on trained torch tensors, or on as few wires.
FOREIGN = {
    "BBQRAM",
    "FromBloq",
    "HilbertSchmidt",
    "HybridQRAM",
    "IQP",
    "LocalHilbertSchmidt",
    "MPSPrep",
    "SumOfSlatersPrep",
}
# Modes of light, qutrits, channels, and observables are no gates on qubits.
OTHERS = (
    "pennylane.ops.cv",
    "pennylane.ops.qutrit",
    "pennylane.ops.channel",
    "pennylane.ops.qubit.observables",
)
OTHER = {
    "CVNeuralNetLayers",
    "DisplacementEmbedding",
    "Interferometer",
    "LinearCombination",
    "QubitDensityMatrix",
    "QutritBasisStatePreparation",
    "SqueezingEmbedding",
}
FIRST = {
    "AmplitudeEmbedding",
    "ArbitraryStatePreparation",
    "BasisEmbedding",
    "BasisState",
    "CosineWindow",
    "MottonenStatePreparation",
    "MultiplexerStatePreparation",
    "QROMStatePreparation",
    "StatePrep",
    "Superposition",
    "trained amplitudes",
}
UNDEFINED_AT_ZERO = {
    "AmplitudeEmbedding",
    "MottonenStatePreparation",
    "StatePrep",
    "trained amplitudes",
}  # a state of no length


def circuit_of(name):
    """The example among rotations, so that no wire is in a state that it leaves alone."""

    def turn(x, w):
        for wire in range(WIRES):
            qml.RY(0.3 + x[wire], wire)
            qml.RX(w[wire + 10] * 0.5, wire)

    def function(x, w):
        if name not in FIRST:
            turn(x, w)
        EXAMPLES[name](x, w)
        if name in FIRST:
            turn(x, w)
        for wire in range(WIRES):
            qml.Rot(0.3, 0.4 + 0.1 * wire, 0.5, wire)
        values = [qml.expval(Z(wire)) for wire in range(WIRES)]
        return [*values, qml.probs(wires=[0, 1, 2]), qml.expval(X(0) @ Y(1) @ Z(2))]

    return Circuit(function, WIRES, (24,))


def points():
    """Inputs (1, batch, 5) and weights (1, 24): at random, at zero, and at multiples of pi / 2."""
    turns = (
        torch.tensor([0.0, 1, 2, 3, -1, 0.5], dtype=torch.float64)[torch.arange(24) % 6] * torch.pi
    )
    right_angles = torch.tensor(
        [[[torch.pi / 2, -torch.pi / 2, torch.pi, 0, torch.pi / 4]]], dtype=torch.float64
    )
    zero = torch.zeros(1, 1, 5, dtype=torch.float64), torch.zeros(1, 24, dtype=torch.float64)
    return {
        "random": (draw(1, 1, 5).detach(), draw(1, 24, seed=1).detach()),
        "zero": zero,
        "turns": (right_angles, turns.view(1, 24)),
    }


@pytest.mark.filterwarnings("ignore")  # of templates that PennyLane means to change
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_operation_has_the_values_and_gradients_of_default_qubit(name):
    run = Statevector().run(circuit_of(name))
    for place, (x, w) in points().items():
        if (place == "zero" and name in UNDEFINED_AT_ZERO) or name == "power of a product":
            continue
        x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
        mine, right = run(x, w), qnode(circuit_of(name), x, w)
        for one, other in zip(
            (mine, *slopes(mine, x, w)), (right, *slopes(right, x, w)), strict=True
        ):
            assert one.isfinite().all()
            known = (
                other.isfinite()
            )  # an arc sine has no slope at its end, though the state that it makes has one
            one, other = one[known], other[known]
            torch.testing.assert_close(
                one, other, rtol=0, atol=1e-10, msg=lambda text, place=place: f"{place}: {text}"
            )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_operation_is_the_same_on_pennylane_s_device(name):
    x, w = points()["random"]
    values = PennyLane("default.qubit").run(circuit_of(name))(x, w)
    torch.testing.assert_close(
        values, Statevector().run(circuit_of(name))(x, w), rtol=0, atol=1e-10
    )


def test_every_operation_that_pennylane_ships_is_tried_or_named():
    shipped = {
        kind.__name__
        for name in dir(qml)
        if inspect.isclass(kind := getattr(qml, name)) and issubclass(kind, qml.operation.Operator)
        if not kind.__module__.startswith(OTHERS)
    }
    aliases = {
        "CPhase": "ControlledPhaseShift",
        "Elbow": "TemporaryAND",
        "H": "Hadamard",
        "I": "Identity",
    }
    tried = {aliases.get(name, name) for name in EXAMPLES}
    assert shipped - FOREIGN - OTHER - tried == set()


def plain(operations, qubits):
    """The product of gates' own matrices, by NumPy alone; the first acts first."""
    product = np.eye(2**qubits, dtype=complex)
    for matrix, wires in operations:
        rest = [wire for wire in range(qubits) if wire not in wires]
        order = [[*wires, *rest].index(wire) for wire in range(qubits)]
        full = np.kron(matrix, np.eye(2 ** len(rest))).reshape([2] * 2 * qubits)
        product = (
            full.transpose([*order, *(qubits + place for place in order)]).reshape(2**qubits, -1)
            @ product
        )
    return product


def test_products_whose_factors_name_wires_in_other_orders_are_plain_matrix_products():
    """PennyLane 0.45 gets the matrix of such a product wrong, and so does its default.qubit."""

    def function(x, w):
        for wire in range(3):
            qml.RY(w[wire], wire)
        qml.prod(qml.CNOT([2, 1]), qml.CNOT([1, 0]), qml.RX(w[3], 1))
        qml.prod(qml.CNOT([2, 1]), qml.CNOT([1, 0]))
        return qml.probs(wires=range(3))

    w = draw(1, 6).detach()
    cnot = np.eye(4)[[0, 1, 3, 2]]
    turns = [(qml.matrix(qml.RY(float(w[0, wire]), 0)), [wire]) for wire in range(3)]
    middle = (qml.matrix(qml.RX(float(w[0, 3]), 0)), [1])
    gates = [*turns, middle, (cnot, [1, 0]), (cnot, [2, 1]), (cnot, [1, 0]), (cnot, [2, 1])]
    right = torch.from_numpy(np.abs(plain(gates, 3)[:, 0]) ** 2)
    for device in (Statevector(), PennyLane("default.qubit"), PennyLane("lightning.qubit")):
        values = device.run(Circuit(function, 3, (6,)))(
            torch.zeros(1, 1, 3, dtype=torch.float64), w
        )
        torch.testing.assert_close(values[0, 0], right, rtol=0, atol=1e-12)


def test_a_multiplexed_rotation_with_trained_angles_is_a_rotation_per_value_of_its_controls():
    def function(x, w):
        for wire in range(3):
            qml.RY(x[wire], wire)
        qml.SelectPauliRot(w[:4], [0, 1], 2, rot_axis="Y")
        return qml.probs(wires=range(3))

    x, w = draw(1, 1, 3).detach(), draw(1, 6, seed=1).detach()
    first = [(qml.matrix(qml.RY(float(x[0, 0, wire]), 0)), [wire]) for wire in range(3)]
    blocks = np.zeros((8, 8))
    for state in range(4):
        blocks[2 * state : 2 * state + 2, 2 * state : 2 * state + 2] = qml.matrix(
            qml.RY(float(w[0, state]), 0)
        ).real
    right = torch.from_numpy(np.abs(plain([*first, (blocks, [0, 1, 2])], 3)[:, 0]) ** 2)
    values = Statevector().run(Circuit(function, 3, (6,)))(x, w)
    torch.testing.assert_close(values[0, 0], right, rtol=0, atol=1e-12)
