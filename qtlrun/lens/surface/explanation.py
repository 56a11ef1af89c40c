"""Sentences under the numbers of loss landscapes."""

import pandas as pd

from qtlrun.report.sentence import Note, count


def explain_numbers(items: int, directions: int, directions_trained: int) -> list[Note]:
    """Sentences on what the numbers of all rows are."""
    lines = f"{directions} lines of each training"
    if directions_trained != directions:
        lines += f" ({directions_trained} where points are evaluated one by one)"
    return [
        Note(f"Numbers are of at most {count(items, 'training item')}."),
        Note(
            f"Loss rise: mean along {lines} through its weights, less the loss there.",
            "Loss rise: mean along random lines through the weights, less the loss there.",
        ),
        Note(
            "Directions are random, each filter with the norm of its weights; each training has"
            " its own, the same for rows with weights of the same shapes.",
            "",
        ),
        Note("Biases and scales of norms stay where they are.", ""),
        Note("At 1 a circuit's angles have moved by 1 radian (root mean square).", ""),
        Note("Rank share: eigenvalues above .001 of the top one."),
        Note("All of these depend on how a row is parametrized."),
    ]


def explain_paths(paths: pd.DataFrame) -> Note:
    """Sentence on the rows that were trained again."""
    rows = ", ".join(dict.fromkeys(paths["row"]))
    again = f"{rows}: trained again from the first seed, and to the weights of the run"
    return Note(
        f"{again}, for their path from the start (square) through the epoch that was kept (cross),"
        " in the plane of its two principal axes.",
        f"{again}, for their path.",
    )
