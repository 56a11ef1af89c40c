"""Batches of one item, of which a batch norm that is trained has no variance."""

import torch
from torch import Tensor, nn

from qtlrun.freeze import Freeze
from qtlrun.plan import Refused
from qtlrun.recipe import Recipe


@torch.no_grad()
def check_single(
    backbone: nn.Module, freeze: Freeze, recipe: Recipe, item: Tensor, key: str = ""
) -> None:
    """Refuse batches of one where the backbone would stop at the first; asked of one item and no
    weights.

    A last batch of one is no such case: it joins the batch before.
    """
    if recipe.batch_size > 1 or not freeze.normalises(backbone):
        return
    backbone.train()
    freeze.apply(backbone, 0)
    try:
        backbone(item)
    except ValueError as error:
        raise Refused(
            f"{key}recipe.batch_size=1: a batch norm whose statistics are trained needs two"
            " pictures or more in a batch; use 2 or"
            f" more{'' if key else ', or freeze.batch_norm=eval'}."
        ) from error
    finally:
        backbone.eval()
