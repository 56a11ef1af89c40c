"""Training in sequence: the classical twin of a head first, then the head itself."""

import dataclasses
from collections.abc import Iterator

from torch import nn

from qtlrun import train
from qtlrun.checkpoint import Keeper, Record
from qtlrun.error import UsageError
from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.held import Held
from qtlrun.experiment.parts import Parts
from qtlrun.recipe import Recipe

DRESSED = "use circuit=dressed"
FROZEN = "use freeze=backbone and recipe.augment=false"


def check_sequence(parts: Parts) -> None:
    """Refuse a head that cannot be trained in sequence."""
    share = parts.variant.recipe.get("sequential")
    twin = parts.head(parts.bare.features, [0]).twin
    if not share or twin is None:
        return
    problem = None
    if parts.recipe.epochs < 2:
        problem = "it takes one epoch and the circuit another", "use recipe.epochs=2 or more"
    elif twin() is None:
        problem = "the circuit takes features as they are, with no layer before it", DRESSED
    elif parts.recipe.augment or not parts.freeze.fixed(parts.bare):
        problem = "its layer is trained on features that do not change", FROZEN
    elif parts.generated:
        problem = "weights are generated", "use parametrization=direct"
    if problem is not None:
        raise UsageError(*problem, key="recipe.sequential", value=share)


def fit_epochs(
    ensemble: Ensemble, module: nn.Module, recipes: list[Recipe], keeper: Keeper | None = None
) -> Iterator[Record]:
    """Train a module of an ensemble by a recipe for each run; yield a record per epoch."""
    yield from train.fit(
        module,
        ensemble.backbone,
        recipes,
        ensemble.parts.freeze,
        ensemble.data["train"],
        ensemble.data["validation"],
        ensemble.seeds,
        keeper,
    )


def fit_sequence(ensemble: Ensemble, keeper: Keeper | None = None) -> Iterator[Record]:
    """Train the twin of a head for its epochs; then the head, without what the two share.

    The epochs of both are numbered through; the best epoch is one of the head's. Source:
    arXiv:2301.02601.
    """
    count = ensemble.parts.twin_epochs
    recipes = [training.parts.recipe for training in ensemble.trainings]
    twin = ensemble.head.twin()
    head = set(ensemble.head.parameters())
    shared = [weight for weight in twin.parameters() if weight in head]
    trained = [weight for weight in shared if weight.requires_grad]
    first = [dataclasses.replace(recipe, epochs=count) for recipe in recipes]
    yield from fit_epochs(ensemble, Held(twin, ensemble.holds), first)
    for weight in trained:
        weight.requires_grad_(False)
    rest = [dataclasses.replace(recipe, epochs=recipe.epochs - count) for recipe in recipes]
    for record in fit_epochs(ensemble, ensemble.whole, rest, keeper):
        best = [epoch if epoch < 0 else epoch + count for epoch in record.best]
        yield dataclasses.replace(record, epoch=record.epoch + count, best=best)
    for weight in trained:
        weight.requires_grad_(True)
