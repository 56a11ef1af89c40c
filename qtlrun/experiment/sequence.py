"""Phases of a training; in sequence the classical twin of a head, then the head itself."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from qtlrun import train
from qtlrun.checkpoint import Keeper, Record
from qtlrun.error import UsageError
from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.held import Held
from qtlrun.experiment.parts import Parts

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


def count_epochs(parts: Parts) -> list[int]:
    """Epochs of each phase of a training; in the last its circuit, if any, is run."""
    count = parts.recipe.twin_epochs
    if not count or parts.head(parts.bare.features, [0]).twin is None:
        return [parts.epochs]
    return [count, parts.epochs - count]


@dataclass(frozen=True)
class Phase:
    """Epochs of a training in which one module is trained, without the weights that are held."""

    epochs: int
    module: nn.Module
    held: list[nn.Parameter]


def list_phases(ensemble: Ensemble) -> list[Phase]:
    """Phases of a training: that of its head, after that of the head's twin where it has one.

    The head is trained without what it shares with the twin. Source: arXiv:2301.02601.
    """
    *earlier, epochs = count_epochs(ensemble.parts)
    last = Phase(epochs, ensemble.whole, [])
    if not earlier:
        return [last]
    twin = ensemble.head.twin()
    head = set(ensemble.head.parameters())
    trained = [weight for weight in twin.parameters() if weight.requires_grad]
    shared = [weight for weight in trained if weight in head]
    first = Phase(earlier[0], Held(twin, ensemble.holds), [])
    return [first, dataclasses.replace(last, held=shared)]


def fit_phases(ensemble: Ensemble, keeper: Keeper | None = None) -> Iterator[Record]:
    """Train an ensemble phase by phase; yield a record per epoch.

    The epochs are numbered through; the best epoch is one of the last phase.
    """
    phases = list_phases(ensemble)
    before = 0
    for phase in phases:
        for record in fit_phase(ensemble, phase, keeper if phase is phases[-1] else None):
            best = [epoch if epoch < 0 else epoch + before for epoch in record.best]
            yield dataclasses.replace(record, epoch=record.epoch + before, best=best)
        before += phase.epochs


def fit_phase(ensemble: Ensemble, phase: Phase, keeper: Keeper | None = None) -> Iterator[Record]:
    """Train the module of a phase; yield a record per epoch, numbered from 0."""
    recipes = [training.parts.recipe for training in ensemble.trainings]
    if phase.epochs != recipes[0].epochs:
        recipes = [dataclasses.replace(recipe, epochs=phase.epochs) for recipe in recipes]
    for weight in phase.held:
        weight.requires_grad_(False)
    try:
        yield from train.fit(
            phase.module,
            ensemble.backbone,
            recipes,
            ensemble.parts.freeze,
            ensemble.data["train"],
            ensemble.data["validation"],
            ensemble.seeds,
            keeper,
        )
    finally:
        for weight in phase.held:
            weight.requires_grad_(True)
