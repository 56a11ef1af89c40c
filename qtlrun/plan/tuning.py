"""Draws of tuning: equal values for all variants of a plan."""

import ast
import math
from collections.abc import Iterable

from qtlrun.error import UsageError, nearest
from qtlrun.plan import annotation as annotations
from qtlrun.plan.part import SPACE, parameters
from qtlrun.plan.variant import Variant

TUNABLE = ("recipe", "head", "circuit")


def check_space(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse a space that tuning cannot draw a part's values from.

    The space of a number is two numbers, low below high; that of anything else a list of options.
    """
    space = part.get(SPACE) or {}
    takes = parameters(group, part["_target_"], tuple(plugins), key)
    key = f"{key or group}.{SPACE}"
    if space and group not in TUNABLE:
        raise UsageError(
            f"{group} is not tuned",
            f"rows must share it. {', '.join(TUNABLE)} may have a space",
            key=key,
        )
    if not isinstance(space, dict):
        raise UsageError(
            f"a group of values stands here, each given as {key}.KEY=[LOW,HIGH]",
            key=key,
            value=space,
        )
    for name, values in space.items():
        if name not in takes or name not in part:
            raise UsageError(
                f"{group} takes no such value",
                nearest(name, [each for each in takes if each in part]),
                key=f"{key}.{name}",
            )
        if not isinstance(values, list) or not values:
            raise UsageError(
                "a list is needed here, [LOW,HIGH] of a number or the options of a word",
                key=f"{key}.{name}",
                value=values,
            )
        for value in values:
            annotations.check(f"{key}.{name}", value, takes[name].annotation)
        if _is_range(takes[name].annotation):
            _check_range(f"{key}.{name}", values)


def spaces(variants: Iterable[Variant]) -> dict[str, tuple]:
    """Annotation and space of each tuned value, by `group.key`, of the first variant with it."""
    spaces: dict[str, tuple] = {}
    for variant in variants:
        for group, part in variant.parts.items():
            for name, space in (part.get(SPACE) or {}).items():
                annotation = variant.takes(group)[name].annotation
                spaces.setdefault(f"{group}.{name}", (annotation, space))
    return {key: spaces[key] for key in sorted(spaces)}


def draw(variants: Iterable[Variant], count: int, seed: int) -> list[dict[str, object]]:
    """Draws of the values that any of the variants has a space for, by `group.key`.

    A draw is the same for all variants. The first is empty and leaves each variant as it stands:
    tuning never makes validation worse. Each other is a point of a Sobol sequence that the seed
    scrambles (Sobol 1967; Owen 1998), log-uniform between two numbers, uniform over options.
    """
    ranges = spaces(variants)
    if not (count and ranges):
        return []
    if count == 1:
        return [{}]
    from scipy.stats import qmc

    exponent = math.ceil(math.log2(count - 1))
    points = qmc.Sobol(len(ranges), rng=seed).random_base2(exponent)[: count - 1]
    return [{}, *(_values(point, ranges) for point in points.tolist())]


def _check_range(key: str, values: list) -> None:
    """Refuse ends of a log-uniform range that are not two, finite, above 0 and in order."""
    if len(values) != 2:
        raise UsageError(
            "two numbers are needed here, [LOW,HIGH]",
            "draws are log-uniform between them",
            key=key,
            value=values,
        )
    low, high = values
    if not (math.isfinite(low) and math.isfinite(high) and low > 0):
        raise UsageError(
            "draws are log-uniform", "both ends must be finite and above 0", key=key, value=values
        )
    if low > high:
        raise UsageError(
            "its low end is above its high end",
            f"turn them round, [{high},{low}]",
            key=key,
            value=values,
        )


def _is_range(annotation: ast.expr) -> bool:
    """Whether a value is drawn from between two numbers, as one that may be a fraction is."""
    return annotations.accepts(annotation, 0.5)


def _values(point: list[float], spaces: dict[str, tuple]) -> dict[str, object]:
    """Values of one draw, from a point of the unit cube with an axis per space."""
    return {key: _value(share, *spaces[key]) for key, share in zip(spaces, point, strict=True)}


def _value(share: float, annotation: ast.expr, values: list) -> object:
    """Value at a share in [0, 1) of a space, rounded to three figures so that it can be typed."""
    if not _is_range(annotation):
        return values[int(share * len(values))]
    low, high = values
    return min(max(float(f"{low * (high / low) ** share:.3g}"), low), high)
