"""Splits of pictures in class folders; headers are checked, files hashed, none is decoded."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from qtlrun.dataset import layout
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.file import Stored, decode_named, digest_files, index_files
from qtlrun.dataset.layout import Layout, PictureFile
from qtlrun.dataset.picture import Pictures, printable
from qtlrun.dataset.rest import describe_rest
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import Splitting, check_share
from qtlrun.error import BadValue, UsageError, about_values


def read_tree(
    root: str,
    splitting: Splitting,
    test: float | str = 0.2,
    classes: list[str | int | float | bool] | None = None,
) -> Dataset:
    """Dataset of the pictures of `root/CLASS/*.jpg`, or of `root/train/CLASS/*.jpg` and others.

    Parts beside train are `root/val`, `root/test` or both. A lone `val` or `test` is the published
    second part and becomes the test split; of both, each is what it says. The folders may also be
    called training, valid, validation and testing, in small letters or large ones. Splits that no
    folder gives are drawn from train: `test` is the share of the test split. With
    `validation="test"`, pictures of a folder for validation are not used. A fold takes part of
    train: the test split where no folder gives one, and else the validation split.

    `classes` takes some of the class folders; a number or a truth value is the folder whose name
    reads as it. Pictures in folders within a class belong to it. Links to folders are followed, but
    not in a circle. Hidden files, systems' litter and files whose ending is no picture's are left
    out, as the caution says. A file that one class reaches twice counts once. The names in a split
    are paths relative to `root`. Raises ValueError where the layout, a class or a picture is not
    what it should be.
    """
    check_share("test", test)
    shown = printable(root)
    with about_values(root=shown):
        folder = layout.locate(root)
        content = layout.read(folder, classes)
        rows = _rows(folder, content)
        folders = {part: _split(each) for part, each in rows.items()}
    if splitting.fold and "validation" in folders:
        raise BadValue(
            "fold",
            splitting.fold,
            "root holds train, val and test, so no split is left to draw",
            "use fold=null",
        )
    parts = splitting.divide(
        folders["train"],
        content.classes,
        folders.get("test", test),
        folders.get("validation"),
        {"root": shown} | ({"fold": splitting.fold} if splitting.fold else {}),
    )
    files = [Stored(row.path, row.content, row.name) for part in rows.values() for row in part]
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=content.classes,
        size=len(files),
        fingerprint=fingerprint(parts),
        caution=describe_rest(folder, content),
        verifier=partial(decode_named, {"root": shown}, files),
        files=digest_files(files),
    )


class _Row(NamedTuple):
    """Picture of a split; its content is the hash of its file."""

    path: Path
    label: int
    content: str
    name: str


def _rows(root: Path, content: Layout) -> dict[str, list[_Row]]:
    """Pictures of each part that lies there; every header is checked, every file hashed."""
    rows: dict[str, list[_Row]] = {part: [] for part in content.parts}
    first: dict[tuple[int, int], PictureFile] = {}
    names = [(file.path, layout.relative(file.path, root)) for file in content.files]
    for file, item in zip(content.files, index_files(names), strict=True):
        twin = first.setdefault(item.inode, file)
        if twin is file:
            rows[file.part].append(_Row(file.path, file.label, item.content, item.name))
        elif (twin.part, twin.label) != (file.part, file.label):
            raise UsageError(
                (
                    f"{layout.relative(twin.path, root)} and {item.name} are one file,"
                    " linked to two places"
                ),
                "remove one",
            )
    return rows


def _split(rows: list[_Row]) -> Split:
    paths, labels, items, names = zip(*rows, strict=False)
    return Split(Pictures(paths), torch.tensor(labels), items, names)
