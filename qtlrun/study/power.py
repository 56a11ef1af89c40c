"""Pilot study: half-widths at other sizes, and sizes that detect the margin."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, check_single
from qtlrun.report import figure, frame, sentence, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

COLUMNS = ["reference", "splits", "seeds", "pictures", "half_width", "margin", "pilot"]


@dataclass(frozen=True)
class Power:
    """Train the composed model and its references as a pilot, and predict larger studies.

    Predictions come from the pilot's components of variance. Splits are predicted where the pilot
    has several (`splits`, `folds`).

    margin: the difference to be detected, nats of NLL or a percentage of the reference's
    seeds: numbers of seeds whose half-width is predicted; of splits where each has one seed
    pictures: numbers of test items whose half-width is predicted, as multiples of the pilot's
    shots: measurements of each execution that the cost columns assume
    """

    margin: float | str
    seeds: list[int]
    pictures: list[int]
    shots: int

    @cached_property
    def limit(self) -> statistic.Margin:
        """The margin, parsed."""
        return statistic.Margin.of(self.margin)

    def __post_init__(self):
        _ = self.limit
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
        table = frame.table(point, self.limit, self.shots)
        notes = [
            *self._sentences(point),
            *sentence.generated(point),
            *sentence.chance(point),
            *map(Note, point.notes),
            sentence.likelihood(point),
            sentence.needs(self.limit),
            *sentence.foot(point, point.reads),
            sentence.held_fixed(plans[0], point),
            *sentence.errors(point),
        ]
        report.finish(
            plans,
            notes,
            {"table": table, "power": powers},
            {"power": figure.power(powers)},
            lambda console: terminal.show(console, point, table),
        )
        return powers, not point.failed

    def _frame(self, point: Comparison) -> pd.DataFrame:
        """Half-widths in nats, a line per reference and size; the pilot's own are measured."""
        lines = []
        margins = point.margins(self.limit)
        for label, verdict in point.contrasts(self.limit).items():
            gap = verdict.interval
            factors = [1] if pd.isna(gap.pictures) else sorted({1, *self.pictures})
            for size in self._trainings(gap):
                lines += [_predict(label, gap, size, factor) for factor in factors]
        frame = pd.DataFrame(lines, columns=COLUMNS)
        return frame.assign(margin=frame["reference"].map(margins))

    def _trainings(self, gap: statistic.Interval) -> list[dict[str, int]]:
        """Numbers of seeds, or of splits where each has one seed, that the pilot can predict."""
        ((name, present),) = _size(gap).items()
        if name == "seeds" and present == 1:
            return [{name: present}]
        return [{name: number} for number in sorted({present, *self.seeds})]

    def _sentences(self, point: Comparison) -> list[Note]:
        """Sentences on each contrast of the pilot, and the sizes that would detect the margin."""
        notes = []
        margins = point.margins(self.limit)
        for label, verdict in point.contrasts(self.limit).items():
            gap = verdict.interval
            need = statistic.needed(verdict.interval, margins[label])
            low, high = statistic.doubt(gap)
            ways = [
                (need.seeds, "seeds", f" on these {point.noun}s"),
                (need.pictures, f"{point.noun}s", " with these seeds"),
                (need.splits, "seeds" if gap.seeds == 1 else "splits", ""),
            ]
            sizes = [(f"{size} {items}", others) for size, items, others in ways if size]
            if need.both and not sizes:
                sizes = [(sentence.both(gap, need, point.noun), "")]
            words = " or ".join(size + others for size, others in sizes)
            short = " or ".join(size for size, _ in sizes)
            prediction = Note(
                f"A difference of {margins[label]:.3g} would be detected, four times in five, by"
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
                    f" ({sentence.noise(point, gap)}; so small a pilot knows it to {low:.2f}"
                    f" to {high:.2f} times that). {prediction.full}",
                    f"{title} known to +-{half:.3f} nats; {prediction.short}",
                )
            )
        return notes


def _predict(
    label: str, gap: statistic.Interval, size: dict[str, int], factor: int
) -> dict[str, object]:
    """Half-width in nats at a number of trainings and a multiple of the pilot's pictures."""
    pilot = size == _size(gap) and factor == 1
    half = (gap.high - gap.low) / 2
    if not pilot:
        half = statistic.half_width(gap, **size, items=gap.items * factor)
    return {
        "reference": label,
        "splits": size.get("splits", gap.splits),
        "seeds": size.get("seeds", gap.seeds),
        "pictures": gap.items * factor,
        "half_width": half,
        "pilot": pilot,
    }


def _size(gap: statistic.Interval) -> dict[str, int]:
    """Number of trainings of a pilot: of its splits where each has one seed, else of seeds."""
    if gap.splits > 1 and gap.seeds == 1:
        return {"splits": gap.splits}
    return {"seeds": gap.seeds}
