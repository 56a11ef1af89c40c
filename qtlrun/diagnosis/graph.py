"""Graphs of autograd that outlive their passes."""

import gc
import weakref

import torch
from torch import Tensor

from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case

PASSES = 4
MAX_ITEMS = 4


class Saved:
    """Numbers that autograd saves for the pass back, without their graph, which would hold them."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor.detach()


def count_saved(case: Case) -> list[int]:
    """Count of saved tensors that are alive after each of some forward passes.

    The logits are dropped after each pass, and with them all that nothing else holds.
    """
    case = case.start_again()
    case.model.train()
    alive: weakref.WeakSet[Saved] = weakref.WeakSet()

    def save(tensor: Tensor) -> Saved:
        saved = Saved(tensor)
        alive.add(saved)
        return saved

    counts: list[int] = []
    for _ in range(PASSES):
        with torch.autograd.graph.saved_tensors_hooks(save, lambda saved: saved.tensor):
            logits, error = attempt(lambda: case.model(case.items[:MAX_ITEMS]))
        if error is not None:
            return []
        del logits
        counts.append(len(alive))
    if counts[-1] > counts[0]:
        gc.collect()  # cycles of objects hold what nothing else does
        counts[-1] = len(alive)
    return counts
