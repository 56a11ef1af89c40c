"""A tree of class folders: the layout is checked and every file hashed before any picture is decoded."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

import torch

from qtlrun.dataset import picture
from qtlrun.dataset.picture import ENDINGS, Pictures, printable
from qtlrun.dataset.split import Split, check_draw, check_shares, fingerprint, folded, pool, prefixed, sized, stratified
from qtlrun.plan import Absent


class Tree:
    """The pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` with `root/val`, `root/test` or both.

    A lone `val` or `test` is the published second part and becomes the test split; of both, each is what it says.
    Splits that no folder gives are drawn from train as shares of every class, `test` first, so that it stays the same
    whatever `validation` is. `validation="test"` is the defect of protocols that choose their epoch on the pictures
    they report: validation is the test split itself, and train keeps all of its own.

    A `fold` [k, K] is part k (from 0) of the K into which `split_seed` divides every class of train: the test split
    where no folder gives one, and else the validation split. Of what is then left for train, `train_size` pictures are
    used, all classes together, or that share of them; a larger size has every picture of a smaller one.

    `classes` takes some of the class folders. Hidden files, systems' litter, other endings and links to folders are left out; a file that one class reaches
    twice counts once. The names in a split are paths relative to `root`.
    """

    def __init__(self, root: str, validation: float | str = 0.2, test: float | str = 0.2, split_seed: int = 0,
                 train_size: int | float | None = None, fold: list[int] | None = None, classes: list[str] | None = None) -> None:
        check_shares(validation, test)
        check_draw(train_size, fold)
        self._called = f"root={printable(root)}"
        with prefixed(self._called):
            self._root = _located(root)
            self.classes, parts = _index(self._root, classes)
        self._paths = [path for part in parts.values() for path in part.inputs.paths]
        self.size = len(self._paths)
        if fold:
            name = _fold_name(parts, validation, fold)
            parts[name], parts["train"] = folded(parts["train"], fold, split_seed, self.classes)
        with prefixed(self._called + f": fold={fold}" * bool(fold)):
            parts = _divided(parts, self.classes, validation, test, split_seed)
        parts["train"] = sized(parts["train"], train_size, split_seed, self.classes)
        self.train, self.validation, self.test = parts["train"], parts["validation"], parts["test"]
        self.fingerprint = fingerprint(parts)

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Decode every picture once; the first bad one in path order raises a ValueError that names it."""

        def decode(path: Path) -> None:
            picture.read(path, name=f"{self._called}: {_relative(path, self._root)}")

        for done, _ in enumerate(pool().map(decode, self._paths), start=1):
            step(done, self.size)


def _located(root: str) -> Path:
    path = Path(os.path.expanduser(root))
    if not root or not os.path.exists(path):
        near = get_close_matches(path.name, os.listdir(path.parent) if os.path.isdir(path.parent) else [], n=1)
        meant = f"; is {printable(path.parent / near[0])} meant?" if near else "; give one that holds class folders."
        raise Absent(f"there is no such folder{meant}")
    if not os.path.isdir(path):
        raise ValueError("this is a file; give a folder that holds class folders (unpack an archive first).")
    return path


def _index(root: Path, chosen: list[str] | None) -> tuple[tuple[str, ...], dict[str, Split]]:
    """The classes and the parts that lie there; every header has been checked, every file hashed."""
    folders = _parts(root)
    classes = {part: _chosen(_classes(root, folder), chosen) for part, folder in folders.items()}
    names = tuple(sorted(classes["train"]))
    _check_same(names, classes, folders)
    files = [
        (path, part, label)
        for part in folders
        for label, name in enumerate(names)
        for path in _pictures(root, classes[part][name])
    ]
    paths = [path for path, _, _ in files]
    kept = {part: [] for part in folders}
    first: dict[tuple[int, int], Path] = {}
    for (path, part, label), (name, item, place) in zip(files, _admitted(root, paths)):
        twin = first.setdefault(place, path)
        if twin is path:
            kept[part].append((path, label, item, name))
        elif twin.parent != path.parent:
            raise ValueError(f"{_relative(twin, root)} and {name} are one file, linked to two places; remove one.")
    return names, {part: _split(rows) for part, rows in kept.items()}


def _admitted(root: Path, paths: list[Path]) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Of each file, in order: its name, the hash of its content, and its place on the disk, which links share."""

    def admit(some: list[Path]) -> list[tuple[str, str, tuple[int, int]]]:
        rows = []
        for path in some:
            name = _relative(path, root)
            picture.check_header(path, name=name)
            status = path.stat()
            rows.append((name, picture.hash(path), (status.st_dev, status.st_ino)))
        return rows

    # Small files would cost more in handing over than in hashing, were they handed over one by one.
    for rows in pool().map(admit, [paths[i : i + 64] for i in range(0, len(paths), 64)]):
        yield from rows


def _split(rows: list[tuple[Path, int, str, str]]) -> Split:
    paths, labels, items, names = zip(*rows)
    return Split(Pictures(paths), torch.tensor(labels), items, names)


def _parts(root: Path) -> dict[str, Path]:
    """The folder of each part; of a root without parts, all of it is train."""
    given = {folder.name: folder for folder in picture.scan(root)[0] if folder.name in ("train", "val", "test")}
    if len(given) < 2:
        return {"train": root}
    if "train" not in given:
        raise ValueError("it holds val and test but no train; add train, or give one of the two as root.")
    if len(given) == 3:
        return {"train": given["train"], "validation": given["val"], "test": given["test"]}
    return {"train": given.pop("train"), "test": given.popitem()[1]}


def _classes(root: Path, folder: Path) -> dict[str, Path]:
    """Class names, in one Unicode form, and their folders."""
    folders, pictures, _ = picture.scan(folder)
    here = "root" if folder == root else _relative(folder, root)
    if not folders:
        found = f"pictures lie directly in {here}" if pictures else f"{here} holds no class folders"
        raise ValueError(f"{found}; give each class a folder of its own, such as {here}/CLASS/1.jpg.")
    named: dict[str, Path] = {}
    for child in folders:
        _check_level(root, child)
        name = printable(unicodedata.normalize("NFC", child.name))
        if name in named:
            raise ValueError(f"two folders are named {name}, in different Unicode forms; put them together.")
        named[name] = child
    return named


def _chosen(named: dict[str, Path], chosen: list[str] | None) -> dict[str, Path]:
    """Those of the class folders that were asked for; all where none was."""
    if chosen is None:
        return named
    if len(set(chosen)) < 2:
        raise ValueError(f"classes={chosen}: name two or more of {', '.join(sorted(named)[:12])}; null takes all.")
    for name in chosen:
        if name not in named:
            near = get_close_matches(name, named, n=1)
            meant = f"; is {near[0]} meant?" if near else f"; there are {', '.join(sorted(named)[:12])}."
            raise ValueError(f"classes={chosen}: there is no class folder {name}{meant}")
    return {name: named[name] for name in chosen}


def _check_level(root: Path, folder: Path) -> None:
    name = _relative(folder, root)
    for inner in picture.scan(folder)[0]:
        if inner.name == "train":
            raise ValueError(f"{name} holds train, so root is one level too high; give root={printable(folder)}")
        if picture.scan(inner)[1]:
            mend = f"move them up, or give root={printable(folder)} if its folders are the classes."
            raise ValueError(f"class {name} holds pictures in a further folder, {printable(inner.name)}; {mend}")


def _check_same(names: tuple[str, ...], classes: dict[str, dict[str, Path]], folders: dict[str, Path]) -> None:
    for part, own in classes.items():
        lone = [f"{name} only in {folders['train'].name}" for name in names if name not in own]
        lone += [f"{name} only in {folders[part].name}" for name in sorted(own) if name not in names]
        if lone:
            raise ValueError(f"its parts have different classes: {', '.join(lone)}; each part needs the same ones.")
    if len(names) == 1:
        raise ValueError(f"it holds one class only, {names[0]}; add a folder for a second class.")


def _pictures(root: Path, folder: Path) -> list[Path]:
    _, pictures, others = picture.scan(folder)
    if not pictures:
        there = f"but {', '.join(printable(other.name) for other in others[:5])}" if others else "and nothing else"
        more = ", ..." if len(others) > 5 else ""
        mend = f"add or convert some, or remove the folder ({' '.join(ENDINGS)} are taken)."
        raise ValueError(f"class {_relative(folder, root)} holds no pictures {there}{more}; {mend}")
    return pictures


def _fold_name(parts: dict[str, Split], validation: float | str, fold: list[int]) -> str:
    """The part that a fold is."""
    if "validation" in parts:
        raise ValueError(f"fold={fold}: root holds train, val and test, so no split is left to draw; use fold=null.")
    if "test" in parts and validation == "test":
        raise ValueError(f"fold={fold}: it would be validation, and validation=test is that already; leave out one.")
    return "validation" if "test" in parts else "test"


def _divided(
    parts: dict[str, Split], classes: tuple[str, ...], validation: float | str, test: float | str, seed: int
) -> dict[str, Split]:
    """The parts that folders gave, and those drawn from their train."""
    shares = {} if "test" in parts else {"test": test}
    if validation != "test" and "validation" not in parts:
        shares["validation"] = validation
    whole = parts["train"]
    drawn = stratified(whole.labels, list(shares.values()), seed, names=classes)
    parts = parts | {part: whole.subset(index) for part, index in zip([*shares, "train"], drawn)}
    return parts | {"validation": parts["test"]} if validation == "test" else parts


def _relative(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
