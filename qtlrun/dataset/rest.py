"""Message on what a folder of pictures holds beside the pictures of its classes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from qtlrun.dataset import picture
from qtlrun.dataset.layout import Layout, enumeration, relative
from qtlrun.dataset.picture import printable


def describe_rest(root: Path, layout: Layout) -> str:
    """Message on what is left out, and on folders within classes."""
    folders = [printable(path.name) for path in layout.others if path.is_dir()]
    files = [path for path in layout.others if not path.is_dir()]
    loose = [path for path in files if path.suffix.lower() in picture.ENDINGS]
    endings = [printable(path.suffix.lower() or path.name) for path in files if path not in loose]
    lines = []
    if endings:
        lines.append(f"{_count(endings, 'file')} left out: {_tally(endings)}.")
    if loose:
        names = enumeration([relative(path, root) for path in loose])
        lines.append(f"{_count(loose, 'picture')} in no class left out: {names}.")
    if folders:
        lines.append(f"Left out beside the parts: {enumeration(folders)}.")
    if layout.hidden:
        lines.append(f"Hidden and left out: {_tally(layout.hidden)}.")
    if layout.nested:
        inner = enumeration([relative(folder, root) for folder in layout.nested])
        lines.append(f"Folders within classes belong to them: {inner}.")
    return " ".join(lines)


def _count(things: Sequence[object], noun: str) -> str:
    """Count of things with their noun."""
    return f"{len(things)} {noun}{'s' * (len(things) > 1)}"


def _tally(names: list[str]) -> str:
    """Names with their counts, the most frequent first; without a count where all are alike."""
    counts = Counter(names)
    if len(counts) == 1:
        return names[0]
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return enumeration([f"{name} ({number})" for name, number in ranked])
