"""Draws of tuning, and redrawn splits: equal values for every row of a table."""

import ast
import math

from qtlrun.plan import annotation as annotations
from qtlrun.plan.part import parameters
from qtlrun.plan.refusal import Refused, nearest, text

SPACE = "space"  # of a part: what tuning draws its values from
TUNABLE = ("recipe", "head", "circuit")


def check_space(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse a space of what the part does not take: two numbers for a number, low below high; else
    a list of options.
    """
    space = part.get(SPACE) or {}
    takes = parameters(group, part["_target_"], tuple(plugins), key)
    key = f"{key or group}.{SPACE}"
    if space and group not in TUNABLE:
        raise Refused(
            f"{key}: {group} is not tuned; rows must share it. {', '.join(TUNABLE)} may have a"
            " space."
        )
    if not isinstance(space, dict):
        raise Refused(
            f"{key}={text(space)}: a group of values stands here, each given as"
            f" {key}.KEY=[LOW,HIGH]."
        )
    for name, given in space.items():
        if name not in takes or name not in part:
            raise Refused(
                f"{key}.{name}: {group} takes no such value;"
                f" {nearest(name, [one for one in takes if one in part])}"
            )
        if not isinstance(given, list) or not given:
            raise Refused(
                f"{key}.{name}={text(given)}: a list is needed here, [LOW,HIGH] of a number or the"
                " options of a word."
            )
        for value in given:
            annotations.check(f"{key}.{name}", value, takes[name][0])
        if _ranged(takes[name][0]):
            _check_range(f"{key}.{name}", given)


def bare(part: dict) -> dict:
    """A part without its space."""
    return {name: value for name, value in part.items() if name != SPACE}


def has(row: dict, key: str) -> bool:
    """Whether a row's parts have a value, `group.key`."""
    group, _, name = key.partition(".")
    return name in row[group]


def spaces(rows: list[dict]) -> dict[str, tuple]:
    """Spaces that tuning draws from, by `group.key`: the annotation and the first row's space."""
    found = {}
    for row in rows:
        for group, part in row.items():
            for name, given in (part.get(SPACE) or {} if isinstance(part, dict) else {}).items():
                takes = parameters(group, part["_target_"], tuple(row["plugins"]))
                found.setdefault(f"{group}.{name}", (takes[name][0], given))
    return {key: found[key] for key in sorted(found)}


def draws(rows: list[dict], count: int) -> list[dict[str, object]]:
    """So many draws of the values that any of the rows has a space for, by `group.key`; a point is
    one for all rows.

    A scrambled Sobol sequence (Sobol 1967; Owen 1998), log-uniform between two numbers, uniform
    over options.
    """
    if not count:
        return []
    from scipy.stats import qmc

    found = spaces(rows)
    points = qmc.Sobol(len(found), rng=0).random_base2(math.ceil(math.log2(count)))[:count]
    return [
        {key: _value(share, *found[key]) for key, share in zip(found, point, strict=True)}
        for point in points.tolist()
    ]


def drawn(row: dict, draw: dict[str, object]) -> dict:
    """A row with those drawn values that its parts have."""
    made = {name: dict(part) if isinstance(part, dict) else part for name, part in row.items()}
    for key, value in draw.items():
        if has(row, key):
            group, _, name = key.partition(".")
            made[group][name] = value
    return made


def redraws(plan: dict) -> list[dict]:
    """The changes of the dataset that `splits` or `folds` ask for, one a split; one empty one where
    they ask for none.
    """
    count = plan["splits"]
    folds = plan["folds"]
    dataset = plan["dataset"]
    name = "folds" if folds is not None else "splits"
    if count < 1:
        raise Refused(f"splits={count}: how often train and validation are drawn, from 1 up.")
    if folds is not None and folds < 2:
        raise Refused(f"folds={folds}: the parts of a cross-validation, from 2 up; null for none.")
    if folds is not None and count > 1:
        raise Refused(f"splits={count}, folds={folds}: choose one of the two.")
    if count == 1 and folds is None:
        return [{}]
    if dataset.get("fold") is not None:
        raise Refused(
            f"{name}={plan[name]}, dataset.fold={text(dataset['fold'])}: choose one of the two."
        )
    needs = "fold" if folds is not None else "split_seed"
    if needs not in dataset:
        raise Refused(
            f"{name}={plan[name]}: this dataset draws no splits of its own (it has no {needs})."
        )
    if folds is not None:
        return [{"fold": [number, folds]} for number in range(folds)]
    return [{"split_seed": dataset["split_seed"] + number} for number in range(count)]


def _check_range(key: str, given: list) -> None:
    if len(given) != 2:
        raise Refused(
            f"{key}={text(given)}: two numbers are needed here, [LOW,HIGH]; draws are log-uniform"
            " between them."
        )
    low, high = given
    if not (math.isfinite(low) and math.isfinite(high) and low > 0):
        raise Refused(
            f"{key}={text(given)}: draws are log-uniform; both ends must be finite and above 0."
        )
    if low > high:
        raise Refused(
            f"{key}={text(given)}: its low end is above its high end; turn them round,"
            f" [{high},{low}]."
        )


def _ranged(annotation: ast.expr) -> bool:
    return annotations.accepts(annotation, 0.5)


def _value(share: float, annotation: ast.expr, given: list) -> object:
    """Value of a number in [0, 1) in a space, rounded to three figures so that it can be typed."""
    if not _ranged(annotation):
        return given[int(share * len(given))]
    low, high = given
    return min(max(float(f"{low * (high / low) ** share:.3g}"), low), high)
