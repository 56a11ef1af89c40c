"""Model with generated weights."""

import copy
from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from qtlrun.layer import Start

# Prefixes of a network's parameters; a head's have the run axis in front.
BACKBONE = "backbone."
HEAD = "head."


class Generated(nn.Module):
    """Module some of whose weights a generator computes for every call.

    The real module no longer owns these weights. `names` are those weights, as `model` calls them
    after `within`. Parameters only: buffers, such as the statistics of a batch norm, stay the
    module's own.
    """

    def __init__(self, model: nn.Module, part, names: list[str], start: Start, within: str = ""):
        super().__init__()
        parameters = {f"{within}{name}": weight for name, weight in model.named_parameters()}
        shapes = {name: _run_shape(name, weight) for name, weight in parameters.items()}
        self.model = model
        self.shapes = {name.removeprefix(within): parameters[name].shape for name in names}
        generator = part.generator({name: shapes[name] for name in names}, start, shapes)
        self.generator = generator.to(parameters[names[0]].device)
        self.offsets = {}
        for number, name in enumerate(self.shapes):
            owner, _, last = name.rpartition(".")
            weight = model.get_submodule(owner)._parameters.pop(last)
            if self.generator.added:
                self.register_buffer(f"offset{number}", weight.detach(), persistent=False)
                self.offsets[name] = f"offset{number}"

    def forward(self, items: Tensor) -> Float[Tensor, "runs batch classes"]:
        return functional_call(self.model, self.weights(), (items,))

    def weights(self, *chances: Float[Tensor, "runs states"]) -> dict[str, Tensor]:
        """Generated weights by name.

        They are of the probabilities passed, if any, instead of the circuit's exact ones.
        """
        pieces = self.generator(*chances).split(self.generator.sizes, dim=1)
        weights = {
            name: piece.reshape(shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }
        for name, offset in self.offsets.items():
            weights[name] = weights[name] + getattr(self, offset)
        return weights

    def settled(self, *chances: Float[Tensor, "runs states"]) -> Callable[[Tensor], Tensor]:
        """Function of the items for evaluation, whose weights are generated once."""
        weights = {name: value.detach() for name, value in self.weights(*chances).items()}
        return lambda items: functional_call(self.model, weights, (items,))

    def plain(self) -> nn.Module:
        """Copy of the module that owns the generated weights."""
        model = copy.deepcopy(self.model)
        for name, value in self.weights().items():
            owner, _, last = name.rpartition(".")
            weight = nn.Parameter(value.detach().clone())
            model.get_submodule(owner).register_parameter(last, weight)
        return model

    def features(self, items: Tensor) -> Float[Tensor, "1 batch features"]:
        """Features that the head sees, where the model is a whole network."""
        weights = {f"network.{name}": value for name, value in self.weights().items()}
        return functional_call(_Features(self.model), weights, (items,))


def _run_shape(name: str, weight: Tensor) -> tuple[int, ...]:
    """Shape of a network's weight without the run axis."""
    return tuple(weight.shape[1:] if name.startswith(HEAD) else weight.shape)


class _Features(nn.Module):
    """Network up to its head."""

    network: Any  # a module with `features`

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, items: Tensor) -> Tensor:
        return self.network.features(items)
