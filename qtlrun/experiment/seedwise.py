"""Heads of the user's, with an axis of runs of their own or one put in front of theirs."""

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from qtlrun.layer import generator
from qtlrun.plan import Refused, plugin

Make = Callable[[list[int]], nn.Module]  # builds a head whose runs are these seeds
NEEDED = (
    "a head takes features (batch, features) and gives logits (batch, classes), or has an axis of "
    "runs in front of both, of every parameter and of every buffer, as `start` draws them"
)


@dataclass(frozen=True)
class Form:
    """How a head of the user's is run."""

    stacked: bool  # its weights begin with an axis of runs
    bare: bool = False  # it takes the features of one run without that axis
    chance: bool = False  # it draws random numbers in training, as dropout does


class Seedwise(nn.Module):
    """A head without an axis of runs, one module for each seed, under the names of its own weights.

    Every parameter and buffer has the runs as its first axis; a call goes through the module run by
    run with that run's.
    """

    def __init__(self, modules: list[nn.Module], bare: bool):
        super().__init__()
        # They are no children of this one: their weights are not counted.
        self.__dict__.update(modules_by_run=modules, bare=bare)
        weights = [dict(one.named_parameters()) for one in modules]
        buffers = [dict(one.named_buffers()) for one in modules]
        for name, value in weights[0].items():
            stack = nn.Parameter(
                torch.stack([one[name].detach() for one in weights]),
                requires_grad=value.requires_grad,
            )
            self._owner(name).register_parameter(name.rpartition(".")[2], stack)
        for name in buffers[0]:
            self._owner(name).register_buffer(
                name.rpartition(".")[2], torch.stack([one[name] for one in buffers])
            )
        self.__dict__["names"] = [*weights[0], *buffers[0]]

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch classes"]:
        values = {name: functools.reduce(getattr, name.split("."), self) for name in self.names}
        out = []
        for run, features in enumerate(x):
            mine = {name: value[run] for name, value in values.items()}
            logits = functional_call(
                self.modules_by_run[run], mine, (features if self.bare else features.unsqueeze(0),)
            )
            out.append(logits if self.bare else logits.squeeze(0))
        return torch.stack(out)

    def train(self, mode: bool = True) -> "Seedwise":
        for module in self.modules_by_run:
            module.train(mode)
        return super().train(mode)

    def inner_modules(self) -> Iterator[nn.Module]:
        """The modules of the user's that a call goes through."""
        return self.modules_by_run[0].modules()

    def _owner(self, name: str) -> nn.Module:
        """The module that holds a weight of this dotted name."""
        owner = self
        for part in name.split(".")[:-1]:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner._modules[part]
        return owner


class Solved(Seedwise):
    """The same of a head that is solved for; each seed by itself."""

    def __init__(self, modules: list[nn.Module], bare: bool, seeds: list[int]):
        super().__init__(modules, bare)
        self.seeds = seeds

    @torch.no_grad()
    def solve(self, train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor]) -> None:
        (module,) = self.modules_by_run
        module.solve(train, validation)
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            functools.reduce(getattr, name.split("."), self).copy_(value.unsqueeze(0))


@contextlib.contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Let draws from torch's, NumPy's and Python's own generators depend on the seed alone."""
    drawn = generator(seed, purpose).initial_seed() % 2**32
    kept = (np.random.get_state(), random.getstate())
    accelerators = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(drawn)
        np.random.seed(drawn)
        random.seed(drawn)
        try:
            yield
        finally:
            np.random.set_state(kept[0])
            random.setstate(kept[1])


def build(make: Make, seeds: list[int], form: Form) -> nn.Module:
    """Build a head whose runs are the seeds; each starts from values of its seed alone."""
    alone = []
    for seed in seeds:
        with seeded(seed, "head"):
            alone.append(make([seed]))
    if not form.stacked:
        return (
            Solved(alone, form.bare, seeds)
            if _has_solution(alone[0])
            else Seedwise(alone, form.bare)
        )
    if len(seeds) == 1:
        return alone[0]
    with seeded(seeds[0], "head"):
        head = make(seeds)
    states = [one.state_dict() for one in alone]
    head.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
    return head


