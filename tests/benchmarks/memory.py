"""Peak memory of a forward and backward pass, each way in a process of its own, above what it holds
after a small one.
"""

import resource
import subprocess
import sys

import pennylane as qml
import torch
from measure import machine, table

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector

CASES = [
    ("qtlrun", 16, 6, 8),
    ("qtlrun", 16, 24, 8),
    ("broadcast", 16, 6, 8),
]  # by, wires, depth, batch


def main() -> None:
    rows = []
    for case in CASES:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, *map(str, case)],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append([*case, float(done.stdout)])
    first = rows[0][-1]
    table(
        "memory",
        f"Peak memory of the dressed circuit, float32, MiB; {machine()}.",
        ["by", "wires", "depth", "batch", "MiB", "ratio"],
        [[*row[:-1], f"{row[-1]:.0f}", f"{row[-1] / first:.3g}"] for row in rows],
    )


def peak(by: str, qubits: int, depth: int, batch: int) -> float:
    """Peak resident MiB that the pass adds."""
    torch.set_num_threads(1)
    _pass(by, 8, depth, batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _pass(by, qubits, depth, batch)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _pass(by: str, qubits: int, depth: int, batch: int) -> None:
    circuit = Dressed(qubits, depth)
    x, w = (
        torch.rand(1, batch, qubits, requires_grad=True),
        torch.rand(1, depth, qubits, requires_grad=True),
    )
    if by == "qtlrun":
        values = Statevector().run(circuit)(x, w)
    else:
        node = qml.QNode(
            circuit,
            qml.device("default.qubit", wires=qubits),
            diff_method="backprop",
        )
        values = torch.stack(node(x[0].T, w[0]))
    values.sum().backward()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(peak(sys.argv[1], *map(int, sys.argv[2:])))
    else:
        main()
