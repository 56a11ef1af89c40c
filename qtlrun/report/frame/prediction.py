"""Frame of test predictions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from qtlrun import disk, statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.report import schema
from qtlrun.report.frame.row import enumerate_rows

ITEM_DIGITS = 12  # of a hash in a line; two of 10,000 items are alike once in five million sets


def predictions_frame(comparison: Comparison) -> pd.DataFrame:
    """Test predictions: a line per row, split, seed and test item.

    Its class, the predicted one, and the probability of each.
    """
    several = len(comparison.splits) > 1
    frames = []
    names: dict[str, None] = {}
    for number, label, row in enumerate_rows(comparison):
        cell = {"row": label} | ({"split": number} if several else {})
        items = [disk.digest(item.encode())[:ITEM_DIGITS] for item in row.items]
        names |= dict.fromkeys(f"p({name})" for name in row.classes)
        frames += [_predictions(row, index, cell, items) for index in range(len(row.seeds))]
    if not frames:
        return pd.DataFrame()
    columns = schema.PREDICTIONS.with_family(schema.PROBABILITY, names)
    return columns.check(pd.concat(frames))


def _predictions(
    row: Row, index: int, cell: Mapping[str, object], items: list[str]
) -> pd.DataFrame:
    """Predictions of one seed of a row, which is at this index of its logits."""
    classes = np.array(row.classes)
    logits = row.logits[index]
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    columns = {f"p({name})": probabilities[:, each] for each, name in enumerate(row.classes)}
    return pd.DataFrame(
        {
            **cell,
            "seed": row.seeds[index],
            "picture": row.pictures or range(len(row.labels)),
            **({"item": items} if items else {}),
            "class": classes[row.labels],
            "predicted": classes[probabilities.argmax(-1)],
            "nll": statistic.nll(logits, row.labels),
            **columns,
        }
    )
