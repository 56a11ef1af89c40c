"""Sentences about data: files of weights by hash, cautions about the dataset, equal items."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Duplicates, Row
from qtlrun.report.sentence.note import Note

DIGEST_DIGITS = 12  # of a file's hash that are shown
MIN_IMBALANCE = 3  # times as many training items in the largest class as in the smallest
MAX_CLASSES = 12  # whose counts are listed


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
    return [
        *_files(pairs),
        *map(Note, sorted(cautions)),
        *_balance(rows),
        *_repetitions(rows),
        *_likeness(rows),
    ]


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


def _balance(rows: list[Row]) -> list[Note]:
    """Counts of the classes in each split; on the terminal where train has few of one."""
    row = next((row for row in rows if row.counts.get("train")), None)
    if row is None:
        return []
    phrases = [f"{name} {_tally(counts)}" for name, counts in row.counts.items()]
    note = f"{row.noun.capitalize()}s by class: {'; '.join(phrases)}."
    train = row.counts["train"]
    most = max(train, key=train.__getitem__)
    fewest = min(train, key=train.__getitem__)
    if train[most] < MIN_IMBALANCE * train[fewest]:
        return [Note(note, "")]
    test = row.counts["test"]
    share = test[most] / sum(test.values())
    warning = (
        f"Imbalanced classes: train has {train[most]} {most} to {train[fewest]} {fewest}; always"
        f" {most} has accuracy {share:.3f} on test. table.md has balanced accuracy and AUROC."
    )
    return [Note(f"{warning} {note}", warning)]


def _tally(counts: dict[str, int]) -> str:
    """Counts of classes; of many the fewest and the most."""
    if len(counts) <= MAX_CLASSES:
        return ", ".join(f"{number} {name}" for name, number in counts.items())
    return f"{len(counts)} classes of {min(counts.values())} to {max(counts.values())}"


def _likeness(rows: list[Row]) -> list[Note]:
    """Pictures that look alike in two splits or have two labels, in the split with most."""
    by_likeness = {row.likeness: row for row in rows if row.likeness}
    if not by_likeness:
        return []
    worst = max(
        by_likeness,
        key=lambda each: (each.test_in_train, each.validation_in_train, each.conflicting),
    )
    row = by_likeness[worst]
    test = sum(row.counts.get("test", {}).values())
    notes = []
    if not worst.compared:
        notes.append(Note("Near duplicates: not compared; too many pictures, or not in files.", ""))
    if worst.copies:
        notes.append(Note(f"Equal in two splits: {_pairs(worst.copies)}.", ""))
    shares = [
        (worst.test_in_train, test, "test", "train"),
        (worst.validation_in_train, row.validated_on, "validation", "train"),
        (worst.test_in_validation, test, "test", "validation"),
    ]
    phrases = [
        f"{number} of {total} {part} pictures look like one in {other}"
        for number, total, part, other in shares
        if number
    ]
    if phrases:
        leak = f"Near duplicates: {phrases[0]}." if worst.test_in_train else ""
        pairs = _pairs(worst.alike)
        notes.append(
            Note(f"Near duplicates, by difference hash: {'; '.join(phrases)} ({pairs}).", leak)
        )
    if worst.conflicting:
        pairs = _pairs(worst.conflicts)
        notes.append(Note(f"Equal or alike under two labels: {worst.conflicting}, {pairs}."))
    return notes


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    """Names of the first pairs."""
    return ", ".join(f"{first} and {second}" for first, second in pairs)


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
