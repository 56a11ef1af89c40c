"""Certificates of trained rows: classical surrogates of their circuits, kept beside them.

They take the test items, and no label.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import disk, source, store
from qtlrun.comparison.obstacle import Obstacle
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.row import Row
from qtlrun.experiment.border import guard_row
from qtlrun.experiment.circuit import compile_exact, plain_head
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble, load_weights
from qtlrun.experiment.group import group_trainings
from qtlrun.experiment.key import row_keys
from qtlrun.experiment.network import has_inner_circuit
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.plan import Redraw, Variant
from qtlrun.store import Entry

KIND = "surrogate"  # of artifact
MODULE = "qtlrun.experiment.certificate"  # whose source its key has
TRAIN_ITEMS = 1024  # by which terms are ranked, and local words fitted

Figures = dict[str, float]


def certify_rows(
    variant: Variant, redraws: list[Redraw], rows: list[Row], session: Session
) -> list[Row]:
    """Rows of a variant, one of each redraw, with figures of their circuits' surrogates.

    Where that fails the user is shown why, and the rows stay without.
    """
    result = guard_row(lambda: _add_figures(variant, redraws, rows, session), session)
    return rows if isinstance(result, Failure) else result


def _add_figures(
    variant: Variant, redraws: list[Redraw], rows: list[Row], session: Session
) -> list[Row]:
    """Rows with figures that the store has, or that are found now."""
    parts = [
        Parts(variant.redrawn(redraw.change).changed(row.drawn), session)
        for redraw, row in zip(redraws, rows, strict=True)
    ]
    outcomes: dict[Training, Outcome] = {}
    keys: dict[Training, str] = {}
    for row, each in zip(rows, parts, strict=True):
        for seed, key in row_keys(each, row.seeds).items():
            outcomes[Training(each, seed)] = row.outcomes[seed]
            keys[Training(each, seed)] = _certificate_key(key, row.outcomes[seed])
    stored = session.find(KIND, keys)
    figures = {training: artifact.values for training, artifact in stored.items()}
    for trainings in group_trainings([each for each in outcomes if each not in figures]):
        results = _certify_ensemble(trainings, [outcomes[each] for each in trainings])
        for training, values in zip(trainings, results, strict=True):
            session.keep(KIND, keys[training], Entry(values))
            figures[training] = values
    return [_with_figures(row, each, figures) for row, each in zip(rows, parts, strict=True)]


def _with_figures(row: Row, parts: Parts, figures: dict[Training, Figures]) -> Row:
    """Row whose outcomes have further figures."""
    outcomes = {
        seed: outcome.evaluated(0, figures[Training(parts, seed)], {})
        for seed, outcome in row.outcomes.items()
    }
    return dataclasses.replace(row, outcomes=outcomes)


def _certificate_key(outcome_key: str, outcome: Outcome) -> str:
    """Key of the certificate of an outcome, whose weights a training anew may have replaced."""
    return store.key(
        certificate=outcome_key,
        weights={name: disk.digest(array.tobytes()) for name, array in outcome.weights.items()},
        versions=source.versions(MODULE),
        sources=source.digest(MODULE),
    )


@torch.no_grad()
def _certify_ensemble(trainings: list[Training], outcomes: list[Outcome]) -> list[Figures]:
    """Figures of each training's surrogates, or why it has none."""
    ensemble = build_ensemble(trainings)
    load_weights(ensemble, [outcome.weights for outcome in outcomes])
    ensemble = dataclasses.replace(ensemble, head=plain_head(ensemble))
    head = ensemble.head
    if not has_inner_circuit(head):
        obstacle = _explain_absence(ensemble)
        return [{} if obstacle is None else {"surrogate_obstacle": obstacle} for _ in trainings]
    from qtlrun.surrogate import certify  # which no row without a circuit needs

    ensemble.whole.eval()
    with ensemble.threads():
        train = _encode(ensemble, "train", TRAIN_ITEMS)
        return certify(head, train, _encode(ensemble, "test", None), compile_exact(ensemble))


def _encode(
    ensemble: Ensemble, split: str, count: int | None
) -> Float[Tensor, "circuits items inputs"]:
    """Inputs of the circuits for the items of a split, or for the first `count`."""
    return torch.cat([ensemble.head.encode(batch) for batch in ensemble.batches(split, count)], 1)


def _explain_absence(ensemble: Ensemble) -> Obstacle | None:
    """Why a quantum row whose head has no circuit between two layers has no surrogate."""
    generator = ensemble.generator
    if generator is not None and generator.simulates:
        return Obstacle.GENERATOR
    backbone = ensemble.backbone if ensemble.backbone is not None else ensemble.parts.backbone
    if ensemble.head.retention is not None or backbone.retention is not None:
        return Obstacle.LIGHT
    return None if ensemble.head.executions is None else Obstacle.FIXED
