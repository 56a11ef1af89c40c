"""Sentence on the protocol: settings that all rows share, and published defects."""

from pathlib import Path

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.error import text
from qtlrun.plan import Plan, Variant, spaces
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count

UNNAMED = (None, "none", "pretrain")  # weights that are no path


def held_fixed(plan: Plan, comparison: Comparison) -> Note:
    """Settings that all rows share, and the published defects that they keep.

    On the terminal the defects alone.
    """
    rows = _rows(plan, comparison)
    shared = filter(None, [*_seeds(plan), _split(plan), _weights(plan), *_recipes(plan, rows)])
    defects = _defects(plan.variants, rows)
    sentence = f"Published defects kept: {'; '.join(defects)}." if defects else ""
    return Note(f"Held fixed for every row: {', '.join(shared)}. {sentence}".strip(), sentence)


def _rows(plan: Plan, comparison: Comparison) -> dict[str, Row]:
    """Rows of the last split that has them, by the name of their variant."""
    rows = {}
    for split in comparison.splits:
        for name, label in plan.labels.names.items():
            if label in split:
                rows[name] = split[label]
    return rows


def _seeds(plan: Plan) -> list[str]:
    """Seeds of the dataset, and of a random backbone that is frozen; others are drawn by run."""
    model = plan.model
    random = model.backbone.get("weights") in (None, "none")
    groups = ["dataset"]
    if random and model.freeze["frozen"] == "all":
        groups.append("backbone")
    return [
        f"{group} seed {model.part(group)['seed']}{_where(plan, group)}"
        for group in groups
        if "seed" in model.part(group)
    ]


def _split(plan: Plan) -> str:
    """Seed of the only split, where the dataset draws it."""
    dataset = plan.model.dataset
    if "split_seed" not in dataset or len(plan.redraws) > 1:
        return ""
    return f"split seed {dataset['split_seed']}{_where(plan, 'dataset')}"


def _weights(plan: Plan) -> str:
    """Weights of the backbone, and the seed of their pre-training."""
    backbone = plan.model.backbone
    weights = backbone.get("weights")
    if not weights:
        return ""
    name = weights if weights in UNNAMED else Path(weights).name
    seed = f" (seed {backbone['pretrain']['seed']})" if weights == "pretrain" else ""
    return f"weights {name}{seed}{_where(plan, 'backbone')}"


def _where(plan: Plan, group: str) -> str:
    return "" if _is_shared(plan.variants, group) else " in the composed row"


def _recipes(plan: Plan, rows: dict[str, Row]) -> list[str]:
    """Shared recipe of the rows that are trained by epochs; settings of those that are fitted."""
    settings = {
        name: rows[name].settings
        for name in plan.variants
        if name in rows and rows[name].settings is not None
    }
    trained = {name: variant for name, variant in plan.variants.items() if name not in settings}
    shared = plan.composed in trained and _is_shared(trained, "recipe")
    recipes = [_recipe(plan)] if shared else []
    if not settings:
        return recipes
    recipes = [f"{recipe} in {', '.join(trained)}" for recipe in recipes]
    fitted = ", ".join(
        f"{name} ({count(number, 'setting')})" if number else name
        for name, number in settings.items()
    )
    unweighted = " without class weights" if plan.model.recipe.get("class_weights") else ""
    return [
        *recipes,
        f"fitted to convergence{unweighted}, validation choosing among settings: {fitted}",
    ]


def _recipe(plan: Plan) -> str:
    """Composed model's recipe, and what was done to choose it."""
    recipe = plan.model.recipe
    epochs = count(recipe["epochs"], "epoch")
    weighted = ", rare classes weighted up" if recipe.get("class_weights") else ""
    if not plan.settings.tune:
        return (
            f"one untuned recipe ({recipe['optimizer']}, lr {recipe['lr']:g}, {epochs}{weighted})"
        )
    tuned = spaces(plan.variants.values())
    fixed_epochs = "" if "recipe.epochs" in tuned else f", {epochs}"
    draws = count(plan.settings.tune - 1, "draw")
    return (
        f"one recipe ({recipe['optimizer']}{fixed_epochs}{weighted}), as it stands or as drawn"
        f" ({draws} of {', '.join(tuned)}, the same for every row), chosen by validation NLL"
    )


def _defects(variants: dict[str, Variant], rows: dict[str, Row]) -> list[str]:
    """Published defects, and the rows that keep them where not all do."""
    names: dict[str, list[str]] = {}
    for name, variant in variants.items():
        for defect in _kept_defects(variant, rows.get(name)):
            names.setdefault(defect, []).append(name)
    return [
        f"{defect} in {', '.join(keepers)}" if len(keepers) < len(variants) else defect
        for defect, keepers in names.items()
    ]


def _kept_defects(variant: Variant, row: Row | None) -> list[str]:
    """Published defects that a variant keeps, as keys with their values."""
    defects = []
    for group, part in variant.parts.items():
        keys = [key for key in variant.facts(group).kept_defects(part) if _acts(group, key, row)]
        defects += [f"{group}.{key}={text(part[key])}" for key in keys]
    return defects


def _acts(group: str, key: str, row: Row | None) -> bool:
    """Whether a defect can act in a row: a recipe on what is trained, norms where they can move."""
    if row is None:
        return True
    return row.norms_move if key == "batch_norm" else group != "recipe" or row.settings is None


def _is_shared(variants: dict[str, Variant], group: str) -> bool:
    first, *others = variants.values()
    return all(variant.part(group) == first.part(group) for variant in others)
