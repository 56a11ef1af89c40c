"""One forward and backward pass of a circuit by qtlrun's simulator and by its peers, interleaved in
one process.

Peers are used at their best: PennyLane's broadcasting beside the loop that calls a QNode for each
sample, lightning's adjoint method for the whole batch and from 16 wires its vector-Jacobian
product, tensorcircuit-ng compiled by JAX (the time that takes stands apart). Every one agrees to
four digits, before it is timed, with default.qubit in float64, or from 12 wires with
lightning.qubit, where default.qubit would take too much memory.
"""

import time
import warnings

import numpy as np
import pennylane as qml
import torch
from measure import interleaved, machine, table

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jax
    import tensorcircuit

# Wires from which lightning takes its vector-Jacobian product, and no loop or broadcasting is
# waited for
WIDE = 16


class Entangling:
    """AngleEmbedding and StronglyEntanglingLayers."""

    def __init__(self, qubits: int, depth: int):
        self.qubits, self.depth, self.shape = qubits, depth, (depth, qubits, 3)

    def __call__(self, inputs, weights):
        for wire in range(self.qubits):
            qml.RX(inputs[wire], wire)
        qml.StronglyEntanglingLayers(weights, range(self.qubits))
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]


class Reuploading:
    """Every layer turns by an input times a weight plus a weight, and by a weight; CNOTs around the
    ring.
    """

    def __init__(self, qubits: int, depth: int):
        self.qubits, self.depth, self.shape = qubits, depth, (depth, qubits, 3)

    def __call__(self, inputs, weights):
        for layer in weights:
            for wire in range(self.qubits):
                qml.RY(layer[wire][0] * inputs[wire] + layer[wire][1], wire)
                qml.RZ(layer[wire][2], wire)
            for wire in range(self.qubits):
                qml.CNOT([wire, (wire + 1) % self.qubits])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]


CASES = [  # circuit, (qubits, depth, batch), peers
    (Dressed, (4, 6, 4), ("loop", "broadcast", "lightning", "jax")),
    (Dressed, (4, 6, 32), ("loop", "broadcast", "lightning", "jax")),
    (Dressed, (4, 6, 256), ("loop", "broadcast", "lightning", "jax")),
    (Dressed, (8, 6, 4), ("lightning", "jax")),
    (Dressed, (8, 6, 32), ("broadcast", "lightning", "jax")),
    (Dressed, (10, 6, 32), ("broadcast", "lightning", "jax")),
    (Dressed, (12, 6, 32), ("broadcast", "lightning")),
    (Dressed, (16, 6, 8), ("lightning",)),
    (Dressed, (20, 4, 2), ("lightning",)),
    (Entangling, (8, 4, 32), ("broadcast", "lightning")),
    (Reuploading, (4, 6, 32), ("broadcast", "lightning")),
    (Reuploading, (8, 6, 32), ("broadcast", "lightning")),
]


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for kind, size, peers in CASES:
        rows += _case(kind, *size, peers)
    table(
        "circuit",
        f"Forward and backward pass, float32, milliseconds; {machine()}.",
        [
            "circuit",
            "wires, depth, batch",
            "by",
            "least",
            "median",
            "ratio of medians",
            "of least",
            "compiled, s",
        ],
        rows,
    )
    _shots()


def _case(kind: type, qubits: int, depth: int, batch: int, peers: tuple[str, ...]) -> list[list]:
    circuit = kind(qubits, depth)
    draw = torch.Generator().manual_seed(0)
    x = (torch.rand(batch, qubits, generator=draw) * 3 - 1.5).requires_grad_()
    w = (torch.rand(circuit.shape, generator=draw) * 6 - 3).requires_grad_()
    made = {
        "qtlrun": _own,
        "loop": _loop,
        "broadcast": _broadcast,
        "lightning": _lightning,
        "jax": _jax,
    }
    methods, compiled = {}, {}
    right = _by_torch(
        _double(circuit), x.detach().double().requires_grad_(), w.detach().double().requires_grad_()
    )()
    for name in ("qtlrun", *peers):
        began = time.perf_counter()
        methods[name] = made[name](circuit, x, w)
        gradients = [torch.as_tensor(np.asarray(one)) for one in methods[name]()]
        compiled[name] = f"{time.perf_counter() - began:.1f}" if name in ("qtlrun", "jax") else ""
        for mine, one in zip(gradients, right, strict=True):
            assert (mine.view_as(one).double() - one).abs().max() < 1e-4 * one.abs().max(), (
                f"{name} is wrong"
            )
    seconds = interleaved(methods)
    label = kind.__name__.lower()
    return [
        [
            label,
            f"{qubits}, {depth}, {batch}",
            name,
            f"{least * 1e3:.3f}",
            f"{middle * 1e3:.3f}",
            f"{middle / seconds['qtlrun'][1]:.3g}",
            f"{least / seconds['qtlrun'][0]:.3g}",
            compiled[name],
        ]
        for name, (least, middle) in seconds.items()
    ]


