"""Sentences about generated weights: compression, circuit, cost, accuracy from shots."""

import math

import pandas as pd

from qtlrun.comparison.comparison import Comparison
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count

TRAINED = ("parameters_circuit", "parameters_head", "parameters_backbone")
COUNT_TOLERANCE = 0.05  # share by which same_count may miss the count
SHOTS = 10**6  # at which a generated row's accuracy is named


def generated(comparison: Comparison) -> list[Note]:
    """Generators: a line per row with generated weights, and one if same_count has another.

    Numbers and weights, circuit, cost, and the accuracy that shots leave.
    """
    notes = []
    for label in comparison.generated:
        shots = _accuracy_from_shots(comparison, label)
        compression, *details = _generator(comparison.metrics(label))
        full = f"{'; '.join([compression, *details])}{shots}"
        notes.append(Note(f"{label}: {full}.", f"{label}: {compression}{shots}."))
    totals = {
        label: _trained_numbers(comparison.metrics(label))
        for label in (comparison.composed, "same_count")
        if comparison.of(label)
    }
    if len(totals) < 2:
        return notes
    miss = abs(totals["same_count"] / totals[comparison.composed] - 1)
    if miss > COUNT_TOLERANCE:
        words = (
            f"same_count trains {totals['same_count']:.0f} numbers and {comparison.composed}"
            f" {totals[comparison.composed]:.0f}: not the same count; give it other widths."
        )
        notes.append(Note(words))
    return notes


def _trained_numbers(metrics: pd.DataFrame) -> float:
    """Count of all numbers that a row trains, its mapping's included."""
    mapping = metrics.get("parameters_mapping", pd.Series([0]))
    return float(metrics[[*TRAINED]].sum(axis=1).iloc[0] + mapping.iloc[0])


def _generator(metrics: pd.DataFrame) -> list[str]:
    """Numbers against weights; angles, size and cost of a circuit.

    Whole numbers, the same for every seed but the rank.
    """
    mean = metrics.mean()
    weights = round(mean["weights_generated"])
    mapping = round(mean["parameters_mapping"])
    numbers = round(weights / mean["compression"])
    phrases = [
        f"{numbers} numbers generate {weights} weights:"
        f" {_compression(mean['compression'], numbers < weights)}"
    ]
    if "generator_qubits" in mean:
        live = (
            f"{mean['angles_live']:.0f} of {numbers - mapping} angles live"
            if numbers > mapping
            else "no angle trained"
        )
        qubits = count(round(mean["generator_qubits"]), "qubit")
        phrases += [f"{live}, mapping {mapping}", f"{qubits}, {mean['generator_gates']:.0f} gates"]
    if "generator_rank" in mean:
        rank = metrics["generator_rank"].dropna()  # of one seed
        phrases.append(f"Jacobian's rank {rank.iloc[0]:.0f} (seed {rank.index[0][1]})")
    if "executions_step" in mean:
        executions = count(round(mean["executions_step"]), "execution")
        phrases.append(f"{executions} per step{' by parameter-shift' * (numbers > mapping)}")
    return phrases


def _compression(ratio: float, compresses: bool) -> str:
    if not compresses:
        return "no compression"
    digits = 2 if ratio < 2 else 1
    return f"{ratio:.{digits}f} times fewer"


def _accuracy_from_shots(comparison: Comparison, label: str) -> str:
    """Accuracy at a number of shots beside the exact one."""
    shots = comparison.shots(label)
    if SHOTS not in shots:
        return ""
    exact = comparison.metrics(label)["test_accuracy"].mean()
    return (
        f"; accuracy {shots[SHOTS].mean():.3f} at 10^{math.log10(SHOTS):.0f} shots, {exact:.3f}"
        " exact"
    )
