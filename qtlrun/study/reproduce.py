"""Published figures beside ours: presets, each as published and in its sound form."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.experiment import Experiment
from qtlrun.plan import COMPOSED, GROUPS, Plan, Refused, check_idle, nearest
from qtlrun.plan.override import parse
from qtlrun.report import frame, sentence, terminal
from qtlrun.report.report import Report

ROUNDING = 0.01  # of accuracy: what another library's rounding and order may move a figure by
MAX_RANGE = 0.2  # of possible figures; beyond it none is told from others
CHANGED = "with this changed"  # what stands in a verdict's place
OTHERS = "other items"  # the same, where a publication tested on other items
COLUMNS = (
    "run",
    "row",
    "published",
    "ours",
    "low",
    "high",
    "least",
    "most",
    "norm_kept",
    "seeds",
    "verdict",
    "sound run",
    "sound",
    "sound low",
    "sound high",
    "sound norm_kept",
    "source",
)


@dataclass(frozen=True)
class Reproduce:
    """Trains presets that carry `published` figures, and says which of these come out here.

    `runs` are command lines, one a preset; beside those of `experiment=NAME_paper` stand the
    figures of the first run of `experiment=NAME`. A figure counts as reproduced where one more
    training of ours would give it, to one point of accuracy: where it lies that near to Student's
    prediction interval over our seeds (95 %; of a single seed the figure itself), and is undecided
    where that interval is wider than 20 points or a seed failed. A figure of other test items than
    ours (`published.items` says which) is neither. A run whose words change more than the preset,
    its seeds or its references is no repetition: it has neither verdict nor sound figure. A run
    whose weights or data cannot be had is left out, and the table says why.
    """

    runs: list[str] | None
    shots: int
    excuses = True  # a run that is refused costs that run

    def __post_init__(self):
        statistic.check_shots(self.shots)

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse plans without a published figure, figures of absent rows, and redrawn splits."""
        if not any("published" in plan.values for plan in plans):
            raise Refused(
                "study=reproduce: no plan here has published figures; choose presets that have, as"
                " study.runs=['experiment=spirals_paper']."
            )
        for plan in plans:
            names = (COMPOSED, *plan.changes)
            for name in plan.published.get("accuracy", {}):
                if name not in names:
                    raise Refused(
                        f"published.accuracy.{name}: this plan has no such row;"
                        f" {nearest(name, names)}"
                    )
            check_idle(plan, "reproduce")

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """A line per published figure, and whether every run was made and none failed."""
        comparisons = {}
        for plan in plans:
            name = _name(plan)
            report.progress.say(f"{name}:")
            if not plan.refusal:
                comparisons[name] = experiment.compare(plan, {"run": name}).finished()
        lines = []
        for plan in plans:
            lines += _lines(plan, comparisons)
        figures = pd.DataFrame(lines, columns=COLUMNS)
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
        complete = len(comparisons) == len(set(map(_name, plans)))
        return figures, complete and not any(point.failed for point in points)

    def _sentences(
        self, plans: list[Plan], figures: pd.DataFrame, comparisons: dict[str, Comparison]
    ) -> list[str]:
        """Sentences under the table."""
        lines = [
            _summary(figures),
            "Reproduced: one more training here would give the published figure, to one point"
            " of accuracy (95 %, over seeds); undecided where that range is wider than 20"
            " points or a seed failed; of one seed its own figure is compared. Sound: the same"
            " example without the published defects. Intervals are over seeds and test items.",
        ]
        lines += [
            f"{_name(plan)}: published on {plan.published['items']}, so its figure and ours are"
            " of different items: no verdict."
            for plan in plans
            if plan.published.get("items") and not plan.refusal
        ]
        lines += [
            f"{_name(plan)}: not run: {' '.join(plan.refusal.splitlines()).rstrip('.')}. With the"
            f" weights or data in place: qtlrun {_name(plan)}"
            for plan in plans
            if plan.refusal
        ]
        lines += _truncated(figures)
        sound = set(figures["sound run"].dropna())
        for plan in {_name(plan): plan for plan in plans}.values():
            point = comparisons.get(_name(plan))
            if _name(plan) in sound and point.composed in point.labels:
                about = point.about[point.composed]
                lines.append(f"{_name(plan)}: {about}. {sentence.held_fixed(plan, point)}")
        lines += sentence.data(list(comparisons.values()))
        for point in comparisons.values():
            lines += sentence.errors(point)
        return lines


