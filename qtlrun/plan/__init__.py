"""A plan is a plain dict, one part a group: what may stand in it, its references, what its key is
made of.
"""

import ast
import re

from qtlrun.plan import annotation as annotations
from qtlrun.plan import plugin, size
from qtlrun.plan.claim import CLAIMS, check_claim, claim
from qtlrun.plan.override import Override, parse
from qtlrun.plan.part import build, check_part, is_own, parameters
from qtlrun.plan.refusal import Absent, Refused, finite, nearest, text
from qtlrun.plan.tuning import bare, check_space, drawn, draws, has, redraws, spaces
from qtlrun.plan.variant import LETTERS, describe, differences, letter, likeness, simulates

__all__ = [
    "LETTERS",
    "PARTS",
    "Absent",
    "Refused",
    "apart",
    "bare",
    "build",
    "check",
    "check_part",
    "check_same",
    "claim",
    "describe",
    "differences",
    "drawn",
    "draws",
    "finite",
    "has",
    "identity",
    "is_own",
    "letter",
    "likeness",
    "nearest",
    "overrides",
    "parameters",
    "redraws",
    "references",
    "row_plan",
    "seeds",
    "simulates",
    "spaces",
    "text",
    "typed",
]
PARTS = ("dataset", "backbone", "freeze", "recipe", "circuit", "head", "parametrization", "device")
SETTINGS = {
    "seeds": "int | list[int]",
    "splits": "int",
    "folds": "int | None",
    "tune": "int",
    "dtype": "Literal['float32', 'float64']",
    "home": "str",
    "outputs": "str",
    "accelerator": "Literal['cpu', 'cuda', 'mps']",
    "fresh": "bool",
    "plugins": "list[str]",
}
GIVEN = (
    "compare",
    "published",
    "name",
    "overrides",
    "command",
    "run",
    "refused",
)  # what else a plan holds: its references, published figures, the words it was made from
PLAIN = ("recipe", "freeze")  # groups whose parts are built without torch
PRETRAIN = {"dataset": "dict", "recipe": "dict", "seed": "int"}


def check(plan: dict) -> None:
    """Refuse unknown names, missing ones and wrong types in every part, from the constructors'
    source alone.
    """
    known = (*SETTINGS, *PARTS, "study")
    for name in plan:
        if name not in known and name not in GIVEN:
            raise Refused(f"{name}: there is no such key; {nearest(name, known)}")
    for name in known:
        if name not in plan:
            raise Refused(f"{name}: every run needs it, and it is taken away.")
    for name, annotation in SETTINGS.items():
        annotations.check(name, plan[name], ast.parse(annotation, mode="eval").body)
        size.check(name, plan[name])
    seeds(plan)
    if plan["tune"] < 0:
        raise Refused(
            f"tune={plan['tune']}: how many draws of its values each row is given, from 1 up; 0"
            " trains every row as it stands."
        )
    plugin.check(plan["plugins"])
    _check_published(plan.get("published", {}))
    for group in (*PARTS, "study"):
        _check_group(group, plan[group])
        _check_part(group, plan[group], plan["plugins"])
    _check_pretrain(plan)
    for group in PARTS:
        check_space(group, plan[group], plan["plugins"])
    redraws(plan)
    _check_tuned(plan)
    others = references(plan)[0]
    for name, row in others.items():
        _check_pretrain(row)
        for group in set(PARTS) & set(plan["compare"][name]):
            _check_part(group, row[group], plan["plugins"], f"compare.{name}.{group}")
            check_space(group, row[group], plan["plugins"], f"compare.{name}.{group}")
    size.check_trainings(plan, len(seeds(plan)), 1 + len(others))
    if plan["tune"] and not spaces([row_plan(plan), *others.values()]):
        raise Refused(
            f"tune={plan['tune']}: no part has a space to draw from; give one, as"
            " recipe.space.lr=[0.0001,0.01]."
        )


