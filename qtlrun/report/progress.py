"""Progress of a run: bars on a terminal, a line per stage elsewhere; all in a log."""

import contextlib
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

from qtlrun import disk


class Progress:
    """Tells of stages on a console and in a log, from `begin` on; before that it is silent."""

    def __init__(self, console: Console):
        self.console = console
        self.log: Path | None = None
        columns = (
            TextColumn("{task.description:<18}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.bars = Bars(*columns, console=console, transient=True) if console.is_terminal else None
        # Start of each stage, in seconds, and its bar.
        self._stages: dict[str, tuple[float, TaskID | None]] = {}
        self._quiet = False

    def begin(self, log: Path) -> None:
        """Show bars on a terminal, and write to this log."""
        self.log = log
        if self.bars:
            self.bars.start()

    def end(self) -> None:
        """Take the bars away."""
        if self.bars:
            self.bars.stop()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Tell nothing of the stages within."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def step(self, stage: str, done: int, total: int) -> None:
        """So much of a stage is done."""
        if self.log is None or self._quiet:
            return
        if done == 0 or stage not in self._stages:
            self._begin(stage, total)
        began, bar = self._stages[stage]
        if bar is not None:
            self.bars.update(bar, completed=done, total=total)
        if done >= total:
            self._end(stage, f"{stage}: {total} in {time.perf_counter() - began:.1f} s")

    def say(self, line: str) -> None:
        """A line on the terminal and in the log."""
        if self._quiet:
            return
        self._note(line)
        self.console.print(line, markup=False, highlight=False, emoji=False)

    def trace(self) -> None:
        """Log the error that is being handled; print it too where HYDRA_FULL_ERROR=1 is set."""
        self._note(traceback.format_exc())
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            self.console.print(traceback.format_exc(), markup=False, highlight=False, emoji=False)

    def _begin(self, stage: str, total: int) -> None:
        self._drop(stage)  # one of that name that broke off
        self._stages[stage] = (
            time.perf_counter(),
            (self.bars.add_task(stage, total=total) if self.bars else None),
        )

    def _end(self, stage: str, line: str) -> None:
        self._drop(stage)
        self._note(line) if self.bars else self.say(line)

    def _drop(self, stage: str) -> None:
        _, bar = self._stages.pop(stage, (0.0, None))
        if bar is not None:
            self.bars.remove_task(bar)

    def _note(self, line: str) -> None:
        if self.log is None:
            return
        disk.append(self.log, f"{time.strftime('%H:%M:%S')} {line}")
