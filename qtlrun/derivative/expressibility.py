"""Expressibility and entangling power of a circuit at uniform angles."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64

from qtlrun.derivative.family import Family
from qtlrun.derivative.variance import draw_items
from qtlrun.device import state
from qtlrun.device.state import States
from qtlrun.layer import generator
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

PAIRS = 2000
BINS = 75  # as Sim et al. have them
MAX_AMPLITUDES = 2**18  # simulated at once
MAX_QUBITS = 10
TITLE = "expressibility"

Fidelities = Float64[np.ndarray, " pairs"]


@dataclass(frozen=True)
class Reach:
    """States of a circuit at uniform angles beside Haar-random ones.

    divergence: of pair fidelities from Haar's, in nats; 0 of states that are Haar-random
    chance: that divergence of as many pairs of Haar-random states, mean
    entanglement: Meyer and Wallach's Q, mean over states; 0 of product states, 1 at most
    deviation: of Q between states
    haar_entanglement: mean Q of Haar-random states
    """

    divergence: float
    chance: float
    entanglement: float
    deviation: float
    haar_entanglement: float


def describe_reach(family: Family, seed: int) -> Section:
    """Section on the expressibility and entangling power of the composed circuit."""
    circuit = family.circuit
    if circuit.qubits > MAX_QUBITS:
        words = f"{TITLE}: not told of more than {MAX_QUBITS} qubits; this circuit has"
        return Section(TITLE, pd.DataFrame(), [Note(f"{words} {circuit.qubits}.")], {}, {})
    pairs = draw_pairs(family, seed)
    reach = measure_reach(*pairs, seed=seed)
    frame = pd.DataFrame(
        [
            {"quantity": "expressibility, nats", "circuit": reach.divergence, "Haar": reach.chance},
            {
                "quantity": "entanglement Q",
                "circuit": reach.entanglement,
                "Haar": reach.haar_entanglement,
            },
        ]
    )
    note = Note(
        f"{TITLE}: {family.name} on {circuit.qubits} qubits at uniform angles, {PAIRS} pairs of"
        " states, both of a pair on one item. Expressibility is the Kullback-Leibler divergence of"
        f" their fidelities from those of Haar-random states, in {BINS} bins (Sim et al.,"
        " arXiv:1905.10876): 0 at best, beside it what as many Haar-random pairs give by chance;"
        f" a circuit without angles has {_idle(circuit.qubits):.1f}. Entanglement is Meyer and"
        f" Wallach's Q, {reach.entanglement:.2f} ± {reach.deviation:.2f} over states. Both say what"
        " states the circuit reaches, not what it can learn.",
        f"{TITLE}: divergence from Haar-random states at uniform angles (0 at best,"
        f" {_idle(circuit.qubits):.1f} without angles), and Meyer and Wallach's Q.",
    )
    return Section(TITLE, frame, [note], {"expressibility": frame}, {})


def draw_pairs(family: Family, seed: int, pairs: int = PAIRS) -> tuple[States, States]:
    """States of a circuit on items, each at two draws of uniform angles."""
    circuit = family.circuit
    draw = generator(seed, TITLE, circuit.qubits)
    items = draw_items(circuit, pairs, draw).double().unsqueeze(1)
    sides = []
    for _ in range(2):
        shape = pairs, *circuit.shape
        angles = math.pi * (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1)
        size = max(1, MAX_AMPLITUDES // 2**circuit.qubits)
        chunks = zip(items.split(size), angles.split(size), strict=True)
        sides.append(
            np.concatenate([state.simulate(family.head.run.reading, *each) for each in chunks])
        )
    return sides[0], sides[1]


def measure_reach(first: States, second: States, *, seed: int) -> Reach:
    """Expressibility and entangling power of pairs of states.

    seed: of the Haar-random fidelities beside them
    """
    side = first.shape[1]
    fidelities = np.abs((first.conj() * second).sum(axis=1)) ** 2
    draws = np.random.default_rng(seed).random((20, len(fidelities)))
    chances = [diverge(haar_fidelities(each, side), side) for each in draws]
    q = np.concatenate([state.meyer_wallach(first), state.meyer_wallach(second)])
    haar_q = (side - 2) / (side + 1)
    return Reach(
        diverge(fidelities, side), float(np.mean(chances)), float(q.mean()), float(q.std()), haar_q
    )


def diverge(fidelities: Fidelities, side: int) -> float:
    """Kullback-Leibler divergence of fidelities from Haar's, in nats.

    side: amplitudes of a state
    """
    edges = np.linspace(0, 1, BINS + 1)
    counts, _ = np.histogram(np.clip(fidelities, 0, 1), edges)
    shares = counts / counts.sum()
    present = shares > 0
    logs = _log_haar(edges, side)[present]
    return float((shares[present] * (np.log(shares[present]) - logs)).sum())


def haar_fidelities(uniform: Fidelities, side: int) -> Fidelities:
    """Fidelities of Haar-random pairs, of uniform numbers from 0 to 1."""
    return 1 - uniform ** (1 / (side - 1))


def _log_haar(edges: Float64[np.ndarray, " edges"], side: int) -> Float64[np.ndarray, " bins"]:
    """Logarithm of the share of Haar-random fidelities between edges.

    The density is (side - 1) (1 - F)^(side - 2).
    """
    with np.errstate(divide="ignore"):
        logs = (side - 1) * np.log1p(-edges)
        return logs[:-1] + np.log1p(-np.exp(logs[1:] - logs[:-1]))


def _idle(qubits: int) -> float:
    """Divergence of a circuit whose states are all the same."""
    return (2**qubits - 1) * math.log(BINS)