def _lines(plan: Plan, comparisons: dict[str, Comparison]) -> list[dict]:
    """A line per published figure of a plan."""
    run = _name(plan)
    lines = []
    for name, figure in plan.published.get("accuracy", {}).items():
        line = {
            "run": run,
            "row": name,
            "published": figure,
            "source": plan.published.get("source", ""),
        }
        if plan.refusal:
            line["verdict"] = "not run"
        else:
            line |= _ours(comparisons[run], name, figure)
        finished = line["verdict"] not in ("not run", "error")
        if finished and _is_changed(plan):
            line["verdict"] = CHANGED
        elif finished and plan.published.get("items"):
            line["verdict"] = OTHERS
        if not _is_changed(plan):
            line |= _sound_figures(run, name, comparisons)
        lines.append(line)
    return lines


def _sound_figures(run: str, name: str, comparisons: dict[str, Comparison]) -> dict:
    """Figures of a row in the sound form of a published run; none where that was not made."""
    sound = _sound_run(run, comparisons)
    accuracy = _accuracy(comparisons[sound], name) if sound else None
    if accuracy is None:
        return {}
    return {
        "sound run": sound,
        "sound": accuracy.mean,
        "sound low": accuracy.low,
        "sound high": accuracy.high,
        "sound norm_kept": _norm(comparisons[sound], name),
    }


def _ours(point: Comparison, name: str, figure: float) -> dict:
    """Our figure of a row, and what it says of the published one."""
    accuracy = _accuracy(point, name)
    if accuracy is None:
        return {"verdict": "error"}
    label = _label(point, name)
    values = np.concatenate([row.correct.mean(1) for row in point.of(label)])
    least, most = np.clip(statistic.further(values), 0, 1)
    verdict = "not reproduced"
    if most - least > MAX_RANGE or point.failures(label):
        verdict = "undecided"
    elif least - ROUNDING <= figure <= most + ROUNDING:
        verdict = "reproduced"
    return {
        "ours": accuracy.mean,
        "low": accuracy.low,
        "high": accuracy.high,
        "least": least,
        "most": most,
        "seeds": len(values),
        "norm_kept": _norm(point, name),
        "verdict": verdict,
    }


def _is_changed(plan: Plan) -> bool:
    """Whether the words give any value that a figure depends on, beside preset and seeds."""
    return any(
        override.key in ("dtype", "tune")
        or override.key.partition(".")[0] in GROUPS
        or override.is_below("compare")
        for override in plan.overrides
    )


def _norm(point: Comparison, name: str) -> float | None:
    """Mean norm of a row's states inside their cutoff; None of a row without states."""
    return point.metrics(_label(point, name)).mean().get("norm_kept")


def _summary(figures: pd.DataFrame) -> str:
    """Count of figures by verdict: each preset's row once, by its first run as published."""
    repeated = figures[figures["verdict"] != CHANGED]
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


def _truncated(figures: pd.DataFrame) -> list[str]:
    """A warning where a cutoff loses probability."""
    norms = {}
    for run, key in (("run", "norm_kept"), ("sound run", "sound norm_kept")):
        known = figures[figures[key].notna()]
        norms |= zip(known[run], known[key].astype(float), strict=True)
    lost = sum(norm < sentence.LEAST_NORM for norm in norms.values())
    if not lost:
        return []
    return [
        f"Norm kept inside the cutoff: below {sentence.LEAST_NORM} in {lost} of"
        f" {sentence.count(len(norms), 'run')} with states. These are figures of the truncated"
        " model, not of the states. Sweep the cutoff: -m backbone.cutoff=15,20,30."
    ]


def _sound_run(run: str, comparisons: dict[str, Comparison]) -> str | None:
    """The first run of the same preset without its published defects."""
    preset = run.partition(" ")[0]
    name = preset.removesuffix("_paper")
    if name == preset:
        return None
    return next((each for each in comparisons if each.partition(" ")[0] == name), None)


def _accuracy(point: Comparison, name: str) -> statistic.Interval | None:
    """Accuracy of a row by its name in `compare`; None where no seed of it ended."""
    label = _label(point, name)
    return point.accuracy(label) if label in point.labels and point.of(label) else None


def _label(point: Comparison, name: str) -> str:
    """Label of a row by its name in `compare`."""
    if name == COMPOSED:
        return point.composed
    return next((label for label in point.labels if label.rstrip("*") == name), name)


def _name(plan: Plan) -> str:
    """Name of a run: its words, and of a sweep its own point."""
    typed = {override.key: override.text for override in plan.overrides if override.sets}
    words = parse(plan.run.split()) if plan.run else plan.overrides
    return " ".join(
        typed[word.key] if "," in word.text and word.key in typed else word.text for word in words
    )


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
        "" if pd.isna(line[0]) else terminal.interval(*line)
        for line in figures[list(names)].itertuples(index=False)
    ]
