"""Checks of a recipe's schedule of learning rates."""

from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.recipe import Recipe

MIN_RATE_SHARE = 1e-3  # of the first rate, below which hardly anything moves
MAX_LOST_SHARE = 0.5
MAX_EARLY_EPOCHS = 0


@check(
    "Q308",
    "SCHEDULE_IDLE",
    Severity.WARNING,
    limit=MAX_LOST_SHARE,
    reason="a schedule that never lowers the rate is none; below a thousandth nothing moves",
    need=Requirement.DATA,
)
def idle_schedule(case: Case) -> Evidence | None:
    """Share of the epochs in which a schedule does not do what it is there for."""
    recipe = _find_recipe(case)
    if recipe is None or recipe.schedule == "none":
        return None
    factors = _find_factors(recipe)
    lost = sum(factor < MIN_RATE_SHARE for factor in factors) / len(factors)
    if len(set(factors)) == 1 and factors[0] == 1:
        waits = "patience" if recipe.schedule == "plateau" else "step_size"
        return Evidence(
            1.0,
            f"schedule={recipe.schedule} never lowers the rate in {recipe.epochs} epochs",
            f"lower recipe.{waits}, or gamma below 1",
            "recipe.schedule=none",
        )
    if lost <= MAX_LOST_SHARE:
        return None
    share = f"{lost:.0%} of {recipe.epochs} epochs"
    return Evidence(
        lost,
        f"the rate is below {MIN_RATE_SHARE:g} of the first in {share}",
        "let the schedule step more rarely",
        f"recipe.step_size={max(1, recipe.epochs // 3)}",
    )


@check(
    "Q309",
    "SCHEDULE_EARLY",
    Severity.WARNING,
    limit=MAX_EARLY_EPOCHS,
    reason="torch steps a schedule after the optimizer",
    need=Requirement.DATA,
)
def early_schedule(case: Case) -> Evidence | None:
    """Count epochs whose rate is that of the epoch after them."""
    recipe = _find_recipe(case)
    if recipe is None or recipe.schedule in ("none", "plateau") or recipe.schedule_step == "end":
        return None
    rates = [recipe.rate(epoch) for epoch in range(recipe.epochs)]
    early = sum(rate != recipe.rate(epoch - 1) for epoch, rate in enumerate(rates))
    if not early:
        return None
    return Evidence(
        early,
        f"in {early} of {recipe.epochs} epochs the rate is that of the epoch after",
        "step the schedule after the epoch",
        "recipe.schedule_step=end",
    )


def _find_recipe(case: Case) -> Recipe | None:
    """Recipe of a composed model that is trained by epochs."""
    if case.composition is None or case.composition.parts.solved:
        return None
    return case.composition.parts.recipe


def _find_factors(recipe: Recipe) -> list[float]:
    """Factor of the rate by epoch; a plateau's where no epoch gains."""
    return [recipe.rate(epoch, [1.0] * epoch) for epoch in range(recipe.epochs)]


CHECKS = (idle_schedule, early_schedule)
