"""Quantum jumps: noisy circuits on state vectors, each with errors drawn at random."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.simulator.noise import Noise, kraus, stands_behind
from qtlrun.simulator.word import readout_table, transfer_matrix
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate

DAMPING = "amplitude_damping"
# Of I, X, Y, Z: the sign of each letter's expectation value under each Pauli matrix
SIGNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])


class Jumps:
    """Circuit whose values are means over histories of a state with errors drawn at random.

    States are (2**qubits, runs, batch, histories). All channels but amplitude damping are Pauli
    matrices with fixed probabilities. An error of amplitude damping is drawn by its probability in
    the state; that the state is divided by a constant then leaves the gradient right on average.
    Source: Dalibard, Castin and Molmer 1992, doi:10.1103/PhysRevLett.68.580.

    Arguments:
        gates: what acts, in order.
        qubits: the count of wires.
        affine: the angles, in radians, as functions of inputs and weights.
        fed: the angles that depend on the inputs.
        outcomes: what is measured.
        noise: channels, flips and over-rotation.
        histories: over which values are averaged.
        seed: of the errors.
    """

    def __init__(
        self,
        gates: list[Gate],
        qubits: int,
        affine: Affine | Chosen,
        fed: frozenset[int],
        outcomes: list[Value | Probabilities],
        noise: Noise,
        histories: int,
        seed: int,
    ):
        self.qubits = qubits
        self.affine = affine
        self.noise = noise
        self.histories = histories
        self.gates = gates
        self.noisy = [stands_behind(noise, gate, fed) for gate in gates]
        self.words, self.table = readout_table(outcomes, qubits, [noise.reading])
        self.draw = torch.Generator().manual_seed(seed)
        self.probabilities = torch.from_numpy(pauli_probabilities(noise))
        self.on = lru_cache(maxsize=8)(self._on)

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."]
    ) -> Float[Tensor, "runs batch outputs"]:
        terms = self.on(x.dtype, x.device)
        angles = self.affine(x, w).permute(2, 0, 1).unsqueeze(-1)
        half = angles * ((1 + self.noise.over_rotation) / 2)
        shape = 2**self.qubits, *x.shape[:2], self.histories
        state = torch.zeros(shape, dtype=x.dtype.to_complex(), device=x.device)
        state[0] = 1
        for gate, noisy, gate_terms in zip(self.gates, self.noisy, terms, strict=True):
            after = _apply(state, gate_terms)
            if gate.angle is not None:
                after = half[gate.angle].cos() * state + half[gate.angle].sin() * after
            state = after
            for wire in gate.wires if noisy else ():
                state = self._err(state, wire)
        values = [_expectation(state, word) for word in self.words]
        table = torch.as_tensor(self.table[0], dtype=x.dtype, device=x.device)
        return torch.stack(values, -1).mean(2) @ table

    def _err(self, state: Tensor, wire: int) -> Tensor:
        """Errors on a wire after a gate, each history's drawn apart."""
        parts = state.unflatten(0, (2**wire, 2, -1))
        shape = parts.shape[3:]
        if self.probabilities[0] < 1:
            kind = torch.multinomial(
                self.probabilities, shape.numel(), replacement=True, generator=self.draw
            )
            kind = kind.view(shape).to(state.device)
            flips = (kind == 1) | (kind == 2)  # X or Y
            sign = torch.where(kind >= 2, -1.0, 1.0).to(state.real.dtype)  # Y or Z, up to a phase
            parts = torch.where(flips, parts.flip(1), parts)
            parts = torch.stack([parts[:, 0], sign * parts[:, 1]], 1)
        if self.noise.amplitude_damping:
            parts = self._decay(parts)
        return parts.flatten(0, 2)

    def _decay(self, parts: Tensor) -> Tensor:
        """Amplitude damping: 1 jumps to 0, or has shrunk by not having jumped."""
        strength = self.noise.amplitude_damping
        zero, occupied = parts.unbind(1)
        chance = strength * _norm(occupied.detach())
        dice = torch.rand(chance.shape, generator=self.draw, dtype=torch.float64)
        jumps = dice.to(chance.device) * _norm(parts.detach()) < chance
        left = torch.where(jumps, strength**0.5 * occupied, zero)
        right = torch.where(jumps, torch.zeros_like(zero), (1 - strength) ** 0.5 * occupied)
        moved = torch.stack([left, right], 1)
        return moved / _norm(moved.detach()).sqrt()

    @torch.inference_mode(False)
    def _on(self, dtype: torch.dtype, device: torch.device) -> list[list[tuple[Tensor, Tensor]]]:
        """Terms of each gate as tensors."""
        return [_terms_on(gate, self.qubits, dtype.to_complex(), device) for gate in self.gates]


def pauli_probabilities(noise: Noise) -> np.ndarray:
    """Probabilities of I, X, Y and Z that all channels but amplitude damping are."""
    total = np.eye(4)
    for name, strength in noise.channels.items():
        if name != DAMPING:
            total = transfer_matrix(kraus(name, strength)) @ total
    return (SIGNS @ total.diagonal() / 4).clip(0)


def _terms(gate: Gate, qubits: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A gate as sources and factors of amplitudes; of a rotation exp(-i a P / 2) those of -i P."""
    if gate.angle is None:
        return pauli.columns(gate.matrix.numpy(), gate.wires, qubits)
    source, phase = pauli.action(pauli.spread(gate.word, gate.wires, range(qubits)), qubits)
    return [(source, -1j * phase)]


def _terms_on(
    gate: Gate, qubits: int, dtype: torch.dtype, device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """Terms of a gate as tensors."""
    return [_on_device(*term, dtype, device) for term in _terms(gate, qubits)]


def _on_device(
    source: np.ndarray, factor: np.ndarray, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Source and factor as tensors, beside amplitudes (amplitudes, runs, batch, histories)."""
    values = torch.as_tensor(factor, dtype=dtype, device=device)
    return torch.from_numpy(source).to(device), values[:, None, None, None]


def _apply(state: Tensor, terms: list[tuple[Tensor, Tensor]]) -> Tensor:
    return sum(
        (factor * state.index_select(0, source) for source, factor in terms), state.new_zeros(())
    )


def _norm(parts: Tensor) -> Tensor:
    """Squared norm over all amplitudes, (runs, batch, histories)."""
    squares = torch.view_as_real(parts).square().sum(-1)
    return squares.flatten(0, -4).sum(0)


def _expectation(state: Tensor, word: str) -> Float[Tensor, "runs batch histories"]:
    """Expectation value of a word in each state."""
    source, phase = pauli.action(word, len(word))
    factor = torch.as_tensor(phase, device=state.device).to(state.dtype)[:, None, None, None]
    moved = state.index_select(0, torch.from_numpy(source).to(state.device))
    return (state.conj() * factor * moved).sum(0).real
