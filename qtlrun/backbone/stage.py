"""Stages of a backbone's weights, from the input to the features."""

from dataclasses import dataclass

from torch import nn

MAX_SHARE = 0.9  # of the weights in one stage; a child that holds more is split


@dataclass(frozen=True)
class Stage:
    """Stage of a backbone: its parameters, and the modules whose mode goes with them."""

    parameters: list[nn.Parameter]
    modules: list[nn.Module]


def split(network: nn.Module) -> list[Stage]:
    """Split a network into stages: its children that have weights.

    A child that has nearly all of them is replaced by its own children. What belongs to no stage (a
    class token, a position embedding) goes with the first; a child without weights (dropout,
    pooling) with the stage before it.
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
    """Children of a network in order, with those of a child that has nearly all weights.

    Such a child is replaced by its own children, and added to `loose`.
    """
    total = sum(parameter.numel() for parameter in network.parameters())
    children = []
    for child in network.children():
        weights = sum(parameter.numel() for parameter in child.parameters())
        branches = [inner for inner in child.children() if list(inner.parameters())]
        if weights > MAX_SHARE * total and branches:
            loose.append(child)
            children.extend(_children(child, loose))
        else:
            children.append(child)
    return children
