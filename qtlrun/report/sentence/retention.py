"""Sentences on the accuracy that rows keep on smaller training splits."""

import pandas as pd

from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count


def retention(frame: pd.DataFrame, composed: str, largest: int) -> list[Note]:
    """Sentences on each smaller split: absolute, relative, and who keeps more.

    `largest` is the size of the largest split.
    """
    notes = []
    for size, group in frame.groupby("train_size", sort=False):
        lines = group.to_dict("records")
        shares = "; ".join(map(_describe, lines))
        notes.append(Note(f"Kept at {size} of {largest}: {shares}.", ""))
        notes.append(Note(f"{composed} at {size} of {largest}, {_judge(lines)}."))
    if not notes:
        return []
    return [
        *notes,
        *_warn(frame, composed),
        Note(
            "kept: test accuracy as a share of the row's own on the largest split (relative"
            " performance retention); change: less that one. A share of a lower start is no"
            " robustness, and rows with other numbers of parameters do not show what a circuit"
            " does: twin has the same widths. Differences are of trainings that did not die; where"
            " one of either row failed or died, at this size or the largest, there is no verdict.",
            "Relative retention favours the row with the lower start; twin has the same widths.",
        ),
    ]


def _describe(line: dict) -> str:
    """A row's retention in words."""
    change = f"{line['change']:+.3f} [{line['change low']:+.3f}, {line['change high']:+.3f}]"
    share = f"{line['kept']:.1%} [{line['kept low']:.1%}, {line['kept high']:.1%}]"
    return f"{line['row']} {share} of its accuracy, {change}"


def _judge(lines: list[dict]) -> str:
    """Words on who keeps the larger share of its accuracy, by the verdict on each row."""
    by_verdict: dict[str, list[str]] = {}
    for line in lines:
        if line["verdict"]:
            ends = ", ".join(f"{100 * line[f'difference {end}']:+.1f}" for end in ("low", "high"))
            lost = f", {count(line['lost'], 'training')} failed or died" if line["lost"] else ""
            gap = f"{line['row']} ({100 * line['difference']:+.1f} [{ends}] points{lost})"
            by_verdict.setdefault(line["verdict"], []).append(gap)
    phrases = [f"{word} against {', '.join(rows)}" for word, rows in by_verdict.items()]
    return "share of its own accuracy: " + "; ".join(phrases)


def _warn(frame: pd.DataFrame, composed: str) -> list[Note]:
    """Sentences where the composed row keeps more and is still less accurate."""
    notes = []
    accuracies = frame[frame["row"] == composed].set_index("train_size")["accuracy"]
    for line in frame[frame["verdict"] == "keeps more"].to_dict("records"):
        size = line["train_size"]
        if size in accuracies and accuracies[size] < line["accuracy"]:
            pair = f"{accuracies[size]:.3f} against {line['accuracy']:.3f}"
            notes.append(
                Note(
                    f"{composed} keeps more than {line['row']} at {size} and is the less accurate"
                    f" there ({pair}): it had less to lose."
                )
            )
    return notes
