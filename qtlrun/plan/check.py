"""Checks of a plan, from its values and the constructors' source alone.

Nothing heavy is loaded.
"""

import ast
import functools
from pathlib import Path

from qtlrun.error import UsageError, nearest, text
from qtlrun.plan import annotation as annotations
from qtlrun.plan import code, plugin, schema, size
from qtlrun.plan.definition import Finder
from qtlrun.plan.letter import letter_of
from qtlrun.plan.part import build, check_group, check_part, facts_of, is_plugin
from qtlrun.plan.plan import Plan
from qtlrun.plan.redraw import EACH
from qtlrun.plan.tuning import check_space, spaces
from qtlrun.plan.variant import GROUPS, Part, Variant

# Keys of a plan beside settings and groups: groups of several options, and what it was composed
# from.
ORIGIN_KEYS = ("compare", "lens", "published", "name", "overrides", "command", "line")
TORCHLESS_GROUPS = ("recipe", "freeze")  # whose parts are built without torch
PRETRAIN = {"dataset": "dict", "recipe": "dict", "seed": "int"}


def check_plan(plan: Plan) -> None:
    """Refuse unknown names, missing ones and wrong types in every part of every variant."""
    values = plan.values
    settings = read_settings()
    _check_keys(values, (*settings, *GROUPS, "study"))
    for name, annotation in settings.items():
        annotations.check(name, values[name], annotation)
        size.check(name, values[name])
    _ = plan.seeds
    tune = plan.settings.tune
    if tune < 0:
        raise UsageError(
            "how many draws of its values each row is given, from 1 up",
            "0 trains every row as it stands",
            key="tune",
            value=tune,
        )
    plugin.check(plan.settings.plugins)
    _check_published(values.get("published", {}))
    for group in (*GROUPS, "study"):
        check_group(group, values[group])
        _check_part(group, values[group], plan.settings.plugins)
    _check_lenses(plan)
    _check_pretrain(plan.model)
    for group, part in plan.model.parts.items():
        check_space(group, part, plan.settings.plugins)
    _check_tuned(plan)
    for name, variant in plan.references.items():
        _check_reference(name, variant, plan.changes[name])
    size.check_trainings(plan.settings, len(plan.seeds), 1 + len(plan.references))
    if tune and not spaces([plan.model, *plan.references.values()]):
        raise UsageError(
            "no part has a space to draw from",
            "give one, as recipe.space.lr=[0.0001,0.01]",
            key="tune",
            value=tune,
        )
    _ = plan.redraws


def check_same(variant: Variant, values: Part, what: str) -> None:
    """Refuse changed values with which a variant would have another letter."""
    name, _ = letter_of(variant)
    if letter_of(variant.changed(values))[0] != name:
        changes = ", ".join(
            f"{key}={text(value)}" for key, value in values.items() if variant.has(key)
        )
        raise UsageError(
            f"with {changes} it would no longer be {name or 'the same row'}",
            "choose a reference for that",
            key=what,
        )


def check_noise(plan: Plan) -> None:
    """Refuse noise of a device that no row of a plan has a circuit for."""
    noise = find_noise(plan)
    has_circuit = any("device" in variant.identity for variant in plan.variants.values())
    if noise and not has_circuit:
        reason = "no row has a circuit that it could act on"
        raise UsageError(reason, "use head=quantum", key="device.noise", value=noise)


def find_noise(plan: Plan) -> object:
    """Noise of a plan's device that acts, strengths by name or a processor; empty without any."""
    noise = plan.model.device.get("noise") or {}
    if isinstance(noise, dict):
        return {name: value for name, value in noise.items() if value and name != "after"}
    return noise


def check_single(plans: list[Plan], study: str, idle: tuple[str, ...] = ()) -> None:
    """Refuse a sweep where a study makes its own grid, and the `idle` settings that it ignores."""
    if len(plans) > 1:
        raise UsageError(
            f"it takes one point, and this sweep has {len(plans)}",
            "leave out -m",
            key="study",
            value=study,
        )
    check_idle(plans[0], study, idle)


def check_idle(plan: Plan, study: str, idle: tuple[str, ...] = ("splits", "folds")) -> None:
    """Refuse settings that a study does not use, where they ask for something."""
    unset = {"tune": (0,), "splits": (1, EACH), "folds": (None,)}
    for key in idle:
        value = plan.values[key]
        if value not in unset[key]:
            raise UsageError(f"study={study} does not use it", "leave it out", key=key, value=value)


