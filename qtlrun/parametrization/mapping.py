"""Mapping network from a circuit's probabilities and bits of basis states to weights."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from qtlrun.layer import ACTIVATIONS, LANES, Linear, Start, generator
from qtlrun.tape.reader import trace

MIN_PROBABILITY = 1e-20  # below it the slope of its power would have no bound


class Mapping(nn.Module):
    """Network that maps basis bits (-1 and 1) and a scaled probability to each weight.

    The weights of a run have mean 0. The probability p of a basis state of n qubits enters as (.8
    tanh(2**(n - 1) p / 10))**.3 minus the mean over all weights; without a circuit's `run` as 0.
    Source: Liu et al., arXiv:2402.16465, in the constants of their code. What the bits say of a
    weight is then some thirty times what its probability says (13 qubits: sqrt(13) against .115),
    neighbouring weights are nearly equal, and little is learnt; `standard` mends that.

    Arguments:
        count: weights of a run.
        qubits: of the circuit.
        widths: of the hidden layers.
        activation: after each hidden layer.
        start: where start values come from, for each run.
        circuit: whose probabilities enter.
        run: the circuit on its device; None: probabilities enter as 0.
        spread: standard deviation of the angles' normal start, in radians; None: uniform on (-pi,
            pi).
        trained: whether the angles are trained.
        standard: give the scaled probabilities, and all bits together, a deviation of 1.
    """

    fixed: Tensor | None
    bits: Tensor

    def __init__(
        self,
        count: int,
        qubits: int,
        widths: list[int],
        activation: str,
        start: Start,
        circuit,
        run: Callable | None,
        spread: float | None,
        *,
        trained: bool,
        standard: bool,
    ):
        super().__init__()
        self.standard = standard
        # Probabilities of angles that never move.
        self.register_buffer("fixed", None, persistent=False)
        self.circuit = circuit
        self.run = run
        self.qubits = qubits
        self.activation = ACTIVATIONS[activation]
        if run is not None:
            values = (
                start.uniform("generator.angles", circuit.shape, math.pi)
                if spread is None
                else start.normal("generator.angles", circuit.shape, spread)
            )
            self.angles = nn.Parameter(values, requires_grad=trained)
        self.layers = nn.ModuleList(
            Linear(start, f"mapping.{index}", *size)
            for index, size in enumerate(_sizes(qubits, widths))
        )
        index = torch.arange(count).unsqueeze(1) >> torch.arange(qubits).flip(0)
        bits = (2 * (index & 1) - 1).unsqueeze(0) / (math.sqrt(qubits) if standard else 1)
        self.register_buffer("bits", bits.to(start.dtype), persistent=False)

    def forward(
        self, chances: Float[Tensor, "runs states"] | None = None
    ) -> Float[Tensor, "runs weights"]:
        runs = len(next(self.layers.parameters()))
        count = self.bits.shape[1]
        if self.run is None:
            inputs = self.bits.new_zeros(runs, count)
        else:
            chances = self.probabilities() if chances is None else chances
            inputs = scale_probabilities(chances[:, :count], self.qubits)
            if self.standard:
                deviation = inputs.std(-1, correction=0, keepdim=True)
                inputs = inputs / deviation.clamp_min(MIN_PROBABILITY)
        values = torch.cat([self.bits.expand(runs, *self.bits.shape[1:]), inputs.unsqueeze(-1)], -1)
        for layer in self.layers[:-1]:
            values = self.activation(layer(values))
        values = self.layers[-1](values).squeeze(-1)
        return values - values.mean(-1, keepdim=True)

    def probabilities(self) -> Float[Tensor, "runs states"]:
        """Probability of basis states, wire 0 the highest bit; simulated once if no angle moves."""
        if self.angles.requires_grad:
            return self._simulate()
        if self.fixed is None:
            self.fixed = self._simulate()
        return self.fixed

    def _simulate(self) -> Float[Tensor, "runs states"]:
        return self.run(self.angles.new_empty(len(self.angles), 1, 0), self.angles).squeeze(1)

    @torch.no_grad()
    def estimated(self, shots: int, seeds: list[int]) -> Float[Tensor, "runs states"]:
        """Probabilities estimated by so many shots, drawn from each run's seed."""
        exact = self.probabilities().double().cpu().numpy()
        shares = []
        for seed, chances in zip(seeds, exact, strict=True):
            draw = np.random.default_rng(generator(seed, "shots", shots).initial_seed())
            shares.append(draw.multinomial(shots, chances / chances.sum()) / shots)
        return torch.from_numpy(np.stack(shares)).to(self.angles)

    @property
    def gates(self) -> int:
        """Count of the circuit's gates."""
        return len(trace(self.circuit, torch.empty(0), torch.zeros(self.circuit.shape))[0])

    def quiet(self) -> None:
        """Begin at 0 for every weight, as the last layer does."""
        # Its bias too: minus its mean it would leave what is rounded.
        for values in self.layers[-1].parameters():
            nn.init.zeros_(values)

    @staticmethod
    def numbers(qubits: int, widths: list[int]) -> int:
        """Count of a mapping's numbers at these widths."""
        return sum((inputs + 1) * outputs for inputs, outputs in _sizes(qubits, widths))


def scale_probabilities(
    chances: Float[Tensor, "runs weights"], qubits: int
) -> Float[Tensor, "runs weights"]:
    """Probabilities as the mapping takes them: of a size near one, centred."""
    size = chances.shape[-1]
    # Torch's pow takes two lines of memory at once, and rounds a rest otherwise.
    whole = functional.pad(chances, (0, -size % (2 * LANES)))
    squashed = 0.8 * torch.tanh(whole.clamp_min(MIN_PROBABILITY) * (2 ** (qubits - 1) / 10))
    powers = squashed.pow(0.3)[..., :size]
    return powers - powers.mean(-1, keepdim=True)


def _sizes(qubits: int, widths: list[int]) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer."""
    return list(zip([qubits + 1, *widths], [*widths, 1], strict=True))
