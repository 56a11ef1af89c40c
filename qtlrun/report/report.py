"""Report of a run: its output folder, its progress, and what is printed at its end."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from qtlrun.plan import Plan
from qtlrun.report import output, terminal
from qtlrun.report.progress import Progress
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note, shown, written


class Report:
    """Takes frames, sentences and figures of a study; use it as a context.

    Progress is shown within, until something is printed. At the end an empty folder is removed.
    """

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder
        self.progress = progress

    @property
    def console(self) -> Console:
        """Terminal that is printed to."""
        return self.progress.console

    def __enter__(self) -> "Report":
        self.progress.begin(self.folder / "log.txt")
        return self

    def __exit__(self, *_) -> None:
        self.progress.end()
        for folder in (self.folder, self.folder.parent):
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        if self.folder.is_dir():
            details = "; details in table.md" if (self.folder / "table.md").is_file() else ""
            terminal.say(self.console, [f"Written to {self.folder}{details}"])

    def finish(
        self,
        plans: list[Plan],
        notes: list[Note],
        frames: dict[str, pd.DataFrame],
        figures: dict[str, Figure] | None = None,
        show: Callable[[Console], None] = lambda console: None,
    ) -> None:
        """Write a study's files, then print its table by `show` and the notes under it.

        Files come first, for whoever reads what is printed may have gone.
        """
        self.progress.end()
        output.write_study(self.folder, plans, written(notes), frames, figures or {})
        show(self.console)
        terminal.say(self.console, shown(notes))

    def finish_sections(self, plans: list[Plan], sections: list[Section]) -> None:
        """Write a study's files, a section each, then print their tables and sentences."""
        self.progress.end()
        output.write_sections(self.folder, plans, sections)
        self._show_sections(sections)

    def add_sections(self, folder: Path, sections: list[Section], title: str = "") -> None:
        """Add sections to a run's folder, at the end of its table.md; print them under a title."""
        self.progress.end()
        output.add_sections(folder, sections)
        terminal.say(self.console, [title] if title else [])
        self._show_sections(sections)

    def _show_sections(self, sections: list[Section]) -> None:
        """Print the table of each section, and the sentences under it."""
        for section in sections:
            table = section.brief
            if len(table):
                terminal.show_blocks(self.console, table)
            if len(table) < len(section.table):
                sentence = f"{section.title}: table.md has all {len(section.table)} lines."
                terminal.say(self.console, [sentence])
            terminal.say(self.console, shown(section.notes))