@functools.cache
def read_settings() -> dict[str, ast.expr | None]:
    """Settings with their annotations, read from source as a part's are."""
    finder = Finder()
    module = plugin.Module("qtlrun.plan.setting", Path(__file__).with_name("setting.py"), None)
    definition = finder.find(module, "Settings")
    parameters = schema.Reader(finder).parameters(definition)
    return {name: parameter.annotation for name, parameter in parameters.items()}


def _check_keys(values: dict[str, object], keys: tuple[str, ...]) -> None:
    """Refuse keys of a plan that there are not, and missing ones."""
    for name in values:
        if name not in keys and name not in ORIGIN_KEYS:
            raise UsageError("there is no such key", nearest(name, keys), key=name)
    for name in keys:
        if name not in values:
            raise UsageError("every run needs it, and it is taken away", key=name)


def _check_part(group: str, part: Part, plugins: list[str], key: str = "") -> None:
    """Refuse wrong names, types and sizes of a part, and what its constructor refuses.

    Only parts that need no torch are built.
    """
    check_part(group, part, plugins, key)
    size.check_part(group, part, key)
    if name := facts_of(group, part["_target_"], tuple(plugins)).code:
        code.check(f"{key or group}.{name}", part[name])
    if group in TORCHLESS_GROUPS and not is_plugin(part["_target_"]):
        build(group, part, plugins, key)


def _check_lenses(plan: Plan) -> None:
    """Refuse wrong values of the lenses that rows are looked at through."""
    check_group("lens", plan.lenses)
    for name, part in plan.lenses.items():
        key = f"lens.{name}"
        check_group(key, part)
        _check_part("lens", part, plan.settings.plugins, key)


def _check_reference(name: str, variant: Variant, change: dict) -> None:
    """Refuse wrong values and spaces of the parts that a reference changes."""
    _check_pretrain(variant)
    for group in GROUPS:
        if group in change:
            key = f"compare.{name}.{group}"
            _check_part(group, variant.part(group), variant.plugins, key)
            check_space(group, variant.part(group), variant.plugins, key)


def _check_published(published: object) -> None:
    """Refuse published figures of a wrong type or range."""
    if not isinstance(published, dict):
        raise UsageError(
            "source and accuracy are needed here, as published.accuracy.composed=0.97",
            key="published",
            value=published,
        )
    if not isinstance(published.get("items", ""), str):
        raise UsageError(
            "words are needed here, on which test items the figures were published",
            key="published.items",
            value=published["items"],
        )
    figures = published.get("accuracy", {})
    if not isinstance(figures, dict):
        raise UsageError(
            "an accuracy for each row is needed here, as published.accuracy.composed=0.97",
            key="published.accuracy",
            value=figures,
        )
    for name, figure in figures.items():
        if type(figure) not in (int, float) or not 0 <= figure <= 1:
            raise UsageError(
                "an accuracy is a number from 0 to 1",
                key=f"published.accuracy.{name}",
                value=figure,
            )


def _check_tuned(plan: Plan) -> None:
    """Refuse a tuning that the test split would decide."""
    tune = plan.settings.tune
    if not tune:
        return
    model = plan.model
    for name, variant in {"": model, **plan.references}.items():
        if variant.dataset.get("validation") == "test":
            composed = model.dataset.get("validation") == "test"
            where = f"compare.{name}." if name and not composed else ""
            raise UsageError(
                (
                    f"tune={tune}, {where}dataset.validation=test: the test split would"
                    " choose the draw"
                ),
                "leave one of them out",
            )


def _check_pretrain(variant: Variant) -> None:
    """Refuse a source task that a backbone cannot be pre-trained on."""
    task = variant.backbone.get("pretrain")
    if task is None:
        if variant.backbone.get("weights") == "pretrain":
            raise UsageError(
                "this backbone has no source task",
                "name public weights, a file or none",
                key="backbone.weights",
                value="pretrain",
            )
        return
    check_group("backbone.pretrain", task)
    for name in task:
        if name not in PRETRAIN:
            raise UsageError(
                "there is no such key", nearest(name, PRETRAIN), key=f"backbone.pretrain.{name}"
            )
    for name in PRETRAIN:
        if name not in task:
            raise UsageError(
                "the source task needs it, and it is taken away", key=f"backbone.pretrain.{name}"
            )
    annotations.check("backbone.pretrain.seed", task["seed"], ast.Name("int"))
    for group in ("dataset", "recipe"):
        check_group(f"backbone.pretrain.{group}", task[group])
        _check_part(group, task[group], variant.plugins, f"backbone.pretrain.{group}")
        if task[group].get("space"):
            raise UsageError(
                "a source task is not tuned",
                "leave it null",
                key=f"backbone.pretrain.{group}.space",
            )
