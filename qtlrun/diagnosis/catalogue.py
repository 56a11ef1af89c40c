"""Catalogue of all checks."""

from qtlrun.diagnosis.check import (
    backward,
    boundary,
    circuit,
    estimate,
    gate,
    label,
    method,
    outcome,
    rate,
    readout,
    repetition,
    scale,
    schedule,
    split,
    training,
    unit,
)
from qtlrun.diagnosis.finding import Check

CHECKS: tuple[Check, ...] = (
    *circuit.CHECKS,
    *gate.CHECKS,
    *readout.CHECKS,
    *estimate.CHECKS,
    *method.CHECKS,
    *backward.CHECKS,
    *boundary.CHECKS,
    *repetition.CHECKS,
    *unit.CHECKS,
    *training.CHECKS,
    *rate.CHECKS,
    *schedule.CHECKS,
    *scale.CHECKS,
    *label.CHECKS,
    *split.CHECKS,
    *outcome.CHECKS,
)
# Of data that a training has loaded already: they run no network
DATA_CHECKS: tuple[Check, ...] = (
    scale.input_scale,
    scale.constant_features,
    scale.unscaled_features,
    scale.large_features,
    label.unbalanced_classes,
    label.contradictory_labels,
    label.ordered_labels,
    split.absent_class,
    split.test_in_train,
    split.validation_is_test,
)
