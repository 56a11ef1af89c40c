"""Rows of a finished run that noise can act on, and those beside them that it cannot."""

from collections.abc import Sequence
from dataclasses import dataclass

from qtlrun import memory
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.finished import find_labels
from qtlrun.experiment.network import has_inner_circuit
from qtlrun.experiment.subject import Subject
from qtlrun.plan import Plan
from qtlrun.report.sentence import Note
from qtlrun.robustness.exposure import CircuitRow

TWIN = "twin"


@dataclass(frozen=True)
class Selection:
    """Trainings by row, the one that noise is studied on first.

    composed: label of that row
    rival: label of the row without a circuit that it is judged by; None: there is none
    notes: on rows that are left out, and on trainings that failed
    failures: number of trainings that failed in the run, of the rows that have any
    """

    trainings: dict[str, list[Subject]]
    composed: str
    rival: str | None
    notes: list[Note]
    failures: dict[str, int]


def select_rows(plan: Plan, experiment: Experiment, rows: Sequence[str] | None) -> Selection:
    """Select rows of the run that a plan names, by label; refuses a run without a circuit."""
    trainings: dict[str, list[Subject]] = {}
    for subject in experiment.subjects(plan):
        trainings.setdefault(subject.row, []).append(subject)
    obstacles = {}
    selected: dict[str, list[Subject]] = {}
    for label in find_labels(plan, list(trainings), rows):
        reason = explain_exclusion(trainings[label])
        if reason:
            obstacles[label] = reason
        else:
            selected[label] = trainings[label]
    circuits = [label for label, each in selected.items() if has_inner_circuit(each[0].head)]
    if not circuits:
        reasons = "".join(f"; {label}: {reason}" for label, reason in obstacles.items())
        raise UsageError(
            f"none of its rows that are asked for has a circuit that noise could act on{reasons}",
            "train one, as with head=quantum",
            key="run",
            value=plan.settings.run,
        )
    composed = experiment.finished(plan).composed
    first = composed if composed in circuits else circuits[0]
    flat = [label for label in selected if label not in circuits]
    flat.sort(key=lambda label: label != plan.labels.names.get(TWIN))
    notes = [Note(f"{label} is left out: {reason}.") for label, reason in obstacles.items()]
    failures = _count_failures(selected, plan, experiment)
    if failures:
        counts = ", ".join(f"{label} {count}" for label, count in failures.items())
        notes.append(Note(f"Trainings that failed, so that no verdict is given: {counts}."))
    rival = flat[0] if flat else None
    return Selection({first: selected.pop(first)} | selected, first, rival, notes, failures)


def _count_failures(
    trainings: dict[str, list[Subject]], plan: Plan, experiment: Experiment
) -> dict[str, int]:
    """Number of a run's trainings that were not finished, of the rows that lack any."""
    total = sum(len(redraw.seeds) for redraw in experiment.distinct_redraws(plan))
    missing = {label: total - len(subjects) for label, subjects in trainings.items()}
    return {label: count for label, count in missing.items() if count > 0}


def explain_exclusion(subjects: list[Subject]) -> str:
    """Why a row can neither have noise nor stand beside those that have it; empty where it can."""
    head = subjects[0].head
    if has_inner_circuit(head):
        if head.circuit is None:
            return "its circuit is not known"
        try:
            memory.fits(head.circuit.qubits, mixed=True)
            _ = CircuitRow(subjects).reading
        except UsageError as error:
            return error.reason
        return ""
    if head.run is not None:
        return "its circuit does not stand between two layers"
    return "its light has no gates" if head.amplitudes else ""
