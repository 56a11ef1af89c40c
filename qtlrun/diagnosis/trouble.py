"""Findings on a row that went wrong, by the checks of its data."""

from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.catalogue import DATA_CHECKS
from qtlrun.diagnosis.composed import compose_case
from qtlrun.diagnosis.examination import Examination, examine
from qtlrun.diagnosis.finding import Severity
from qtlrun.experiment.feature import is_large
from qtlrun.experiment.parts import Parts

MARGIN = 0.0  # nats; no check of data looks at it


def explain_trouble(label: str, parts: Parts) -> list[str]:
    """Sentence for each finding graver than a note.

    None for a row that trains a large network, whose features no training holds, and none where
    the examination fails.
    """
    try:
        examination, _ = attempt(lambda: _examine_data(label, parts))
    except (OSError, MemoryError):  # what is finished is to be written all the same
        return []
    if examination is None:
        return []
    sentences = []
    for finding in examination.findings:
        evidence = finding.evidence
        remedy = f"{evidence.fix} ({evidence.override})" if evidence.override else evidence.fix
        if finding.check.severity is not Severity.NOTE:
            code = f"{finding.check.code} {finding.check.name}"
            sentences.append(f"{label}: {code}: {evidence.sentence}. Remedy: {remedy}.")
    return sentences


def _examine_data(label: str, parts: Parts) -> Examination | None:
    """Examination of what a training has loaded; None of a row that trains a large network."""
    if not parts.fixed and is_large(parts.backbone):
        return None
    return examine(compose_case(label, parts, MARGIN, solves=False), DATA_CHECKS)
