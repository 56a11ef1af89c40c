"""What a run says while it works: bars on a terminal, a line a stage elsewhere; every line goes to log.txt too."""
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bars, TextColumn, TimeRemainingColumn


class Progress:
    """Called as `step(stage, done, total)`; a total of 0 is a line to print as it is. Use it as a context."""

    def __init__(self, console: Console):
        self.console, self.lines = console, []
        columns = TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.bars = Bars(*columns, console=console, transient=True) if console.is_terminal else None
        self._stages: dict[str, tuple[float, int | None]] = {}  # when a stage began, and its bar

    def __enter__(self) -> "Progress":
        if self.bars:
            self.bars.start()
        return self

    def __exit__(self, *_) -> None:
        if self.bars:
            self.bars.stop()

    def step(self, stage: str, done: int, total: int) -> None:
        if total == 0:
            return self.say(stage)
        if stage not in self._stages:
            self._stages[stage] = time.perf_counter(), self.bars.add_task(stage, total=total) if self.bars else None
        began, bar = self._stages[stage]
        if bar is not None:
            self.bars.update(bar, completed=done, total=total)
        if done >= total:
            self._end(stage, f"{stage}: {total} in {time.perf_counter() - began:.1f} s")

    def say(self, line: str) -> None:
        """A line on the terminal and in the log."""
        self.lines.append(line)
        self.console.print(line, markup=False, highlight=False)

    def _end(self, stage: str, line: str) -> None:
        _, bar = self._stages.pop(stage)
        if bar is None:
            return self.say(line)
        self.bars.remove_task(bar)
        self.lines.append(line)
