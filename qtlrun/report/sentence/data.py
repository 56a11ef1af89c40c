"""Sentences about data: files of weights by hash, cautions about the dataset, equal items."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Duplicates, Row
from qtlrun.report.sentence.note import Note

DIGEST_DIGITS = 12  # of a file's hash that are shown


def data(comparisons: list[Comparison]) -> list[Note]:
    """Data of points."""
    pairs: list[tuple[str, Row]] = []
    for comparison in comparisons:
        for rows in comparison.splits:
            pairs += rows.items()
    return described(pairs)


def described(pairs: list[tuple[str, Row]]) -> list[Note]:
    """Data of rows with their labels."""
    rows = [row for _, row in pairs]
    cautions = {row.caution for row in rows if row.caution}
    return [*_files(pairs), *map(Note, sorted(cautions)), *_repetitions(rows)]


def _files(pairs: list[tuple[str, Row]]) -> list[Note]:
    """First digits of each file's hash, with the rows that begin with it where not all do.

    In table.md alone.
    """
    users: dict[tuple[str, str], dict[str, None]] = {}
    for label, row in pairs:
        for name, digest in row.files.items():
            users.setdefault((name, digest), {})[label] = None
    labels = {label for label, _ in pairs}
    phrases = []
    for (name, digest), readers in users.items():
        among = f" ({', '.join(readers)})" if set(readers) != labels else ""
        phrases.append(f"{name} sha256 {digest[:DIGEST_DIGITS]}{among}")
    return [Note(f"{', '.join(phrases)}.", "")] if phrases else []


def _repetitions(rows: list[Row]) -> list[Note]:
    """Equal items, in the split that has most; on the terminal those that reach the test split."""
    repeating = [row for row in rows if row.duplicates and row.duplicates.repeated]
    nouns = {row.duplicates: row.noun for row in repeating}
    if not nouns:
        return []
    worst = max(
        nouns, key=lambda each: (each.test_in_train, each.validation_in_train, each.repeated)
    )
    several = ", in the split that has most" if len(nouns) > 1 else ""
    phrases = _duplicates(worst, nouns[worst])
    leak = f"Equal {nouns[worst]}s: {phrases[0]}." if worst.test_in_train else ""
    return [Note(f"Equal {nouns[worst]}s{several}: {'; '.join(phrases)}.", leak)]


def _duplicates(count: Duplicates, noun: str) -> list[str]:
    """Equal items in words, the worst first."""
    shares = [
        (count.test_in_train, count.test, "test", "train, so that accuracy there may be memory"),
        (count.validation_in_train, count.validation, "validation", "train"),
        (count.test_in_validation, count.test, "test", "validation"),
    ]
    phrases = [
        f"{number} of {total} {part} {noun}s are also in {other}"
        for number, total, part, other in shares
        if number
    ]
    phrases.append(f"{count.repeated} of {count.distinct} different {noun}s stand twice or more")
    if count.contradictory:
        phrases.append(f"{count.contradictory} of them in two classes, with two labels")
    return phrases
