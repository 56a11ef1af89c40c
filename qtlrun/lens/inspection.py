"""Inspection of the rows of a finished run through the lenses that its plan names."""

from collections.abc import Collection, Sequence

import pandas as pd

from qtlrun import statistic
from qtlrun.contract.command import Lens
from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.subject import Subject
from qtlrun.lens.scene import Scene
from qtlrun.lens.view import View
from qtlrun.mode import fresh
from qtlrun.plan import Plan
from qtlrun.report import frame
from qtlrun.report.section import MAX_SHOWN, Section
from qtlrun.report.sentence import Note, count

LEGEND = "±: the deviation between trainings."
MAX_NAMED = 6  # differences in a sentence


def build_lenses(plan: Plan) -> dict[str, Lens]:
    """Lenses of a plan by name; refuses values that they cannot have."""
    plugins = plan.settings.plugins
    return {
        name: build_part("lens", part, plugins, f"lens.{name}")
        for name, part in plan.lenses.items()
    }


def check_classes(lenses: dict[str, Lens], classes: Sequence[str]) -> None:
    """Refuse values that lenses, by name, cannot have for a dataset of these classes."""
    for name, lens in lenses.items():
        if lens.check is not None:
            try:
                lens.check(classes)
            except UsageError as error:
                raise error.under(f"lens.{name}") from error


def inspect(
    plan: Plan,
    experiment: Experiment,
    rows: Collection[str] | None = None,
    *,
    strict: bool = False,
) -> list[Section]:
    """Sections on the finished run that a plan names, one for each lens.

    A lens that fails costs its section.

    rows: labels of those that are inspected; None: all
    strict: whether values that a lens cannot have for these rows are refused, as a user's error
    """
    scene = arrange(experiment.subjects(plan), plan, experiment, rows)
    lenses = build_lenses(plan)
    check_classes(lenses, scene.dataset.classes)
    sections = []
    for name, lens in lenses.items():
        try:
            with fresh(), experiment.session.threads():
                sections.append(_describe(name, lens.view(scene), scene))
        except UsageError as error:
            refusal = error.under(f"lens.{name}")
            if strict:
                raise refusal from error
            sections.append(_report_failure(name, str(refusal)))
        except Exception as error:  # the border of a lens
            experiment.session.progress.trace()
            sections.append(_report_failure(name, f"error: {type(error).__name__}: {error}."))
    return sections


def arrange(
    subjects: list[Subject], plan: Plan, experiment: Experiment, rows: Collection[str] | None
) -> Scene:
    """Scene of the rows that are asked for, the composed one first."""
    composed = experiment.finished(plan).composed
    labels = list(dict.fromkeys(subject.row for subject in subjects))
    chosen = [label for label in labels if rows is None or label in rows]
    chosen.sort(key=lambda label: label != composed)
    trainings: dict[str, list[Subject]] = {label: [] for label in chosen}
    for subject in subjects:
        if subject.row in trainings:
            trainings[subject.row].append(subject)
    return Scene(trainings, composed, experiment.session.progress)


def _report_failure(name: str, words: str) -> Section:
    """Section of a lens that failed, which has these words alone."""
    return Section(name, pd.DataFrame(), [Note(f"{name}: {words}")], {}, {}, is_failed=True)


def _describe(name: str, view: View, scene: Scene) -> Section:
    """Section of what a lens shows, with the differences between the rows."""
    lines = [
        each.subject.keys
        | {"measure": each.measure, "layer": each.layer, "value": each.value}
        | {"tested": each.is_tested}
        for each in view.readings
    ]
    readings = frame.readings_frame(lines)
    spreads = frame.spread_frame(readings, scene.composed)
    frames = {f"{name}_{key}": content for key, content in view.frames.items()}
    figures = {f"{name}_{key}" if key else name: each for key, each in view.figures.items()}
    summary = [_summarise(name, spreads, scene.composed)] if view.readings else []
    table = frame.spread_table(spreads)
    return Section(
        name,
        table,
        [*summary, *view.notes],
        {name: readings, f"{name}_rows": spreads} | frames,
        figures,
        shown=frame.short_table(table, MAX_SHOWN),
    )


def _summarise(name: str, spreads: pd.DataFrame, composed: str) -> Note:
    """Sentence on the numbers in which rows differ by more than trainings of one row do."""
    if "difference" not in spreads or not spreads["difference"].notna().any():
        return Note(f"{name}: no number is compared between rows.")
    trainings = count(int(spreads["trainings"].max()), "training")
    compared = int(spreads["p_holm"].notna().sum())
    if not compared:
        return Note(
            f"{name}: rows are not told apart; {statistic.FEWEST} trainings of a row or more, with"
            f" values that vary, are needed ({trainings} a row at most). {LEGEND}"
        )
    pairs = [f"{number} ({composed} against {row})" for number, row in frame.differing(spreads)]
    if not pairs:
        return Note(
            f"{name}: in none of {count(compared, 'number')} does {composed} differ from"
            f" another row by more than trainings of one row do ({trainings} a row at most)."
            f" {LEGEND}"
        )
    listed = "; ".join(pairs[:MAX_NAMED])
    more = f"; and {len(pairs) - MAX_NAMED} more" if len(pairs) > MAX_NAMED else ""
    return Note(
        f"{name}: {composed} differs by more than trainings of one row do (p < .05"
        f" after Holm's correction; {frame.MARK}) in {len(pairs)} of {count(compared, 'number')}:"
        f" {listed}{more}. {LEGEND}"
    )
