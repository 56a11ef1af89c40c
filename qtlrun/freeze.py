"""Freezing of the backbone: which of its stages are trained, by epoch."""

from dataclasses import dataclass
from typing import Literal

from qtlrun.error import BadValue, UsageError
from qtlrun.plan import facts


@facts(defects={"batch_norm": "train"}, idle={"batch_norm": {"frozen": (0,)}})
@dataclass(frozen=True)
class Freeze:
    """Freezes the first `frozen` stages of a backbone, and one fewer after each `every` epochs.

    Frozen means: no gradient, and evaluation mode, so that dropout is off and no statistic of a
    batch norm moves. `batch_norm=train` lets the statistics move all the same, in frozen layers
    too, as published code does by accident; `eval` holds them in trained layers as well.
    """

    frozen: int | Literal["all"]
    every: int = 0
    batch_norm: Literal["eval", "train"] = "eval"

    def __post_init__(self):
        if self.frozen != "all" and self.frozen < 0:
            raise BadValue("frozen", self.frozen, "all, or a number of stages from 0 up")
        if self.every < 0:
            raise BadValue("every", self.every, "a number of epochs, or 0 for never")

    def check(self, stages: int) -> None:
        """Refuse more frozen stages than the backbone has."""
        if self.frozen != "all" and self.frozen > stages:
            raise UsageError(
                f"this backbone has {stages} stages",
                f"use {stages} or fewer, or all",
                key="freeze.frozen",
                value=self.frozen,
            )

    def apply(self, backbone, epoch: int) -> None:
        """Set gradients and modes of a backbone for an epoch.

        Call it after the model's `train()`, whose modes it corrects.
        """
        frozen = self.count(len(backbone.stages), epoch)
        for number, stage in enumerate(backbone.stages):
            for parameter in stage.parameters:
                parameter.requires_grad_(number >= frozen)
            for module in stage.modules:
                norm = is_norm(module)
                moves = self.batch_norm == "train" and not backbone.folded
                module.training = moves if norm else module.training and number >= frozen

    def fixed(self, backbone) -> bool:
        """Whether an item's features never change: all is frozen for good, no statistic moves."""
        stages = len(backbone.stages)
        return not stages or (
            self.count(stages, 0) == stages and not self.every and not self.normalises(backbone)
        )

    def normalises(self, backbone) -> bool:
        """Whether a batch norm of the backbone takes its statistics from each batch."""
        return self.batch_norm == "train" and has_moving_norms(backbone)

    def count(self, stages: int, epoch: int) -> int:
        """Count of a backbone's stages, from the input, that are frozen in an epoch."""
        frozen = stages if self.frozen == "all" else self.frozen
        return max(0, frozen - (epoch // self.every if self.every else 0))


def is_norm(module) -> bool:
    """Whether a module is a batch norm."""
    # Here, as a freeze is made, and its values are refused, without torch.
    from torch.nn.modules.batchnorm import _BatchNorm

    return isinstance(module, _BatchNorm)


def has_moving_norms(backbone) -> bool:
    """Whether a backbone has batch norms whose statistics could move.

    Weights that fold them into the convolutions hold them still.
    """
    return not backbone.folded and any(is_norm(module) for module in backbone.modules())
