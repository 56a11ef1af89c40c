"""A circuit of Quantum-Train, forward and backward: a random linear function of all probabilities,
by every angle.

Each way has a process of its own for its time and one for its memory, at the depth and at twice the
depth. Peers are used at their best: lightning's adjoint method, the function as a sparse
observable, beside the probabilities by one execution, as a QNode and (`tape`) with everything but
the simulation done before; default.qubit by backpropagation and by its adjoint method;
tensorcircuit-ng compiled by JAX, which scans the layers (the time that takes stands apart). Before
anything is timed the gradient is compared with one in float64: default.qubit's on few wires, our
own, which lightning's confirms, on many. `python tests/benchmarks/generator.py 13 16` measures one
size; a third number gives the threads.
"""

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from measure import machine, table

from qtlrun.circuit.ring import Ring
from qtlrun.device.statevector import Statevector

CASES = [(13, 16, 1), (19, 38, 1), (19, 38, 2)]  # wires, depth, threads
WAYS = (
    "qtlrun",
    "qtlrun float64",
    "default.qubit backprop",
    "default.qubit adjoint",
    "lightning",
    "lightning tape",
    "jax",
)
LIMIT = 900  # seconds for a way, its compilation included
FEW = 14  # wires up to which default.qubit is the reference
ROUNDS = 5


def main() -> None:
    sizes = [tuple(map(int, [*sys.argv[1:], 1][:3]))] if len(sys.argv) > 1 else CASES
    rows = []
    for qubits, depth, threads in sizes:
        timed = {way: _asked("time", way, qubits, depth, threads) for way in WAYS}
        first = timed["qtlrun"]
        for way, found in timed.items():
            held = [
                _asked("peak", way, qubits, times * depth, threads) if len(found) > 1 else found
                for times in (1, 2)
            ]
            rows.append(
                [
                    f"{qubits}, {depth}",
                    threads,
                    way,
                    *(_row(found, first)),
                    *(one[0] for one in held),
                ]
            )
    table(
        "generator",
        "The ring, forward and backward of a function of all probabilities, milliseconds;"
        f" {machine()}.",
        [
            "wires, depth",
            "threads",
            "by",
            "least",
            "median",
            "ratio of medians",
            "error of the gradient",
            "ready, s",
            "peak MiB",
            "at twice the depth",
        ],
        rows,
    )


def _row(found: list[str], first: list[str]) -> list[str]:
    if len(found) == 1:
        return [found[0], "", "", "", ""]
    least, median, error, ready = map(float, found)
    return [
        f"{least * 1e3:.4g}",
        f"{median * 1e3:.4g}",
        f"{median / float(first[1]):.3g}",
        f"{error:.1e}",
        f"{ready:.1f}",
    ]


def _asked(*asked) -> list[str]:
    """What a process of its own prints, or one word for what ended it."""
    threads = str(asked[-1])
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    if threads == "1":
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, *map(str, asked)],
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return [f"over {LIMIT} s"]
    if done.returncode:
        memory = done.returncode == -9 or "emory" in done.stderr
        return [
            "out of memory" if memory else (done.stderr.strip().splitlines() or ["ended"])[-1][:80]
        ]
    return done.stdout.split()


