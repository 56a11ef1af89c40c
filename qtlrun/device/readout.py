"""Measurements of a state of many amplitudes, and their gradient by the amplitudes."""
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.device import pauli
from qtlrun.device.measure import Probabilities, Value
from qtlrun.layer import LANES


class Readout:
    """Outcomes of states (samples, amplitudes): products of Z by signs of either half of the wires, other words by moving amplitudes."""

    def __init__(self, outcomes: list[Value | Probabilities], qubits: int, real: bool):
        self.qubits, self.real = qubits, real
        self.outputs = sum(outcome.outputs for outcome in outcomes)
        self.signs, self.moved, self.shares, at = [], [], [], 0
        for outcome in outcomes:
            if isinstance(outcome, Probabilities):
                self.shares.append((slice(at, at + outcome.outputs), outcome.wires))
            else:
                for weight, word in outcome.words:
                    if not set(word) & set("XY"):
                        self.signs.append((at, weight, word))
                    elif not (real and word.count("Y") % 2):  # such a word has the value 0 in real amplitudes
                        self.moved.append((at, weight, word))
            at += outcome.outputs

    def on(self, dtype: torch.dtype, device: torch.device) -> "Values":
        """The same for amplitudes of this dtype."""
        return Values(self, dtype, device)


class Values:
    """The constants of a `Readout` as tensors; gives values, and the gradient by the amplitudes."""

    def __init__(self, of: Readout, dtype: torch.dtype, device: torch.device):
        self.of, real = of, dtype.to_real()
        half = of.qubits // 2
        count = -(-len(of.signs) // LANES) * LANES
        upper, lower, weights = np.zeros((2**half, count)), np.zeros((2**(of.qubits - half), count)), np.zeros((count, of.outputs))
        for number, (at, weight, word) in enumerate(of.signs):
            upper[:, number], lower[:, number] = (pauli.action(part, len(part))[1].real for part in (word[:half], word[half:]))
            weights[number, at] = weight
        self.upper, self.lower, self.weights = (torch.as_tensor(one, dtype=real, device=device) for one in (upper, lower, weights))
        self.moved = []
        for at, weight, word in of.moved:
            source, phase = pauli.action(word, of.qubits)
            phase = weight * (phase if dtype.is_complex else phase.real)
            self.moved.append((at, torch.from_numpy(source).to(device), torch.as_tensor(phase, dtype=dtype, device=device)))

    def values(self, state: Tensor) -> Float[Tensor, "samples outputs"]:
        """What is measured on each state."""
        values = torch.zeros(len(state), self.of.outputs, dtype=self.weights.dtype, device=state.device)
        if self.of.signs or self.of.shares:
            seen = state.square() if self.of.real else torch.view_as_real(state).square().sum(-1)
        if self.of.signs:
            words = (torch.matmul(seen.view(len(state), len(self.upper), -1), self.lower) * self.upper).sum(1)
            values = words @ self.weights
        for place, wires in self.of.shares:
            values[:, place] += pauli.marginal(seen, wires, self.of.qubits)
        for at, source, phase in self.moved:
            values[:, at] += (state.conj() * phase * state.index_select(1, source)).sum(-1).real
        return values

    def pull(self, upstream: Float[Tensor, "samples outputs"], state: Tensor) -> Tensor:
        """The gradient by the amplitudes."""
        slopes = torch.zeros_like(state)
        if self.of.signs:
            words = (upstream @ self.weights.T).unsqueeze(1) * self.upper
            slopes = torch.matmul(2 * words, self.lower.T).flatten(1) * state
        for place, wires in self.of.shares:
            slopes = slopes + 2 * pauli.unmarginal(upstream[:, place], wires, self.of.qubits) * state
        for at, source, phase in self.moved:
            slopes = slopes + 2 * upstream[:, at, None] * phase * state.index_select(1, source)
        return slopes
