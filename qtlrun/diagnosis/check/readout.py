"""Checks of outputs: do they differ between items, and do the logits depend on them?"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.by_circuit import circuit_check, list_numbers
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.report.sentence import count
from qtlrun.tape import measurement
from qtlrun.tape.measurement import Value
from qtlrun.tape.tape import Reading

MIN_SHARE = 0.01
MIN_SPREAD = 1e-3
MAX_EQUAL_OUTPUTS = 0
MAX_NOISE = 1.0  # shot noise over signal
MAX_CONCENTRATED_SPREAD = 0.05  # that 400 shots resolve
MAX_RANDOM_RATIO = 2.0  # of the spread to that over random states
EQUALITY = 1e-9  # largest difference of outputs in float64 that are the same function
MIN_VARIANCE = 1e-12  # of logits over the items, below which they tell nothing


@check(
    "Q101",
    "CIRCUIT_BYPASSED",
    Severity.WARNING,
    limit=MIN_SHARE,
    reason="heads of presets have a share of 1, and generators one of .3",
    need=Requirement.CIRCUIT,
)
def bypassed_circuit(case: Case) -> Evidence | None:
    """Share of the variance of logits over items, or of generated weights, through a circuit."""
    for use in case.circuits:
        share = _find_share(case, use)
        if share < MIN_SHARE:
            whole = "logits over the items" if use.share is None else "generated weights"
            return Evidence(
                share,
                f"{share:.1%} of the variance of the {whole} goes through {use.name}",
                "remove the path around the circuit, or scale the circuit's outputs up to it",
            )
    return None


@circuit_check(
    "Q108",
    "OUTPUTS_CONSTANT",
    Severity.WARNING,
    limit=MIN_SPREAD,
    reason="10^6 shots resolve it; presets begin at 0.3 and more",
    need=Requirement.ITEMS,
)
def constant_outputs(use: CircuitUse) -> Evidence | None:
    """Largest standard deviation of an output over the items, where inputs could move it."""
    values = use.outputs if use.exact_outputs is None else use.exact_outputs
    if values.shape[1] < 2 or (use.slopes is not None and not use.slopes.acting_inputs):
        return None
    spread = float(values.std(1).max())
    if spread >= MIN_SPREAD:
        return None
    inputs = float(use.inputs.double().std(1).max()) if use.inputs.numel() else 0.0
    return Evidence(
        spread,
        f"no output of {use.name} varies over the items by more than {spread:.1g},"
        f" and no input by more than {inputs:.1g}",
        "scale the inputs so that they cover the range of an angle, up to pi",
        "recipe.scale=standard",
    )


@circuit_check(
    "Q109",
    "OUTPUTS_EQUAL",
    Severity.WARNING,
    limit=MAX_EQUAL_OUTPUTS,
    reason=f"two outputs that differ by less than {EQUALITY:g} at random points are one",
    need=Requirement.LEARNING,
)
def equal_outputs(use: CircuitUse) -> Evidence | None:
    """Count outputs that repeat another one at all random points, up to the sign."""
    if use.slopes is None:
        return None
    values = use.slopes.outputs
    first = values.unsqueeze(2)
    second = values.unsqueeze(1)
    gaps = (first - second).abs().amax(0).minimum((first + second).abs().amax(0))
    moves = values.std(0) > EQUALITY
    repeats = torch.triu(gaps < EQUALITY, 1).any(0) & moves
    numbers = repeats.nonzero().flatten().tolist()
    if not numbers:
        return None
    return Evidence(
        len(numbers),
        f"{len(numbers)} of {count(values.shape[1], 'output')} of {use.name} repeat another one"
        f" (numbers {list_numbers(numbers)})",
        "measure another wire or observable in its place",
    )


@circuit_check(
    "Q122",
    "NOISE_ABOVE_SIGNAL",
    Severity.WARNING,
    limit=MAX_NOISE,
    reason="the shots' error then hides the differences between items",
    need=Requirement.ITEMS,
)
def noise_above_signal(use: CircuitUse) -> Evidence | None:
    """Deviation of the outputs by shots over that by items, rms over the outputs."""
    if use.shots is None or use.exact_outputs is None or use.outputs.shape[1] < 2:
        return None
    noise = float((use.outputs - use.exact_outputs).square().mean().sqrt())
    signal = float(use.exact_outputs.var(1).mean().sqrt())
    ratio = noise / max(signal, EQUALITY)
    if ratio <= MAX_NOISE:
        return None
    shots = math.ceil(use.shots * ratio**2)
    return Evidence(
        ratio,
        f"outputs of {use.name} vary by {signal:.2g} over the items, and by {noise:.2g} over"
        f" repetitions of {count(use.shots, 'shot')}",
        f"use more than {shots} shots, or larger inputs",
        f"device.shots={10 * shots}",
    )


@circuit_check(
    "Q124",
    "OUTPUTS_CONCENTRATED",
    Severity.NOTE,
    limit=MAX_CONCENTRATED_SPREAD,
    reason="and no more than twice that of random states, which falls by 2^-n or 2^-n/2",
    need=Requirement.ITEMS,
)
def concentrated_outputs(use: CircuitUse) -> Evidence | None:
    """Largest deviation of an output over the items, where random states vary as much."""
    if use.exact_outputs is None or use.reading is None or use.outputs.shape[1] < 2:
        return None
    spread = use.exact_outputs.std(1).amax(0)
    largest = float(spread.max())
    random = _find_random_spread(use.reading)
    is_random = float((spread / random).mean()) <= MAX_RANDOM_RATIO
    if not is_random or largest >= MAX_CONCENTRATED_SPREAD:
        return None
    return Evidence(
        largest,
        f"outputs of {use.name} vary by at most {largest:.2g} over the items, as those of random"
        f" states of {count(use.reading.qubits, 'qubit')} do",
        "use fewer qubits, smaller angles or fewer repetitions of the encoding, or measure single"
        " wires",
    )


def _find_share(case: Case, use: CircuitUse) -> float:
    """Share of the variance that is lost without a circuit's outputs."""
    if use.share is not None:
        return use.share()
    if use.cut is None:
        return 1.0
    logits = case.evaluation.whole
    around, error = attempt(use.cut)
    if error is not None or not isinstance(logits, Tensor) or not isinstance(around, Tensor):
        return 1.0
    total = float(logits.var(0).sum())
    return float((logits - around).var(0).sum()) / total if total > MIN_VARIANCE else 1.0


def _find_random_spread(reading: Reading) -> Float[Tensor, " outputs"]:
    """Standard deviation of each output over random states of all wires."""
    side = 2**reading.qubits
    variances = []
    for outcome in measurement.read(reading.measurements, reading.qubits, reading.qubits):
        if isinstance(outcome, Value):
            weights = [weight for weight, word in outcome.terms if word.strip("I")]
            variances.append(sum(weight**2 for weight in weights) / (side + 1))
        else:
            share = 1 / outcome.outputs
            variances += [(share - share**2) / (side + 1)] * outcome.outputs
    return torch.tensor(variances, dtype=torch.float64).sqrt()


CHECKS = (
    bypassed_circuit,
    constant_outputs,
    equal_outputs,
    noise_above_signal,
    concentrated_outputs,
)
