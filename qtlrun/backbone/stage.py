"""A backbone's weights in stages, from the input to the features."""

from dataclasses import dataclass

from torch import nn

SHARE = 0.9  # a child that holds more of the weights than this is looked into


@dataclass(frozen=True)
class Stage:
    """One stage: the parameters it owns, and the modules whose mode goes with them."""

    parameters: list[nn.Parameter]
    modules: list[nn.Module]


def split(network: nn.Module) -> list[Stage]:
    """The stages of a network: its children that have weights, and the children of one that has
    nearly all of them.

    What belongs to no stage (a class token, a position embedding) goes with the first; a child
    without weights (dropout, pooling) with the stage before it.
    """
    stages = []
    loose = [network]
    for child in _children(network, loose):
        parameters = list(child.parameters())
        modules = list(child.modules())
        if parameters:
            stages.append(Stage(parameters, modules))
        elif stages:
            stages[-1].modules.extend(modules)
        else:
            loose.extend(modules)
    if not stages:
        return []
    owned = {id(parameter) for stage in stages for parameter in stage.parameters}
    stages[0].parameters.extend(
        parameter for parameter in network.parameters() if id(parameter) not in owned
    )
    stages[0].modules.extend(loose)
    return stages


def _children(network: nn.Module, loose: list[nn.Module]) -> list[nn.Module]:
    """The children of a network in order; one with nearly all weights is replaced by its own, and
    noted as loose.
    """
    children = list(network.children())
    total = sum(parameter.numel() for parameter in network.parameters())
    found = []
    for child in children:
        weights = sum(parameter.numel() for parameter in child.parameters())
        if (
            weights > SHARE * total
            and sum(any(True for _ in one.parameters()) for one in child.children()) > 1
        ):
            loose.append(child)
            found.extend(_children(child, loose))
        else:
            found.append(child)
    return found
