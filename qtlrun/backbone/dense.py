"""Linear layers of a backbone, checks of their sizes, and their weights from a file."""

from torch import Tensor, nn

from qtlrun import disk, memory
from qtlrun.backbone import weights as files
from qtlrun.error import BadValue
from qtlrun.layer import ACTIVATIONS

# Of a weight with its gradient and the two moments of Adam, in single precision.
BYTES_PER_WEIGHT = 16


def check(name: str, widths: list[int]) -> None:
    """Refuse widths below 1."""
    if any(width < 1 for width in widths):
        raise BadValue(name, widths, "numbers a layer gives, each from 1 up")


def fits(name: str, widths: list[int], sizes: list[int]) -> None:
    """Refuse layers of so many weights each that this machine cannot train them."""
    need = BYTES_PER_WEIGHT * sum(sizes)
    held = memory.total()
    if need > held:
        raise BadValue(
            name,
            widths,
            (
                f"{sum(sizes):,} weights need {need / 2**30:,.0f} GiB in training,"
                f" and this machine has {held / 2**30:.0f}"
            ),
            "use narrower layers",
        )


def sizes(inputs: int, widths: list[int]) -> list[int]:
    """Count of the weights of each linear layer, without its bias."""
    return [before * width for before, width in zip([inputs, *widths], widths, strict=False)]


def hidden(network: nn.Module, inputs: int, widths: list[int]) -> list[nn.Linear]:
    """Add linear layers to a network, as hidden1, hidden2 and so on."""
    layers = [
        nn.Linear(before, width) for before, width in zip([inputs, *widths], widths, strict=False)
    ]
    for number, layer in enumerate(layers, 1):
        network.add_module(f"hidden{number}", layer)
    return layers


def load(network: nn.Module, weights: str | None) -> str:
    """Load the file of weights, if one is named; give its fingerprint."""
    if weights in (None, "none"):
        return "none"
    files.fill(network, files.read(weights), set(network.state_dict()), weights)
    return disk.file_digest(weights)


def through(layers: list[nn.Linear], activation: str, x: Tensor) -> Tensor:
    """Apply the layers in turn, the activation after each."""
    for layer in layers:
        x = ACTIVATIONS[activation](layer(x))
    return x