def _check_part(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse names, types and sizes that cannot be, and values of what is built without torch."""
    check_part(group, part, plugins, key)
    size.check_part(group, part, key)
    if group in PLAIN and not is_own(part["_target_"]):
        build(group, part, plugins, key)


def _check_published(published: object) -> None:
    """Refuse published figures that are none."""
    if not isinstance(published, dict):
        raise Refused(
            f"published={text(published)}: source and accuracy are needed here, as"
            " published.accuracy.composed=0.97."
        )
    if not isinstance(published.get("items", ""), str):
        raise Refused(
            f"published.items={text(published['items'])}: words are needed here, on which test"
            " items the figures were published."
        )
    figures = published.get("accuracy", {})
    if not isinstance(figures, dict):
        raise Refused(
            f"published.accuracy={text(figures)}: an accuracy for each row is needed here, as"
            " published.accuracy.composed=0.97."
        )
    for name, figure in figures.items():
        if type(figure) not in (int, float) or not 0 <= figure <= 1:
            raise Refused(
                f"published.accuracy.{name}={text(figure)}: an accuracy is a number from 0 to 1."
            )


def references(plan: dict) -> tuple[dict[str, dict], list[str]]:
    """The plans that a composed plan is compared with, by name, and a line for each that does not
    apply to it.

    A part of a reference that has a `_target_` replaces the composed part; one without is merged
    into it. A reference whose keys the composed part lacks is refused where it was typed, and left
    out where a default or preset asked for it.
    """
    made = {}
    left_out = []
    for name, change in (plan.get("compare") or {}).items():
        _check_change(name, change)
        if not set(CLAIMS) & set(change) and not _chosen(plan, name):
            # Nobody chose it, or it is an option that claims nothing.
            if _is_changed(plan, name):
                raise Refused(
                    f"compare.{name}: it is changed, but not among the references; choose it with"
                    f" +compare={name}."
                )
            if _shipped(name):
                continue  # a preset changes it, should it be chosen
        row = row_plan(plan)
        lacking = [
            f"{group}.{key}"
            for group in PARTS
            for key in change.get(group, ())
            if "_target_" not in change[group] and key not in row[group]
        ]
        if lacking:
            words = (
                f"compare={name}: it changes {', '.join(lacking)}, which the composed model does"
                " not have"
            )
            if _chosen(plan, name) or _is_changed(plan, name):
                raise Refused(words + "; leave it out.")
            left_out.append(words + ".")
            continue
        for group in PARTS:
            new = change.get(group, {})
            row[group] = dict(new) if "_target_" in new else row[group] | new
        made[name] = row
    return made, left_out


def row_plan(plan: dict) -> dict:
    """The part of a plan that one row is trained from: no names, no references, no study."""
    return {name: plan[name] for name in (*PARTS, "dtype", "accelerator", "plugins")}


def identity(row: dict) -> dict:
    """The values that a row's constructors take: a head without a circuit has none of it in its
    key.
    """
    head = parameters("head", row["head"]["_target_"], tuple(row["plugins"]))
    said = {
        name: row[name]
        for name in (
            "backbone",
            "freeze",
            "recipe",
            "head",
            "parametrization",
            "dtype",
            "accelerator",
        )
    }
    if "device" in parameters(
        "parametrization", row["parametrization"]["_target_"], tuple(row["plugins"])
    ):
        said["device"] = row["device"]
    if "circuit" in head:
        said |= {"circuit": row["circuit"], "device": row["device"]}
    # Of the circuit only what the head names; all of it where the circuit computes that itself
    else:
        named = [name for name in ("qubits", "depth") if name in head]
        known = "circuit_angles" not in head and all(name in row["circuit"] for name in named)
        said["circuit"] = (
            {name: row["circuit"][name] for name in named} if known else row["circuit"]
        )
    said = {name: bare(part) if isinstance(part, dict) else part for name, part in said.items()}
    return said | {"plugins": plugin.identity(row["plugins"])}


def seeds(plan: dict) -> list[int]:
    """`seeds: 5` is 0 to 4; a list names them."""
    given = plan["seeds"]
    named = list(range(given)) if isinstance(given, int) else given
    if named and max(named) >= 2**32:
        raise Refused(f"seeds={given}: numpy's generators take seeds below 2**32.")
    if not named or len(set(named)) < len(named) or min(named) < 0:
        raise Refused(
            f"seeds={given}: a number from 1 up (5 is seeds 0 to 4), or a list of different seeds"
            " from 0 up."
        )
    return named


def apart(seeds: list[int], split: int) -> list[int]:
    """The seeds of a split: its own, for an effect that all splits shared would show in no
    difference between them.
    """
    return [seed + split * (max(seeds) + 1) for seed in seeds]


def _check_group(key: str, part: object) -> None:
    if not isinstance(part, dict):
        raise Refused(
            f"{key}={text(part)}: a group of values stands here, each given as {key}.KEY=VALUE."
        )


def check_same(row: dict, changed: dict[str, object], what: str) -> None:
    """Refuse changed values that make another row of it: what A is must not hang on a draw."""
    if letter(drawn(row, changed))[0] != letter(row)[0]:
        said = ", ".join(f"{key}={text(value)}" for key, value in changed.items() if has(row, key))
        raise Refused(
            f"{what}: with {said} it would no longer be {letter(row)[0] or 'the same row'}; choose"
            " a reference for that."
        )


def _check_tuned(plan: dict) -> None:
    """Refuse a tuning that the test split would decide, and values that were typed though tuning
    draws them.
    """
    if not plan["tune"]:
        return
    for name, row in {"": row_plan(plan), **references(plan)[0]}.items():
        if row["dataset"].get("validation") == "test":
            where = (
                f"compare.{name}." if name and plan["dataset"].get("validation") != "test" else ""
            )
            raise Refused(
                f"tune={plan['tune']}, {where}dataset.validation=test: the test split would choose"
                " the draw; leave one of them out."
            )
    for key in spaces([row_plan(plan)]):
        if typed(plan, key):
            raise Refused(
                f"{key}: tune draws it, so the value typed would not be heeded;"
                f" ~{key.replace('.', '.space.')} holds it."
            )


def _check_pretrain(plan: dict) -> None:
    """Refuse a source task that is not what a backbone is pre-trained on."""
    backbone = plan["backbone"]
    task = plan["backbone"].get("pretrain")
    if task is None:
        if backbone.get("weights") == "pretrain":
            raise Refused(
                "backbone.weights=pretrain: this backbone has no source task; name public weights,"
                " a file or none."
            )
        return
    _check_group("backbone.pretrain", task)
    for name in task:
        if name not in PRETRAIN:
            raise Refused(
                f"backbone.pretrain.{name}: there is no such key; {nearest(name, PRETRAIN)}"
            )
    for name in PRETRAIN:
        if name not in task:
            raise Refused(
                f"backbone.pretrain.{name}: the source task needs it, and it is taken away."
            )
    annotations.check("backbone.pretrain.seed", task["seed"], ast.Name("int"))
    for group in ("dataset", "recipe"):
        _check_group(f"backbone.pretrain.{group}", task[group])
        _check_part(group, task[group], plan["plugins"], f"backbone.pretrain.{group}")
        if task[group].get("space"):
            raise Refused(
                f"backbone.pretrain.{group}.space: a source task is not tuned; leave it null."
            )


def _check_change(name: str, change: object) -> None:
    """Refuse what no reference can be: references differ from the composed plan in whole parts or
    in keys of parts.
    """
    if not re.fullmatch(r"\w[\w-]{0,63}", str(name)):  # it becomes a part of file names
        raise Refused(
            f"compare.{name}: a reference's name is made of letters, digits, - and _, at most 64 of"
            " them."
        )
    if not isinstance(change, dict):
        raise Refused(
            f"compare.{name}={text(change)}: a reference is a group of values; compare=[{name}]"
            " chooses it."
        )
    if name == "composed":
        raise Refused(
            "compare.composed: the composed model is called so; name the reference otherwise."
        )
    for key, value in change.items():
        if key not in (*PARTS, *CLAIMS):
            raise Refused(f"compare.{name}.{key}: there is no such key; {nearest(key, PARTS)}")
        if key in PARTS:
            _check_group(f"compare.{name}.{key}", value)
    check_claim(name, change)


def _shipped(name: str) -> bool:
    """Whether a reference is an option of this program, not the user's own."""
    from importlib.resources import files

    return (files("qtlrun.conf") / "compare" / f"{name}.yaml").is_file()


def _chosen(plan: dict, name: str) -> bool:
    """Whether the command line chooses a reference by its name."""
    return any(
        override.key == "compare" and name in override.options() for override in overrides(plan)
    )


def overrides(plan: dict) -> list[Override]:
    """The words of the command line that the plan was composed from."""
    return parse(plan.get("overrides", ()))


def typed(plan: dict, key: str) -> bool:
    """Whether the command line gives a key a value."""
    return any(override.sets and override.key == key for override in overrides(plan))


def _is_changed(plan: dict, name: str) -> bool:
    """Whether the command line changes something of a reference."""
    return any(override.is_below(f"compare.{name}") for override in overrides(plan))
