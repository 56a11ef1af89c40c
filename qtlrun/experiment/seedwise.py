"""Heads of the user's: with an axis of runs, or stacked from one module per seed."""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from qtlrun.error import UsageError
from qtlrun.layer import generator
from qtlrun.plan import plugin

# Builds a head whose runs are these seeds
Make = Callable[[list[int]], nn.Module]
REQUIREMENT = (
    "a head takes features (batch, features) and gives logits (batch, classes), or has an axis of "
    "runs in front of both, of every parameter and of every buffer, as `start` draws them"
)


@dataclass(frozen=True)
class Form:
    """How a head of the user's is run.

    stacked: its weights begin with an axis of runs
    bare: it takes the features of one run without that axis
    chance: it draws random numbers in training, as dropout does
    """

    stacked: bool
    bare: bool = False
    chance: bool = False


class Seedwise(nn.Module):
    """A head from one module per seed, whose class has no axis of runs.

    Parameters and buffers have the names that the modules give them, and the runs as their first
    axis; a call goes through the modules run by run, with each run's values.
    """

    modules_by_run: list[Any]
    names: list[str]

    def __init__(self, modules: list[nn.Module], bare: bool):
        super().__init__()
        # They are no children of this module: their weights are not counted.
        self.__dict__.update(modules_by_run=modules, bare=bare)
        weights = [dict(module.named_parameters()) for module in modules]
        buffers = [dict(module.named_buffers()) for module in modules]
        for name, value in weights[0].items():
            stack = nn.Parameter(
                torch.stack([each[name].detach() for each in weights]),
                requires_grad=value.requires_grad,
            )
            self._owner(name).register_parameter(name.rpartition(".")[2], stack)
        for name in buffers[0]:
            self._owner(name).register_buffer(
                name.rpartition(".")[2], torch.stack([each[name] for each in buffers])
            )
        self.__dict__["names"] = [*weights[0], *buffers[0]]

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        values = {name: self._weight(name) for name in self.names}
        out = []
        for run, features in enumerate(x):
            state = {name: value[run] for name, value in values.items()}
            inputs = features if self.bare else features.unsqueeze(0)
            logits = functional_call(self.modules_by_run[run], state, (inputs,))
            out.append(logits if self.bare else logits.squeeze(0))
        return torch.stack(out)

    def train(self, mode: bool = True) -> "Seedwise":
        for module in self.modules_by_run:
            module.train(mode)
        return super().train(mode)

    def inner_modules(self) -> Iterator[nn.Module]:
        """Modules of the user's that a call goes through."""
        return self.modules_by_run[0].modules()

    def _weight(self, name: str) -> Tensor:
        """Stacked weight of this dotted name."""
        weight: Any = self
        for part in name.split("."):
            weight = getattr(weight, part)
        return weight

    def _owner(self, name: str) -> nn.Module:
        """Module that holds a weight of this dotted name."""
        owner: nn.Module = self
        for part in name.split(".")[:-1]:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner._modules[part]
        return owner


class Solved(Seedwise):
    """A seedwise head that is solved for, each seed by itself."""

    def __init__(self, modules: list[nn.Module], bare: bool, seeds: list[int]):
        super().__init__(modules, bare)
        self.seeds = seeds

    @torch.no_grad()
    def solve(self, train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor]) -> None:
        """Solve the only run on features (items, features) and labels (items,)."""
        (module,) = self.modules_by_run
        module.solve(train, validation)
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            self._weight(name).copy_(value.unsqueeze(0))


