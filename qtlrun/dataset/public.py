"""Public sets of small pictures, in two official parts with published checksums."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from qtlrun import disk, download, temporary
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.picture import printable
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import BadValue, nearest


@dataclass(frozen=True, eq=False)
class Part:
    """Official part: pictures, and the indices of their classes among all of the set."""

    pictures: UInt8[Tensor, "items channels height width"]
    labels: Int64[Tensor, " items"]


def read_public(
    load: Callable[[], tuple[Part, Part]],
    all_classes: Sequence[object],
    classes: Sequence[object] | None,
    splitting: Splitting,
) -> Dataset:
    """Dataset of the `classes` of a public set, whose two official parts `load` reads.

    A label is the index of its class in `classes`; `all_classes` are those of the set, and null
    takes all. The official test part is the test split, whatever is drawn; validation is a share of
    the official train part, or a fold of it.
    """
    splitting.check_official()
    chosen = _choose(all_classes, classes)
    names = tuple(map(str, chosen))
    labels = [all_classes.index(name) for name in chosen]
    whole, test = (_select(part, labels) for part in load())
    parts = splitting.divide(whole, names, test)
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=names,
        size=len(whole) + len(test),
        fingerprint=fingerprint(parts),
    )


def fetch(
    addresses: Sequence[str],
    md5: str,
    path: Path,
    data: Path,
    put: Callable[[Path, Path], object] = lambda file, path: file.replace(path),
    megabytes: float | None = None,
) -> None:
    """Fetch a file from the first address that has it, and put it whole at a path below `data`.

    `put` does that, and may unpack it; `megabytes` is the size of the file, where it is known.
    Raises ValueError that says what to fetch by hand and where to put it.
    """
    name = addresses[0].rpartition("/")[2]
    try:
        with _scratch(path.parent) as scratch:
            download.fetch(
                addresses, scratch / name, algorithm="md5", digest=md5, megabytes=megabytes
            )
            put(scratch / name, path)
    except (OSError, RuntimeError) as error:
        top = path.relative_to(data).parts[0]
        unpack = "" if path.name == name else " and unpack it"
        why = download.reason(error)
        raise BadValue(
            "data",
            printable(data),
            f"{name} could not be fetched ({why})",
            f"fetch {addresses[0]} (its md5 is {md5}){unpack}, so that {printable(path)} is there,"
            f" or let QTLRUN_DATA name the folder that holds {top}",
            missing=True,
        ) from None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Hidden folder in one that is made for it; if that stays empty, it goes too."""
    with (
        disk.new_folders(folder),
        tempfile.TemporaryDirectory(prefix=temporary.PREFIX, dir=folder) as scratch,
    ):
        yield Path(scratch)


def _choose(all_classes: Sequence[object], classes: Sequence[object] | None) -> tuple[object, ...]:
    """Check the classes that are asked for; all of the set for None.

    A class is an entry of `all_classes`; its index there is its label in the published files.
    """
    if classes is None:
        return tuple(all_classes)
    setting = f"[{','.join(map(str, classes))}]"
    listed = ", ".join(map(str, all_classes))
    for name in classes:
        if name not in all_classes:
            # Numbers whose digits look alike are not near.
            fix = nearest(name, all_classes) if isinstance(name, str) else f"it is one of {listed}"
            raise BadValue("classes", setting, f"there is no class {name}", fix)
        if classes.count(name) > 1:
            raise BadValue(
                "classes",
                setting,
                f"{name} stands there {classes.count(name)} times",
                "name each class once",
            )
    if len(classes) < 2:
        raise BadValue("classes", setting, f"name two or more of {listed}", "null takes all")
    return tuple(classes)


def _select(part: Part, published: list[int]) -> Split:
    """Pictures of these published labels, in the order of the files.

    Their new label is the index of the published one in that list.
    """
    label = torch.full((256,), -1)
    label[published] = torch.arange(len(published))
    labels = label[part.labels]
    pictures = part.pictures[labels >= 0]
    labels = labels[labels >= 0]
    rows = pictures.flatten(1).numpy()
    return Split(pictures, labels, tuple(sha256(row).hexdigest() for row in rows))
