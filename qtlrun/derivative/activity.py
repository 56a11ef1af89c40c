"""Activity of units while a model runs: dead rectifiers and saturated squashings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from qtlrun.derivative.rectifier import read_rectification

Kind = Literal["dead", "saturated"]
SATURATION = 0.99  # of the largest absolute value; a tanh's slope is below .02 there
# With the size of their values, 1 at their ends
SQUASHINGS: dict[Callable[..., Any], Callable[[Tensor], Tensor]] = dict.fromkeys(
    (torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_, functional.tanh), torch.abs
)
SQUASHINGS |= dict.fromkeys(
    (torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, functional.sigmoid),
    lambda values: (2 * values - 1).abs(),
)


@dataclass
class Units:
    """Units of one call of a function, over all batches.

    active: of a rectifier's channels or numbers, whether any item had it above 0
    ends: values of a squashing at its ends
    count: values of it
    """

    kind: Kind
    active: Bool[Tensor, " units"] | None = None
    ends: int = 0
    count: int = 0

    @property
    def units(self) -> int:
        """Count of the units that were looked at."""
        return self.count if self.active is None else len(self.active)

    @property
    def share(self) -> float:
        """Share of the units that are dead, or of the values that are saturated."""
        if self.active is not None:
            return float((~self.active).float().mean())
        return self.ends / max(1, self.count)


class Activity(TorchFunctionMode):
    """Within it, outputs of rectifiers and squashings are looked at, wherever they are called.

    Attributes:
        units: by the name of the module that calls, and the call's number in it
    """

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[tuple[str, int], Units] = {}
        self._calls: dict[str, int] = {}
        self._modules: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if read_rectification(func, *args, **(kwargs or {})) is not None:
            self._rectify(output)
        elif func in SQUASHINGS:
            self._squash(squashed_share(func, output), output.numel())
        return output

    @contextmanager
    def watch(self, networks: dict[str, nn.Module]) -> Iterator[None]:
        """Look at one pass of a model; modules of these networks give the names."""
        self._calls.clear()
        with ExitStack() as stack:
            for prefix, network in networks.items():
                for name, module in network.named_modules(prefix=prefix):
                    self._name_calls(stack, _shorten(name), module)
            stack.enter_context(self)
            yield

    def _name_calls(self, stack: ExitStack, name: str, module: nn.Module) -> None:
        """Name what is called within a module."""
        before = module.register_forward_pre_hook(lambda *_: self._modules.append(name))
        after = module.register_forward_hook(lambda *_: self._leave())
        stack.callback(before.remove)
        stack.callback(after.remove)

    def _leave(self) -> None:
        self._modules.pop()

    def _unit(self, kind: Kind) -> Units:
        """Units of the present call."""
        name = self._modules[-1] if self._modules else "model"
        number = self._calls.get(name, 0)
        self._calls[name] = number + 1
        return self.units.setdefault((name, number), Units(kind))

    def _rectify(self, output: Tensor) -> None:
        active = find_active(output)
        unit = self._unit("dead")
        unit.active = active if unit.active is None else unit.active | active

    def _squash(self, share: float, count: int) -> None:
        unit = self._unit("saturated")
        unit.ends += round(share * count)
        unit.count += count


@torch.no_grad()
def find_active(output: Tensor) -> Bool[Tensor, " units"]:
    """Whether any item has each unit of a rectifier, a channel of maps or a number, above 0."""
    axis = 1 if output.dim() == 4 else output.dim() - 1
    return (output > 0).movedim(axis, 0).reshape(output.shape[axis], -1).any(1)


@torch.no_grad()
def squashed_share(function: Callable[..., Any], output: Tensor) -> float:
    """Share of the values of a squashing that are at their ends, where its slope is gone."""
    return float((SQUASHINGS[function](output) > SATURATION).double().mean())


def _shorten(name: str) -> str:
    """Name of a module without that of the network that it is in."""
    for prefix in ("backbone.", "network.", "head."):
        name = name.removeprefix(prefix)
    return name
