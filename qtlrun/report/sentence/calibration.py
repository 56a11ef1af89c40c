"""Sentences on a calibration, and whether its rates are what an honest instrument shows."""

import pandas as pd

from qtlrun import statistic
from qtlrun.report.sentence.note import Note

# Rates that are promised; a worse one counts where its exact interval leaves the nominal rate out
MAX_FALSE_RATE = 0.07
MIN_COVERAGE = 0.92
RISK = 0.05
LEVEL = 0.999  # of those intervals, for there are many
# Trainings from which promises about families hold
FEWEST_TRAININGS = 10
MIN_DETECTION_RATE = 0.5


def calibration(
    rates: pd.DataFrame, families: pd.DataFrame, rules: pd.DataFrame
) -> tuple[list[Note], bool]:
    """Sentences on the rates, and whether they are what is promised."""
    promises = [
        *_keeps_nulls(rates),
        *_keeps_coverage(rates),
        *_keeps_families(families),
        *_keeps_detection(rates),
    ]
    honest = all(promises)
    verdict = (
        "No rate contradicts what an honest instrument promises."
        if honest
        else "NOT honest: a rate contradicts what is promised; look at calibration.csv and"
        " families.csv."
    )
    lines = [*_nulls(rates), *_coverages(rates), *_families(families), *_planted(rates)]
    return [*map(Note, [*lines, *_rules(rules), verdict])], honest


def _keeps_nulls(rates: pd.DataFrame) -> list[bool]:
    nulls = rates[rates["check"] == "equal models"]
    return [_is_rare(line.hits, line.trials) for line in nulls.itertuples()]


def _keeps_coverage(rates: pd.DataFrame) -> list[bool]:
    coverage = rates[rates["check"] == "coverage"]
    return [_covers(line.hits, line.trials) for line in coverage.itertuples()]


def _keeps_families(families: pd.DataFrame) -> list[bool]:
    promises = []
    for line in families[families["trainings"] >= FEWEST_TRAININGS].itertuples():
        judged = round(line.judged * line.draws)
        if judged:
            promises.append(_covers(round(line.covered * judged), judged))
        promises.append(_is_rare(round(line.false_equivalent * line.draws), line.draws))
        promises.append(_is_rare(round(line.false_difference * line.draws), line.draws))
    return promises


def _covers(hits: int, trials: int) -> bool:
    """Whether a coverage is promised, or too few trials contradict it."""
    if not trials or hits / trials >= MIN_COVERAGE:
        return True
    return statistic.binomial(hits, trials, LEVEL)[1] >= 1 - RISK


def _is_rare(hits: int, trials: int) -> bool:
    """Whether a rate of false verdicts is promised, or too few trials contradict it."""
    if not trials or hits / trials <= MAX_FALSE_RATE:
        return True
    return statistic.binomial(hits, trials, LEVEL)[0] <= RISK


def _keeps_detection(rates: pd.DataFrame) -> list[bool]:
    return [
        bool(group["high"].max() > MIN_DETECTION_RATE)
        for _, _, group in _detections(rates)
        if len(group)
    ]


def _nulls(rates: pd.DataFrame) -> list[str]:
    nulls = rates[rates["check"] == "equal models"]
    shares = [f"{line['contrast']} {_fraction(line)}" for _, line in nulls.iterrows()]
    return [f"Each row against itself is called better or worse: {', '.join(shares)}."]


def _coverages(rates: pd.DataFrame) -> list[str]:
    coverage = rates[rates["check"] == "coverage"]
    shares = [f"{line['contrast']} {_fraction(line)}" for _, line in coverage.iterrows()]
    return [f"The 95 % interval holds the mean of its population: {', '.join(shares)}."]


def _families(families: pd.DataFrame) -> list[str]:
    """Extremes over the simulated families from ten trainings on."""
    large = families[families["trainings"] >= FEWEST_TRAININGS]
    low = large.loc[large["covered"].idxmin()]
    false = large.loc[large["false_equivalent"].idxmax()]
    return [
        f"Families, {FEWEST_TRAININGS} trainings or more: coverage"
        f" {low['covered']:.1%} or more ({low['family']}, {low['trainings']} trainings,"
        f" {low['pictures']} pictures); false equivalence at the margin"
        f" {false['false_equivalent']:.1%} or less ({false['family']})."
    ]


def _planted(rates: pd.DataFrame) -> list[str]:
    lines = []
    for name, verdict, group in _detections(rates):
        shares = ", ".join(
            f"effect {line.effect:g}: {line.hits} of {line.trials}" for line in group.itertuples()
        )
        if shares:
            lines.append(f"Planted {name}: A {verdict} than C in {shares}.")
    return lines


def _rules(rules: pd.DataFrame) -> list[str]:
    shares = [f"{line.rule} {line.rate:.0%}" for line in rules.itertuples()]
    return [f"Models equal on average are called different by: {'; '.join(shares)}."]


def _detections(rates: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Planted effects by name and right verdict, with the rates of that verdict on A - C."""
    detections = []
    for kind, name, verdict in (
        ("circuit", "circuit", "better"),
        ("linear", "linear map", "worse"),
    ):
        right = (rates["check"] == f"planted {kind}") & (rates["verdict"] == verdict)
        detections.append((name, verdict, rates[right & (rates["contrast"] == "A - C")]))
    return detections


def _fraction(line: pd.Series) -> str:
    """Hits of trials, with the rate and its interval."""
    if not line["trials"]:
        return "no trial"
    return (
        f"{line['hits']} of {line['trials']} ({line['rate']:.1%} [{line['low']:.1%},"
        f" {line['high']:.1%}])"
    )
