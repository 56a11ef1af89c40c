"""Layout of class folders: parts, classes and their files, none of which is read."""

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from qtlrun.dataset import picture
from qtlrun.dataset.picture import printable
from qtlrun.error import NO_VALUE, BadValue, UsageError, text

SPELLINGS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
MAX_FILES = 5  # names of files in a message
MAX_CLASSES = 12  # names of classes in a message


class PictureFile(NamedTuple):
    """File with a picture's ending; its label is the index of its class."""

    path: Path
    part: str
    label: int


@dataclass(frozen=True)
class Layout:
    """Content of a tree of class folders.

    Arguments:
        classes: names of the class folders, sorted.
        parts: those of train, validation and test that have a folder; train alone where none has.
        files: of all classes, part by part and class by class.
        others: files and folders that belong to no class.
    nested: folders within classes, whose pictures belong to the class.
    hidden: names of hidden files and folders, and of systems' litter, which are left out.
    """

    classes: tuple[str, ...]
    parts: tuple[str, ...]
    files: list[PictureFile]
    others: list[Path]
    nested: list[Path]
    hidden: list[str]


@dataclass(frozen=True)
class _Content:
    """Content of a class folder and the folders in it."""

    pictures: list[Path]
    others: list[Path]
    nested: list[Path]


def read(root: Path, classes: list[str | int | float | bool] | None) -> Layout:
    """Read the layout of a folder, with these of its classes; None takes all.

    Raises ValueError where it is no layout of class folders.
    """
    folders, others = _parts(root)
    chosen = {}
    for part, folder in folders.items():
        class_folders, loose = _classes(root, folder)
        chosen[part] = _choose(class_folders, classes)
        others.extend(loose)
    names = tuple(sorted(chosen["train"]))
    _check_same(names, chosen, folders)
    files: list[PictureFile] = []
    nested: list[Path] = []
    for part in folders:
        for label, name in enumerate(names):
            content = _content(root, chosen[part][name])
            files += [PictureFile(path, part, label) for path in content.pictures]
            others += content.others
            nested += content.nested
    visited = [root, *folders.values(), *nested]
    for each in chosen.values():
        visited += each.values()
    return Layout(names, tuple(folders), files, others, nested, _hidden(visited))


def locate(root: str) -> Path:
    """Path of the root folder; ValueError where there is none."""
    path = Path(os.path.expanduser(root))
    if not root or not os.path.exists(path):
        siblings = os.listdir(path.parent) if os.path.isdir(path.parent) else []
        near = get_close_matches(path.name, siblings, n=1)
        near_path = f"is {printable(path.parent / near[0])} meant?" if near else ""
        fix = near_path or "give one that holds class folders"
        raise UsageError("there is no such folder", fix, missing=True)
    if not os.path.isdir(path):
        raise UsageError(
            "this is a file", "give a folder that holds class folders (unpack an archive first)"
        )
    return path


def enumeration(names: list[str]) -> str:
    """First names of a list, in one line."""
    return ", ".join(names[:MAX_FILES]) + ", ..." * (len(names) > MAX_FILES)


def relative(path: Path, root: Path) -> str:
    """Name of a file or folder: its path from the root."""
    return printable(path.relative_to(root).as_posix())


def _parts(root: Path) -> tuple[dict[str, Path], list[Path]]:
    """Folder of each part, and the files and folders beside them.

    Of a root without parts all is train. A lone validation part is the test split.
    """
    folders, pictures, others = picture.scan(root)
    spelt = {name: part for part, names in SPELLINGS.items() for name in names}
    candidates: dict[str, list[Path]] = {}
    for folder in folders:
        candidates.setdefault(spelt.get(folder.name.lower(), ""), []).append(folder)
    beside = [*candidates.pop("", []), *pictures, *others]
    if len(candidates) < 2:
        return {"train": root}, []
    for part, twins in candidates.items():
        if len(twins) > 1:
            raise UsageError(
                (f"{' and '.join((twin.name for twin in twins))} would both be its {part} part"),
                "keep one",
            )
    parts = {part: folder for part, (folder,) in candidates.items()}
    if "train" not in parts:
        names = " and ".join(parts[part].name for part in ("validation", "test"))
        raise UsageError(
            f"it holds {names} but no train", "add train, or give one of the two as root"
        )
    if len(parts) == 3:
        return {part: parts[part] for part in ("train", "validation", "test")}, beside
    return {"train": parts.pop("train"), "test": parts.popitem()[1]}, beside


