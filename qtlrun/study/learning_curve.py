"""Learning curve: test figures by the size of nested training splits."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison, point_name
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.ledger import Readings
from qtlrun.plan import Plan, check_single
from qtlrun.report import figure, frame, sentence, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

# Where none are named
MAX_SIZES = 6
COLUMNS = [
    "train_size",
    "row",
    "NLL",
    "NLL low",
    "NLL high",
    "accuracy",
    "accuracy low",
    "accuracy high",
]


@dataclass(frozen=True)
class LearningCurve:
    """Train the composed model and its references on nested parts of the training split.

    Each size contains the smaller ones. Test and validation splits are the same for all.

    sizes: numbers of training items; null halves all of them as long as every class keeps two on
        average, up to five times
    margin: of the verdicts, nats of NLL or a percentage of the reference's
    shots: measurements of each execution that the cost columns assume
    """

    sizes: list[int] | None
    margin: float | str
    shots: int

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit
        statistic.check_shots(self.shots)
        if self.sizes is not None and (
            not self.sizes or min(self.sizes) < 1 or len(set(self.sizes)) < len(self.sizes)
        ):
            raise BadValue("sizes", self.sizes, "different numbers of training pictures, from 1 up")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, a dataset that cannot be cut, and sizes that it does not have."""
        check_single(plans, "learning_curve")
        dataset = plans[0].model.dataset
        if "train_size" not in dataset:
            raise UsageError("this dataset has no train_size", key="study", value="learning_curve")
        if dataset["train_size"] is not None:
            raise UsageError(
                "the study varies it",
                "name the sizes as study.sizes=[20,40]",
                key="dataset.train_size",
                value=dataset["train_size"],
            )
        for plan in self._plans(plans[0], experiment):
            for variant in plan.variants.values():
                for redraw in plan.redraws:
                    experiment.check(variant.redrawn(redraw.change))

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Rows of all sizes as a data frame, and whether all went well."""
        points = []
        cut = self._plans(plans[0], experiment)
        for plan in cut:
            keys = {"train_size": plan.model.dataset["train_size"]}
            report.progress.say(f"{point_name(keys)}:")
            points.append(experiment.compare(plan, keys))
        frames = {
            "curve": self._frame(points),
            "retention": frame.retention_frame(points),
            "contrasts": frame.contrasts_frame(points, self.limit),
            "rows": frame.rows_frame(points, self.shots),
        }
        table = _table(frames["curve"], points)
        report.finish(
            plans,
            self._notes(cut[-1], points, frames["retention"]),
            frames,
            {
                "learning_curve": figure.sizes(frames["curve"]),
                "retention": figure.retention(frames["retention"]),
            },
            lambda console: terminal.show_sweep(console, table, ("train_size",)),
        )
        return frames["rows"], not any(point.failed for point in points)

    def _plans(self, plan: Plan, experiment: Experiment) -> list[Plan]:
        """The plan at each size, from the smallest."""
        sizes = self.sizes or _halved_sizes(plan, experiment)
        return [plan.changed({"dataset.train_size": size}) for size in sorted(sizes)]

    def _notes(self, plan: Plan, points: list[Comparison], retention: pd.DataFrame) -> list[Note]:
        """Sentences under the table; `plan` is that of the largest size."""
        empty = " A cell without a number failed." if any(point.failed for point in points) else ""
        notes = [Note(f"Test NLL in nats, lower is better, a line per size.{empty}")]
        notes += self._verdicts(points)
        largest = plan.model.dataset["train_size"]
        notes += sentence.retention(retention, points[0].composed, largest)
        notes += sentence.corrected(points, self.limit)
        for point in points:
            details = [Note(note.full, "") for note in sentence.contrasts(point, self.limit)]
            notes += [note.at(point.name) for note in (*details, *sentence.chance(point))]
        notes += map(Note, points[0].notes)
        notes += sentence.foot(points[-1], Readings.largest(point.reads for point in points))
        notes.append(sentence.held_fixed(plan, points[-1]))
        for point in points:
            notes += sentence.errors(point)
        return notes

    def _verdicts(self, points: list[Comparison]) -> list[Note]:
        """Verdicts on each contrast, with the sizes at which they hold."""
        sizes: dict[str, dict[str, list[str]]] = {}
        equivalent = False
        for point in points:
            accuracies = point.accuracy_contrasts()
            for label, verdict in point.contrasts(self.limit).items():
                equivalent |= verdict.equivalent
                word = sentence.verdict_word(point, label, verdict.word, accuracies[label])
                holds = sizes.setdefault(label, {}).setdefault(word, [])
                holds.append(str(point.keys["train_size"]))
        composed = points[0].composed
        notes = []
        for label, words in sizes.items():
            phrases = []
            for word, holds in words.items():
                subject = f"{composed} is " if word.startswith(("better", "worse")) else ""
                phrases.append(f"{subject}{word} at {', '.join(holds)}")
            title = f"{composed} - {label}, {points[0].isolates[label]}"
            notes.append(Note(f"{title}: {'; '.join(phrases)}."))
        return [*notes, sentence.equivalence(self.limit, seen=equivalent)]

    def _frame(self, points: list[Comparison]) -> pd.DataFrame:
        """Test NLL in nats and accuracy in [0, 1] with intervals, a line per size and row."""
        lines = []
        for point in points:
            for label in filter(point.of, point.labels):
                nll = point.estimate(label, lambda row: row.nll)
                accuracy = point.accuracy(label)
                values = (nll.mean, nll.low, nll.high, accuracy.mean, accuracy.low, accuracy.high)
                lines.append((point.keys["train_size"], label, *values))
        return pd.DataFrame(lines, columns=COLUMNS)


def _halved_sizes(plan: Plan, experiment: Experiment) -> list[int]:
    """Sizes of the training split halved, as long as every class keeps two items on average."""
    draws = [
        experiment.dataset(plan.model.redrawn(redraw.change)).train.labels.tolist()
        for redraw in plan.redraws
    ]
    labels = min(draws, key=len)
    sizes = [len(labels) >> halving for halving in range(MAX_SIZES)]
    return [size for size in sizes if size >= 2 * len(set(labels))] or [len(labels)]


def _table(curve: pd.DataFrame, points: list[Comparison]) -> pd.DataFrame:
    """Test NLL with a line per size and a column per row."""
    labels = dict.fromkeys(label for point in points for label in point.labels)
    table = curve.pivot(index="train_size", columns="row", values="NLL")
    table = table.reindex(index=[point.keys["train_size"] for point in points], columns=labels)
    return table.rename_axis(None, axis=1).rename_axis("train_size").reset_index()
