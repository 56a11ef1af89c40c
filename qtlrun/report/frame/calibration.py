"""Frames of a calibration: rates with exact intervals, by check, by family, by rule."""

from collections.abc import Sequence

import pandas as pd

from qtlrun import statistic

RATES = ["check", "effect", "contrast", "verdict", "trials", "hits", "rate", "low", "high"]
RULES = ["rule", "trials", "hits", "rate", "low", "high"]


def rate_line(
    check: str, effect: float, contrast: str, verdict: str, hits: int, trials: Sequence
) -> dict[str, object]:
    """Line of hits among trials, with the exact interval of its rate."""
    values = (check, effect, contrast, verdict)
    return dict(zip(RATES, values, strict=False)) | _share(hits, len(trials))


def rates_frame(lines: list[dict[str, object]]) -> pd.DataFrame:
    """Lines of rates as a frame."""
    return pd.DataFrame(lines, columns=RATES)


def family_line(
    name: str, trainings: int, pictures: int, rates: statistic.Rates
) -> dict[str, object]:
    """Line of the rates of verdicts on a family at one size."""
    sizes = {"family": name, "trainings": trainings, "pictures": pictures}
    return sizes | vars(rates)


def rules_frame(claims: dict[str, list[bool]]) -> pd.DataFrame:
    """Share of false differences that each rule claims."""
    lines = [{"rule": rule, **_share(sum(each), len(each))} for rule, each in claims.items()]
    return pd.DataFrame(lines, columns=RULES)


def _share(hits: int, trials: int) -> dict[str, object]:
    """Hits, trials and their rate with its exact interval; nan without trials."""
    low, high = statistic.binomial(hits, trials) if trials else (float("nan"), float("nan"))
    share = hits / trials if trials else float("nan")
    return {"trials": trials, "hits": hits, "rate": share, "low": low, "high": high}
