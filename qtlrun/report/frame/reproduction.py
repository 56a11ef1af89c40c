"""Frame of a reproduction: published figures beside ours, with their verdicts."""

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.reproduction import judge_published
from qtlrun.plan import COMPOSED, GROUPS, Plan

# In place of a verdict: of a run that changes the preset, and of one on other test items
CHANGED_RUN = "with this changed"
OTHER_ITEMS = "other items"
COLUMNS = (
    "run",
    "row",
    "published",
    "ours",
    "low",
    "high",
    "least",
    "most",
    "against",
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


def reproduction_frame(plans: list[Plan], comparisons: dict[str, Comparison]) -> pd.DataFrame:
    """A line per published figure; `comparisons` are those of the plans by the names of runs."""
    lines = []
    for plan in plans:
        lines += _lines(plan, comparisons)
    return pd.DataFrame(lines, columns=COLUMNS)


def run_name(plan: Plan) -> str:
    """Name of a run: its words, and of a sweep its own point."""
    typed = {override.key: override.text for override in plan.overrides if override.sets}
    words = plan.overrides if plan.line is None else plan.line_overrides
    return " ".join(
        typed[word.key] if "," in word.text and word.key in typed else word.text for word in words
    )


def _lines(plan: Plan, comparisons: dict[str, Comparison]) -> list[dict]:
    """A line per published figure of a plan."""
    run = run_name(plan)
    changed = _is_changed(plan)
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
        if finished and changed:
            line["verdict"] = CHANGED_RUN
        elif finished and plan.published.get("items"):
            line["verdict"] = OTHER_ITEMS
        if not changed:
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
    """Our figure of a row, and its verdict on the published one."""
    if _accuracy(point, name) is None:
        return {"verdict": "error"}
    ours = judge_published(point, _label(point, name), figure)
    return {
        "ours": ours.accuracy.mean,
        "low": ours.accuracy.low,
        "high": ours.accuracy.high,
        "least": ours.least,
        "most": ours.most,
        "against": ours.against,
        "seeds": ours.seeds,
        "norm_kept": _norm(point, name),
        "verdict": ours.verdict,
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
