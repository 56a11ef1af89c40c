"""Linear layers with an activation after each, and what networks that begin at random have in
common.
"""

from torch import Tensor, nn

from qtlrun import memory
from qtlrun.backbone import stage
from qtlrun.backbone import weights as files
from qtlrun.layer import ACTIVATIONS

TRAINED = 16  # bytes a weight with its gradient and the two moments of Adam, in single precision


def check(name: str, widths: list[int]) -> None:
    """Refuse widths below 1."""
    if any(width < 1 for width in widths):
        raise ValueError(f"{name}={widths}: numbers a layer gives, each from 1 up.")


def fits(name: str, widths: list[int], sizes: list[int]) -> None:
    """Refuse layers of so many weights each that this machine cannot train them."""
    need = TRAINED * sum(sizes)
    held = memory.total()
    if need > held:
        raise ValueError(
            f"{name}={widths}: {sum(sizes):,} weights need {need / 2**30:,.0f} GiB in training, and"
            f" this machine has {held / 2**30:.0f}; use narrower layers."
        )


def sizes(inputs: int, widths: list[int]) -> list[int]:
    """How many weights each linear layer has, without its bias."""
    return [one * other for one, other in zip([inputs, *widths], widths, strict=False)]


def hidden(network: nn.Module, inputs: int, widths: list[int]) -> list[nn.Linear]:
    """Linear layers, which the network owns as hidden1, hidden2 and so on."""
    layers = [nn.Linear(one, other) for one, other in zip([inputs, *widths], widths, strict=False)]
    for number, layer in enumerate(layers, 1):
        network.add_module(f"hidden{number}", layer)
    return layers


def settle(network: nn.Module, weights: str | None) -> None:
    """Load the file of weights, if one is named, and say what a backbone says of itself:
    fingerprint, folded, stages.
    """
    random = weights in (None, "none")
    if not random:
        files.fill(network, files.read(weights), set(network.state_dict()), weights)
    network.fingerprint = "none" if random else files.digest(weights)
    network.folded = False
    network.stages = stage.split(network)


def through(layers: list[nn.Linear], activation: str, x: Tensor) -> Tensor:
    """The layers in turn, the activation after each."""
    for layer in layers:
        x = ACTIVATIONS[activation](layer(x))
    return x
