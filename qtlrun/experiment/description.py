"""Description of a row before its trainings: what it is, its data, its files."""

from qtlrun.comparison.row import Duplicates, Row
from qtlrun.dataset import kind
from qtlrun.experiment.duplicate import count_duplicates
from qtlrun.experiment.parts import Parts
from qtlrun.freeze import has_moving_norms
from qtlrun.plan import describe


def describe_row(name: str, parts: Parts) -> Row:
    """A row without outcomes."""
    dataset = parts.dataset
    return Row(
        name,
        describe(parts.variant),
        {},
        dataset.classes,
        pictures=dataset.test.names,
        items=dataset.test.items,
        caution=getattr(dataset, "caution", ""),
        fingerprints={"data": dataset.fingerprint, "weights": parts.weights_key()},
        trained_on=len(dataset.train),
        validated_on=len(dataset.validation),
        blind=dataset.validation is not dataset.test,
        independent=getattr(dataset, "independent", False),
        duplicates=duplicates(parts),
        counts=kind.counts(dataset),
        files=parts.files(),
        made_of=parts.made_of(),
        scaling=getattr(dataset, "scaling", None),
        backbone=parts.frozen_state(),
        noun=kind.noun(dataset),
        ceiling=getattr(dataset, "ceiling", None),
        settings=parts.settings,
        norms_move=has_moving_norms(parts.backbone),
        patterns=parts.patterns(),
    )


def duplicates(parts: Parts) -> Duplicates:
    """Equal items of the row's dataset, counted once a session."""
    session = parts.session
    return session.once(
        "duplicates" + parts.dataset.fingerprint,
        lambda: count_duplicates(parts.dataset, session.contents),
    )
