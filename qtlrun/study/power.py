"""Pilot study: half-widths at other sizes, and sizes that detect the margin."""

from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, check_single
from qtlrun.report import figure, frame, sentence, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note


@dataclass(frozen=True)
class Power:
    """Train the composed model and its references as a pilot, and predict larger studies.

    Predictions come from the pilot's components of variance. Splits are predicted where the pilot
    has several (`splits`, `folds`).

    margin: the difference to be detected, nats of NLL
    seeds: numbers of seeds whose half-width is predicted
    pictures: numbers of test items whose half-width is predicted, as multiples of the pilot's
    shots: measurements of each execution that the cost columns assume
    """

    margin: float
    seeds: list[int]
    pictures: list[int]
    shots: int

    def __post_init__(self):
        statistic.check_nats(self.margin)
        for name in ("seeds", "pictures"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise BadValue(name, getattr(self, name), "sizes from 1 up")
        statistic.check_shots(self.shots)
        if min(self.seeds) < 2:
            raise BadValue("seeds", self.seeds, "an interval needs two or more")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, and pilots too small to predict anything."""
        check_single(plans, "power")
        plan = plans[0]
        if not plan.references:
            raise UsageError(
                "power is that of a difference",
                "choose a reference, as compare=[twin]",
                key="compare",
                value="[]",
            )
        seeds = len(plan.seeds)
        splits = len(plan.redraws)
        if (splits if splits > 1 else seeds) < statistic.FEWEST:
            raise UsageError(
                "a pilot of fewer than three predicts nothing",
                key="splits" if splits > 1 else "seeds",
                value=splits if splits > 1 else seeds,
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Predicted half-widths, a line per reference and size, and whether no row failed."""
        point = experiment.compare(plans[0])
        powers = self._frame(point)
        table = frame.table(point, self.margin, self.shots)
        notes = [
            *self._sentences(point),
            *sentence.generated(point),
            *sentence.chance(point),
            *map(Note, point.notes),
            sentence.likelihood(point),
            sentence.needs(self.margin),
            *sentence.foot(point, point.reads),
            sentence.held_fixed(plans[0], point),
            *sentence.errors(point),
        ]
        report.finish(
            plans,
            notes,
            {"table": table, "power": powers},
            {"power": figure.power(powers, self.margin)},
            lambda console: terminal.show(console, point, table),
        )
        return powers, not point.failed

    def _frame(self, point: Comparison) -> pd.DataFrame:
        """Half-widths in nats, a line per reference and size; the pilot's own are measured."""
        lines = []
        for label, verdict in point.contrasts(self.margin).items():
            gap = verdict.interval
            for seeds in sorted({gap.seeds, *self.seeds} if gap.seeds > 1 else {gap.seeds}):
                for factor in [1] if pd.isna(gap.pictures) else sorted({1, *self.pictures}):
                    pilot = seeds == gap.seeds and factor == 1
                    half = (
                        (gap.high - gap.low) / 2
                        if pilot
                        else statistic.half_width(gap, seeds=seeds, items=gap.items * factor)
                    )
                    lines.append(
                        {
                            "reference": label,
                            "splits": gap.splits,
                            "seeds": seeds,
                            "pictures": gap.items * factor,
                            "half_width": half,
                            "pilot": pilot,
                        }
                    )
        return pd.DataFrame(
            lines, columns=["reference", "splits", "seeds", "pictures", "half_width", "pilot"]
        )

    def _sentences(self, point: Comparison) -> list[Note]:
        """Sentences on each contrast of the pilot, and the sizes that would detect the margin."""
        notes = []
        for label, verdict in point.contrasts(self.margin).items():
            gap = verdict.interval
            need = statistic.needed(verdict.interval, self.margin)
            low, high = statistic.doubt(gap)
            ways = [
                (need.seeds, "seeds", f" on these {point.noun}s"),
                (need.pictures, f"{point.noun}s", " with these seeds"),
                (need.splits, "splits", ""),
            ]
            sizes = [(f"{size} {items}", others) for size, items, others in ways if size]
            if need.both and not sizes:
                sizes = [(sentence.both(gap, need, point.noun), "")]
            words = " or ".join(size + others for size, others in sizes)
            short = " or ".join(size for size, _ in sizes)
            prediction = Note(
                f"A difference of {self.margin:g} would be detected, four times in five, by"
                f" {words or 'no size that is predicted here'}.",
                f"needs {short}." if short else "no size that is predicted here is enough.",
            )
            if missing := sentence.failures(point, label):
                prediction = Note(f"{missing}: the others predict nothing of all.")
            title = f"{point.composed} - {label}, {point.isolates[label]}:"
            half = (gap.high - gap.low) / 2
            notes.append(
                Note(
                    f"{title} {gap.mean:+z.3f} nats, half-width {half:.3f}"
                    f" ({sentence.noise(gap, point.noun)}; so small a pilot knows it to {low:.2f}"
                    f" to {high:.2f} times that). {prediction.full}",
                    f"{title} known to +-{half:.3f} nats; {prediction.short}",
                )
            )
        return notes
