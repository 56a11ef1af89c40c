"""Progress of a training as arrays, so that one which was broken off goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.optimizer import Optimizer

State = dict[str, np.ndarray]  # of a training, by name
LEAST_S = 0.03  # seconds that writing a small state takes at least: some files are synced
BYTES_PER_S = 200e6  # that are hashed and written
CURVES = ("loss", "nll", "accuracy", "best", "lr", "seconds")  # of a record, beside its epoch


@dataclass(frozen=True)
class Record:
    """One epoch, one number a run: mean training loss while it went, and validation after it (nats,
    share correct).
    """

    epoch: int
    loss: list[float]
    nll: list[float]
    accuracy: list[float]
    best: list[int]
    lr: list[float]
    seconds: float


@dataclass(frozen=True)
class Keeper:
    """Where a long training leaves its state, and finds the one it was broken off in; `get` gives
    None where there is none.

    That the state is of the very same training (model, data, recipes, seeds) is for its owner to
    know. A model that draws chances from a stream of its own, as for shots, would go on with
    others: it gets no keeper.
    """

    get: Callable[[], State | None]
    put: Callable[[State], None]


class Schedule:
    """When a training leaves its state: after work that took `times` as long as writing one does,
    so at a bounded cost.

    How long that is is known once one was written; before, it is estimated from its size in bytes.
    """

    def __init__(self, times: float, size: int):
        self.times = times
        self.seconds = LEAST_S + size / BYTES_PER_S
        self.last = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.last >= self.times * self.seconds

    def put(self, keeper: Keeper, state: Callable[[], State]) -> None:
        """Leave a state, and see how long that takes."""
        began = time.monotonic()
        keeper.put(state())
        self.last = time.monotonic()
        self.seconds = max(self.last - began, LEAST_S)


class Progress:
    """Progress of a training: a record per epoch, each run's best epoch, and its state."""

    def __init__(self, model: nn.Module, optimizer: Optimizer, runs: int):
        self.model = model
        self.optimizer = optimizer
        self.records = []
        self.worth = torch.full((runs,), torch.inf, dtype=torch.float64)
        self.best = torch.full((runs,), -1)
        self.kept = {name: value.clone() for name, value in model.state_dict().items()}

    def judge(self, epoch: int, worth: Float[Tensor, " runs"]) -> None:
        """Take over the model's state in the runs that are worth less than ever before; nan is
        never less.

        A network has one run, and no run axis but in its head.
        """
        better = worth < self.worth
        if better.any():
            self.worth[better], self.best[better] = worth[better], epoch
            for name, value in self.model.state_dict().items():
                chosen = (
                    better.to(value.device).view(-1, *[1] * (value.dim() - 1))
                    if value.dim()
                    else better[0].to(value.device)
                )
                self.kept[name] = torch.where(chosen, value, self.kept[name])

    def size(self) -> int:
        """Bytes of the state, without its records."""
        return sum(value.numel() * value.element_size() for value in self._tensors().values())

    def state(self) -> State:
        """All that an epoch leaves to the next ones, copied."""
        tensors = {
            name: value.detach().cpu().numpy().copy() for name, value in self._tensors().items()
        }
        steps = np.array([buffer.steps for buffer in self.optimizer.buffers], dtype=np.int64)
        return (
            tensors
            | {"steps": steps}
            | {
                f"records/{name}": np.array([getattr(one, name) for one in self.records])
                for name in CURVES
            }
        )

    @torch.no_grad()
    def resume(self, state: State, epochs: int) -> None:
        """Go on from a state; ValueError, and nothing is changed, for that of another model or of
        more epochs than are wanted.
        """
        _check(state, self.state())
        done = len(state["records/loss"])
        if done > epochs:
            raise ValueError(
                f"keeper: its state is of another training; {done} epochs are behind it, and"
                f" recipe.epochs={epochs}."
            )
        for name, value in self._tensors().items():
            value.copy_(torch.tensor(state[name]))
        for buffer, steps in zip(self.optimizer.buffers, state["steps"].tolist(), strict=True):
            buffer.steps = steps
        self.records = [
            Record(epoch, *(state[f"records/{name}"][epoch].tolist() for name in CURVES))
            for epoch in range(done)
        ]

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor that training changes, itself."""
        made = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        made |= {f"kept/{name}": value for name, value in self.kept.items()}
        made |= {
            f"optimizer/{place}.{name}": getattr(buffer, name)
            for place, buffer in enumerate(self.optimizer.buffers)
            for name in ("mean", "square")
        }
        return made | {"worth": self.worth, "best": self.best}


def _check(found: State, needed: State) -> None:
    """Refuse a state of other names, numbers or shapes; how many records it has is its own."""

    def described(state: State, name: str) -> str:
        if name not in state:
            return "absent"
        return (
            "there"
            if name.startswith("records/")
            else f"{state[name].dtype} {list(state[name].shape)}"
        )

    for name in sorted({*found, *needed}):
        there = described(found, name)
        here = described(needed, name)
        if there != here:
            raise ValueError(
                f"keeper: its state is of another training; {name} is {there} in it, and {here} in"
                " this one."
            )
