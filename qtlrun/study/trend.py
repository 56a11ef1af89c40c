"""Slopes of the differences to the references along one value, and their verdict on a claim."""

import itertools
from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison, point_name
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.ledger import Readings
from qtlrun.plan import Plan, check_idle, has_circuit
from qtlrun.plan.override import swept_values
from qtlrun.report import figure, frame, sentence, terminal
from qtlrun.report.frame.trend import differences_frame, slopes_frame
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note
from qtlrun.report.terminal.table import interval

# Of the table on a terminal
TITLES = {
    "composed minus": "composed - row",
    "NLL along the range, nats, 95 %": "change of NLL, nats [95 %]",
    "accuracy, 95 %": "change of accuracy [95 %]",
}


@dataclass(frozen=True)
class Trend:
    """Fit lines to the differences between the composed model and its references along a sweep.

    The claim is judged by the slopes in NLL: intervals of 95 % each, over seeds and test items.

    runs: command lines that each sweep one number; null for the sweep of the command line itself
    claim: sentence that predicts that the composed model gains on its classical references as the
        number grows
    shots: measurements of each execution that the cost columns assume
    """

    runs: list[str] | None
    claim: str | None
    shots: int

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse sweeps of anything but one number, few seeds, and models without references."""
        for run in _runs(plans):
            self._check_run(run, f"study.runs, {run[0].line}: " if run[0].line is not None else "")
        for plan in plans:
            check_idle(plan, "trend")

    def _check_run(self, plans: list[Plan], where: str) -> None:
        """Refuse a sweep; `where` names its run."""
        swept = _swept(plans)
        values = [value for keys in swept for value in keys.values()]
        if len(swept[0]) != 1 or not all(isinstance(value, (int, float)) for value in values):
            raise UsageError(
                f"{where}study=trend follows one number",
                (
                    "sweep it, as -m dataset.turns=0.5,1,2 (here vary:"
                    f" {', '.join(swept[0]) or 'none'})"
                ),
            )
        if not plans[0].references:
            raise UsageError(
                "a trend is one of differences",
                "choose a reference, as compare=[twin]",
                key=f"{where}compare",
                value="[]",
            )
        if self.claim is not None and not _rivals(plans[0]):
            raise UsageError(
                "it is held against references without a circuit, and there is none",
                "choose one, as compare=[twin]",
                key=f"{where}study.claim",
            )
        fewest = min(plans, key=lambda plan: len(plan.seeds))
        if len(fewest.seeds) < statistic.FEWEST:
            raise UsageError(
                "fewer than three seeds give no interval here",
                key=f"{where}seeds",
                value=fewest.settings.seeds,
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per series, reference and metric: its slope; and whether no row failed."""
        # The slopes pair seeds on the same items
        series = _series([plan.changed({"splits": 1}) for plan in plans])
        comparisons: dict[str, list[Comparison]] = {name: [] for name in series}
        for name, run in series.items():
            for keys, plan in zip(_swept(run), run, strict=True):
                report.progress.say(f"{_dataset(plan)}, {point_name(keys)}:")
                comparisons[name].append(experiment.compare(plan, keys))
        differences = differences_frame(comparisons)
        rivals = {name: set[str]().union(*map(_rivals, run)) for name, run in series.items()}
        slopes = slopes_frame(comparisons, rivals)
        table = _table(slopes)
        rows = pd.concat(frame.rows_frame(points, self.shots) for points in comparisons.values())
        losses = {name: _list_losses(points) for name, points in comparisons.items()}
        report.finish(
            plans,
            [*self._verdict(slopes, differences, losses), *_notes(series, comparisons)],
            {"table": table, "slopes": slopes, "differences": differences, "rows": rows},
            {"trend": figure.trend(differences)},
            lambda console: terminal.show_words(console, table.rename(columns=TITLES)),
        )
        return slopes, not any(point.failed for points in comparisons.values() for point in points)

    def _verdict(
        self, slopes: pd.DataFrame, differences: pd.DataFrame, losses: dict[str, str]
    ) -> list[Note]:
        """Verdict of the slopes in NLL on the claim; none where trainings failed or died."""
        if self.claim is None:
            return []
        notes = [Note(f"The claim: {self.claim}")]
        rivals = slopes[(slopes["metric"] == "NLL") & slopes["classical"]]
        for name, group in rivals.groupby("series", sort=False):
            if losses[name]:
                words = f"no verdict, because {losses[name]}; the slopes are of the others."
                notes.append(Note(f"{name}: {words}"))
            else:
                notes.append(_judge(group, differences).at(name))
        return notes


