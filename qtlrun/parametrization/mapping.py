"""A circuit's probabilities and the bits of their basis states, through a network, to weights."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from qtlrun.layer import ACTIVATIONS, LANES, Linear, Start, generator
from qtlrun.tape.reader import trace

LEAST = 1e-20  # a probability; below it the slope of its power would have no bound


class Mapping(nn.Module):
    """Maps each weight's (basis bits as -1 and 1, scaled probability) to one number; the numbers of
    a run have mean 0.

    The probability p of a basis state of n qubits enters as (.8 tanh(2**(n - 1) p / 10))**.3 minus
    the mean over all weights; without a circuit's `run` as 0. Source: Liu et al., arXiv:2402.16465,
    in the constants of their code. What the bits say of a weight is then some thirty times what its
    probability says (13 qubits: sqrt(13) against .115), neighbouring weights are nearly equal, and
    little is learnt; `standard` gives the scaled probabilities, and all bits together, a deviation
    of 1.
    """

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
        self.register_buffer(
            "still", None, persistent=False
        )  # probabilities of angles that never move
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
            Linear(start, f"mapping.{place}", *size)
            for place, size in enumerate(_sizes(qubits, widths))
        )
        index = torch.arange(count).unsqueeze(1) >> torch.arange(qubits).flip(0)
        bits = (2 * (index & 1) - 1).unsqueeze(0) / (math.sqrt(qubits) if standard else 1)
        self.register_buffer("bits", bits.to(start.dtype), persistent=False)

    def forward(
        self, chances: Float[Tensor, "runs states"] | None = None
    ) -> Float[Tensor, "runs weights"]:
        runs = len(self.layers[0].weight)
        if self.run is None:
            given = self.bits.new_zeros(runs, self.bits.shape[1])
        else:
            given = scaled(
                (self.probabilities() if chances is None else chances)[:, : self.bits.shape[1]],
                self.qubits,
            )
            given = (
                given / given.std(-1, correction=0, keepdim=True).clamp_min(LEAST)
                if self.standard
                else given
            )
        values = torch.cat([self.bits.expand(runs, *self.bits.shape[1:]), given.unsqueeze(-1)], -1)
        for layer in self.layers[:-1]:
            values = self.activation(layer(values))
        values = self.layers[-1](values).squeeze(-1)
        return values - values.mean(-1, keepdim=True)

    def probabilities(self) -> Float[Tensor, "runs states"]:
        """Probability of basis states, wire 0 the highest bit; simulated once if no angle moves."""
        if self.angles.requires_grad:
            return self._simulated()
        if self.still is None:
            self.still = self._simulated()
        return self.still

    def _simulated(self) -> Float[Tensor, "runs states"]:
        return self.run(self.angles.new_empty(len(self.angles), 1, 0), self.angles).squeeze(1)

    @torch.no_grad()
    def estimated(self, shots: int, seeds: list[int]) -> Float[Tensor, "runs states"]:
        """The probabilities as so many shots find them, drawn from each run's seed."""
        exact = self.probabilities().double().cpu().numpy()
        found = [
            np.random.default_rng(generator(seed, "shots", shots).initial_seed()).multinomial(
                shots, one / one.sum()
            )
            / shots
            for seed, one in zip(seeds, exact, strict=True)
        ]
        return torch.from_numpy(np.stack(found)).to(self.angles)

    @property
    def gates(self) -> int:
        """How many gates the circuit has."""
        return len(trace(self.circuit, torch.empty(0), torch.zeros(self.circuit.shape))[0])

    def quiet(self) -> None:
        """Begin at 0 for every weight: the last layer does."""
        for values in self.layers[
            -1
        ].parameters():  # a bias minus its mean would leave what is rounded
            nn.init.zeros_(values)

    @staticmethod
    def numbers(qubits: int, widths: list[int]) -> int:
        """How many numbers a mapping of these widths has."""
        return sum((inputs + 1) * outputs for inputs, outputs in _sizes(qubits, widths))


def scaled(chances: Float[Tensor, "runs weights"], qubits: int) -> Float[Tensor, "runs weights"]:
    """Probabilities as the mapping takes them: of a size near one, centred."""
    size = chances.shape[-1]
    whole = functional.pad(
        chances, (0, -size % (2 * LANES))
    )  # torch's pow takes two lines of memory at once, and rounds a rest otherwise
    powers = (0.8 * torch.tanh(whole.clamp_min(LEAST) * (2 ** (qubits - 1) / 10))).pow(0.3)[
        ..., :size
    ]
    return powers - powers.mean(-1, keepdim=True)


def _sizes(qubits: int, widths: list[int]) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer."""
    return list(zip([qubits + 1, *widths], [*widths, 1], strict=True))
