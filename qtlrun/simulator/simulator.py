"""Engines over runs and samples as one node of autograd's graph, in pieces to fit in memory."""

import functools
import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import memory
from qtlrun.simulator.dense import Dense
from qtlrun.simulator.fused import Fused
from qtlrun.simulator.gatewise import Gatewise
from qtlrun.simulator.grouped import Grouped
from qtlrun.tape.angle import Affine, Chosen
from qtlrun.tape.tape import Gate

Engine = Dense | Grouped | Fused
ENGINES: dict[str, type[Engine]] = {"dense": Dense, "grouped": Grouped, "fused": Fused}


class Simulator:
    """Circuit with outcomes under one method, in pieces where it would not fit in memory.

    Arguments:
        gates: what acts, in order.
        qubits: the count of wires.
        affine: the angles, in radians, as functions of inputs and weights.
        fed: the angles that depend on the inputs.
        real: whether amplitudes stay real.
        outcomes: what is measured.
        started: whether each sample brings the amplitudes that it begins in.
        method: the engine, a key of `ENGINES`, or gatewise.
        alike: whether the samples of a run have one state, which is then simulated once.
    """

    def __init__(
        self,
        gates: list[Gate],
        qubits: int,
        affine: Affine | Chosen,
        fed: frozenset[int],
        real: bool,
        outcomes: list,
        started: bool,
        method: str,
        alike: bool = False,
    ):
        self.qubits = qubits
        self.alike = alike
        wires = tuple(range(qubits))
        build_engine = ENGINES.get(method)
        self.engine = (
            None
            if build_engine is None
            else build_engine(gates, wires, affine, fed, real, outcomes, started)
        )
        # Bytes, while permutations are made
        constants = 48 * 2**qubits * (1 if self.engine else len(gates))
        # Of the smallest dtype there is, 4 bytes per number
        memory.holds(qubits, constants + (self.engine.bytes(4) if self.engine else 0))
        # Large, so built where it is needed
        self.gatewise = functools.cache(lambda: Gatewise(gates, wires, affine, real, outcomes))

    def __call__(
        self,
        x: Float[Tensor, "runs batch features"],
        w: Float[Tensor, "runs ..."],
        start: Tensor | None = None,
    ) -> Float[Tensor, "runs batch outputs"]:
        if self.alike and x.shape[1] > 1:
            return self(x[:, :1], w, None if start is None else start[:, :1]).expand(
                -1, x.shape[1], -1
            )
        if self.engine is None or not len(x) or not x.shape[1]:
            return self.gatewise()(x, w, start)
        if x.shape[1] == 1 and not self.alike:
            # A product of one row is rounded otherwise where it stands alone
            start = None if start is None else start.expand(-1, 2, -1)
            return self(x.expand(-1, 2, -1), w, start)[:, :1]
        sample_bytes = self.engine.bytes(x.element_size())
        room = memory.total(x.device) // 4 // sample_bytes  # samples
        if len(x) * x.shape[1] <= room:
            return self._pass(x, w, start, keep=True)
        memory.holds(self.qubits, sample_bytes, x.device)
        return self._in_pieces(x, w, start, room)

    def _in_pieces(self, x: Tensor, w: Tensor, start: Tensor | None, room: int) -> Tensor:
        """Values of `room` samples at a time."""
        runs = max(1, room // x.shape[1])
        batch = max(1, min(room, x.shape[1]))
        rows = []
        for first_run in range(0, len(x), runs):
            columns = []
            for first_sample in range(0, x.shape[1], batch):
                piece = (
                    slice(first_run, first_run + runs),
                    slice(first_sample, first_sample + batch),
                )
                piece_start = None if start is None else start[piece]
                columns.append(self._pass(x[piece], w[piece[0]], piece_start, keep=False))
            rows.append(torch.cat(columns, dim=1))
        return torch.cat(rows)

    def _pass(self, x: Tensor, w: Tensor, start: Tensor | None, *, keep: bool) -> Tensor:
        constants = self.engine.on(x.dtype, x.device, len(x))
        return _Pass.apply(x, w, start, constants, self.gatewise, keep)


class _Pass(torch.autograd.Function):
    """Circuit as one node of autograd's graph; second derivatives are taken gate by gate.

    Without `keep` the backward pass simulates anew, so that only one piece at a time takes memory.
    """

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        w: Tensor,
        start: Tensor | None,
        engine,
        gatewise: Callable[[], Gatewise],
        keep: bool,
    ) -> Tensor:
        values, saved = engine.forward(x, w.reshape(len(w), math.prod(w.shape[1:])), start)
        ctx.engine = engine
        ctx.gatewise = gatewise
        ctx.saved = saved if keep else None
        ctx.shape = w.shape
        ctx.save_for_backward(x, w, start)
        return values

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple:
        needed = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            slopes = _differentiable_slopes(ctx.gatewise, ctx.saved_tensors, needed, upstream)
            return *slopes, None, None, None
        saved = ctx.saved
        if saved is None:
            x, w, start = ctx.saved_tensors
            _, saved = ctx.engine.forward(x, w.reshape(len(w), math.prod(w.shape[1:])), start)
        by_input, by_weight, by_start = ctx.engine.backward(upstream, saved, *needed[:2])
        return (
            by_input,
            None if by_weight is None else by_weight.view(ctx.shape),
            by_start if needed[2] else None,
            None,
            None,
            None,
        )


def _differentiable_slopes(
    gatewise: Callable[[], Gatewise],
    arguments: tuple[Tensor, Tensor, Tensor | None],
    needed: tuple[bool, ...],
    upstream: Tensor,
) -> list[Tensor | None]:
    """Gradients with a graph of their own, by those of x, w and start that need one."""
    # Views, so that no gradient passes from one to another: amplitudes are made of the inputs, and
    # have one of their own
    x, w, start = (None if each is None else each.view_as(each) for each in arguments)
    views = (x, w, start)
    leaves = [view for view, need in zip(views, needed, strict=True) if need]
    values = gatewise()(x, w, start)
    if not values.requires_grad:  # whatever the angles are, they are the same
        return [
            torch.zeros_like(view) if need else None
            for view, need in zip(views, needed, strict=True)
        ]
    slopes = iter(
        torch.autograd.grad(values, leaves, upstream, create_graph=True, allow_unused=True)
    )
    return [next(slopes) if need else None for need in needed]
