"""Coefficients of a circuit's polynomial by branches, two for each angle of an encoding.

A rotation by t about a word P is cos(t/2) - i sin(t/2) P. So a state is a sum over choices of 1 or
-i P, which are rotations by 0 and by pi, and an output one over pairs of choices.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.simulator.gatewise import Gatewise
from qtlrun.surrogate.frequency import Frequencies, fourier, grid, turn
from qtlrun.tape import pauli
from qtlrun.tape.measurement import Probabilities, count_outputs
from qtlrun.tape.tape import Reading

MAX_PAIRS = 2**24  # of branches, times outputs, of one circuit
ELEMENTS_AT_ONCE = 2**23  # of the same, and of amplitudes


def has_few_branches(reading: Reading, frequencies: Frequencies) -> bool:
    """Whether branches are fewer than terms, their pairs few, and each angle turns one gate."""
    encoding = frequencies.multiples.any(1).nonzero().flatten().tolist()
    angles = [gate.angle for gate in reading.gates if gate.angle is not None]
    pairs = 4 ** len(encoding) * count_outputs(reading.measurements, reading.qubits)
    uses = frequencies.multiples.ne(0).sum(0).tolist()
    sizes = [
        (2 * degree + 1) * 4**use for degree, use in zip(frequencies.degrees, uses, strict=True)
    ]
    are_few = 2 ** len(encoding) <= frequencies.terms and max([pairs, *sizes]) <= MAX_PAIRS
    return are_few and all(angles.count(number) == 1 for number in encoding)


def sum_branches(
    reading: Reading, frequencies: Frequencies, weights: Float[Tensor, "circuits ..."]
) -> Float[Tensor, "circuits terms outputs"]:
    """Coefficients of all products of functions of the variables, at each of several weights."""
    multiples = frequencies.multiples
    owners = [column.nonzero().flatten().tolist() for column in multiples.T]
    encoding = [number for angles in owners for number in angles]
    alone = multiples.new_zeros(len(multiples), len(encoding))
    alone[encoding, range(len(encoding))] = 1
    directions = frequencies.directions.new_zeros(len(encoding), frequencies.directions.shape[1])
    circuit = StatevectorCircuit(Frequencies(directions, alone).apply(reading), "gatewise")
    factors = [
        _pair_functions(multiples[angles, variable], frequencies.degrees[variable])
        for variable, angles in enumerate(owners)
    ]
    choices = grid([torch.tensor([0.0, math.pi], dtype=torch.float64)] * len(encoding))
    width = len(choices) * (2**circuit.qubits + len(choices) * circuit.outputs)
    pieces = weights.split(max(1, ELEMENTS_AT_ONCE // width))
    return torch.cat([_contract(_multiply(circuit, choices, each), factors) for each in pieces])


def _pair_functions(
    multiples: Float[Tensor, " angles"], degree: int
) -> Float[Tensor, "functions branches branches"]:
    """Coefficients of the functions of one variable in the factor of each pair of branches."""
    points = turn(degree)
    factors = points.new_ones(len(points), 1)
    for multiple in multiples:
        half = multiple * points / 2
        factor = torch.stack([half.cos(), half.sin()], 1)
        factors = (factors.unsqueeze(2) * factor.unsqueeze(1)).flatten(1)
    pairs = factors.unsqueeze(2) * factors.unsqueeze(1)
    return torch.tensordot(fourier(degree), pairs, 1)


def _multiply(
    circuit: StatevectorCircuit,
    choices: Float[Tensor, "branches angles"],
    weights: Float[Tensor, "circuits ..."],
) -> Float[Tensor, "circuits outputs branches branches"]:
    """Real part of what each measurement gives between two branches."""
    wires = tuple(range(circuit.qubits))
    reading = circuit.reading
    engine = Gatewise(circuit.gates, wires, reading.affine, circuit.real, circuit.outcomes)
    x, w, *_ = reading.prepare(choices.expand(len(weights), -1, -1), weights)
    states = engine.amplitudes(x, w).unflatten(0, (len(weights), len(choices)))
    products = []
    for outcome in circuit.outcomes:
        if isinstance(outcome, Probabilities):
            for chosen in torch.from_numpy(outcome.indicators(circuit.qubits)).T:
                part = states[:, :, chosen]
                products.append((part.conj() @ part.mT).real)
            continue
        moved = torch.zeros_like(states)
        for weight, word in outcome.terms:
            source, phase = pauli.action(word, circuit.qubits)
            if circuit.real and word.count("Y") % 2:
                continue  # between real amplitudes it is imaginary
            factor = torch.as_tensor(phase.real if circuit.real else phase).to(states.dtype)
            moved = moved + weight * factor * states[:, :, torch.from_numpy(source)]
        products.append((states.conj() @ moved.mT).real)
    return torch.stack(products, 1)


def _contract(
    products: Float[Tensor, "circuits outputs branches branches"], factors: list[Tensor]
) -> Float[Tensor, "circuits terms outputs"]:
    """Sum over pairs of branches, one variable after another.

    factors: of each variable, (functions, branches, branches)
    """
    circuits, outputs = products.shape[:2]
    sizes = [factor.shape[1] for factor in factors]
    values = products.reshape(circuits, outputs, *sizes, *sizes)
    for left, factor in zip(range(len(factors), 0, -1), factors, strict=True):
        values = torch.tensordot(values, factor, ([2, 2 + left], [1, 2]))
    return values.reshape(circuits, outputs, -1).mT
