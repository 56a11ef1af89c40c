"""State of a training as arrays, from which one that was broken off goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.error import NO_VALUE, BadValue
from qtlrun.optimizer import Optimizer

State = dict[str, np.ndarray]  # of a training, by name
MIN_WRITE_S = 0.03  # of a small state; some files are synced
WRITE_BYTES_PER_S = 200e6  # hashed and written
CURVES = ("loss", "nll", "accuracy", "best", "lr", "seconds")  # of a record, beside its epoch


@dataclass(frozen=True)
class Record:
    """Figures of one epoch, a number per run.

    Arguments:
        epoch: from 0.
        loss: mean training loss while the epoch went, in nats.
        nll: of validation, after the epoch, in nats.
        accuracy: of validation, in [0, 1].
        best: each run's best epoch so far; -1: none.
        lr: learning rate of the head.
        seconds: of the whole epoch.
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
    """Storage for the state of a long training; `get` gives None where none is stored.

    That the state is of the very same training (model, data, recipes, seeds) is for its owner to
    know. A model that draws from a stream of its own, as for shots, would go on with other draws:
    it gets no keeper.
    """

    get: Callable[[], State | None]
    put: Callable[[State], None]


class Schedule:
    """Times at which a training stores its state, so that storing takes a bounded share of time.

    A state is due after work that took `times` as long as writing one does. That time is measured
    at each writing; before the first it is estimated from the state's size in bytes.
    """

    def __init__(self, times: float, size: int):
        self.times = times
        self.seconds = MIN_WRITE_S + size / WRITE_BYTES_PER_S
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether enough work was done since the last writing."""
        return time.monotonic() - self.last >= self.times * self.seconds

    def put(self, keeper: Keeper, state: Callable[[], State]) -> None:
        """Store a state, and measure how long that takes."""
        began = time.monotonic()
        keeper.put(state())
        self.last = time.monotonic()
        self.seconds = max(self.last - began, MIN_WRITE_S)


class TrainingState:
    """Everything that an epoch leaves to the next: weights, moments, records, each run's best.

    The weights are those of the model and the moments those of the optimizer, not copies.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, runs: int):
        self.model = model
        self.optimizer = optimizer
        self.records: list[Record] = []
        self.best_criterion = torch.full((runs,), torch.inf, dtype=torch.float64)
        self.best_epoch = torch.full((runs,), -1)
        self.best_state = {name: value.clone() for name, value in model.state_dict().items()}

    def select(self, epoch: int, criterion: Float[Tensor, " runs"]) -> None:
        """Take over the model's state in the runs whose criterion is lower than ever before.

        A nan is never lower. A network has one run, and no run axis but in its head.
        """
        better = criterion < self.best_criterion
        if not better.any():
            return
        self.best_criterion[better] = criterion[better]
        self.best_epoch[better] = epoch
        for name, value in self.model.state_dict().items():
            chosen = (
                better.to(value.device).view(-1, *[1] * (value.dim() - 1))
                if value.dim()
                else better[0].to(value.device)
            )
            self.best_state[name] = torch.where(chosen, value, self.best_state[name])

    def record(
        self,
        epoch: int,
        loss: Float[Tensor, " runs"],
        nll: Float[Tensor, " runs"],
        accuracy: Float[Tensor, " runs"],
        rates: list[float],
        seconds: float,
    ) -> None:
        """Add the record of an epoch; `rates` are the head's learning rates in it."""
        best = self.best_epoch.tolist()
        curves = (loss.tolist(), nll.tolist(), accuracy.tolist(), best, rates)
        self.records.append(Record(epoch, *curves, seconds))

    def size(self) -> int:
        """Bytes of the arrays, without those of the records."""
        return sum(value.numel() * value.element_size() for value in self._tensors().values())

    def arrays(self) -> State:
        """Copy of the state as arrays."""
        arrays = {
            name: value.detach().cpu().numpy().copy() for name, value in self._tensors().items()
        }
        steps = [buffer.steps for buffer in self.optimizer.buffers]
        arrays["steps"] = np.array(steps, dtype=np.int64)
        for name in CURVES:
            arrays[f"records/{name}"] = np.array([getattr(each, name) for each in self.records])
        return arrays

    @torch.no_grad()
    def resume(self, state: State, epochs: int) -> None:
        """Go on from a state.

        Raises ValueError, and changes nothing, where the state is of another model or of more
        epochs than are wanted.
        """
        _check(state, self.arrays())
        done = len(state["records/loss"])
        if done > epochs:
            raise BadValue(
                "keeper",
                NO_VALUE,
                "its state is of another training",
                f"{done} epochs are behind it, and recipe.epochs={epochs}",
            )
        for name, value in self._tensors().items():
            value.copy_(torch.tensor(state[name]))
        for buffer, steps in zip(self.optimizer.buffers, state["steps"].tolist(), strict=True):
            buffer.steps = steps
        curves = [state[f"records/{name}"].tolist() for name in CURVES]
        self.records = [
            Record(epoch, *values) for epoch, values in enumerate(zip(*curves, strict=True))
        ]

    def _tensors(self) -> dict[str, Tensor]:
        """Tensors that training changes, uncopied, by their names in the arrays."""
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"kept/{name}": value for name, value in self.best_state.items()}
        for index, buffer in enumerate(self.optimizer.buffers):
            tensors[f"optimizer/{index}.mean"] = buffer.mean
            tensors[f"optimizer/{index}.square"] = buffer.square
        return tensors | {"worth": self.best_criterion, "best": self.best_epoch}


def _check(state: State, needed: State) -> None:
    """Refuse a state of other names, dtypes or shapes; the number of its records is free."""
    for name in sorted({*state, *needed}):
        there = _describe(state, name)
        here = _describe(needed, name)
        if there != here:
            raise BadValue(
                "keeper",
                NO_VALUE,
                "its state is of another training",
                f"{name} is {there} in it, and {here} in this one",
            )


def _describe(state: State, name: str) -> str:
    """Dtype and shape of an array; of a record's curve only that it is there."""
    if name not in state:
        return "absent"
    if name.startswith("records/"):
        return "there"
    return f"{state[name].dtype} {list(state[name].shape)}"
