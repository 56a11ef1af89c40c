"""Exact simulation of noisy circuits: density matrices as expectation values of Pauli words."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qtlrun.simulator.noise import Noise, stands_behind
from qtlrun.simulator.word import LETTERS, digits, number, read_word, readout_table, transfer_matrix
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.measurement import Probabilities, Value
from qtlrun.tape.tape import Gate

# Letters that a rotation about another turns into one another, the first towards the second
TURNS = {"X": (2, 3), "Y": (3, 1), "Z": (1, 2)}
TOLERANCE = 1e-14  # of an entry of a constant gate's map, below which it is 0
PIECE_BYTES = 2**22  # of a state without a gradient, which a cache holds
MAX_GRAPH_BYTES = 2**28  # of the states between gates, beyond which they are computed again


@dataclass(frozen=True)
class Channels:
    """Map of a wire's noise for each run: factors of X, Y, Z, and what Z gets of I.

    Rotations turn by `reach` times their angle.
    """

    scale: Float[Tensor, "4 runs 1"]
    shift: Float[Tensor, "runs 1"] | None
    reach: Float[Tensor, "runs 1"]

    @classmethod
    def of(cls, noises: Sequence[Noise], dtype: torch.dtype, device: torch.device) -> "Channels":
        """Channels of several noises, one for each run, or one for all."""
        transfer = np.stack([noise.transfer for noise in noises])
        tables = transfer.diagonal(axis1=1, axis2=2).T, transfer[:, 3, 0]
        scale, shift = (
            torch.as_tensor(table.copy(), dtype=dtype, device=device).unsqueeze(-1)
            for table in tables
        )
        reach = torch.tensor(
            [[1 + noise.over_rotation] for noise in noises], dtype=dtype, device=device
        )
        return cls(scale, shift if bool(shift.any()) else None, reach)


class Density:
    """Circuit with noise on all runs and samples at once, differentiable by plain autograd.

    A state is the expectation value of every Pauli word, (4**qubits, runs, batch). Gates permute
    and turn these, channels shrink them. Noise acts after each gate that it names, and on readout.

    Arguments:
        gates: what acts, in order.
        qubits: the count of wires.
        affine: the angles, in radians, as functions of inputs and weights.
        fed: the angles that depend on the inputs.
        outcomes: what is measured.
        noises: one for each run, or one for all.
        quiet: gates at the end without noise.
    """

    def __init__(
        self,
        gates: list[Gate],
        qubits: int,
        affine: Affine | Chosen | Callable[[Tensor, Tensor], Tensor],
        fed: frozenset[int],
        outcomes: list[Value | Probabilities],
        noises: Sequence[Noise],
        quiet: int = 0,
    ):
        self.qubits = qubits
        self.affine = affine
        self.noises = tuple(noises)
        self.gates = gates
        last = len(gates) - quiet
        # All of a batch have one rule of where they act
        loudest = next((noise for noise in noises if noise.has_channels), noises[0])
        self.noisy = [
            position < last and stands_behind(loudest, gate, fed)
            for position, gate in enumerate(gates)
        ]
        self.outcomes = outcomes
        names, self.table = readout_table(outcomes, qubits, [noise.reading for noise in noises])
        self.words = number(np.array([read_word(each) for each in names]))
        self.on = lru_cache(maxsize=8)(self._on)

    def __call__(
        self, x: Float[Tensor, "runs batch features"], w: Float[Tensor, "runs ..."], start=None
    ) -> Float[Tensor, "runs batch outputs"]:
        if torch.is_grad_enabled() and (x.requires_grad or w.requires_grad):
            return self._pass(x, w)
        sample_bytes = x.element_size() * 4**self.qubits * len(x)
        room = max(1, PIECE_BYTES // sample_bytes)
        return torch.cat([self._pass(piece, w) for piece in x.split(room, dim=1)], dim=1)

    def _pass(self, x: Tensor, w: Tensor) -> Tensor:
        channels, actions, table = self.on(x.dtype, x.device)
        angles = self.affine(x, w).permute(2, 0, 1) * channels.reach
        state = x.new_zeros(4**self.qubits, *x.shape[:2])
        state[_zeros(self.qubits)] = 1
        count = len(actions)
        saved_bytes = count * state.numel() * state.element_size()
        step = count if saved_bytes < MAX_GRAPH_BYTES else math.isqrt(count)
        for first in range(0, count, max(1, step)):
            piece = actions[first : first + step]
            if step < count and state.requires_grad | angles.requires_grad:
                state = checkpoint(_act, state, angles, piece, use_reentrant=False)
            else:
                state = _act(state, angles, piece)
        expectations = state[self.words].permute(1, 2, 0)
        return torch.bmm(expectations, table.expand(len(x), -1, -1))

    @torch.inference_mode(False)
    def _on(self, dtype: torch.dtype, device: torch.device) -> tuple[Channels, list, Tensor]:
        """Channels, actions and the readout as tensors."""
        channels = Channels.of(self.noises, dtype, device)
        has_channels = any(noise.has_channels for noise in self.noises)
        actions = [
            _build_action(gate, self.qubits, channels if noisy and has_channels else None, device)
            for gate, noisy in zip(self.gates, self.noisy, strict=True)
        ]
        table = torch.as_tensor(self.table, dtype=dtype, device=device)
        return channels, actions, table


Action = Callable[[Tensor, Tensor], Tensor]  # of the state and of all angles


def _act(state: Tensor, angles: Tensor, actions: list[Action]) -> Tensor:
    for action in actions:
        state = action(state, angles)
    return state


def _build_action(gate: Gate, qubits: int, channels: Channels | None, device) -> Action:
    """A gate with its channels, as a function of state and angles."""
    if gate.angle is not None and len(gate.wires) == 1:
        return lambda state, angles: _turn(state, angles[gate.angle], gate, channels)
    build = _build_rotation if gate.angle is not None else _build_constant
    turn = build(gate, qubits, device)
    if channels is None:
        return turn
    if channels.shift is None:
        factor = _factor(gate.wires, qubits, channels)
        letters = (4,) * qubits
        return lambda state, angles: (turn(state, angles).unflatten(0, letters) * factor).flatten(
            0, qubits - 1
        )

    def act(state: Tensor, angles: Tensor) -> Tensor:
        state = turn(state, angles)
        for wire in gate.wires:
            state = _shrink(state, wire, channels)
        return state

    return act


def _factor(wires: Sequence[int], qubits: int, channels: Channels) -> Float[Tensor, "... runs 1"]:
    """Factor of each word by the channels of several wires, which shift nothing.

    The axes of other wires have one place: a table of all words for each run would be a state.
    """
    runs = channels.scale.shape[1]
    factors = []
    for wire in wires:
        shape = [4 if other == wire else 1 for other in range(qubits)]
        factors.append(channels.scale.reshape(*shape, runs, 1))
    return reduce(torch.mul, factors)


def _turn(state: Tensor, angle: Tensor, gate: Gate, channels: Channels | None) -> Tensor:
    """Rotation of one wire with its channels; the factors of these go into sine and cosine."""
    (wire,) = gate.wires
    parts = list(state.unflatten(0, (4**wire, 4, -1)).unbind(1))  # each higher, lower, runs, batch
    cosine = angle.cos()
    sine = angle.sin()
    first, second = TURNS[gate.word]
    axis = LETTERS.index(gate.word)
    before = parts[first], parts[second]
    scale = [1.0] * 4 if channels is None else channels.scale
    parts[first] = scale[first] * cosine * before[0] - scale[first] * sine * before[1]
    parts[second] = scale[second] * sine * before[0] + scale[second] * cosine * before[1]
    if channels is not None:
        parts[axis] = scale[axis] * parts[axis]
        if channels.shift is not None:
            parts[3] = parts[3] + channels.shift * parts[0]
    return torch.stack(parts, 1).flatten(0, 2)


def _shrink(state: Tensor, wire: int, channels: Channels) -> Tensor:
    """Channels of one wire."""
    parts = state.unflatten(0, (4**wire, 4, -1))
    shrunk = parts * channels.scale.unsqueeze(1)
    if channels.shift is not None:
        z = shrunk[:, 3:] + channels.shift * parts[:, :1]
        shrunk = torch.cat([shrunk[:, :3], z], 1)
    return shrunk.flatten(0, 2)


def _build_rotation(gate: Gate, qubits: int, device: torch.device) -> Action:
    """Rotation about a word: what does not commute with it turns into its product with it."""
    word = pauli.spread(gate.word, gate.wires, range(qubits))
    letters = np.array(read_word(word))
    index = digits(qubits)  # words, wires
    # Of the encoding I, X, Y, Z as 0 to 3 the product of two letters is their exclusive or
    partner = index ^ letters
    both = (index > 0) & (letters > 0) & (index != letters)
    turns = both.sum(1) % 2 == 1
    # i Q P of the word Q that comes from the partner: each wire's product is i or -i times a letter
    forward = np.where((letters - partner) % 3 == 1, 1j, -1j)
    phase = 1j * np.where(both, forward, 1).prod(1)
    source = torch.from_numpy(number(partner)).to(device)
    moves = torch.from_numpy(turns).to(device)[:, None, None]
    sign = torch.from_numpy(np.where(turns, phase.real, 0.0)).to(device)[:, None, None]

    def turn(state: Tensor, angles: Tensor) -> Tensor:
        angle = angles[gate.angle]
        cosine = torch.where(moves, angle.cos(), torch.ones((), dtype=state.dtype, device=device))
        return cosine * state + sign.to(state) * angle.sin() * state.index_select(0, source)

    return turn


def _build_constant(gate: Gate, qubits: int, device: torch.device) -> Action:
    """Constant gate as terms: each value is a sum of factors times values of other words."""
    table = transfer_matrix([gate.matrix.numpy()])
    index = digits(qubits)
    local = number(index[:, list(gate.wires)])
    cleared = index.copy()
    cleared[:, list(gate.wires)] = 0
    inner = digits(len(gate.wires))
    filled = np.abs(table) > TOLERANCE
    terms = []
    for position in range(int(filled.sum(1).max())):
        # Columns of each row that are not zero come first
        column = np.argsort(~filled, axis=1, kind="stable")[:, position]
        factor = np.where(filled.sum(1) > position, table[np.arange(len(table)), column], 0.0)
        source = cleared.copy()
        source[:, list(gate.wires)] = inner[column[local]]
        terms.append(
            (
                torch.from_numpy(number(source)).to(device),
                torch.from_numpy(factor[local]).to(device)[:, None, None],
            )
        )

    if len(terms) == 1:
        return lambda state, _: _Permutation.apply(state, *terms[0])

    def act(state: Tensor, _: Tensor) -> Tensor:
        return sum(
            (factor.to(state) * state.index_select(0, source) for source, factor in terms),
            state.new_zeros(()),
        )

    return act


class _Permutation(torch.autograd.Function):
    """Signed permutation of words; its gradient is gathered, which is faster than scattered."""

    @staticmethod
    def forward(ctx, state: Tensor, source: Tensor, sign: Tensor) -> Tensor:
        ctx.save_for_backward(source, sign)
        return sign.to(state) * state.index_select(0, source)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None, None]:
        source, sign = ctx.saved_tensors
        back = source.argsort()
        return (sign.to(upstream) * upstream).index_select(0, back), None, None


def _zeros(qubits: int) -> np.ndarray:
    """Numbers of the words of I and Z, whose expectation value in the state of zeros is 1."""
    return np.flatnonzero(np.isin(digits(qubits), (0, 3)).all(1))
