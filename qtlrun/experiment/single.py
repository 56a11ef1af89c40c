"""Batches of one item, which have no variance for a batch norm that is trained."""

import torch
from torch import Tensor, nn

from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.recipe import Recipe


@torch.no_grad()
def check_single(
    backbone: nn.Module, freeze: Freeze, recipe: Recipe, item: Tensor, key: str = ""
) -> None:
    """Refuse batches of one item where the backbone does not take them.

    Tried on one item, without weights. A last batch of one is no such case: it joins the batch
    before. `key` begins the message where the recipe is not the row's.
    """
    if recipe.batch_size > 1 or not freeze.normalises(backbone):
        return
    backbone.train()
    freeze.apply(backbone, 0)
    try:
        backbone(item)
    except ValueError as error:
        raise UsageError(
            ("a batch norm whose statistics are trained needs two pictures or more in a batch"),
            f"use 2 or more{'' if key else ', or freeze.batch_norm=eval'}",
            key=f"{key}recipe.batch_size",
            value=1,
        ) from error
    finally:
        backbone.eval()
