"""Random circuits, and what PennyLane's reference simulator gives for any circuit."""

import numpy as np
import pennylane as qml
import torch
from test_reader import GATES, Circuit

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
