"""Border of a row's errors: a failing row costs itself, and not those beside it."""

from collections.abc import Callable
from typing import TypeVar

from qtlrun import disk
from qtlrun.comparison.outcome import Failure
from qtlrun.experiment.session import Session

Result = TypeVar("Result")


def guard_row(work: Callable[[], Result], session: Session) -> Result | Failure:
    """Result of the work on a row, or its failure, which the user is shown.

    Raises what ends all rows: the user's interruption, and a store or a disk that is full.
    """
    try:
        return work()
    except Exception as error:  # the border of a row
        if _is_full(error):
            raise
        session.progress.trace()
        return Failure(f"{type(error).__name__}: {error}")


def _is_full(error: Exception) -> bool:
    """Whether the store or its disk takes nothing more."""
    return isinstance(error, OSError) and (
        isinstance(error, disk.Unwritable) or error.errno in disk.FULL
    )
