"""Trained rows whose circuits are measured again, by devices with shots."""

import dataclasses

from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.row import Row
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.evaluation import evaluate, evaluate_refitted
from qtlrun.experiment.parts import Parts


def remeasure_rows(
    rows: list[Row], grid: list[list[Parts]], penalties: list[float] | None
) -> list[list[Row]]:
    """Rows with the test logits that each line of the grid, of parts by redraw, measures.

    penalties: of a readout that is refitted to measured outputs; None: as it was trained
    """
    trained: dict[Training, Outcome] = {}
    for line in grid:
        for parts, row in zip(line, rows, strict=True):
            trained |= {Training(parts, seed): each for seed, each in row.outcomes.items()}
    if penalties is None:
        results = dict(evaluate(trained, detailed=False))
    else:
        results = dict(evaluate_refitted(trained, penalties))
    measured = []
    for line in grid:
        measured.append(
            [_with_results(row, parts, results) for parts, row in zip(line, rows, strict=True)]
        )
    return measured


def _with_results(row: Row, parts: Parts, results: dict[Training, Outcome | Failure]) -> Row:
    """Row with the results of its seeds under some parts."""
    by_seed = {seed: results[Training(parts, seed)] for seed in row.outcomes}
    outcomes = {seed: each for seed, each in by_seed.items() if isinstance(each, Outcome)}
    errors = {seed: each.reason for seed, each in by_seed.items() if isinstance(each, Failure)}
    return dataclasses.replace(row, outcomes=outcomes, errors=row.errors | errors, stored=False)
