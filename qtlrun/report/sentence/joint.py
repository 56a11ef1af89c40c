"""Sentence on the joint test of a difference over all protocols of a multiverse."""

from typing import Any

import pandas as pd

from qtlrun import statistic
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count


def joint(frame: pd.DataFrame, composed: str) -> list[Note]:
    """Joint test of each reference: p values of the median and of the share of one sign."""
    return [_sentence(line, composed) for line in frame.to_dict("records")]


def _sentence(line: dict[str, Any], composed: str) -> Note:
    """Sentence on one reference."""
    name = line["reference"]
    title = f"Joint test of {composed} - {name}"
    p = (
        f"median p = {_digits(line['p_median'])}, share of one sign ({line['share']:.0%}) p ="
        f" {_digits(line['p_share'])}"
    )
    seeds = count(line["seeds"], "seed")
    limit = f"{seeds} cannot give a p below {_digits(line['least'])}"
    blind = f"; {limit}" if line["least"] >= statistic.ALPHA else ""
    flips = f"all {line['flips']}" if line["exact"] else f"{line['flips']} random"
    return Note(
        f"{title} over {count(line['protocols'], 'protocol')} at once: median"
        f" {line['median']:+z.3f} nats; {p}. The two names are exchanged within {seeds}, {flips}"
        " ways, for all protocols together; it is about new seeds on these test items, and"
        f" {limit}.",
        f"{title} over all protocols: {p}{blind}.",
    )


def _digits(p: float) -> str:
    """A p value with three digits."""
    return f"{p:.3g}"
