"""The backbone as a player: the composed head trained end to end against a frozen backbone."""

import dataclasses
import shlex

import numpy as np

from qtlrun.comparison.row import Row
from qtlrun.credit.contribution import METRICS, Contribution
from qtlrun.credit.game import Gain, Game, measure_row
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, Variant
from qtlrun.report.sentence import Note

BACKBONE = "backbone"


def credit_backbone(
    plan: Plan, game: Game, experiment: Experiment
) -> tuple[list[Contribution], list[Note]]:
    """Gain of training the backbone too, where a reference of the plan does; else how to ask.

    A row that only the store has is not among the rows that are judged: p values would depend on
    what was run before. Nothing of a backbone without weights.
    """
    redraws = experiment.distinct_redraws(plan)
    first = plan.model.redrawn(redraws[0].change)
    if not game.trainings or not experiment.explore(first, lambda parts: bool(parts.bare.stages)):
        return [], []
    trained = train_backbone(plan.model)
    label = find_label(plan, trained)
    if not label:
        words = shlex.join([*plan.command, "+compare=D"])
        brings = "shows what training the backbone too would bring"
        return [], [Note(f"{game.label}: {words} {brings}.")]
    rows = experiment.train_all(label, {label: trained}, redraws, reader=plan.reader_key)[label]
    finished = sum(len(_share_seeds(game, split, row)) for split, row in enumerate(rows))
    if not finished:
        words = f"no training of it and of {game.label} finished, so what training the backbone"
        return [], [Note(f"{label}: {words} too brings is not known.")]
    return [_compare(game, label, rows, gain) for gain in METRICS], []


def train_backbone(variant: Variant) -> Variant:
    """The variant with every weight of its backbone trained."""
    return dataclasses.replace(variant, freeze=variant.freeze | {"frozen": 0, "every": 0})


def find_label(plan: Plan, variant: Variant) -> str:
    """Label of the reference that equals a variant; empty where there is none."""
    for name, label in plan.labels.names.items():
        if plan.variants[name].identity_key == variant.identity_key:
            return label
    return ""


def _compare(game: Game, label: str, rows: list[Row], gain: Gain) -> Contribution:
    """Gain of a row over the whole coalition of a game, on the trainings that both finished."""
    values: dict[tuple[int, int], np.ndarray] = {}
    whole = game.names[-1]
    for split, row in enumerate(rows):
        other = game.comparison.splits[split][whole]
        seeds = _share_seeds(game, split, row)
        if not seeds:
            continue
        gaps = measure_row(row, gain, seeds) - measure_row(other, gain, seeds)
        values |= {(split, seed): gap for seed, gap in zip(seeds, gaps, strict=True)}
    verdict = game.judge(values)
    if any(row.errors for row in rows):
        verdict = verdict.withheld()
    return Contribution(
        game.label, "difference", (BACKBONE,), f"{BACKBONE}, {label}", gain, verdict
    )


def _share_seeds(game: Game, split: int, row: Row) -> list[int]:
    """Seeds that a row and the whole coalition of a game finished on a split."""
    other = game.comparison.splits[split][game.names[-1]]
    return sorted(row.outcomes.keys() & other.outcomes.keys())
