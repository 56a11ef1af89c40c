"""Random circuits, and what PennyLane's reference simulator gives for any circuit."""

import math
import weakref

import numpy as np
import pennylane as qml
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

WIRES, WEIGHTS = 4, 6
H, X, Y, Z = qml.Hadamard, qml.PauliX, qml.PauliY, qml.PauliZ

# How many angles a gate takes, how many wires, and what applies it.
GATES = {
    "RX": (1, 1, qml.RX),
    "RY": (1, 1, qml.RY),
    "RZ": (1, 1, qml.RZ),
    "PhaseShift": (1, 1, qml.PhaseShift),
    "Rot": (3, 1, qml.Rot),
    "U1": (1, 1, qml.U1),
    "U2": (2, 1, qml.U2),
    "U3": (3, 1, qml.U3),
    "CRX": (1, 2, qml.CRX),
    "CRY": (1, 2, qml.CRY),
    "CRZ": (1, 2, qml.CRZ),
    "CRot": (3, 2, qml.CRot),
    "ControlledPhaseShift": (1, 2, qml.ControlledPhaseShift),
    "CPhaseShift10": (1, 2, qml.CPhaseShift10),
    "IsingXX": (1, 2, qml.IsingXX),
    "IsingYY": (1, 2, qml.IsingYY),
    "IsingZZ": (1, 2, qml.IsingZZ),
    "IsingXY": (1, 2, qml.IsingXY),
    "MultiRZ": (1, 3, qml.MultiRZ),
    "PSWAP": (1, 2, qml.PSWAP),
    "SingleExcitation": (1, 2, qml.SingleExcitation),
    "DoubleExcitation": (1, 4, qml.DoubleExcitation),
    "FermionicSWAP": (1, 2, qml.FermionicSWAP),
    "PauliRot XYZ": (1, 3, lambda a, wires: qml.PauliRot(a, "XYZ", wires)),
    "PauliRot YIX": (1, 3, lambda a, wires: qml.PauliRot(a, "YIX", wires)),
    "PauliRot YY": (1, 2, lambda a, wires: qml.PauliRot(a, "YY", wires)),
    "adjoint RX": (1, 1, qml.adjoint(qml.RX)),
    "adjoint CRY": (1, 2, qml.adjoint(qml.CRY)),
    "squared RZ": (1, 1, lambda a, wires: qml.pow(qml.RZ(a, wires), 2)),
    "controlled Rot": (3, 2, lambda a, b, c, wires: qml.ctrl(qml.Rot, wires[0])(a, b, c, wires[1])),
    "RX if not": (1, 2, lambda a, wires: qml.ctrl(qml.RX, wires[0], control_values=0)(a, wires[1])),
    "RX if both": (1, 3, lambda a, wires: qml.ctrl(qml.RX, wires[:2])(a, wires[2])),
    "GlobalPhase": (1, 1, qml.GlobalPhase),
    "controlled GlobalPhase": (1, 1, lambda a, wires: qml.ctrl(qml.GlobalPhase(a), wires)),
    "Hadamard": (0, 1, H),
    "X": (0, 1, X),
    "Y": (0, 1, Y),
    "Z": (0, 1, Z),
    "S": (0, 1, qml.S),
    "T": (0, 1, qml.T),
    "SX": (0, 1, qml.SX),
    "adjoint S": (0, 1, qml.adjoint(qml.S)),
    "CNOT": (0, 2, qml.CNOT),
    "CY": (0, 2, qml.CY),
    "CZ": (0, 2, qml.CZ),
    "CH": (0, 2, qml.CH),
    "SWAP": (0, 2, qml.SWAP),
    "ISWAP": (0, 2, qml.ISWAP),
    "SISWAP": (0, 2, qml.SISWAP),
    "ECR": (0, 2, qml.ECR),
    "Toffoli": (0, 3, qml.Toffoli),
    "CSWAP": (0, 3, qml.CSWAP),
    "CCZ": (0, 3, qml.CCZ),
    "X if neither": (0, 3, lambda wires: qml.MultiControlledX(wires, control_values=[0, 0])),
    "QubitUnitary": (0, 2, lambda wires: qml.QubitUnitary(qml.matrix(qml.SISWAP([0, 1])), wires)),
    "Permute": (0, 3, lambda wires: qml.Permute(wires[::-1], wires)),
    "QFT": (0, 3, qml.QFT),
    "Barrier": (0, 2, qml.Barrier),
    "Identity": (0, 1, qml.Identity),
}