@contextlib.contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's, NumPy's and Python's own generators, and restore them after."""
    state_seed = generator(seed, purpose).initial_seed() % 2**32
    numpy_state = np.random.get_state()
    python_state = random.getstate()
    accelerators = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(state_seed)
        np.random.seed(state_seed)
        random.seed(state_seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def build(make: Make, seeds: list[int], form: Form) -> nn.Module:
    """Build a head whose runs are the seeds; each starts from values of its seed alone."""
    heads = []
    for seed in seeds:
        with seeded(seed, "head"):
            heads.append(make([seed]))
    if not form.stacked:
        if _has_solution(heads[0]):
            return Solved(heads, form.bare, seeds)
        return Seedwise(heads, form.bare)
    if len(seeds) == 1:
        return heads[0]
    with seeded(seeds[0], "head"):
        stack = make(seeds)
    states = [head.state_dict() for head in heads]
    joined = {}
    for name in states[0]:
        joined[name] = torch.cat([state[name] for state in states])
    stack.load_state_dict(joined)
    return stack


def form(
    make: Make, features: int, classes: int, target: str, dtype: torch.dtype, *, starts: bool
) -> Form:
    """How a head is run, by its weights for two and three runs and its logits of a small batch.

    `starts`: its constructor takes `start`, which has the runs; no other can have their axis.
    Refuses a head that gives no logits in either way.
    """
    # A size that is not the number of runs either
    batch = next(size for size in (3, 4, 5) if size not in (features, classes))
    draw = generator(0, "trial")
    x = torch.randn(2, batch, features, generator=draw, dtype=torch.float64).to(dtype)
    with seeded(0, "trial"), plugin.blamed("head", target):
        if starts and _has_runs(make):
            head = make([0, 1])
            logits = _call(head, x, target)
            _check_shape(logits, x, (2, batch, classes), target)
            _check_still(head, x, logits, target)
            _check_gradient(head, logits, target)
            return Form(stacked=True, chance=_is_random(head, x))
        return _single_form(make([0]), x, classes, target, starts=starts)


def _single_form(head: nn.Module, x: Tensor, classes: int, target: str, *, starts: bool) -> Form:
    """How a head of one run is called: on features without the axis of runs, or with it."""
    error = None
    for bare in (True, False) if starts else (True,):
        features = x[0] if bare else x[:1]
        try:
            logits = _call(head, features, target)
            _check_shape(logits, features, (*features.shape[:-1], classes), target)
        except (RuntimeError, ValueError, IndexError, TypeError) as caught:
            error = caught
            continue
        _check_still(head, features, logits, target)
        _check_gradient(head, logits, target)
        return Form(stacked=False, bare=bare)
    raise error


def _check_shape(logits: Tensor, x: Tensor, shape: tuple[int, ...], target: str) -> None:
    """Refuse logits of another shape."""
    if tuple(logits.shape) != shape:
        raise UsageError(
            (
                f"{target} gives {tuple(logits.shape)} of features {tuple(x.shape)},"
                f" and {shape} is needed"
            ),
            REQUIREMENT,
            key="head",
        )


def _has_runs(make: Make) -> bool:
    """Whether every weight begins with an axis of as many runs as there are."""
    two = _weight_shapes(make([0, 1]))
    three = _weight_shapes(make([0, 1, 2]))
    stacked = {name: (3, *shape[1:]) for name, shape in two.items() if shape[:1] == (2,)}
    return bool(two) and stacked == three and len(two) == len(three)


def _weight_shapes(head: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of a head's parameters and buffers, by name."""
    return {name: tuple(value.shape) for name, value in head.state_dict().items()}


def _call(head: nn.Module, x: Tensor, target: str) -> Tensor:
    """Logits of a head in evaluation mode; refuse one that does not take features."""
    head.eval()
    try:
        logits = head(x)
    except (RuntimeError, IndexError, TypeError) as error:
        if plugin.location(error):
            raise
        raise UsageError(
            f"{target} does not take features {tuple(x.shape)} ({plugin.worded(error)})",
            REQUIREMENT,
            key="head",
        ) from error
    if not isinstance(logits, Tensor):
        raise UsageError(
            f"{target} gives {type(logits).__name__}, and a tensor of logits is needed",
            REQUIREMENT,
            key="head",
        )
    return logits


@torch.no_grad()
def _check_still(head: nn.Module, x: Tensor, logits: Tensor, target: str) -> None:
    """Refuse a head whose predictions are random, or depend on how often it was called."""
    if logits.isfinite().all() and not torch.equal(_call(head, x, target), logits):
        raise UsageError(
            f"{target} gives other logits when it is called again in evaluation",
            "draw chances only where self.training is true, and from torch's own generator",
            key="head",
        )


def _check_gradient(head: nn.Module, logits: Tensor, target: str) -> None:
    """Refuse a head with trained weights whose logits have no gradient."""
    if (
        any(weight.requires_grad for weight in head.parameters())
        and not logits.requires_grad
        and not _has_solution(head)
    ):
        raise UsageError(
            f"{target} gives logits without a gradient, so nothing of it would be trained",
            "is there a detach or no_grad in its forward?",
            key="head",
        )


@torch.no_grad()
def _is_random(head: nn.Module, x: Tensor) -> bool:
    """Whether training draws from torch's own generator."""
    head.train()
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(head(x))
    return not torch.equal(*values)


def _has_solution(head: nn.Module) -> bool:
    """Whether a head is solved for, not trained by epochs."""
    return head.solve is not None
