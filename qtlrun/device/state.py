"""States that a circuit makes of items, and how entangled they are."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex, Float64
from torch import Tensor

from qtlrun.tape.tape import Gate, Reading

States = Complex[np.ndarray, "items amplitudes"]
DIGITS = 12  # of a purity; amplitudes are rounded beyond
PerItem = Float64[np.ndarray, " items"]


def simulate(reading: Reading, inputs: Tensor, weights: Tensor) -> States:
    """Amplitudes of each item, by PennyLane's default.qubit; wire 0 is the first bit.

    inputs, weights: (runs, items, inputs) and (runs, *shape); the items of a run stand in a row
    """
    import pennylane as qml

    from qtlrun.device import script

    inputs = inputs.detach().cpu().double()
    weights = weights.detach().cpu().double()
    angles = reading.angles(inputs, weights).flatten(0, 1).numpy()
    matrices = [each.flatten(0, 1).numpy() for each in reading.prepare(inputs, weights)[2:]]
    bare = dataclasses.replace(reading, measurements=[qml.state()])
    tape = script.build_tape(bare, list(angles.T), None, matrices)
    starts = [
        qml.StatePrep(start.amplitudes(inputs, weights).flatten(0, 1).numpy(), start.wires)
        for start in reading.starts
    ]
    tape = qml.tape.QuantumScript(starts + tape.operations, tape.measurements)
    device = qml.device("default.qubit", wires=reading.qubits)
    (states,) = qml.execute([tape], device, diff_method=None)
    return np.broadcast_to(states, (len(angles), 2**reading.qubits))


def embedding(reading: Reading) -> Reading | None:
    """The circuit up to the last gate that an input moves; None where a weight moves one before."""
    fed = [number for number, gate in enumerate(reading.gates) if _is_fed(gate, reading)]
    gates = reading.gates[: max(fed, default=-1) + 1]
    if any(gate.moving is not None or gate.angle in reading.trained for gate in gates):
        return None
    return dataclasses.replace(reading, gates=gates)


def _is_fed(gate: Gate, reading: Reading) -> bool:
    """Whether an input may move a gate."""
    return gate.moving is not None or gate.angle in reading.fed


def count_wires(states: States) -> int:
    """Count the wires of states."""
    return states.shape[1].bit_length() - 1


def purity(states: States, wires: Sequence[int]) -> PerItem:
    """Purity of the reduced state of some wires, trace(rho^2): 1 where nothing entangles them."""
    count = count_wires(states)
    rest = [wire for wire in range(count) if wire not in wires]
    order = [0, *(1 + wire for wire in (*wires, *rest))]
    parts = states.reshape(-1, *[2] * count).transpose(order)
    parts = parts.reshape(len(states), 2 ** len(wires), -1)
    reduced = parts @ parts.conj().transpose(0, 2, 1)
    return (np.abs(reduced) ** 2).sum((1, 2)).round(DIGITS)


def meyer_wallach(states: States) -> PerItem:
    """Global entanglement Q of Meyer and Wallach, 0 of a product state to 1.

    Source: arXiv:quant-ph/0108104, in Brennen's form: twice what the wires' mean purity lacks to 1.
    """
    purities = [purity(states, [wire]) for wire in range(count_wires(states))]
    return 2 * (1 - np.mean(purities, axis=0))
