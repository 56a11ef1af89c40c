"""Published figures beside ours: presets, each as published and in its sound form."""

from dataclasses import dataclass

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.error import UsageError, nearest
from qtlrun.experiment import Experiment
from qtlrun.plan import COMPOSED, Plan, check_idle
from qtlrun.report import frame, sentence, terminal
from qtlrun.report.frame.reproduction import CHANGED_RUN, reproduction_frame, run_name
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note
from qtlrun.report.terminal.table import interval


@dataclass(frozen=True)
class Reproduce:
    """Train presets that carry published figures, and judge which of these are reproduced.

    Beside the figures of `experiment=NAME_paper` stand those of the first run of `experiment=NAME`.
    A figure counts as reproduced where one more training of ours would give it, from a new seed
    (and split, where they are redrawn) on the same test items, to one point of accuracy: where it
    lies that near to Student's prediction interval over our trainings (95 %; of a single one the
    figure itself). It is undecided where that interval is wider than 20 points, a seed failed, or
    fewer than three trainings do not give the figure, for others might.
    The publication's noise is not in it. A figure of other test items than ours (`published.items`
    says which) is neither. A run whose words change more than the preset, its seeds or its
    references is no repetition: it has neither verdict nor sound figure. A run whose weights or
    data are absent is left out, and the table says why.

    runs: command lines, one per preset
    shots: measurements of each execution that the cost columns assume
    """

    runs: list[str] | None
    shots: int
    # A run that is refused costs that run
    excuses = True

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse plans without a published figure, figures of absent rows, and redrawn splits."""
        if not any("published" in plan.values for plan in plans):
            raise UsageError(
                "no plan here has published figures",
                "choose presets that have, as study.runs=['experiment=spirals_paper']",
                key="study",
                value="reproduce",
            )
        for plan in plans:
            names = (COMPOSED, *plan.changes)
            for name in plan.published.get("accuracy", {}):
                if name not in names:
                    raise UsageError(
                        "this plan has no such row",
                        nearest(name, names),
                        key=f"published.accuracy.{name}",
                    )
            check_idle(plan, "reproduce")

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per published figure, and whether every run was made and none failed."""
        comparisons = {}
        for plan in plans:
            name = run_name(plan)
            report.progress.say(f"{name}:")
            if not plan.refusal:
                comparisons[name] = experiment.compare(plan, {"run": name})
        figures = reproduction_frame(plans, comparisons)
        points = list(comparisons.values())
        rows = frame.rows_frame(points, self.shots) if points else pd.DataFrame()
        table = _table(figures)
        report.finish(
            plans,
            self._sentences(plans, figures, comparisons),
            {"table": table, "reproduction": figures, "rows": rows},
            show=lambda console: terminal.show_words(
                console, table.drop(columns=["source", "seeds"])
            ),
        )
        complete = len(comparisons) == len(set(map(run_name, plans)))
        return figures, complete and not any(point.failed for point in points)

    def _sentences(
        self, plans: list[Plan], figures: pd.DataFrame, comparisons: dict[str, Comparison]
    ) -> list[Note]:
        """Sentences under the table."""
        notes = [
            Note(_summary(figures)),
            Note(
                "Reproduced: one more training here, from a new seed on the same split and test"
                " items, would give the published figure, to one point of accuracy (95 %, over our"
                " seeds, not the publication's); undecided where that range is wider than 20"
                " points, a seed failed, or fewer than three seeds give another figure; of one seed"
                " its own figure is compared. Sound: the same example without the published"
                " defects. Intervals are over seeds and test items.",
                "Reproduced: one more training here would give the published accuracy, to 0.01."
                " Sound: without the published defects.",
            ),
        ]
        notes += [
            Note(
                f"{run_name(plan)}: published on {plan.published['items']}, so its figure and ours"
                " are of different items: no verdict."
            )
            for plan in plans
            if plan.published.get("items") and not plan.refusal
        ]
        for plan in (plan for plan in plans if plan.refusal):
            reason = " ".join(plan.refusal.splitlines()).rstrip(".")
            command = f"With the weights or data in place: qtlrun {run_name(plan)}"
            notes.append(Note(f"{run_name(plan)}: not run: {reason}. {command}"))
        notes += _truncated(figures)
        sound = set(figures["sound run"].dropna())
        for plan in {run_name(plan): plan for plan in plans}.values():
            point = comparisons.get(run_name(plan))
            if run_name(plan) in sound and point.composed in point.labels:
                about = point.about[point.composed]
                shared = sentence.held_fixed(plan, point).full
                notes.append(Note(f"{run_name(plan)}: {about}. {shared}", ""))
        notes += sentence.data(list(comparisons.values()))
        for point in comparisons.values():
            notes += sentence.errors(point)
        return notes


def _summary(figures: pd.DataFrame) -> str:
    """Count of figures by verdict: each preset's row once, by its first run as published."""
    repeated = figures[figures["verdict"] != CHANGED_RUN]
    presets = pd.DataFrame({"preset": repeated["run"].str.split().str[0], "row": repeated["row"]})
    once = repeated[~presets.duplicated()]
    counts = ", ".join(
        f"{count} {verdict}" for verdict, count in once["verdict"].value_counts().items()
    )
    more = len(figures) - len(repeated)
    changed = (
        f" {sentence.count(more, 'line')} with something changed: no repetition, and no verdict."
    )
    return (
        f"{sentence.count(len(once), 'published figure')}{': ' * bool(counts)}{counts}."
        f"{changed * bool(more)}"
    )


def _truncated(figures: pd.DataFrame) -> list[Note]:
    """A warning where a cutoff loses probability."""
    norms: dict[str, float] = {}
    for run, key in (("run", "norm_kept"), ("sound run", "sound norm_kept")):
        lines = figures[figures[key].notna()]
        norms |= zip(lines[run], lines[key].astype(float), strict=True)
    lost = sum(norm < sentence.LEAST_NORM for norm in norms.values())
    if not lost:
        return []
    return [
        Note(
            f"Norm kept inside the cutoff: below {sentence.LEAST_NORM} in {lost} of"
            f" {sentence.count(len(norms), 'run')} with states. These are figures of the truncated"
            " model, not of the states. Sweep the cutoff: -m backbone.cutoff=15,20,30."
        )
    ]


def _table(figures: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read."""
    table = {
        "run: row": figures["run"].str.removeprefix("experiment=") + ": " + figures["row"],
        "paper": figures["published"].astype(float),
        "ours, 95 %": _intervals(figures, "ours", "low", "high"),
        "norm": figures["norm_kept"].astype(float),
        "seeds": figures["seeds"].astype("Int64"),
        "verdict": figures["verdict"],
        "sound, 95 %": _intervals(figures, "sound", "sound low", "sound high"),
        "its norm": figures["sound norm_kept"].astype(float),
        "source": figures["source"],
    }
    for name in ("norm", "its norm"):
        if table[name].isna().all():
            del table[name]
    return pd.DataFrame(table)


def _intervals(figures: pd.DataFrame, *names: str) -> list[str]:
    """Figures with their intervals, a text per line; empty where there is none."""
    return [
        "" if pd.isna(line[0]) else interval(*line)
        for line in figures[list(names)].itertuples(index=False)
    ]