def _by_torch(function, x, w):
    return lambda: torch.autograd.grad(function(x, w).sum(), (x, w))


def _own(circuit, x, w):
    x, w = (
        one.detach().unsqueeze(0).requires_grad_() for one in (x, w)
    )  # one run, as heads call it
    run = Statevector().run(circuit)
    return _by_torch(run, x, w)


def _double(circuit):
    """The reference: default.qubit in float64, or from many wires lightning.qubit, which rounds to
    float32.
    """
    if circuit.qubits < 12:
        return _node(circuit, "default.qubit", "backprop")
    return _node(circuit, "lightning.qubit", "adjoint", device_vjp=True)


def _node(circuit, name: str, method: str, **options):
    node = qml.QNode(
        circuit,
        qml.device(name, wires=circuit.qubits),
        diff_method=method,
        **options,
    )
    return lambda x, w: torch.stack(node(x.T, w), dim=-1)


def _loop(circuit, x, w):
    node = qml.QNode(
        circuit,
        qml.device("default.qubit", wires=circuit.qubits),
        diff_method="backprop",
    )
    return _by_torch(lambda x, w: torch.stack([torch.stack(node(sample, w)) for sample in x]), x, w)


def _broadcast(circuit, x, w):
    return _by_torch(_node(circuit, "default.qubit", "backprop"), x, w)


def _lightning(circuit, x, w):
    options = {"device_vjp": True} if circuit.qubits >= WIDE else {}
    return _by_torch(_node(circuit, "lightning.qubit", "adjoint", **options), x, w)


def _jax(circuit, x, w):
    """The dressed circuit in tensorcircuit-ng, compiled with its gradient for the whole batch."""
    tensorcircuit.set_backend("jax")

    def one(inputs, weights):
        made = tensorcircuit.Circuit(circuit.qubits)
        for wire in range(circuit.qubits):
            made.h(wire)
            made.ry(wire, theta=inputs[wire])
        for layer in range(circuit.depth):
            for first in (0, 1):
                for wire in range(first, circuit.qubits - 1, 2):
                    made.cnot(wire, wire + 1)
            for wire in range(circuit.qubits):
                made.ry(wire, theta=weights[layer, wire])
        return sum(made.expectation_ps(z=[wire]).real for wire in range(circuit.qubits))

    gradient = jax.jit(
        jax.grad(
            lambda inputs, weights: jax.vmap(one, (0, None))(inputs, weights).sum(), argnums=(0, 1)
        )
    )
    given = [jax.numpy.asarray(value.detach().numpy()) for value in (x, w)]
    return lambda: jax.block_until_ready(gradient(*given))


def _shots(qubits: int = 4, depth: int = 6, batch: int = 32, shots: int = 1000) -> None:
    circuit = Dressed(qubits, depth)
    x, w = torch.rand(1, batch, qubits) * 3, torch.rand(1, *circuit.shape) * 6
    run = Statevector(shots=shots, seed=1).run(circuit)
    node = qml.set_shots(
        qml.QNode(
            circuit,
            qml.device("default.qubit", wires=qubits, seed=1),
        ),
        shots,
    )
    exact = Statevector().run(circuit)(x, w)
    methods = {
        "qtlrun": lambda: run(x, w),
        "broadcast": lambda: np.stack(node(x[0].T.numpy(), w[0].numpy()), -1),
    }
    for name, method in methods.items():
        assert abs(torch.as_tensor(method()) - exact).max() < 6 / shots**0.5, f"{name} is wrong"
    seconds = interleaved(methods)
    table(
        "shots",
        f"{shots} shots of the dressed circuit {qubits}, {depth}, batch {batch}, forward,"
        f" milliseconds; {machine()}.",
        ["by", "least", "median", "ratio of medians"],
        [
            [
                name,
                f"{least * 1e3:.3f}",
                f"{middle * 1e3:.3f}",
                f"{middle / seconds['qtlrun'][1]:.3g}",
            ]
            for name, (least, middle) in seconds.items()
        ],
    )


if __name__ == "__main__":
    main()
