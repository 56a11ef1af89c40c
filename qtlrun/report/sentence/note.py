"""Sentences under a table, whole in table.md and short on the terminal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Sentence under a table.

    full: words in table.md
    brief: words on the terminal; None for those of table.md, empty for none
    """

    full: str
    brief: str | None = None

    @property
    def short(self) -> str:
        """Words on the terminal."""
        return self.full if self.brief is None else self.brief

    def at(self, name: str) -> "Note":
        """Note that begins with the name of its point."""
        return Note(f"{name}: {self.full}", self.short and f"{name}: {self.short}")


def shown(notes: list[Note]) -> list[str]:
    """Sentences on the terminal."""
    return [note.short for note in notes if note.short]


def written(notes: list[Note]) -> list[str]:
    """Sentences in table.md."""
    return [note.full for note in notes]