def _alone(what: str, way: str, qubits: int, depth: int, threads: int) -> None:
    torch.set_num_threads(threads)
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX heeds nothing else
    draw = torch.Generator().manual_seed(0)
    weights = (
        2 * torch.rand(Ring(qubits, depth).shape, generator=draw, dtype=torch.float64) - 1
    ) * torch.pi
    upstream = torch.randn(2**qubits, generator=draw, dtype=torch.float64)
    made = {
        "qtlrun": lambda *given: _own(*given, torch.float32),
        "qtlrun float64": lambda *given: _own(*given, torch.float64),
        "lightning": _lightning,
        "lightning tape": _tape,
        "jax": _jax,
        "default.qubit backprop": lambda *given: _node(*given, "backprop"),
        "default.qubit adjoint": lambda *given: _node(*given, "adjoint"),
    }[way]
    if way.startswith("default.qubit"):  # a clean end where the memory does not suffice
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 7 // 10
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    if what == "peak":
        made(Ring(4, 1), weights[:1, :, :4], upstream[:16])()
        print(f"{_peak(made(Ring(qubits, depth), weights, upstream)):.0f}")
        return
    began = time.perf_counter()
    call = made(Ring(qubits, depth), weights, upstream)
    gradient = torch.as_tensor(np.array(call())).reshape(weights.shape).double()
    ready = time.perf_counter() - began
    right = (
        _node(Ring(qubits, depth), weights, upstream, "backprop")
        if qubits <= FEW
        else _own(Ring(qubits, depth), weights, upstream, torch.float64)
    )().reshape(weights.shape)
    error = float((gradient - right).abs().max() / right.abs().max())
    assert error < 1e-4, f"{way} is wrong"
    seconds = []
    while len(seconds) < ROUNDS and sum(seconds) < LIMIT / 4:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    print(min(seconds), sorted(seconds)[len(seconds) // 2], error, ready)


def _peak(call) -> float:
    """Resident MiB that a call takes beyond what was there when everything was ready for it, looked
    at every millisecond.
    """
    ctypes.CDLL(None).malloc_trim(0)
    page, seen, over = os.sysconf("SC_PAGE_SIZE"), [], threading.Event()

    def look() -> None:
        while not over.wait(0.001):
            seen.append(int(Path("/proc/self/statm").read_text().split()[1]))

    watch = threading.Thread(target=look)
    before = int(Path("/proc/self/statm").read_text().split()[1])
    watch.start()
    call()
    over.set()
    watch.join()
    return (max(seen, default=before) - before) * page / 2**20


def _own(circuit, weights, upstream, dtype):
    weights, upstream = weights[None].to(dtype).requires_grad_(), upstream[None, None].to(dtype)
    run, nothing = Statevector().run(circuit), torch.empty(1, 1, 0, dtype=dtype)
    return lambda: torch.autograd.grad(run(nothing, weights), weights, upstream)[0]


def _node(circuit, weights, upstream, method):
    import pennylane as qml

    node = qml.QNode(
        lambda weights: circuit(None, weights),
        qml.device("default.qubit", wires=circuit.qubits),
        diff_method=method,
    )
    weights = weights.clone().requires_grad_()
    return lambda: torch.autograd.grad(node(weights), weights, upstream)[0]


def _gates(circuit, weights) -> list:
    from qtlrun.tape import reader

    return reader.trace(circuit, None, weights)[0]


def _observable(circuit, upstream):
    import pennylane as qml
    from scipy import sparse

    return qml.SparseHamiltonian(
        sparse.diags(upstream.numpy()).tocsr(), wires=range(circuit.qubits)
    )


def _lightning(circuit, weights, upstream):
    import pennylane as qml

    device, observable = (
        qml.device("lightning.qubit", wires=circuit.qubits),
        _observable(circuit, upstream),
    )
    chances = qml.QNode(lambda weights: circuit(None, weights), device, diff_method=None)

    def function(weights):
        for gate in _gates(circuit, weights):
            qml.apply(gate)
        return qml.expval(observable)

    node, weights = (
        qml.QNode(function, device, diff_method="adjoint"),
        weights.clone().requires_grad_(),
    )

    def call():
        chances(weights.detach())
        return torch.autograd.grad(node(weights), weights)[0]

    return call


def _tape(circuit, weights, upstream):
    import pennylane as qml
    from pennylane.devices import ExecutionConfig

    gates = []
    for layer in weights.tolist():
        for wire, (theta, phi, twist) in enumerate(layer[0]):
            gates += [qml.RZ(twist, wire), qml.RY(theta, wire), qml.RZ(phi, wire)]
        for wire, (theta, phi, twist) in enumerate(layer[1]):
            pair = [wire, (wire + 1) % circuit.qubits]
            gates += [
                qml.CRZ(twist, pair),
                qml.CRY(theta, pair),
                qml.CRZ(phi, pair),
                qml.PhaseShift((phi + twist) / 2, wire),
            ]
    device = qml.device("lightning.qubit", wires=circuit.qubits, c_dtype=np.complex64)
    plain, tape = (
        qml.tape.QuantumScript(gates, [measured])
        for measured in (
            qml.probs(wires=range(circuit.qubits)),
            qml.expval(_observable(circuit, upstream)),
        )
    )
    tape.trainable_params = list(
        range(circuit.depth * circuit.qubits * 7)
    )  # without the observable's
    config = device.setup_execution_config(ExecutionConfig(gradient_method="adjoint"), tape)

    def call():
        device.execute([plain])
        slopes = np.ravel(device.compute_derivatives([tape], config)[0]).reshape(circuit.depth, -1)
        single, controlled = (
            one.reshape(circuit.depth, circuit.qubits, -1)
            for one in np.split(slopes, [3 * circuit.qubits], axis=1)
        )
        controlled = controlled[..., :3] + controlled[..., 3:] * [0.5, 0, 0.5]
        return np.stack([single, controlled], axis=1)[..., [1, 2, 0]]

    return call


def _jax(circuit, weights, upstream):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax
        import tensorcircuit
    tensorcircuit.set_backend("jax")
    tensorcircuit.set_dtype("complex64")
    qubits = circuit.qubits

    def layer(state, angles):
        made = tensorcircuit.Circuit(qubits, inputs=state)
        for wire in range(qubits):
            made.u(wire, theta=angles[0, wire, 0], phi=angles[0, wire, 1], lbd=angles[0, wire, 2])
        for wire in range(qubits):
            made.cu(
                wire,
                (wire + 1) % qubits,
                theta=angles[1, wire, 0],
                phi=angles[1, wire, 1],
                lbd=angles[1, wire, 2],
            )
        return made.state(), None

    def function(weights, upstream):
        state = jax.numpy.zeros(2**qubits, dtype="complex64").at[0].set(1)
        state, _ = jax.lax.scan(layer, state, weights)
        return (abs(state) ** 2 * upstream).sum()

    both = jax.jit(jax.value_and_grad(function))
    weights, upstream = (jax.numpy.asarray(one.float().numpy()) for one in (weights, upstream))
    return lambda: jax.block_until_ready(both(weights, upstream))[1]


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in ("time", "peak"):
        _alone(*sys.argv[1:3], *map(int, sys.argv[3:]))
    else:
        main()