def _classes(root: Path, folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Class names, in one Unicode form, with their folders, and the files beside them."""
    folders, pictures, others = picture.scan(folder)
    here = "root" if folder == root else relative(folder, root)
    for path in others:
        if path.is_symlink() and not path.exists() and not path.suffix:
            target = printable(os.readlink(path))
            raise UsageError(
                f"{relative(path, root)} is a link that leads nowhere, to {target}",
                "mend or remove it",
            )
    if not folders:
        lack = f"pictures lie directly in {here}" if pictures else f"{here} holds no class folders"
        raise UsageError(lack, f"give each class a folder of its own, such as {here}/CLASS/1.jpg")
    classes: dict[str, Path] = {}
    for child in folders:
        _check_level(root, child)
        name = printable(unicodedata.normalize("NFC", child.name))
        if name in classes:
            raise UsageError(
                f"two folders are named {name}, in different Unicode forms", "put them together"
            )
        classes[name] = child
    return classes, [*pictures, *others]


def _choose(
    folders: dict[str, Path], classes: list[str | int | float | bool] | None
) -> dict[str, Path]:
    """Class folders that are asked for; all where none is."""
    if classes is None:
        return folders
    names = [_folder_name(folders, value) for value in classes]
    listed = f"[{', '.join(map(text, classes))}]"
    there = ", ".join(sorted(folders)[:MAX_CLASSES])
    if len(set(names)) < 2:
        raise BadValue("classes", listed, f"name two or more of {there}", "null takes all")
    for name in names:
        if name not in folders:
            near = get_close_matches(name, folders, n=1)
            meant = f"; is {near[0]} meant?" if near else f"; there are {there}."
            raise BadValue("classes", listed, f"there is no class folder {name}{meant}")
    return {name: folders[name] for name in names}


def _folder_name(folders: dict[str, Path], value: str | int | float | bool) -> str:
    """Folder's name that a YAML value stands for: 7 for 7 or 007, true for true or True."""
    if isinstance(value, str) or text(value) in folders:
        return text(value)
    alike = [name for name in folders if _reads_as(name, value)]
    if len(alike) > 1:
        spellings = ", ".join(f"'{name}'" for name in alike)
        raise BadValue(
            "classes",
            NO_VALUE,
            f"{text(value)} may be any of {spellings}",
            "put the one meant in quotes",
        )
    return alike[0] if alike else text(value)


def _reads_as(name: str, value: int | float | bool) -> bool:
    """Whether a name without quotes would be read as that value."""
    if isinstance(value, bool):
        return name.lower() == text(value)
    try:
        return float(name) == value
    except ValueError:
        return False


def _check_level(root: Path, folder: Path) -> None:
    """Refuse a class folder that holds parts, or is one that holds classes."""
    name = relative(folder, root)
    is_part = any(folder.name.lower() in names for names in SPELLINGS.values())
    for inner in picture.scan(folder)[0]:
        if inner.name == "train":
            raise UsageError(
                f"{name} holds train, so root is one level too high",
                f"root={printable(folder)} is the right one",
            )
        if is_part and picture.scan(inner)[1]:
            raise UsageError(
                f"{name} is its only part, and holds class folders such as {inner.name}",
                f"root={printable(folder)} divides it, or add a second part",
            )


def _check_same(
    names: tuple[str, ...], classes: dict[str, dict[str, Path]], folders: dict[str, Path]
) -> None:
    """Refuse parts of different classes, and a single class."""
    train = folders["train"].name
    for part, class_folders in classes.items():
        missing = [name for name in names if name not in class_folders]
        extra = [name for name in sorted(class_folders) if name not in names]
        lone = [f"{name} only in {train}" for name in missing]
        lone += [f"{name} only in {folders[part].name}" for name in extra]
        if lone:
            raise UsageError(
                f"its parts have different classes: {', '.join(lone)}",
                "each part needs the same ones",
            )
    if len(names) == 1:
        folder = classes["train"][names[0]]
        inner = [printable(path.name) for path in picture.scan(folder)[0]]
        meant = f", or give root={printable(folder)} if {enumeration(inner)} are the classes"
        raise UsageError(
            f"it holds one class only, {names[0]}",
            "add a folder for a second class" + meant * (len(inner) > 1),
        )


def _content(root: Path, folder: Path) -> _Content:
    """Pictures of a class folder and of those in it, and its other files."""
    content = _Content([], [], [])
    waiting = [folder]
    while waiting:
        folders, pictures, others = picture.scan(waiting.pop(0))
        content.pictures.extend(pictures)
        content.others.extend(others)
        content.nested.extend(folders)
        waiting += folders
    if not content.pictures:
        there = (
            f"but {enumeration([printable(other.name) for other in content.others])}"
            if content.others
            else "and nothing else"
        )
        mend = (
            "add or convert some, or remove the folder (JPEG, PNG, WebP, BMP, TIFF and PPM are"
            " taken)."
        )
        raise UsageError(f"class {relative(folder, root)} holds no pictures {there}", mend)
    return content


def _hidden(folders: Iterable[Path]) -> list[str]:
    """Names of what is hidden in folders; those that begin with ._ are alike."""
    names: list[str] = []
    for folder in dict.fromkeys(folders):
        hidden = sorted(name for name in os.listdir(folder) if picture.is_hidden(name))
        names += ["._*" if name.startswith("._") else printable(name) for name in hidden]
    return names
