"""Runs an engine over runs and samples as one node of autograd's graph, in pieces where the memory
asks for it.
"""

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

ENGINES = {"dense": Dense, "grouped": Grouped, "fused": Fused}


class Simulator:
    """A circuit with outcomes under one method; what would not fit in the memory at once is
    simulated in pieces.

    `alike` says that the samples of a run have one state, which is then simulated once.
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
        made = ENGINES.get(method)
        self.engine = made and made(gates, wires, affine, fed, real, outcomes, started)
        constants = (
            48 * 2**qubits * (1 if self.engine else len(gates))
        )  # bytes, while permutations are made
        memory.holds(
            qubits, constants + (self.engine.bytes(4) if self.engine else 0)
        )  # of the smallest dtype there is
        self.plain = functools.cache(
            lambda: Gatewise(gates, wires, affine, real, outcomes)
        )  # large: made where it is needed

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
            return self.plain()(x, w, start)
        if (
            x.shape[1] == 1 and not self.alike
        ):  # a product of one row is rounded otherwise where it stands alone
            start = None if start is None else start.expand(-1, 2, -1)
            return self(x.expand(-1, 2, -1), w, start)[:, :1]
        need = self.engine.bytes(x.element_size())
        room = memory.total(x.device) // 4 // need  # samples
        if len(x) * x.shape[1] <= room:
            return self._pass(x, w, start, keep=True)
        memory.holds(self.qubits, need, x.device)
        runs = max(1, room // x.shape[1])
        batch = max(1, min(room, x.shape[1]))
        rows = []
        for run in range(0, len(x), runs):
            pieces = [
                (slice(run, run + runs), slice(first, first + batch))
                for first in range(0, x.shape[1], batch)
            ]
            rows.append(
                torch.cat(
                    [
                        self._pass(
                            x[at], w[at[0]], None if start is None else start[at], keep=False
                        )
                        for at in pieces
                    ],
                    dim=1,
                )
            )
        return torch.cat(rows)

    def _pass(self, x: Tensor, w: Tensor, start: Tensor | None, *, keep: bool) -> Tensor:
        return _Pass.apply(x, w, start, self.engine.on(x.dtype, x.device, len(x)), self.plain, keep)


class _Pass(torch.autograd.Function):
    """A circuit as one node of autograd's graph; a gradient that is to be differentiated again is
    taken gate by gate.

    Without `keep` the backward pass simulates anew, so that only one piece at a time takes memory.
    """

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        w: Tensor,
        start: Tensor | None,
        engine,
        plain: Callable[[], Gatewise],
        keep: bool,
    ) -> Tensor:
        values, kept = engine.forward(x, w.reshape(len(w), math.prod(w.shape[1:])), start)
        ctx.engine = engine
        ctx.plain = plain
        ctx.kept = kept if keep else None
        ctx.shape = w.shape
        ctx.save_for_backward(x, w, start)
        return values

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple:
        needed = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            return *_again(ctx.plain, ctx.saved_tensors, needed, upstream), None, None, None
        kept = ctx.kept
        if kept is None:
            x, w, start = ctx.saved_tensors
            _, kept = ctx.engine.forward(x, w.reshape(len(w), math.prod(w.shape[1:])), start)
        by_input, by_weight, by_start = ctx.engine.backward(upstream, kept, *needed[:2])
        return (
            by_input,
            None if by_weight is None else by_weight.view(ctx.shape),
            by_start if needed[2] else None,
            None,
            None,
            None,
        )


def _again(
    plain: Callable[[], Gatewise], given: tuple, needed: tuple[bool, ...], upstream: Tensor
) -> list[Tensor | None]:
    """Gradients that can be differentiated, by those of x, w and start that need one."""
    # views, so that no gradient passes from one to another: amplitudes are made of the inputs, and
    # have one of their own
    given = tuple(None if one is None else one.view_as(one) for one in given)
    wanted = [one for one, need in zip(given, needed, strict=True) if need]
    values = plain()(*given)
    if not values.requires_grad:  # whatever the angles are, they are the same
        return [
            torch.zeros_like(one) if need else None for one, need in zip(given, needed, strict=True)
        ]
    found = iter(
        torch.autograd.grad(values, wanted, upstream, create_graph=True, allow_unused=True)
    )
    return [next(found) if need else None for need in needed]
