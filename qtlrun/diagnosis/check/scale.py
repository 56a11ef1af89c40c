"""Checks of scale: items as a network takes them, features as a head takes them."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check

PICTURE_DIMENSIONS = 4  # (batch, channels, height, width)
MIN_DEVIATION = 1e-6  # of a feature that is not constant
LOW_QUANTILE = 0.1  # of the deviations; a few features that hardly move are usual behind a ReLU

MAX_ROOT_MEAN_SQUARE_FACTOR = 10.0
MAX_CONSTANT_SHARE = 0.9
MAX_SCALE_RATIO = 100.0
MAX_STEP = 20.0


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
    if items.dim() != PICTURE_DIMENSIONS or not items.is_floating_point() or items.is_meta:
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
    reason="the shipped presets' frozen features have at most .03; blank items have all",
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
    reason="deviations of the shipped presets' features differ up to 11-fold",
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
    need=Requirement.OPTIMIZER,
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


def _find_features(case: Case) -> Float64[Tensor, "items features"] | None:
    """Features of a frozen backbone as the head takes them; else vectors that the model takes."""
    composition = case.composition
    if composition is not None and composition.ensemble.head.amplitudes:
        return None
    if composition is not None and composition.parts.fixed:
        return composition.features.double()
    items: Float[Tensor, "batch ..."] = case.items.detach()
    is_readable = items.dim() == 2 and items.is_floating_point() and not items.is_meta
    return items.double() if is_readable else None


def _scale_override(case: Case) -> str:
    """Words that standardise the features of a composed model which has them as they are."""
    composition = case.composition
    is_raw = composition is not None and composition.parts.recipe.scale != "standard"
    return "recipe.scale=standard" if is_raw else ""


CHECKS = (
    input_scale,
    constant_features,
    unscaled_features,
    large_features,
)
