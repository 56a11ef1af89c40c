"""Networks that evaluate faster, with the same values up to rounding."""

from qtlrun.experiment.network import Module, Network


def settle(network: Network) -> Network:
    """Network for evaluation alone, its batch norms parts of convolutions where they can be."""
    backbone = settle_backbone(network.backbone)
    if backbone is network.backbone:
        return network
    return Network(backbone, network.head, network.scale)


def settle_backbone(backbone: Module) -> Module:
    """Copy for evaluation alone, whose weights ask for no gradient; itself where none is faster."""
    return backbone.settled().requires_grad_(False) if backbone.settled else backbone
