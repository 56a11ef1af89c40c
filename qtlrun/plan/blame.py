"""Errors of the user's code, named by file and line."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from qtlrun import disk
from qtlrun.error import UsageError
from qtlrun.plan.module import SCOPE


@contextlib.contextmanager
def blamed(key: str, target: str) -> Iterator[None]:
    """Refuse, by file and line, whatever the user's part raises within; other errors pass.

    So do a lack of memory and a full disk, which are no fault of the part's.
    """
    try:
        yield
    except (MemoryError, disk.Unwritable):
        raise
    except (Exception, SystemExit) as error:
        where = location(error)
        if where is None:
            raise
        raise UsageError(f"{target} fails in {where}: {worded(error)}", key=key) from error


def location(error: BaseException) -> str | None:
    """File and line of the user's code that an error comes from; None where it has none.

    A ValueError that a part of qtlrun's raises where the user's code calls it words itself, and has
    none.
    """
    innermost = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.startswith(SCOPE):
            innermost = f"{shown(Path(trace.tb_frame.f_code.co_filename))}, line {trace.tb_lineno}"
        elif name.startswith("qtlrun.") and isinstance(error, ValueError):
            innermost = None
        trace = trace.tb_next
    return innermost


def worded(error: BaseException) -> str:
    """Kind of an error and the first line of its message."""
    lines = [line for line in re.sub(rf"{SCOPE}\w+\.", "", str(error)).splitlines() if line.strip()]
    return (
        f"{type(error).__name__}: {lines[0].strip().rstrip('.')}."
        if lines
        else f"{type(error).__name__}."
    )


def shown(path: Path) -> str:
    """Path of a file as the user would type it here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
