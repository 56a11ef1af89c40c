"""Checks of the data that a model trains on: scales of items and features, labels, classes."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Evidence, Severity, check

PICTURE_DIMENSIONS = 4  # (batch, channels, height, width)
IGNORED_LABEL = -100  # of torch's cross-entropy
MIN_ITEMS = 8  # of a batch that says anything of its classes
MIN_ITEMS_BALANCE = 50  # of a batch whose counts stand for those of all items
MIN_DEVIATION = 1e-6  # of a feature that is not constant
LOW_QUANTILE = 0.1  # of the deviations; a few features that hardly move are usual behind a ReLU

MAX_ROOT_MEAN_SQUARE_FACTOR = 10.0
MAX_CONSTANT_SHARE = 0.9
MAX_SCALE_RATIO = 200.0
MAX_STEP = 20.0
MAX_LABELS_OUTSIDE = 0
MAX_LOGITS_PER_CLASS = 10.0
MAX_CLASS_RATIO = 10.0
MAX_CONTRADICTION_SHARE = 0.01
MAX_PURE_BATCH_SHARE = 0.5


@check(
    "Q401",
    "INPUT_SCALE",
    Severity.WARNING,
    limit=MAX_ROOT_MEAN_SQUARE_FACTOR,
    reason="the shipped presets stay within 4 of a root mean square of 1; pixels to 255 reach 60",
)
def input_scale(case: Case) -> Evidence | None:
    """Compare the root mean square of pictures with 1, by channel."""
    items = case.items
    if items.dim() != PICTURE_DIMENSIONS or not items.is_floating_point():
        return None
    channels = items.detach().double().transpose(0, 1).flatten(1)
    mean = channels.mean(1)
    deviation = channels.std(1, correction=0)
    size = channels.square().mean(1).sqrt().clamp(min=1e-12)
    factors = torch.maximum(size, 1 / size)
    channel = int(factors.argmax())
    if not factors[channel] > MAX_ROOT_MEAN_SQUARE_FACTOR:
        return None
    is_changed = case.composition is not None and any(
        case.composition.parts.variant.backbone.get(name) is not None for name in ("mean", "std")
    )
    return Evidence(
        float(factors[channel]),
        f"channel {channel} of the pictures has mean {float(mean[channel]):.3g} and deviation"
        f" {float(deviation[channel]):.3g}; layers start for a mean near 0 and a deviation near 1",
        "divide pixels by 255, then subtract the mean and divide by the deviation that the weights"
        " were trained with",
        "backbone.mean=null backbone.std=null" if is_changed else "",
    )


@check(
    "Q402",
    "FEATURES_CONSTANT",
    Severity.WARNING,
    limit=MAX_CONSTANT_SHARE,
    reason="a small random network with ReLUs starts with half of its features at 0",
)
def constant_features(case: Case) -> Evidence | None:
    """Count the features that are equal for all items."""
    features = _find_features(case)
    if features is None:
        return None
    constant = int((features.std(0, correction=0) < MIN_DEVIATION).sum())
    count = features.shape[1]
    if not constant > MAX_CONSTANT_SHARE * count:
        return None
    return Evidence(
        constant / count,
        f"{constant} of {count} features are equal for all of {len(features)} items",
        "look at the preprocessing and at the weights: are the pictures blank, or all units of a"
        " ReLU dead?",
    )


@check(
    "Q403",
    "FEATURES_UNSCALED",
    Severity.WARNING,
    limit=MAX_SCALE_RATIO,
    reason="deviations of the shipped presets' features differ up to 30-fold",
)
def unscaled_features(case: Case) -> Evidence | None:
    """Compare the largest deviation of a feature with that of the smaller ones."""
    features = _find_features(case)
    if features is None:
        return None
    deviations = features.std(0, correction=0)
    moving = deviations[deviations >= MIN_DEVIATION]
    if len(moving) < 2:
        return None
    ratio = float(moving.max() / moving.quantile(LOW_QUANTILE, interpolation="lower"))
    if not ratio > MAX_SCALE_RATIO:
        return None
    return Evidence(
        ratio,
        f"feature {int(deviations.argmax())} varies {ratio:.0f} times as much as the lowest tenth"
        f" of {len(deviations)} features, and hides them",
        "standardise the features by the training split",
        _scale_override(case),
    )


@check(
    "Q415",
    "FEATURES_LARGE",
    Severity.WARNING,
    limit=MAX_STEP,
    reason="a tanh is flat from 3 on; textures, which trains well unscaled, reaches 4",
)
def large_features(case: Case) -> Evidence | None:
    """Bound how far one step of the optimizer moves a value of the first layer."""
    features = _find_features(case)
    if features is None or case.optimizer is None:
        return None
    is_sgd = isinstance(case.optimizer, torch.optim.SGD)
    sizes = features.square() if is_sgd else features.abs()
    rate = float(case.optimizer.param_groups[0]["lr"])
    step = rate * float(sizes.sum(1).mean())
    if not step > MAX_STEP:
        return None
    return Evidence(
        step,
        f"one step at rate {rate:g} may move a value of the first layer by {step:.3g}, for the"
        f" features have a mean size of {float(features.abs().mean()):.3g}",
        "standardise the features by the training split, or lower the rate",
        _scale_override(case),
    )


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
        count, total, noun = numbers.contradictory, numbers.distinct, "different items"
    else:
        distinct, places = case.items.detach().flatten(1).unique(dim=0, return_inverse=True)
        pairs = torch.stack([places.cpu(), case.labels.cpu()], 1).unique(dim=0)
        count = int((pairs[:, 0].bincount() > 1).sum())
        total, noun = len(distinct), "different items of the batch"
    if not count > MAX_CONTRADICTION_SHARE * total:
        return None
    return Evidence(
        count / total,
        f"{count} of {total} {noun} stand in two classes or more",
        "give equal items one label, or leave them out",
    )


@check(
    "Q414",
    "LABELS_ORDERED",
    Severity.WARNING,
    limit=MAX_PURE_BATCH_SHARE,
    reason="shuffled batches of 8 items or more of two classes are pure once in 128",
)
def ordered_labels(case: Case) -> Evidence | None:
    """Count batches whose items are all of one class."""
    composition = case.composition
    if composition is None:
        batches = [case.labels] if len(case.labels) >= MIN_ITEMS else []
    else:
        dataset = composition.parts.dataset
        if dataset.sequence is None or len(dataset.classes) < 2:
            return None
        size = composition.parts.recipe.batch_size
        pieces = dataset.train.labels[dataset.sequence(0)].split(size)
        batches = [labels for labels in pieces if len(labels) >= min(size, MIN_ITEMS)]
    pure = sum(len(labels.unique()) == 1 for labels in batches)
    if not pure > MAX_PURE_BATCH_SHARE * len(batches):
        return None
    return Evidence(
        pure / len(batches),
        f"{pure} of {len(batches)} batches have items of a single class",
        "shuffle the training items in each epoch",
    )


def _find_features(case: Case) -> Float64[Tensor, "items features"] | None:
    """Features as a head takes them; vectors that a module of the user's takes."""
    if case.composition is not None:
        is_state = case.composition.ensemble.head.amplitudes
        return None if is_state else case.composition.features.double()
    items: Float[Tensor, "batch ..."] = case.items.detach()
    return items.double() if items.dim() == 2 and items.is_floating_point() else None


def _count_logits(case: Case) -> int | None:
    """Number of logits of an item; None where the model gives no table of them."""
    logits = case.first_pass.logits
    return logits.shape[1] if isinstance(logits, Tensor) and logits.dim() == 2 else None


def _scale_override(case: Case) -> str:
    """Words that standardise the features of a composed model which has them as they are."""
    composition = case.composition
    is_raw = composition is not None and composition.parts.recipe.scale != "standard"
    return "recipe.scale=standard" if is_raw else ""


def _are_classes(case: Case) -> bool:
    """Whether the labels are numbers of classes."""
    return int(case.labels.min()) >= 0


CHECKS = (
    input_scale,
    constant_features,
    unscaled_features,
    outside_labels,
    unused_logits,
    unbalanced_classes,
    contradictory_labels,
    ordered_labels,
    large_features,
)
