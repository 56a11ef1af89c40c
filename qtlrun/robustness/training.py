"""Composed model trained under each strength of a noise, beside the one that was not."""

import dataclasses

from qtlrun.comparison.row import Row
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, find_noise
from qtlrun.robustness.exposure import Exposure
from qtlrun.robustness.selection import Selection
from qtlrun.simulator.noise import Noise

DEVICE = "qtlrun.device.mixed.Mixed"


def add_trained(exposure: Exposure, plan: Plan, experiment: Experiment, label: str) -> Exposure:
    """Exposure with one more row: the composed model trained under the noise of each strength.

    Without noise it is the run's own, and lacks the trainings that failed there. The store keeps
    what is trained. It has no splits in which the run finished none of its trainings.
    """
    row = f"{label} under noise"
    comparisons = {}
    for (position, comparison), noise in zip(
        exposure.comparisons.items(), exposure.grid.noises, strict=True
    ):
        trained = _train(noisy_plan(plan, noise), experiment, position) if position else []
        splits = []
        for rows, number in zip(comparison.splits, exposure.numbers, strict=True):
            if label in rows:
                other = trained[number] if position else rows[label]
                rows = rows | {row: dataclasses.replace(other, name=row)}
            splits.append(rows)
        comparisons[position] = dataclasses.replace(comparison, splits=splits)
    circuits = (*exposure.circuits, row)
    failures = dict(exposure.failures)
    if label in failures:
        failures[row] = failures[label]
    return dataclasses.replace(
        exposure,
        comparisons=comparisons,
        circuits=circuits,
        retrained=(row,),
        failures=failures,
    )


def _train(plan: Plan, experiment: Experiment, position: float) -> list[Row]:
    """Composed row of a plan, on each of its splits."""
    trained = experiment.compare(plan)
    if trained.errors:
        reason = "; ".join(trained.errors.values())
        raise UsageError(f"the training at {position:g} failed: {reason}", key="study.train")
    return [rows[trained.composed] for rows in trained.splits]


def check_trained(plan: Plan, experiment: Experiment, selection: Selection) -> None:
    """Refuse a row that noise is not studied on first, and a run of noise or of random draws.

    A row trained under noise has exact values at every strength, so that noise alone is changed.
    """
    if find_noise(plan):
        raise UsageError(
            "the run was trained under noise itself, so that its rows do not stand for training"
            " without",
            "study.train=false, or a run of a device without noise",
            key="study.train",
            value=True,
        )
    composed = experiment.finished(plan).composed
    if composed != selection.composed:
        raise UsageError(
            f"it trains the composed row {composed}, which is not among those with a circuit that"
            " are asked for",
            f"study.train=false; noise is studied on {selection.composed} all the same",
            key="study.train",
            value=True,
        )
    if not selection.trainings[composed][0].training.parts.exact:
        raise UsageError(
            f"{composed} of this run was trained by values drawn at random, and it would be trained"
            " by exact ones under each strength, so that two things change",
            "train the run with device.shots=null and device.method=density, or study.train=false",
            key="study.train",
            value=True,
        )


def noisy_plan(plan: Plan, noise: Noise) -> Plan:
    """Plan of the composed model alone, on a device with this noise."""
    device = {"_target_": DEVICE, "noise": noise.values | {"after": noise.after}}
    return plan.changed({"device": device, "compare": {}, "run": None})
