"""Which weights of the backbone are trained, by epoch."""
from dataclasses import dataclass
from typing import Literal

from torch import nn

NORMS = (nn.modules.batchnorm._BatchNorm,)


@dataclass(frozen=True)
class Freeze:
    """Freezes the first stages of a backbone; every few epochs, if asked, one stage fewer.

    Frozen means: no gradient, and evaluation mode, so that dropout is off and no statistic of a batch norm moves.
    `batch_norm=train` lets the statistics move all the same, in frozen layers too, as published code does by accident;
    `eval` holds them in trained layers as well.
    """
    frozen: int | Literal["all"]
    every: int = 0
    batch_norm: Literal["eval", "train"] = "eval"

    def __post_init__(self):
        if self.frozen != "all" and self.frozen < 0:
            raise ValueError(f"frozen={self.frozen}: all, or a number of stages from 0 up.")
        if self.every < 0:
            raise ValueError(f"every={self.every}: a number of epochs, or 0 for never.")

    def check(self, stages: int) -> None:
        """Refuse more frozen stages than the backbone has."""
        if self.frozen != "all" and self.frozen > stages:
            raise ValueError(f"freeze.frozen={self.frozen}: this backbone has {stages} stages; use {stages} or fewer, or all.")

    def apply(self, backbone: nn.Module, epoch: int) -> None:
        """Set gradients and modes for an epoch; call it after `train()`, which it corrects."""
        frozen = self.count(len(backbone.stages), epoch)
        for number, stage in enumerate(backbone.stages):
            for parameter in stage.parameters:
                parameter.requires_grad_(number >= frozen)
            for module in stage.modules:
                norm = isinstance(module, NORMS)
                moves = self.batch_norm == "train" and not backbone.folded
                module.training = moves if norm else module.training and number >= frozen

    def fixed(self, backbone: nn.Module) -> bool:
        """Whether the features of a picture never change: all frozen for good, and no statistic moves."""
        moves = self.batch_norm == "train" and has_moving_norms(backbone)
        stages = len(backbone.stages)
        return not stages or (self.count(stages, 0) == stages and not self.every and not moves)

    def count(self, stages: int, epoch: int) -> int:
        """How many of a backbone's stages, from the input, are frozen in an epoch."""
        frozen = stages if self.frozen == "all" else self.frozen
        return max(0, frozen - (epoch // self.every if self.every else 0))


def has_moving_norms(backbone: nn.Module) -> bool:
    """Whether a backbone has norms whose statistics could move: weights that fold them hold them still."""
    return not backbone.folded and any(isinstance(module, NORMS) for module in backbone.modules())