def _judge(slopes: pd.DataFrame, differences: pd.DataFrame) -> Note:
    """Verdict of the slopes of one series on the claim, with the references behind it."""
    end = differences[
        (differences["series"] == slopes["series"].iloc[0])
        & (differences["metric"] == "NLL")
        & differences["reference"].isin(slopes["reference"])
    ]
    end = end[end["value"] == end["value"].max()]
    gains = slopes["reference"][slopes["high"] < 0].tolist()
    losses = slopes["reference"][slopes["low"] > 0].tolist()
    better = end["reference"][end["high"] < 0].tolist()
    verdict = "not supported"
    if len(gains) == len(slopes) == len(better):
        verdict = "supported"
    elif losses and not gains:
        verdict = "contradicted"
    return Note(
        f"{verdict}. As {slopes['key'].iloc[0]} grows, the composed model gains on"
        f" {_list(gains)}, loses on {_list(losses)} of {len(slopes)} classical references;"
        f" at the largest it is better than {_list(better)}."
    )


def _notes(series: dict[str, list[Plan]], comparisons: dict[str, list[Comparison]]) -> list[Note]:
    """Sentences under the table: how it was made, and what was held fixed."""
    points = [point for each in comparisons.values() for point in each]
    plans = [plan for each in series.values() for plan in each]
    seeds = len(plans[0].seeds)
    oddities = dict.fromkeys(note for point in points for note in point.notes)
    notes = [
        *map(Note, oddities),
        Note(
            "Least-squares lines from the least to the largest value, with 95 % intervals over"
            f" {seeds} seeds and the test items; items that values share are paired.",
            f"Change of the difference from the least to the largest value; {seeds} seeds, 95 %"
            " intervals.",
        ),
        sentence.readers(Readings.largest(point.reads for point in points), points[0].noun),
        *dict.fromkeys(map(sentence.held_fixed, plans, points)),
        *sentence.data(points),
    ]
    for point in points:
        notes += sentence.errors(point)
    return notes


def _list_losses(points: list[Comparison]) -> str:
    """Trainings that failed or died anywhere in a series, in words; empty where none did."""
    failed = sum(point.failures(label) for point in points for label in point.labels)
    failed += sum(len(point.errors) for point in points)
    died = sum(point.dead(label) for point in points for label in point.labels)
    phrases = [
        f"{sentence.count(number, 'training')} {verb}"
        for number, verb in ((failed, "failed"), (died, "died"))
        if number
    ]
    return " and ".join(phrases)


def _runs(plans: list[Plan]) -> list[list[Plan]]:
    """Plans of each run; without runs all of them."""
    return [list(group) for _, group in itertools.groupby(plans, key=lambda plan: plan.line)]


def _series(plans: list[Plan]) -> dict[str, list[Plan]]:
    """Plans of each run by a name for it: its own words, where two short names are the same."""
    runs = _runs(plans)
    names = list(map(_name, runs))
    return {
        name if names.count(name) == 1 else run[0].line: run
        for name, run in zip(names, runs, strict=True)
    }


def _swept(plans: list[Plan]) -> list[dict[str, object]]:
    """Keys that vary within a series, with the values of each plan."""
    return swept_values([plan.overrides for plan in plans])


def _name(plans: list[Plan]) -> str:
    """Name of a series: the words that it does not sweep, or its dataset."""
    (key,) = _swept(plans)[0]
    fixed = [word.text for word in plans[0].line_overrides if word.key != key]
    fixed_words = " ".join(fixed)
    name = fixed_words.removeprefix("dataset=") or _dataset(plans[0])
    return f"{name}, {key.rpartition('.')[2]}"


def _dataset(plan: Plan) -> str:
    """Name of a plan's dataset."""
    return plan.model.target("dataset").rpartition(".")[2].lower()


def _rivals(plan: Plan) -> set[str]:
    """Labels of the references without a circuit."""
    references = plan.references
    classical = [name for name in references if not has_circuit(references[name])]
    return {label for name, label in plan.labels.names.items() if name in classical}


def _table(slopes: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read: slopes times the range of the values, a line per reference."""
    changes = slopes[["slope", "low", "high"]].mul(slopes["range"], axis=0).astype(float)
    intervals = [
        interval(mean, low, high, "+z.3f", "+z.3f")
        for mean, low, high in changes.itertuples(index=False)
    ]
    lines = slopes.assign(interval=intervals).set_index(["series", "reference"])
    nll = lines[lines["metric"] == "NLL"]["interval"]
    accuracy = lines[lines["metric"] == "accuracy"]["interval"]
    table = pd.DataFrame(
        {"NLL along the range, nats, 95 %": nll, "accuracy, 95 %": accuracy}, index=nll.index
    )
    return table.reset_index().rename(columns={"reference": "composed minus"})


def _list(names: list[str]) -> str:
    """Names as they are read in a sentence."""
    return ", ".join(names) or "none"