def form(
    make: Make, features: int, classes: int, target: str, dtype: torch.dtype, *, starts: bool
) -> Form:
    """How a head is run, from its weights for two and three runs and its logits of a small batch.

    `starts`: its constructor takes `start`, which knows the runs; no other can have their axis.
    Refuses what gives no logits in either way.
    """
    batch = next(
        size for size in (3, 4, 5) if size not in (features, classes)
    )  # nor the number of runs
    draw = generator(0, "trial")
    x = torch.randn(2, batch, features, generator=draw, dtype=torch.float64).to(dtype)
    with seeded(0, "trial"), plugin.blamed(f"head: {target}"):
        if starts and _stacked(make):
            head = make([0, 1])
            logits = _called(head, x, target)
            _check_shape(logits, x, (2, batch, classes), target)
            _check_still(head, x, logits, target)
            _check_gradient(head, logits, target)
            return Form(stacked=True, chance=_draws(head, x))
        return _seedwise(make([0]), x, classes, target, starts=starts)


def _seedwise(head: nn.Module, x: Tensor, classes: int, target: str, *, starts: bool) -> Form:
    """Whether a head of one run takes features without the axis of runs, or with it."""
    error = None
    for bare in (True, False) if starts else (True,):
        given = x[0] if bare else x[:1]
        try:
            logits = _called(head, given, target)
            _check_shape(logits, given, (*given.shape[:-1], classes), target)
        except (RuntimeError, ValueError, IndexError, TypeError) as caught:
            error = caught
            continue
        _check_still(head, given, logits, target)
        _check_gradient(head, logits, target)
        return Form(stacked=False, bare=bare)
    raise error


def _check_shape(logits: Tensor, x: Tensor, right: tuple[int, ...], target: str) -> None:
    if tuple(logits.shape) != right:
        raise Refused(
            f"head: {target} gives {tuple(logits.shape)} of features {tuple(x.shape)}, and {right} "
            f"is needed; {NEEDED}."
        )


def _stacked(make: Make) -> bool:
    """Whether every weight begins with an axis of as many runs as there are."""
    two, three = (
        {name: tuple(value.shape) for name, value in make(list(range(runs))).state_dict().items()}
        for runs in (2, 3)
    )
    stacked = {name: (3, *shape[1:]) for name, shape in two.items() if shape[:1] == (2,)}
    return bool(two) and stacked == three and len(two) == len(three)


def _called(head: nn.Module, x: Tensor, target: str) -> Tensor:
    head.eval()
    try:
        logits = head(x)
    except (RuntimeError, IndexError, TypeError) as error:
        if plugin.location(error):
            raise
        raise Refused(
            f"head: {target} does not take features {tuple(x.shape)} ({plugin.worded(error)}); "
            f"{NEEDED}."
        ) from error
    if not isinstance(logits, Tensor):
        raise Refused(
            f"head: {target} gives {type(logits).__name__}, and a tensor of logits is needed; "
            f"{NEEDED}."
        )
    return logits


@torch.no_grad()
def _check_still(head: nn.Module, x: Tensor, logits: Tensor, target: str) -> None:
    """Refuse a head that predicts by chance, or by how often it was called."""
    if logits.isfinite().all() and not torch.equal(_called(head, x, target), logits):
        raise Refused(
            f"head: {target} gives other logits when it is called again in evaluation; draw chances"
            " only where self.training is true, and from torch's own generator."
        )


def _check_gradient(head: nn.Module, logits: Tensor, target: str) -> None:
    """Refuse a head with trained weights that its logits do not feel."""
    if (
        any(one.requires_grad for one in head.parameters())
        and not logits.requires_grad
        and not _has_solution(head)
    ):
        raise Refused(
            f"head: {target} gives logits without a gradient, so nothing of it would be trained; "
            "is there a detach or no_grad in its forward?"
        )


@torch.no_grad()
def _draws(head: nn.Module, x: Tensor) -> bool:
    """Whether training draws chances from torch's own generator."""
    head.train()
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(head(x))
    return not torch.equal(*values)


def _has_solution(head: nn.Module) -> bool:
    return callable(getattr(head, "solve", None))
