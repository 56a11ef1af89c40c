"""Checks of labels: their numbers, their counts, equal items, their order."""

import torch
from torch import Tensor

from qtlrun.diagnosis.case import IGNORED_LABEL, Case
from qtlrun.diagnosis.finding import Evidence, Severity, check

MIN_ITEMS = 8  # of a batch that says anything of its classes
MIN_ITEMS_BALANCE = 50  # of a batch whose counts stand for those of all items

MAX_LABELS_OUTSIDE = 0
MAX_LOGITS_PER_CLASS = 10.0
MAX_CLASS_RATIO = 10.0
MAX_CONTRADICTION_SHARE = 0.01
MAX_PURE_BATCH_SHARE = 0.5


@check(
    "Q404",
    "LABELS_OUTSIDE",
    Severity.FAULT,
    limit=MAX_LABELS_OUTSIDE,
    reason="each label is the number of a logit",
)
def outside_labels(case: Case) -> Evidence | None:
    """Count the labels that are no number of a logit."""
    labels = case.labels
    width = _count_logits(case)
    counted = labels[labels != IGNORED_LABEL]
    if width is None:
        return None
    strange = int(((counted < 0) | (counted >= width)).sum())
    if not strange > MAX_LABELS_OUTSIDE:
        return None
    return Evidence(
        strange,
        f"{strange} of {len(labels)} labels lie outside 0 to {width - 1}, the numbers of the"
        f" {width} logits; they go from {int(counted.min())} to {int(counted.max())}",
        "number the classes from 0, and give the last layer a logit for each",
    )


@check(
    "Q416",
    "LOGITS_UNUSED",
    Severity.FAULT,
    limit=MAX_LOGITS_PER_CLASS,
    reason=f"{MIN_ITEMS} labels drawn from all classes lie in the first tenth once in 10^8",
)
def unused_logits(case: Case) -> Evidence | None:
    """Compare the number of logits with the classes that the labels name."""
    width = _count_logits(case)
    if width is None or len(case.labels) < MIN_ITEMS or case.classes < 1:
        return None
    if not width > MAX_LOGITS_PER_CLASS * case.classes:
        return None
    return Evidence(
        width / case.classes,
        f"the model has {width} logits, and no label is above {case.classes - 1}",
        "put a last layer with a logit for each class in place of the pre-trained one, or map the"
        " labels to its classes by name",
    )


@check(
    "Q406",
    "CLASSES_UNBALANCED",
    Severity.WARNING,
    limit=MAX_CLASS_RATIO,
    reason="the shipped presets have at most 1.8; from 10 on guessing the class is right in .9",
)
def unbalanced_classes(case: Case) -> Evidence | None:
    """Compare the counts of the largest and the smallest class that trains."""
    composition = case.composition
    if composition is not None:
        if composition.parts.recipe.class_weights is not None:
            return None
        counts = composition.parts.dataset.train.labels.bincount(minlength=case.classes)
    elif len(case.labels) >= MIN_ITEMS_BALANCE and _are_classes(case):
        counts = case.labels.bincount()
    else:
        return None
    present = counts[counts > 0]
    ratio = float(present.max() / present.min())
    if not ratio > MAX_CLASS_RATIO:
        return None
    return Evidence(
        ratio,
        f"class {int(counts.argmax())} has {int(present.max())} items to {int(present.min())} of"
        f" class {int((counts == present.min()).nonzero()[0])}",
        "weigh the loss of each class by its rarity, and read balanced accuracy",
        "recipe.class_weights=balanced" if composition is not None else "",
    )


@check(
    "Q409",
    "LABELS_CONTRADICT",
    Severity.WARNING,
    limit=MAX_CONTRADICTION_SHARE,
    reason="the shipped datasets have none; no model is right on such items",
)
def contradictory_labels(case: Case) -> Evidence | None:
    """Count equal items that stand in two classes."""
    if case.composition is not None:
        numbers = case.composition.duplicates
        count = numbers.contradictory
        total = numbers.distinct
        where = ""
    else:
        distinct, places = case.items.detach().flatten(1).unique(dim=0, return_inverse=True)
        pairs = torch.stack([places.cpu(), case.labels.cpu()], 1).unique(dim=0)
        count = int((pairs[:, 0].bincount() > 1).sum())
        total = len(distinct)
        where = " of the batch"
    if not count > MAX_CONTRADICTION_SHARE * total:
        return None
    return Evidence(
        count / total,
        f"{count} of {total} different items{where} stand in two classes or more",
        "give equal items one label, or leave them out",
    )


@check(
    "Q414",
    "LABELS_ORDERED",
    Severity.WARNING,
    limit=MAX_PURE_BATCH_SHARE,
    reason="beyond the share of shuffled batches, which is 1 in 128 for 8 items of two classes",
)
def ordered_labels(case: Case) -> Evidence | None:
    """Count batches whose items are all of one class."""
    composition = case.composition
    shuffled = 0.0
    beside = ""
    if composition is None:
        counted = case.labels[case.labels != IGNORED_LABEL]
        batches = [counted] if len(counted) >= MIN_ITEMS else []
    else:
        dataset = composition.parts.dataset
        if dataset.sequence is None or len(dataset.classes) < 2:
            return None
        size = composition.parts.recipe.batch_size
        labels = dataset.train.labels
        pieces = labels[dataset.sequence(0)].split(size)
        batches = [piece for piece in pieces if len(piece) >= min(size, MIN_ITEMS)]
        shuffled = float((labels.bincount() / len(labels)).pow(size).sum())
        beside = f", where shuffled ones have a share of {shuffled:.2g}"
    pure = sum(len(piece.unique()) == 1 for piece in batches)
    if not pure > (shuffled + MAX_PURE_BATCH_SHARE) * len(batches):
        return None
    return Evidence(
        pure / len(batches) - shuffled,
        f"{pure} of {len(batches)} batches have items of a single class{beside}",
        "shuffle the training items in each epoch",
    )


def _count_logits(case: Case) -> int | None:
    """Number of logits of an item; None where the model gives no table of them."""
    logits = case.first_pass.logits
    return logits.shape[1] if isinstance(logits, Tensor) and logits.dim() == 2 else None


def _are_classes(case: Case) -> bool:
    """Whether the labels are numbers of classes."""
    return int(case.labels.min()) >= 0


CHECKS = (
    outside_labels,
    unused_logits,
    unbalanced_classes,
    contradictory_labels,
    ordered_labels,
)