class Circuit:
    """A quantum function with its sizes."""

    def __init__(self, function, qubits=WIRES, shape=(WEIGHTS,), inputs=None):
        self.function, self.qubits, self.shape = function, qubits, shape
        if inputs:
            self.inputs = inputs

    def __call__(self, inputs, weights):
        return self.function(inputs, weights)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (
        (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * math.pi
    ).requires_grad_()


def numbers(*shape, seed=0):
    """Uniform numbers from -1 to 1, of which no gradient is asked."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1


def unitary(side):
    """A matrix without a zero."""
    return torch.linalg.qr(
        torch.randn(side, side, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    )[0].numpy()


class States(TorchDispatchMode):
    """Counts the tensors of at least so many bytes that are made inside it, as many as there are at
    once.
    """

    def __init__(self, bytes):
        super().__init__()
        self.bytes, self.made, self.most = bytes, [], 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        large = [
            one
            for one in pytree.tree_leaves(result)
            if torch.is_tensor(one) and one.untyped_storage().nbytes() >= self.bytes
        ]
        self.made = [one for one in self.made if one() is not None] + [
            weakref.ref(one) for one in large
        ]
        self.most = max(self.most, len({one().untyped_storage().data_ptr() for one in self.made}))
        return result


WORDS = {"X": qml.PauliX, "Y": qml.PauliY, "Z": qml.PauliZ}
KINDS = ("affine", "product", "sine")


def qnode(circuit, x, w):
    """Values (runs, batch, outputs) by PennyLane alone: a QNode on default.qubit, differentiated by
    backpropagation.
    """
    node = qml.QNode(
        circuit,
        qml.device("default.qubit", wires=circuit.qubits),
        interface="torch",
        diff_method="backprop",
    )

    def one(sample, weights):
        values = node(sample, weights)
        return torch.cat(
            [
                value.reshape(-1)
                for value in (values if isinstance(values, (tuple, list)) else [values])
            ]
        )

    return torch.stack(
        [
            torch.stack([one(sample, weights) for sample in batch])
            for batch, weights in zip(x, w, strict=True)
        ]
    )


def slopes(values, x, w):
    """The gradient of a sum of the values with weights that tell the outputs, samples and runs
    apart.
    """
    upstream = (
        torch.linspace(-1, 2, values.numel(), dtype=torch.float64)
        .sin()
        .view(values.shape)
        .to(values)
    )
    if not values.requires_grad:
        return torch.zeros_like(x), torch.zeros_like(w)
    return torch.autograd.grad(
        (values * upstream).sum(), (x, w), allow_unused=True, materialize_grads=True
    )


def values_and_slopes(device, circuit):
    """Outputs of two samples, and gradients of a sum of their squares by inputs and weights."""
    x, w = draw(2, circuit.inputs), draw(*circuit.shape, seed=1)
    values = device.run(circuit)(x, w)
    return values.detach(), *torch.autograd.grad(values.square().sum(), (x, w))


def assert_close(mine, right, tolerance):
    for one, other in zip(mine, right, strict=True):
        torch.testing.assert_close(one, other.to(one.dtype), rtol=0, atol=tolerance)


def random_word(r, qubits):
    wires = r.permutation(qubits)[: r.integers(1, min(qubits, 5) + 1)].tolist()
    return qml.prod(*(WORDS["XYZ"[r.integers(3)]](wire) for wire in wires))


def random_measurement(r, qubits):
    """A word, a sum of words with the identity, or the probabilities of some wires in any order."""
    kind = r.integers(3)
    if kind == 0:
        return qml.expval(random_word(r, qubits))
    if kind == 1:
        return qml.expval(
            qml.Hamiltonian(
                [0.5, -1.5, 0.25], [random_word(r, qubits), random_word(r, qubits), qml.Identity(0)]
            )
        )
    return qml.probs(wires=r.permutation(qubits)[: r.integers(1, min(qubits, 3) + 1)].tolist())


def random_names(number, qubits, gates):
    fitting = [name for name, (_, wires, _) in GATES.items() if wires <= qubits]
    return np.random.default_rng([number, 0]).choice(fitting, gates).tolist()


def random_circuit(number, qubits, gates):
    """A circuit of so many random gates with angles that are affine, or products and sines of
    inputs and weights too.
    """
    kind = KINDS[number % 3]

    def function(inputs, weights):
        r = np.random.default_rng([number, 1])

        def angle():
            a, b, c = r.normal(size=3).tolist()
            x, w = inputs[r.integers(qubits)], weights[r.integers(qubits)]
            chosen = r.integers(5)
            if chosen == 4:
                return {
                    "affine": b * w - c,
                    "product": a * x * w + b,
                    "sine": torch.sin(a * x) + b * w,
                }[kind]
            return [x, w, a * x + b * w + c, torch.tensor(c, dtype=torch.float64)][chosen]

        if number % 2:  # away from states that gates leave alone
            for wire in range(qubits):
                qml.Rot(angle(), angle(), angle(), wire)
        for name in random_names(number, qubits, gates):
            count, wires, gate = GATES[name]
            gate(*(angle() for _ in range(count)), wires=r.permutation(qubits)[:wires].tolist())
        return [random_measurement(r, qubits) for _ in range(3)]

    return Circuit(function, qubits, (qubits,))
