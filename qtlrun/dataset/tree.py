"""A tree of class folders: the layout is checked and every file hashed before any picture is
decoded.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

import torch

from qtlrun.dataset import picture
from qtlrun.dataset.picture import Pictures, printable
from qtlrun.dataset.split import (
    Split,
    check_draw,
    check_shares,
    fingerprint,
    folded,
    pool,
    prefixed,
    sized,
    stratified,
)
from qtlrun.plan import Absent, text

PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
LISTED = 5  # names of files that a line gives


class Tree:
    """The pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` with `root/val`,
    `root/test` or both.

    A lone `val` or `test` is the published second part and becomes the test split; of both, each is
    what it says. The folders may also be called training, valid, validation and testing, in small
    letters or large ones. Splits that no folder gives are drawn from train as shares of every
    class, `test` first, so that it stays the same whatever `validation` is. `validation="test"` is
    the defect of protocols that choose their epoch on the pictures they report: validation is the
    test split itself, and train keeps all of its own.

    A `fold` [k, K] is part k (from 0) of the K into which `split_seed` divides every class of
    train: the test split where no folder gives one, and else the validation split. Of what is then
    left for train, `train_size` pictures are used, all classes together, or that share of them; a
    larger size has every picture of a smaller one.

    `classes` takes some of the class folders; a number or a truth value is the folder whose name
    reads as it. Links to folders are followed, but not in a circle. Hidden files and systems'
    litter are left out, and so are files whose ending is no picture's: `caution` says how many. A
    file that one class reaches twice counts once. The names in a split are paths relative to
    `root`.
    """

    def __init__(
        self,
        root: str,
        validation: float | str = 0.2,
        test: float | str = 0.2,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
        classes: list[str | int | float | bool] | None = None,
    ) -> None:
        check_shares(validation, test)
        check_draw(train_size, fold)
        self._called = f"root={printable(root)}"
        with prefixed(self._called):
            self._root = _located(root)
            self.classes, parts, others = _index(self._root, classes)
        self._files = [
            pair
            for part in parts.values()
            for pair in zip(part.inputs.paths, part.items, strict=True)
        ]
        self.size = len(self._files)
        self.caution = _left_out(others)
        if fold:
            name = _fold_name(parts, validation, fold)
            parts[name], parts["train"] = folded(parts["train"], fold, split_seed, self.classes)
        with prefixed(self._called + f": fold={fold}" * bool(fold)):
            parts = _divided(parts, self.classes, validation, test, split_seed)
        parts["train"] = sized(parts["train"], train_size, split_seed, self.classes)
        self.train = parts["train"]
        self.validation = parts["validation"]
        self.test = parts["test"]
        self.fingerprint = fingerprint(parts)

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> dict[str, str]:
        """Decode every picture once; the hash of the pixels of each item that looks like another,
        by item.

        What cannot be decoded raises a ValueError that names the first in path order and says how
        many there are.
        """

        named = [(path, item, _relative(path, self._root)) for path, item in self._files]
        with prefixed(self._called):
            return decode(named, step)


def decode(files: list[tuple[Path, str, str]], step: Callable[[int, int], None]) -> dict[str, str]:
    """Decode pictures, each its path, its item and a name for it; as `Tree.verify` says."""

    def content(file: tuple[Path, str, str]) -> str | ValueError:
        try:
            return picture.content(picture.read(file[0], name=file[2]))
        except ValueError as error:
            return error

    contents: dict[str, str] = {}
    refusals = []
    for done, ((_, item, name), found) in enumerate(
        zip(files, pool().map(content, files), strict=True), start=1
    ):
        if isinstance(found, ValueError):
            refusals.append((name, found))
        else:
            contents[item] = found
        step(done, len(files))
    _refuse(refusals)
    count = Counter(contents.values())
    return {item: content for item, content in contents.items() if count[content] > 1}


def _located(root: str) -> Path:
    path = Path(os.path.expanduser(root))
    if not root or not os.path.exists(path):
        near = get_close_matches(
            path.name, os.listdir(path.parent) if os.path.isdir(path.parent) else [], n=1
        )
        meant = (
            f"; is {printable(path.parent / near[0])} meant?"
            if near
            else "; give one that holds class folders."
        )
        raise Absent(f"there is no such folder{meant}")
    if not os.path.isdir(path):
        raise ValueError(
            "this is a file; give a folder that holds class folders (unpack an archive first)."
        )
    return path


def _index(root: Path, chosen: list | None) -> tuple[tuple[str, ...], dict[str, Split], list[Path]]:
    """The classes, the parts that lie there, and the files that are none of theirs.

    Every header has been checked, every file hashed.
    """
    folders, others = _parts(root)
    classes = {}
    for part, folder in folders.items():
        named, loose = _classes(root, folder)
        classes[part] = _chosen(named, chosen)
        others.extend(loose)
    names = tuple(sorted(classes["train"]))
    _check_same(names, classes, folders)
    files = []
    for part in folders:
        for label, name in enumerate(names):
            pictures, rest = _pictures(root, classes[part][name])
            files += [(path, part, label) for path in pictures]
            others.extend(rest)
    kept = {part: [] for part in folders}
    first: dict[tuple[int, int], Path] = {}
    paths = [path for path, _, _ in files]
    for (path, part, label), (name, item, place) in zip(files, _admitted(root, paths), strict=True):
        twin = first.setdefault(place, path)
        if twin is path:
            kept[part].append((path, label, item, name))
        elif twin.parent != path.parent:
            raise ValueError(
                f"{_relative(twin, root)} and {name} are one file, linked to two places; remove"
                " one."
            )
    return names, {part: _split(rows) for part, rows in kept.items()}, others


def _admitted(root: Path, paths: list[Path]) -> list[tuple[str, str, tuple[int, int]]]:
    """Name, hash of the content, and place on the disk of each file; links share a place."""

    def admit(some: list[Path]) -> list[tuple[str, str | ValueError, tuple[int, int]]]:
        return [_admit(path, _relative(path, root)) for path in some]

    # Small files would cost more in handing over than in hashing, were they handed over one by one.
    chunks = pool().map(admit, [paths[i : i + 64] for i in range(0, len(paths), 64)])
    rows = [row for rows in chunks for row in rows]
    _refuse([(name, item) for name, item, _ in rows if isinstance(item, ValueError)])
    return rows


def _admit(path: Path, name: str) -> tuple[str, str | ValueError, tuple[int, int]]:
    """A file's name, its hash or why it is refused, and its place on the disk."""
    try:
        picture.check_header(path, name=name)
    except ValueError as error:
        return name, error, (0, 0)
    status = path.stat()
    return name, picture.hash(path), (status.st_dev, status.st_ino)


def _refuse(refusals: list[tuple[str, ValueError]]) -> None:
    """Raise the first of some files' errors, with the number and the names of the others."""
    if not refusals:
        return
    (_, first), *rest = refusals
    more = (
        f" {len(refusals)} files cannot be taken; the others are"
        f" {_listed([name for name, _ in rest])}."
        if rest
        else ""
    )
    raise ValueError(f"{first}{more}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + ", ..." * (len(names) > LISTED)


def _left_out(others: list[Path]) -> str:
    """The line that counts the files which no class has, by their endings, and names the folders
    beside the parts.
    """
    folders = [printable(path.name) for path in others if path.is_dir()]
    endings = Counter(
        printable(path.suffix.lower() or path.name) for path in others if not path.is_dir()
    )
    count = endings.total()
    lines = []
    if count:
        ranked = sorted(endings.items(), key=lambda pair: (-pair[1], pair[0]))
        kinds = (
            [f"{ending} ({number})" for ending, number in ranked]
            if len(endings) > 1
            else [*endings]
        )
        lines.append(f"{count} file{'s' * (count > 1)} left out: {_listed(kinds)}.")
    if folders:
        lines.append(f"Left out beside the parts: {_listed(folders)}.")
    return " ".join(lines)


def _split(rows: list[tuple[Path, int, str, str]]) -> Split:
    paths, labels, items, names = zip(*rows, strict=False)
    return Split(Pictures(paths), torch.tensor(labels), items, names)


def _parts(root: Path) -> tuple[dict[str, Path], list[Path]]:
    """The folder of each part, and the files and folders beside them; of a root without parts, all
    of it is train.
    """
    folders, pictures, others = picture.scan(root)
    spelt = {name: part for part, names in PARTS.items() for name in names}
    named: dict[str, list[Path]] = {}
    for folder in folders:
        named.setdefault(spelt.get(folder.name.lower(), ""), []).append(folder)
    beside = [*named.pop("", []), *pictures, *others]
    if len(named) < 2:
        return {"train": root}, []
    for part, twins in named.items():
        if len(twins) > 1:
            raise ValueError(
                f"{' and '.join(twin.name for twin in twins)} would both be its {part} part; keep"
                " one."
            )
    given = {part: folder for part, (folder,) in named.items()}
    if "train" not in given:
        names = " and ".join(given[part].name for part in ("validation", "test"))
        raise ValueError(
            f"it holds {names} but no train; add train, or give one of the two as root."
        )
    if len(given) == 3:
        return {part: given[part] for part in ("train", "validation", "test")}, beside
    return {"train": given.pop("train"), "test": given.popitem()[1]}, beside


def _classes(root: Path, folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Class names, in one Unicode form, with their folders, and the files beside them."""
    folders, pictures, others = picture.scan(folder)
    here = "root" if folder == root else _relative(folder, root)
    for link in (
        path for path in others if path.is_symlink() and not path.exists() and not path.suffix
    ):
        target = printable(os.readlink(link))
        raise ValueError(
            f"{_relative(link, root)} is a link that leads nowhere, to {target}; mend or remove it."
        )
    if not folders:
        found = f"pictures lie directly in {here}" if pictures else f"{here} holds no class folders"
        raise ValueError(
            f"{found}; give each class a folder of its own, such as {here}/CLASS/1.jpg."
        )
    named: dict[str, Path] = {}
    for child in folders:
        _check_level(root, child)
        name = printable(unicodedata.normalize("NFC", child.name))
        if name in named:
            raise ValueError(
                f"two folders are named {name}, in different Unicode forms; put them together."
            )
        named[name] = child
    return named, [*pictures, *others]


def _chosen(
    named: dict[str, Path], chosen: list[str | int | float | bool] | None
) -> dict[str, Path]:
    """Those of the class folders that were asked for; all where none was."""
    if chosen is None:
        return named
    names = [_spelt(named, name) for name in chosen]
    listed = f"classes=[{', '.join(map(text, chosen))}]"
    if len(set(names)) < 2:
        raise ValueError(
            f"{listed}: name two or more of {', '.join(sorted(named)[:12])}; null takes all."
        )
    for name in names:
        if name not in named:
            near = get_close_matches(name, named, n=1)
            meant = (
                f"; is {near[0]} meant?"
                if near
                else f"; there are {', '.join(sorted(named)[:12])}."
            )
            raise ValueError(f"{listed}: there is no class folder {name}{meant}")
    return {name: named[name] for name in names}


def _spelt(named: dict[str, Path], value: str | int | float | bool) -> str:
    """The folder's name that a value of a YAML file stands for: 7 for 7 or 007, true for true or
    True.
    """
    if isinstance(value, str) or text(value) in named:
        return text(value)
    alike = [name for name in named if _read_as(name, value)]
    if len(alike) > 1:
        spellings = ", ".join(f"'{name}'" for name in alike)
        raise ValueError(
            f"classes: {text(value)} may be any of {spellings}; put the one meant in quotes."
        )
    return alike[0] if alike else text(value)


def _read_as(name: str, value: int | float | bool) -> bool:
    """Whether a name without quotes would be read as that value."""
    if isinstance(value, bool):
        return name.lower() == text(value)
    try:
        return float(name) == value
    except ValueError:
        return False


def _check_level(root: Path, folder: Path) -> None:
    name = _relative(folder, root)
    for inner in picture.scan(folder)[0]:
        if inner.name == "train":
            raise ValueError(
                f"{name} holds train, so root is one level too high; give root={printable(folder)}"
            )
        if picture.scan(inner)[1]:
            mend = f"move them up, or give root={printable(folder)} if its folders are the classes."
            raise ValueError(
                f"class {name} holds pictures in a further folder, {printable(inner.name)}; {mend}"
            )


def _check_same(
    names: tuple[str, ...], classes: dict[str, dict[str, Path]], folders: dict[str, Path]
) -> None:
    for part, own in classes.items():
        lone = [f"{name} only in {folders['train'].name}" for name in names if name not in own]
        lone += [
            f"{name} only in {folders[part].name}" for name in sorted(own) if name not in names
        ]
        if lone:
            raise ValueError(
                f"its parts have different classes: {', '.join(lone)}; each part needs the same"
                " ones."
            )
    if len(names) == 1:
        raise ValueError(f"it holds one class only, {names[0]}; add a folder for a second class.")


def _pictures(root: Path, folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a class folder, and its other files."""
    _, pictures, others = picture.scan(folder)
    if not pictures:
        there = (
            f"but {_listed([printable(other.name) for other in others])}"
            if others
            else "and nothing else"
        )
        mend = (
            "add or convert some, or remove the folder (JPEG, PNG, WebP, BMP, TIFF and PPM are"
            " taken)."
        )
        raise ValueError(f"class {_relative(folder, root)} holds no pictures {there}; {mend}")
    return pictures, others


def _fold_name(parts: dict[str, Split], validation: float | str, fold: list[int]) -> str:
    """The part that a fold is."""
    if "validation" in parts:
        raise ValueError(
            f"fold={fold}: root holds train, val and test, so no split is left to draw; use"
            " fold=null."
        )
    if "test" in parts and validation == "test":
        raise ValueError(
            f"fold={fold}: it would be validation, and validation=test is that already; leave out"
            " one."
        )
    return "validation" if "test" in parts else "test"


def _divided(
    parts: dict[str, Split],
    classes: tuple[str, ...],
    validation: float | str,
    test: float | str,
    seed: int,
) -> dict[str, Split]:
    """The parts that folders gave, and those drawn from their train."""
    shares = {} if "test" in parts else {"test": test}
    if validation != "test" and "validation" not in parts:
        shares["validation"] = validation
    whole = parts["train"]
    drawn = stratified(whole.labels, list(shares.values()), seed, names=classes)
    parts = parts | {
        part: whole.subset(index) for part, index in zip([*shares, "train"], drawn, strict=False)
    }
    return parts | {"validation": parts["test"]} if validation == "test" else parts


def _relative(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
