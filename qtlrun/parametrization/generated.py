"""A model some of whose weights are generated."""

import copy
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from qtlrun.layer import Start

BACKBONE, HEAD = (
    "backbone.",
    "head.",
)  # how a network's parameters are called; a head's have the run axis in front


class Generated(nn.Module):
    """The real module, which no longer owns the weights that are generated: they are put in for
    every call.

    `names` are those weights, as `model` calls them after `within`. Parameters only: buffers, such
    as the statistics of a batch norm, stay the module's own.
    """

    def __init__(self, model: nn.Module, part, names: list[str], start: Start, within: str = ""):
        super().__init__()
        every = {f"{within}{name}": one for name, one in model.named_parameters()}
        own = {
            name: tuple(one.shape[name.startswith(HEAD) :]) for name, one in every.items()
        }  # without the run axis
        self.model = model
        self.shapes = {name.removeprefix(within): every[name].shape for name in names}
        self.generator = part.generator({name: own[name] for name in names}, start, own).to(
            every[names[0]].device
        )
        self.begin = {}
        for number, name in enumerate(self.shapes):
            owner, _, last = name.rpartition(".")
            weight = model.get_submodule(owner)._parameters.pop(last)
            if self.generator.added:
                self.register_buffer(f"begin{number}", weight.detach(), persistent=False)
                self.begin[name] = f"begin{number}"

    def forward(self, items: Tensor) -> Float[Tensor, "runs batch classes"]:
        return functional_call(self.model, self.weights(), (items,))

    def weights(self, *chances: Float[Tensor, "runs states"]) -> dict[str, Tensor]:
        """The generated weights by name; of given probabilities instead of the circuit's exact
        ones.
        """
        pieces = self.generator(*chances).split(self.generator.sizes, dim=1)
        made = {
            name: piece.reshape(shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }
        return {
            name: value + getattr(self, self.begin[name]) if self.begin else value
            for name, value in made.items()
        }

    def settled(self, *chances: Float[Tensor, "runs states"]) -> Callable[[Tensor], Tensor]:
        """The same as a function that generates its weights once, for evaluation."""
        weights = {name: value.detach() for name, value in self.weights(*chances).items()}
        return lambda items: functional_call(self.model, weights, (items,))

    def plain(self) -> nn.Module:
        """A copy of the module that owns the generated weights."""
        made = copy.deepcopy(self.model)
        for name, value in self.weights().items():
            owner, _, last = name.rpartition(".")
            made.get_submodule(owner).register_parameter(last, nn.Parameter(value.detach().clone()))
        return made

    def features(self, items: Tensor) -> Float[Tensor, "1 batch features"]:
        """Features that the head sees, where the model is a whole network."""
        weights = {f"network.{name}": value for name, value in self.weights().items()}
        return functional_call(_Features(self.model), weights, (items,))


class _Features(nn.Module):
    """A network up to its head."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, items: Tensor) -> Tensor:
        return self.network.features(items)
