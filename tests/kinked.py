"""Random circuits whose angles are kinked, jumping and smooth expressions of inputs and weights."""

import numpy as np
import pennylane as qml
import torch
from circuits import Circuit, qnode, slopes

from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.tape import reader

SMOOTH = {
    "sin": torch.sin,
    "square": torch.square,
    "exp": lambda z: torch.exp(z / 4),
    "tanh": torch.tanh,
    "cube": lambda z: z**3 / 8,
    "norm": lambda z: torch.sqrt(z * z + 0.1),
}
KINKED = {
    "abs": torch.abs,
    "relu": lambda z: torch.relu(z - 1.2),
    "relu below": lambda z: torch.relu(-1.5 - z),
    "small threshold": lambda z: torch.relu(0.01 - z.abs()) * 50,
    "round": torch.round,
    "floor": lambda z: torch.floor(z * 2) / 2,
    "sign": torch.sign,
    "clamp": lambda z: z.clamp(-0.5, 0.7),
    "where": lambda z: torch.where(z > 1.54, z, -z),
    "mask": lambda z: z * (z > 0.005),
    "detached": lambda z: z * z.detach(),
    "integer": lambda z: z.to(torch.int64).to(z.dtype) * 0.3,
    "modulo": lambda z: z % 1,
    "maximum": lambda z: torch.maximum(z, torch.tensor(0.3, dtype=z.dtype)),
    "number": lambda z: torch.tensor(float(z.detach()) * 0.7, dtype=torch.float64),
    "branch": lambda z: z if z > 1.54 else z * 0.5,
    "array": lambda z: torch.as_tensor(np.sin(z.detach().numpy())),
    "hard": torch.nn.functional.hardtanh,
}
GATES = {
    "RX": (1, 1, qml.RX),
    "RY": (1, 1, qml.RY),
    "RZ": (1, 1, qml.RZ),
    "Rot": (3, 1, qml.Rot),
    "CRY": (1, 2, qml.CRY),
    "IsingXX": (1, 2, qml.IsingXX),
    "CRot": (3, 2, qml.CRot),
    "PhaseShift": (1, 1, qml.PhaseShift),
    "H": (0, 1, qml.Hadamard),
    "SingleExcitation": (1, 2, qml.SingleExcitation),
    "CNOT": (0, 2, qml.CNOT),
    "S": (0, 1, qml.S),
    "matrix": (1, 1, lambda a, wires: qml.QubitUnitary(qml.matrix(qml.RX(a, 0)), wires)),
}


def expression(r, inputs, weights, depth=2):
    """An angle: an element, or sums, products and functions of such."""
    elements = [*inputs, *weights]
    kind = r.integers(6) if depth else 0
    if kind < 2 or not elements:
        element = (
            elements[r.integers(len(elements))]
            if elements
            else torch.tensor(0.4, dtype=torch.float64)
        )
        return element * float(r.normal()) if kind else element
    one = expression(r, inputs, weights, depth - 1)
    if kind == 2:
        return one + expression(r, inputs, weights, depth - 1) * float(r.normal()) + 0.3
    if kind == 3:
        return one * expression(r, inputs, weights, depth - 1)
    chosen = [SMOOTH, KINKED][kind - 4]
    names = list(chosen)
    return chosen[names[r.integers(len(names))]](one)


def circuit(number, qubits, features, gates=8):
    """One of them; without features it takes weights alone."""
    names = list(
        np.random.default_rng([number, 0]).choice(list(GATES)[: len(GATES) - number % 2], gates)
    )

    def function(inputs, weights):
        r = np.random.default_rng([number, 1])
        for wire in range(qubits):
            qml.RY(0.4 + 0.1 * wire, wire)
        for name in names:
            count, wires, gate = GATES[name]
            angles = [expression(r, list(inputs), list(weights)) for _ in range(count)]
            gate(*angles, wires=r.permutation(qubits)[:wires].tolist())
        return [qml.expval(qml.Z(wire)) for wire in range(qubits)] + [
            qml.expval(qml.X(0) @ qml.Y(1))
        ]

    made = Circuit(function, qubits, (3,))
    made.inputs = features
    return made


def points(number, features):
    """Inputs (1, batch, features) and weights (runs, 3): at random, near zero as trainings begin,
    and large.
    """
    r = np.random.default_rng([number, 2])
    x = r.uniform(-1.57, 1.57, (1, 2, features)) * r.choice([0.02, 1, 1, 2])
    w = r.normal(size=(1, 3)) * r.choice([0.01, 1, 3])
    return torch.from_numpy(x).requires_grad_(), torch.from_numpy(w).requires_grad_()


def runs(number, features, circuit):
    """What runs the circuit: every engine that takes it, on one reading, and PennyLane's devices
    for each fourth.
    """
    reading = reader.read(circuit, embed=True)
    names = ["dense", "grouped", "gatewise", "auto"] + ([] if features else ["fused"])
    made = {name: lambda name=name: StatevectorCircuit(reading, name) for name in names}
    if number % 4 == 0:
        made |= {
            name: lambda name=name: PennyLane(name).run(circuit)
            for name in ("default.qubit", "lightning.qubit")
        }
    return made


def outcomes(number):
    """What each device makes of a circuit: equal, refused, or differs with by how much in values
    and gradients.
    """
    qubits = 2 + number % 4
    features = (0 if number % 2 else qubits) if number % 3 else 3
    drawn, (x, w) = circuit(number, qubits, features), points(number, features)
    right = qnode(drawn, x, w)
    right_slopes = slopes(right, x, w)
    found = {}
    for name, ready in runs(number, features, drawn).items():
        try:
            values = ready()(x, w)
        except ValueError as refusal:
            found[name] = f"refused: {refusal}"
            continue
        pairs = [
            (values, right, 1e-9),
            *zip(slopes(values, x, w), right_slopes, (1e-7, 1e-7), strict=True),
        ]
        off = [
            float((mine - its)[its.isfinite()].abs().max()) if its.numel() else 0
            for mine, its, _ in pairs
        ]
        right_everywhere = all(
            difference < most for difference, (*_, most) in zip(off, pairs, strict=True)
        )
        found[name] = "equal" if right_everywhere else f"differs: {off}"
    return found
