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

from qtlrun import disk, download
from qtlrun.dataset.picture import printable
from qtlrun.dataset.split import (
    Split,
    check_draw,
    check_shares,
    draw_stratified,
    fingerprint,
    prefix_errors,
    subsample,
    take_fold,
)
from qtlrun.plan import Absent, nearest


@dataclass(frozen=True, eq=False)
class Part:
    """Official part: pictures, and the indices of their classes among all of the set."""

    pictures: UInt8[Tensor, "items channels height width"]
    labels: Int64[Tensor, " items"]


def check(
    all_classes: Sequence[object],
    classes: Sequence[object] | None,
    validation: float | str,
    train_size: int | float | None,
    fold: list[int] | None,
) -> tuple[object, ...]:
    """Check what is asked for before any file is looked at; return the classes, in their order.

    A class is an entry of `all_classes`; its index there is its label in the published files.
    """
    check_shares(validation)
    check_draw(train_size, fold)
    if fold and validation == "test":
        raise ValueError(
            f"fold={fold}: it would be validation, and validation=test is that already; leave out"
            " one."
        )
    if classes is None:
        return tuple(all_classes)
    setting = f"classes=[{','.join(map(str, classes))}]"
    listed = ", ".join(map(str, all_classes))
    for name in classes:
        if name not in all_classes:
            # Numbers whose digits look alike are not near.
            fix = nearest(name, all_classes) if isinstance(name, str) else f"it is one of {listed}."
            raise ValueError(f"{setting}: there is no class {name}; {fix}")
        if classes.count(name) > 1:
            raise ValueError(
                f"{setting}: {name} stands there {classes.count(name)} times; name each class once."
            )
    if len(classes) < 2:
        raise ValueError(f"{setting}: name two or more of {listed}; null takes all.")
    return tuple(classes)


class Public:
    """Splits of some classes of a public set, whose two official parts `load` reads.

    A label is the index of its class in `classes`; `all_classes` are those of the set. The official
    test part is the test split, whatever is drawn. Validation is a share of every class of the
    official train part, drawn by `split_seed`, or part k of its K with a `fold` [k, K]; "test" is
    the defect of protocols that choose their epoch on the pictures they report: validation is the
    test split itself, and train keeps all of its own. Of what is then left for train, `train_size`
    pictures are used, all classes together, or that share of them.
    """

    def __init__(
        self,
        load: Callable[[], tuple[Part, Part]],
        all_classes: Sequence[object],
        classes: Sequence[object] | None,
        validation: float | str,
        split_seed: int,
        train_size: int | float | None,
        fold: list[int] | None,
    ):
        chosen = check(all_classes, classes, validation, train_size, fold)
        self.classes = tuple(map(str, chosen))
        labels = [all_classes.index(name) for name in chosen]
        whole, test = (_select(part, labels) for part in load())
        self.size = len(whole) + len(test)
        train, self.validation = self._divide(whole, test, validation, split_seed, fold)
        self.train = subsample(train, train_size, split_seed, self.classes)
        self.test = test
        self.fingerprint = fingerprint(
            {"train": self.train, "validation": self.validation, "test": self.test}
        )

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Nothing to verify: the pictures are numbers, and their files' checksums were right."""

    def _divide(
        self, whole: Split, test: Split, validation: float | str, seed: int, fold: list[int] | None
    ) -> tuple[Split, Split]:
        """Train and validation split."""
        if fold:
            part, rest = take_fold(whole, fold, seed, self.classes)
            return rest, part
        if validation == "test":
            return whole, test
        with prefix_errors(f"validation={validation}"):
            validation_index, train_index = draw_stratified(
                whole.labels, [float(validation)], seed, names=self.classes
            )
        return whole.subset(train_index), whole.subset(validation_index)


def fetch(
    addresses: Sequence[str],
    md5: str,
    path: Path,
    data: Path,
    put: Callable[[Path, Path], object] = lambda file, path: file.replace(path),
) -> None:
    """Fetch a file from the first address that has it, and put it whole at a path below `data`.

    `put` does that, and may unpack it. Raises ValueError that says what to fetch by hand and where
    to put it.
    """
    name = addresses[0].rpartition("/")[2]
    try:
        with _scratch(path.parent) as scratch:
            download.fetch(addresses, scratch / name, algorithm="md5", digest=md5)
            put(scratch / name, path)
    except (OSError, RuntimeError) as error:
        top = path.relative_to(data).parts[0]
        unpack = "" if path.name == name else " and unpack it"
        why = download.reason(error)
        raise Absent(
            f"data={printable(data)}: {name} could not be fetched ({why}).\nFetch"
            f" {addresses[0]} (its md5 is {md5}){unpack}, so that {printable(path)} is there, or"
            f" let QTLRUN_DATA name the folder that holds {top}."
        ) from None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Hidden folder in one that is made for it; if that stays empty, it goes too."""
    with (
        disk.new_folders(folder),
        tempfile.TemporaryDirectory(prefix=disk.NEW_PREFIX, dir=folder) as scratch,
    ):
        yield Path(scratch)


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
