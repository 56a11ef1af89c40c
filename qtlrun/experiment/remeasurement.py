"""Trained rows whose circuits are measured again, by devices with shots."""

import dataclasses
import itertools

from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.row import Row
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.evaluation import evaluate, evaluate_refitted
from qtlrun.experiment.parts import Parts


def remeasure_rows(rows: list[Row], parts: list[Parts], penalties: list[float] | None) -> list[Row]:
    """Rows with the test logits that the devices of parts measure.

    rows: trained without shots, one of each redraw
    parts: of each redraw in turn, as often as there are devices
    penalties: of a readout that is refitted to measured outputs; None: as it was trained
    """
    pairs = list(zip(itertools.cycle(rows), parts, strict=False))
    trained: dict[Training, Outcome] = {}
    for row, each in pairs:
        trained |= {Training(each, seed): outcome for seed, outcome in row.outcomes.items()}
    results: dict[Training, Outcome | Failure]
    if penalties is None:
        results = dict(evaluate(trained, detailed=False))
    else:
        results = dict(evaluate_refitted(trained, penalties))
    return [_with_results(row, each, results) for row, each in pairs]


def _with_results(row: Row, parts: Parts, results: dict[Training, Outcome | Failure]) -> Row:
    """Row with the results of its seeds under some parts."""
    by_seed = {seed: results[Training(parts, seed)] for seed in row.outcomes}
    outcomes = {seed: each for seed, each in by_seed.items() if isinstance(each, Outcome)}
    errors = {seed: each.reason for seed, each in by_seed.items() if isinstance(each, Failure)}
    return dataclasses.replace(row, outcomes=outcomes, errors=row.errors | errors, stored=False)
