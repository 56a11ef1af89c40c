"""Progress of a run: bars on a terminal, a line per stage elsewhere; all in a log."""

import os
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

from qtlrun import disk


class Progress:
    """Progress of stages, shown and logged; a context."""

    def __init__(self, console: Console, log: Path):
        self.console = console
        self.log = log
        columns = (
            TextColumn("{task.description:<18}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self.bars = Bars(*columns, console=console, transient=True) if console.is_terminal else None
        # Start of each stage, in seconds, and its bar.
        self._stages: dict[str, tuple[float, int | None]] = {}

    def __enter__(self) -> "Progress":
        if self.bars:
            self.bars.start()
        return self

    def __exit__(self, *_) -> None:
        if self.bars:
            self.bars.stop()

    def step(self, stage: str, done: int, total: int) -> None:
        """Move a stage to `done` of `total`; a total of 0 is a line to print as it is."""
        if total == 0:
            self.say(stage)
            return
        if done == 0 or stage not in self._stages:
            self._begin(stage, total)
        start, bar = self._stages[stage]
        if bar is not None:
            self.bars.update(bar, completed=done, total=total)
        if done >= total:
            self._end(stage, f"{stage}: {total} in {time.perf_counter() - start:.1f} s")

    def say(self, line: str) -> None:
        """Print a line on the terminal and in the log."""
        self._note(line)
        self.console.print(line, markup=False, highlight=False, emoji=False)

    def trace(self) -> None:
        """Log the error that is being handled.

        HYDRA_FULL_ERROR=1 shows it on the terminal too.
        """
        self._note(traceback.format_exc())
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            self.console.print(traceback.format_exc(), markup=False, highlight=False, emoji=False)

    def _begin(self, stage: str, total: int) -> None:
        self._drop(stage)  # a stage of that name may have broken off
        bar = self.bars.add_task(stage, total=total) if self.bars else None
        self._stages[stage] = (time.perf_counter(), bar)

    def _end(self, stage: str, line: str) -> None:
        self._drop(stage)
        self._note(line) if self.bars else self.say(line)

    def _drop(self, stage: str) -> None:
        _, bar = self._stages.pop(stage, (0.0, None))
        if bar is not None:
            self.bars.remove_task(bar)

    def _note(self, line: str) -> None:
        disk.append(self.log, f"{time.strftime('%H:%M:%S')} {line}")
