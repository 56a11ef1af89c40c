"""Gate-by-gate simulation in plain torch: slow, and differentiable as often as wanted."""

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate


class Gatewise:
    """Circuit as rotations and constants on amplitudes (samples, amplitudes), in sequence."""

    def __init__(
        self,
        gates: list[Gate],
        wires: tuple[int, ...],
        affine: Affine | Chosen,
        real: bool,
        outcomes: list,
    ):
        self.qubits = len(wires)
        self.affine = affine
        self.real = real
        self.outcomes = outcomes
        self.gates = gates
        self.actions = [_action(gate, len(wires)) for gate in gates]
        self.on = lru_cache(maxsize=8)(self._on)

    def __call__(
        self,
        x: Float[Tensor, "runs batch features"],
        w: Float[Tensor, "runs ..."],
        start: Tensor | None = None,
        matrices: Sequence[Tensor] = (),
    ) -> Float[Tensor, "runs batch outputs"]:
        state = self.amplitudes(x, w, start, matrices)
        values = [
            value
            for outcome in self.outcomes
            for value in _values(state, outcome, self.qubits, self.real)
        ]
        return torch.stack(values, dim=-1).unflatten(0, x.shape[:2])

    def amplitudes(
        self,
        x: Float[Tensor, "runs batch features"],
        w: Float[Tensor, "runs ..."],
        start: Tensor | None = None,
        matrices: Sequence[Tensor] = (),
    ) -> Tensor:
        """State of each sample of all runs in a row, (samples, amplitudes)."""
        half = self.affine(x, w).flatten(0, 1) / 2
        cosines = half.cos().unsqueeze(-1)
        sines = half.sin().unsqueeze(-1)
        dtype = x.dtype if self.real else x.dtype.to_complex()
        matrices = [matrix.flatten(0, 1).to(dtype) for matrix in matrices]
        if start is None:
            state = torch.zeros(half.shape[0], 2**self.qubits, dtype=dtype, device=x.device)
            state[:, 0] = 1
        else:
            state = start.flatten(0, 1)
        for gate, terms in zip(self.gates, self.on(dtype, x.device), strict=True):
            if gate.moving is not None:
                matrix = matrices[gate.moving]
                terms = [(source, _column(matrix, *elements)) for source, elements in terms]
            after = _apply(state, terms)
            if gate.angle is not None:
                after = cosines[:, gate.angle] * state + sines[:, gate.angle] * after
            state = after
        return state

    @torch.inference_mode(False)
    def _on(self, dtype: torch.dtype, device: torch.device) -> list[list[tuple]]:
        """Each gate's terms with their arrays as tensors."""

        def on_device(source: np.ndarray, factor: np.ndarray | tuple) -> tuple:
            index = torch.from_numpy(source).to(device)
            if isinstance(factor, tuple):
                return index, factor  # of a moving matrix: which elements
            values = np.ascontiguousarray(factor if dtype.is_complex else factor.real)
            return index, torch.as_tensor(values, dtype=dtype, device=device)

        return [list(itertools.starmap(on_device, terms)) for terms in self.actions]


def _action(gate: Gate, qubits: int) -> list[tuple]:
    """A gate as terms (source, factor): (O psi)[k] = sum of factor[k] psi[source[k]].

    Of a rotation exp(-i a P / 2) those of -i P; of a moving matrix the factor is where its elements
    stand, (rows, column).
    """
    if gate.angle is not None:
        source, phase = pauli.action(pauli.spread(gate.word, gate.wires, range(qubits)), qubits)
        return [(source, -1j * phase)]
    if gate.moving is not None:
        return pauli.sources(gate.wires, qubits)
    matrix = pauli.without_phase(gate.matrix.numpy())
    if pauli.monomial(gate.matrix):
        return [pauli.permutation([gate], qubits)]
    return pauli.columns(matrix, gate.wires, qubits)


def _apply(state: Tensor, terms: list[tuple[Tensor, Tensor]]) -> Tensor:
    return sum(
        (factor * state.index_select(1, source) for source, factor in terms), state.new_zeros(())
    )


def _column(matrix: Tensor, rows: np.ndarray, column: int) -> Tensor:
    """The element of a column of each sample's matrix that each basis state takes.

    (samples, 2**qubits).
    """
    return matrix[:, :, column].index_select(1, torch.from_numpy(rows).to(matrix.device))


def _values(state: Tensor, outcome: Value | Probabilities, qubits: int, real: bool) -> list[Tensor]:
    """The numbers that one measurement gives, each (samples,)."""
    if isinstance(outcome, Probabilities):
        return list(pauli.marginal((state.conj() * state).real, outcome.wires, qubits).unbind(1))
    total = torch.zeros_like(state[:, 0].real)
    for weight, word in outcome.terms:
        if real and word.count("Y") % 2:
            continue  # its expectation value in real amplitudes is 0
        source, phase = pauli.action(word, qubits)
        factor = torch.as_tensor(phase.real if real else phase, device=state.device).to(state.dtype)
        moved = state[:, torch.from_numpy(source).to(state.device)]
        total = total + weight * (state.conj() * factor * moved).sum(-1).real
    return [total]
