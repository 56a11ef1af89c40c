"""Barren plateaus: variance of derivatives against the qubits and the depth of a circuit."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from qtlrun.derivative.decline import FLAT, LEVEL, Course, Decline, fit_decline
from qtlrun.derivative.family import Family
from qtlrun.derivative.variance import (
    GLOBAL,
    LOCAL,
    SMALL,
    UNIFORM,
    Sample,
    mean_variance,
    resample_variance,
    sample_gradients,
)
from qtlrun.error import UsageError
from qtlrun.experiment.session import Monitor
from qtlrun.report.figure import plateau as figure
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.tape.tape import is_direct

STARTS = 200  # of each kind
STATES_PER_WEIGHT = 4  # amplitudes that take as long as another weight in tracing
DRAWS = 500  # of the bootstrap of one variance
TITLE = "trainability"


@dataclass(frozen=True)
class Plateau:
    """Variance of derivatives at every size, and its decline with the qubits.

    lines: of the frame, by size, observable and start
    declines: by depth, observable and start
    refusals: why a size was left out, by size in words
    """

    lines: list[dict[str, object]] = field(default_factory=list)
    declines: dict[tuple[int | None, str, str], Decline] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


def describe_plateau(family: Family, monitor: Monitor, seed: int, budget: float) -> Section:
    """Section on the plateau: slopes as a table, variances as a frame and a figure.

    budget: seconds of the processor
    """
    plateau = measure_plateau(family, monitor, seed, budget)
    variances = pd.DataFrame(plateau.lines)
    slopes = pd.DataFrame([_line(*each) for each in plateau.declines.items()])
    if variances.empty:
        note = Note(f"{family.name} has no angles, so no derivative by one.")
        return Section(TITLE, pd.DataFrame(), [note, *_refusals(plateau)], {}, {})
    return Section(
        TITLE,
        _table(slopes),
        [_method(family, variances), *_judge(family, plateau), *_refusals(plateau)],
        {"plateau": variances, "plateau_slopes": slopes},
        {"plateau": figure.plateau(variances)},
    )


def measure_plateau(
    family: Family, monitor: Monitor, seed: int, budget: float, *, starts: int = STARTS
) -> Plateau:
    """Measure the plateau of a family of circuits, from the smallest size on.

    A size that would exceed the budget, in seconds of the processor, is left out, with all larger
    ones of its depth. The time of a size grows with the states, and with the weights in tracing and
    simulation.
    """
    plateau = Plateau()
    samples: dict[tuple[int | None, str, str], dict[int, Sample]] = {}
    pace: dict[int | None, float] = {}
    began = time.process_time()
    sizes = [(qubits, depth) for qubits in family.qubits for depth in family.depths]
    for number, (qubits, depth) in enumerate(sizes):
        monitor.step(TITLE, number, len(sizes))
        start = time.process_time()
        try:
            circuit = family.build(qubits, depth)
            weights = math.prod(circuit.shape)
            work = weights * (weights + 2**qubits / STATES_PER_WEIGHT)
            if start - began + pace.get(depth, 0.0) * work > budget:
                plateau.refusals[_size(qubits, depth)] = f"more than {budget:.0f} s in all"
                pace[depth] = math.inf
                continue
            each = sample_gradients(
                circuit,
                spread=family.spread,
                starts=starts,
                seed=seed,
                entangle=family.entangle,
            )
        except UsageError as error:
            plateau.refusals[_size(qubits, depth)] = str(error).rstrip(".")
            continue
        pace[depth] = (time.process_time() - start) / max(1, work)
        for sample in each:
            key = depth, sample.observable, sample.start
            if sample.gradients.shape[1]:
                plateau.lines.append(_measure(sample, qubits, depth, seed))
                samples.setdefault(key, {})[qubits] = sample
    for key, by_size in samples.items():
        gradients = {qubits: sample.gradients for qubits, sample in by_size.items()}
        plateau.declines[key] = fit_decline(gradients, seed)
    return plateau


def _measure(sample: Sample, qubits: int, depth: int | None, seed: int) -> dict[str, object]:
    """Line of the frame."""
    draws = resample_variance(sample.gradients, DRAWS, seed)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        "qubits": qubits,
        "depth": depth,
        "observable": sample.observable,
        "start": sample.start,
        "variance": mean_variance(sample.gradients),
        "low": float(low),
        "high": float(high),
        "square": float((sample.gradients**2).mean()),
        "largest": float(sample.gradients.var(axis=0, ddof=1).max()),
        "weights": sample.weights,
        "moving": sample.gradients.shape[1],
        "starts": len(sample.gradients),
    }


def _line(key: tuple[int | None, str, str], decline: Decline) -> dict[str, object]:
    """Line of the frame of slopes."""
    depth, observable, start = key
    return {
        "depth": depth,
        "observable": observable,
        "start": start,
        "slope": decline.slope,
        "low": decline.low,
        "high": decline.high,
        "tail_low": decline.tail_low,
        "tail_high": decline.tail_high,
        "exponential": decline.exponential,
        "course": decline.course.value,
    }


def _table(slopes: pd.DataFrame) -> pd.DataFrame:
    """Slopes with their intervals in words."""
    words = [
        f"{line.slope:.2f} ({line.low:.2f} to {line.high:.2f})" if line.slope == line.slope else ""
        for line in slopes.itertuples()
    ]
    table = slopes[["observable", "start"]].assign(log2_variance_per_qubit=words)
    table.insert(0, "depth", ["" if pd.isna(each) else str(int(each)) for each in slopes["depth"]])
    table = table.rename(columns={"log2_variance_per_qubit": "log2 variance per qubit"})
    return table.assign(course=slopes["course"])


def _method(family: Family, variances: pd.DataFrame) -> Note:
    """Sentence on what was measured."""
    qubits = sorted(set(variances["qubits"]))
    counts = f"{qubits[0]} to {qubits[-1]}" if len(qubits) > 1 else str(qubits[0])
    items = (
        "amplitudes of normal numbers"
        if is_direct(family.circuit)
        else "inputs uniform within a right angle"
    )
    fixed = "" if len(qubits) > 1 or not family.is_fixed else ", the only size that it has"
    return Note(
        f"{TITLE}: variance of the derivative of an expectation value by an angle of {family.name}"
        f" ({counts} qubits{fixed}), mean over the angles that can move it, over {STARTS} starts"
        f" with an item each ({items})."
        f" Small start: normal, deviation {family.spread:g}; uniform: within half a turn. Slopes"
        " with 95 % intervals by a bootstrap over starts; -1 halves the variance with each qubit."
        f" It does not vanish where the slope over the larger half of the sizes is above -{FLAT:g};"
        " else the better fit of an exponential and a power has the word, for these sizes"
        " (McClean et al., arXiv:1803.11173; Cerezo et al., arXiv:2001.00550).",
        f"{TITLE}: variance over {STARTS} starts of the derivative by an angle of {family.name},"
        f" {counts} qubits{fixed}; -1 per qubit halves it.",
    )


def _judge(family: Family, plateau: Plateau) -> list[Note]:
    """Sentences on the composed circuit's depth: what its start avoids, and what remains."""
    depth = family.circuit.depth
    words = []
    for observable in (LOCAL, GLOBAL):
        for start in (SMALL, UNIFORM):
            decline = plateau.declines.get((depth, observable, start))
            if decline is not None and decline.course is not Course.UNDECIDED:
                words.append(f"{observable} from the {start} start {decline.course.value}")
    at = "" if depth is None else f"At depth {depth} the"
    return [Note(f"{at or 'The'} variance of {'; of '.join(words)}.")] if words else []


def _refusals(plateau: Plateau) -> list[Note]:
    """Sentence on the sizes that were left out, by reason."""
    reasons: dict[str, list[str]] = {}
    for size, reason in plateau.refusals.items():
        reasons.setdefault(reason, []).append(size)
    return [Note(f"Not measured at {', '.join(sizes)}: {why}.") for why, sizes in reasons.items()]


def _size(qubits: int, depth: int | None) -> str:
    """Size in words."""
    return f"{qubits} qubits" if depth is None else f"{qubits} qubits, depth {depth}"
