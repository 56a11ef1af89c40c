"""Checks of inputs and weights: do they reach what a circuit measures?"""

import torch

from qtlrun.diagnosis.check.by_circuit import circuit_check, list_numbers
from qtlrun.diagnosis.circuit_slope import MAX_ROUNDING
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity
from qtlrun.diagnosis.merging import count_merged
from qtlrun.report.sentence import count

MAX_UNMEASURED_WEIGHTS = 0
MAX_IDLE_ENCODINGS = 0
MAX_UNUSED_INPUTS = 0
MAX_REDUNDANT_ANGLES = 0
MAX_DEAD_ANGLES = 0
MAX_SINGULAR_VALUE = 1e-8  # of the largest, that counts as none in float64
MIN_TYPICAL_SLOPE = 0.03  # rms; the standard error of a value from 1000 shots
AT_RANDOM_POINTS = "a number that acts has a slope other than 0 at random points"


@circuit_check(
    "Q102",
    "WEIGHTS_UNMEASURED",
    Severity.WARNING,
    limit=MAX_UNMEASURED_WEIGHTS,
    reason=AT_RANDOM_POINTS,
    need=Requirement.WEIGHTS,
)
def unmeasured_weights(use: CircuitUse) -> Evidence | None:
    """Count weights that no output of their circuit depends on."""
    if use.slopes is None:
        return None
    total = use.weights.shape[1]
    still = sorted({*range(total)} - {*use.slopes.acting_weights} - use.idle)
    if not still:
        return None
    return Evidence(
        len(still),
        f"{len(still)} of {count(total, 'weight')} of {use.name} change no measured value"
        f" (numbers {list_numbers(still)})",
        "leave them out, or measure the wires that they act on",
    )


@circuit_check(
    "Q103",
    "ENCODING_COMMUTES",
    Severity.FAULT,
    limit=MAX_IDLE_ENCODINGS,
    reason="a rotation by an input acts alone only where a gate between does not commute with it",
    need=Requirement.ITEMS,
)
def commuting_encoding(use: CircuitUse) -> Evidence | None:
    """Count rotations by inputs that the readout, or a repetition of them, makes idle."""
    if use.slopes is None or use.reading is None:
        return None
    if not use.slopes.acting_inputs:
        return Evidence(
            max(1, len(use.reading.fed)),
            f"no output of {use.name} depends on any of its inputs",
            "put gates that do not commute with the encoding before or behind it,"
            " or measure another observable",
        )
    merged = count_merged(use)
    if not merged:
        return None
    return Evidence(
        merged,
        f"{count(merged, 'repeated encoding')} of {use.name} merge with an earlier one of the"
        " same input, since all gates between commute with it",
        "put gates between that do not commute with the encoding, as RY or CNOT between RX",
    )


@circuit_check(
    "Q104",
    "INPUTS_UNUSED",
    Severity.FAULT,
    limit=MAX_UNUSED_INPUTS,
    reason=AT_RANDOM_POINTS,
    need=Requirement.ITEMS,
)
def unused_inputs(use: CircuitUse) -> Evidence | None:
    """Count inputs that no output depends on, where it depends on others."""
    if use.slopes is None or not use.slopes.acting_inputs:
        return None
    total = use.inputs.shape[2]
    unused = sorted({*range(total)} - {*use.slopes.acting_inputs})
    if not unused:
        return None
    return Evidence(
        len(unused),
        f"{len(unused)} of {count(total, 'input')} of {use.name} change no measured value"
        f" (numbers {list_numbers(unused)})",
        "measure the wires that they are encoded on, entangle them with those that are measured,"
        " or leave the inputs out",
    )


@circuit_check(
    "Q105",
    "ANGLES_REDUNDANT",
    Severity.NOTE,
    limit=MAX_REDUNDANT_ANGLES,
    reason="the slopes of independent weights have full rank at random points",
    need=Requirement.SLOPES,
)
def redundant_angles(use: CircuitUse) -> Evidence | None:
    """Count acting weights above the rank of the outputs' Jacobian at random points."""
    if use.slopes is None or not use.slopes.acting_weights:
        return None
    acting = use.slopes.acting_weights
    jacobian = use.slopes.weights[..., acting].flatten(0, 1)
    if len(jacobian) < len(acting):
        return None
    values = torch.linalg.svdvals(jacobian)
    rank = int((values > MAX_SINGULAR_VALUE * values[0]).sum())
    if rank == len(acting):
        return None
    return Evidence(
        len(acting) - rank,
        f"{len(acting)} weights of {use.name} move its outputs in {count(rank, 'direction')} only",
        "leave out rotations that merge with their neighbours",
    )


@circuit_check(
    "Q106",
    "ANGLES_DEAD_AT_START",
    Severity.WARNING,
    limit=MAX_DEAD_ANGLES,
    reason=f"a slope above {MAX_ROUNDING:g} for any item sets a weight in motion",
    need=Requirement.SLOPES,
)
def dead_angles(use: CircuitUse) -> Evidence | None:
    """Count trained weights without slope at the start for all items, which act elsewhere."""
    if use.slopes is None or use.start_slopes is None or not use.is_trained:
        return None
    acting = use.slopes.acting_weights
    dead = sorted({*acting} - {*use.start_slopes.acting_weights})
    if not dead:
        return None
    return Evidence(
        len(dead),
        f"{len(dead)} of {count(len(acting), 'acting weight')} of {use.name} have no slope at the"
        f" start for any item (numbers {list_numbers(dead)})",
        "start the weights from random values, not from zeros",
        f"{use.spread}=0.1" if use.spread else "",
    )


@circuit_check(
    "Q107",
    "GRADIENTS_FLAT",
    Severity.WARNING,
    limit=MIN_TYPICAL_SLOPE,
    reason="the standard error of a value from 1000 shots; presets have 0.1 and more",
    need=Requirement.LEARNING,
)
def flat_gradients(use: CircuitUse) -> Evidence | None:
    """Typical slope by a weight over uniform starts, where the start is no better."""
    if use.slopes is None or use.start_slopes is None or not use.slopes.acting_weights:
        return None
    acting = use.slopes.acting_weights
    anywhere, start = (
        float(each.weights[..., acting].square().mean(0).amax(0).median().sqrt())
        for each in (use.slopes, use.start_slopes)
    )
    if max(anywhere, start) >= MIN_TYPICAL_SLOPE or start <= MAX_ROUNDING:
        return None
    assert use.reading is not None
    return Evidence(
        anywhere,
        f"slopes of {use.name} by a weight are {anywhere:.2g} over uniform starts and {start:.2g}"
        f" at this one, on {count(use.reading.qubits, 'qubit')}",
        "measure single wires, use fewer layers or qubits, or start near zero angles",
        f"{use.spread}=0.01" if use.spread else "",
    )


CHECKS = (
    unmeasured_weights,
    commuting_encoding,
    unused_inputs,
    redundant_angles,
    dead_angles,
    flat_gradients,
)
