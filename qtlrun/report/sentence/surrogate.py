"""Sentence on the classical surrogates of the circuits in a table."""

import pandas as pd

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.obstacle import Obstacle
from qtlrun.report.sentence.note import Note

LEAST_DEVIATION = 1e-12  # of an output; below it is rounding
TERMS = "surrogate_terms"
WORDS = "surrogate_words"


def surrogates(comparison: Comparison) -> list[Note]:
    """Terms and words that stand for each row's circuit, and rows that have none, with why.

    Counts are medians over the trainings of all splits, with their range in the file.
    """
    metrics = {
        label: comparison.metrics(label) for label in comparison.labels if comparison.of(label)
    }
    expanded = {label: frame for label, frame in metrics.items() if TERMS in frame}
    fitted = {label: frame for label, frame in metrics.items() if WORDS in frame}
    notes = []
    if expanded:
        phrases = "; ".join(f"{label} {_count(frame)}" for label, frame in expanded.items())
        brief = ", ".join(f"{label} {_short_count(frame)}" for label, frame in expanded.items())
        notes.append(
            Note(
                "Classical surrogates: a trained circuit is a trigonometric polynomial in its"
                f" encoding angles (Schreiber et al., arXiv:2206.11740). {phrases}. Terms are"
                " products of sines and cosines, in the order of their share in the logits of"
                " training items; labels play no part, and the layers around the circuit stay."
                f" {_fit(fitted)}",
                f"Sine and cosine terms that keep 99 % (all) of the predictions: {brief}.",
            )
        )
    elif fitted:
        notes.append(Note(_fit(fitted), ""))
    return [*notes, *_obstacles(comparison)]


def _count(frame: pd.DataFrame) -> str:
    """Terms of a row, its deviation with all of them, and the times of an item."""
    deviation = frame["surrogate_deviation"].max()
    size = f"at most {deviation:.0e}" if deviation > LEAST_DEVIATION else "below 1e-12"
    micros = [
        f"{1e6 * _median(frame[name]):.3g}" for name in ("seconds_surrogate", "seconds_circuit")
    ]
    return (
        f"has {_range(frame[TERMS])} of {_range(frame['surrogate_products'])} terms:"
        f" {_range(frame['surrogate_terms_99'])} keep 99 % of the test predictions,"
        f" {_range(frame['surrogate_terms_100'])} all of them; with all terms the outputs deviate"
        f" by {size}, and an item takes {micros[0]} microseconds, {micros[1]} in the circuit"
    )


def _short_count(frame: pd.DataFrame) -> str:
    """Terms of a row that keep the predictions, of all that it has."""
    names = ("surrogate_terms_99", "surrogate_terms_100", TERMS)
    most, whole, terms = (f"{_median(frame[name]):g}" for name in names)
    return f"{most} ({whole}) of {terms}"


def _fit(frames: dict[str, pd.DataFrame]) -> str:
    """How well local words stand for the circuit of each row."""
    if not frames:
        return ""
    phrases = [
        f"{label} {100 * frame['surrogate_words_agreement'].mean():.1f} % with"
        f" {_median(frame[WORDS]):g} words (R squared {frame['surrogate_words_r2'].mean():.3f})"
        for label, frame in frames.items()
    ]
    return (
        "Pauli words on one and two wires of the embedded items, fitted to the circuit's outputs"
        f" by least squares (Cerezo et al., arXiv:2312.09121), keep of the test predictions:"
        f" {', '.join(phrases)}."
    )


def _obstacles(comparison: Comparison) -> list[Note]:
    """Rows without a polynomial, by reason."""
    rows: dict[Obstacle, list[str]] = {}
    for label in comparison.labels:
        outcomes = [each for row in comparison.of(label) for each in row.finished]
        numbers = {each.figures.get("surrogate_obstacle") for each in outcomes} - {None}
        for number in sorted(numbers):
            rows.setdefault(Obstacle(int(number)), []).append(label)
    return [
        Note(f"No polynomial as a classical surrogate of {', '.join(labels)}: {each.reason}.")
        for each, labels in rows.items()
    ]


def _range(values: pd.Series) -> str:
    """Median over trainings, and the extremes where they differ."""
    median = f"{_median(values):g}"
    if values.min() == values.max():
        return median
    return f"{median} ({values.min():g} to {values.max():g})"


def _median(values: pd.Series) -> float:
    """Median over trainings, the higher of two."""
    return float(values.quantile(0.5, interpolation="higher"))
