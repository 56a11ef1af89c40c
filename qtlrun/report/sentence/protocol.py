"""Sentence on the protocol: settings that all rows share, and published defects."""

from collections.abc import Mapping
from pathlib import Path

from qtlrun import plan as plans
from qtlrun.comparison.row import Row
from qtlrun.report.sentence.quantity import count

DEFECTS = (
    ("freeze", "batch_norm", "train"),
    ("dataset", "validation", "test"),
    ("recipe", "schedule_step", "start"),
    ("recipe", "reduction", "sum"),
    ("dataset", "scaled_by", "all"),
    ("dataset", "mirrored", True),
    ("dataset", "draw", "mari2019"),
    ("dataset", "order", "after_classical"),
    ("backbone", "squeezing", False),
    ("backbone", "activation", "none"),
    ("head", "lost", "first"),
    ("parametrization", "activation", "none"),
    ("parametrization", "inputs", "published"),
)


def held(plan: dict, rows: dict[str, dict], results: Mapping[str, Row] | None = None) -> str:
    """Settings that all rows of a point share and no interval covers; published defects kept.

    `results` are finished rows, by name: which of them is fitted and not trained by epochs, and has
    norms that move.
    """
    results = results or {}
    settings = [*_seeds(plan, rows), *_weights(plan, rows), *_recipes(plan, rows, results)]
    defects = _defects(rows, results)
    kept_defects = f" Published defects kept: {'; '.join(defects)}." if defects else ""
    return f"Held fixed for every row: {', '.join(settings)}.{kept_defects}"


def _seeds(plan: dict, rows: dict[str, dict]) -> list[str]:
    """Seeds of dataset and backbone, and of the split where it is not redrawn.

    That of a backbone which is trained in each run is not held: a run draws its own.
    """
    backbone = plan["backbone"].get("weights")
    fixed = backbone in (None, "none") and plan["freeze"]["frozen"] == "all"
    groups = ("dataset", "backbone") if fixed else ("dataset",)
    phrases = [
        f"{group} seed {plan[group]['seed']}{_whose(rows, group)}"
        for group in groups
        if "seed" in plan[group]
    ]
    if "split_seed" in plan["dataset"] and len(plans.redraws(plan)) == 1:
        phrases.append(f"split seed {plan['dataset']['split_seed']}{_whose(rows, 'dataset')}")
    return phrases


def _weights(plan: dict, rows: dict[str, dict]) -> list[str]:
    """Weights that the backbone begins with."""
    backbone = plan["backbone"]
    weights = backbone.get("weights")
    if not weights:
        return []
    name = weights if weights in ("none", "pretrain") else Path(weights).name
    seed = f" (seed {backbone['pretrain']['seed']})" if weights == "pretrain" else ""
    return [f"weights {name}{seed}{_whose(rows, 'backbone')}"]


def _recipes(plan: dict, rows: dict[str, dict], results: Mapping[str, Row]) -> list[str]:
    """Recipe of rows trained by epochs, where they share it; settings chosen for fitted rows."""
    fitted = {}
    for name in rows:
        if name in results and results[name].settings is not None:
            fitted[name] = results[name].settings
    trained = {name: row for name, row in rows.items() if name not in fitted}
    composed = next(iter(rows))
    shared = composed in trained and _is_shared(trained, "recipe")
    recipes = [_recipe(plan)] if shared else []
    if not fitted:
        return recipes
    recipes = [f"{recipe} in {', '.join(trained)}" for recipe in recipes]
    chosen = ", ".join(
        f"{name} ({count(number, 'setting')})" if number else name
        for name, number in fitted.items()
    )
    return [*recipes, f"fitted to convergence, validation choosing among settings: {chosen}"]


def _recipe(plan: dict) -> str:
    """Recipe, and how it was chosen."""
    recipe = plan["recipe"]
    if not plan["tune"]:
        return (
            f"one untuned recipe ({recipe['optimizer']}, lr {recipe['lr']:g},"
            f" {count(recipe['epochs'], 'epoch')})"
        )
    drawn = plans.spaces([plans.row_plan(plan), *plans.references(plan)[0].values()])
    epochs = "" if "recipe.epochs" in drawn else f", {count(recipe['epochs'], 'epoch')}"
    return (
        f"one recipe ({recipe['optimizer']}{epochs}), the same {count(plan['tune'], 'draw')} of"
        f" {', '.join(drawn)}, chosen by validation NLL"
    )


def _defects(rows: dict[str, dict], results: Mapping[str, Row]) -> list[str]:
    """Published defects that rows keep, with these rows where not all do."""
    phrases = []
    for group, key, value in DEFECTS:
        having = [
            name for name, row in rows.items() if _has(row, group, key, value, results.get(name))
        ]
        among = f" in {', '.join(having)}" if len(having) < len(rows) else ""
        if having:
            phrases.append(f"{group}.{key}={plans.text(value)}{among}")
    return phrases


def _has(row: dict, group: str, key: str, value: object, result: Row | None) -> bool:
    """Whether a row has this value where it acts.

    Statistics move where a backbone is frozen and has norms whose weights are not folded; a recipe
    trains what is not fitted, and a schedule steps early where it has steps; an activation is that
    of a mapping that there is.
    """
    part = row.get(group, {})
    if part.get(key) != value or part.get("source") in ("hashing", "low_rank"):
        return False
    if key == "batch_norm":
        return part["frozen"] != 0 and (result is None or result.norms_move)
    if key == "schedule_step" and part.get("schedule") in ("none", "plateau"):
        return False
    return group != "recipe" or result is None or result.settings is None


def _whose(rows: dict[str, dict], group: str) -> str:
    """Words for a part that references do not share."""
    return "" if _is_shared(rows, group) else " in the composed row"


def _is_shared(rows: dict[str, dict], group: str) -> bool:
    first, *others = rows.values()
    return all(row[group] == first[group] for row in others)
