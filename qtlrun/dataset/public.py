"""Public sets of small pictures that come in two official parts, train and test, with published
checksums.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from qtlrun import download
from qtlrun.dataset.picture import printable
from qtlrun.dataset.split import (
    Split,
    check_draw,
    check_shares,
    fingerprint,
    folded,
    prefixed,
    sized,
    stratified,
)
from qtlrun.plan import Absent, nearest


@dataclass(frozen=True, eq=False)
class Part:
    """One official part: pictures, and the places of their classes among all of the set."""

    pictures: UInt8[Tensor, "items channels height width"]
    labels: Int64[Tensor, " items"]


def check(
    known: Sequence[object],
    classes: Sequence[object] | None,
    validation: float | str,
    train_size: int | float | None,
    fold: list[int] | None,
) -> tuple[object, ...]:
    """The classes that are taken, in the order given; what cannot be is refused before any file is
    looked at.

    A class is an entry of `known`, whose place there is its label in the published files.
    """
    check_shares(validation)
    check_draw(train_size, fold)
    if fold and validation == "test":
        raise ValueError(
            f"fold={fold}: it would be validation, and validation=test is that already; leave out"
            " one."
        )
    if classes is None:
        return tuple(known)
    given = f"classes=[{','.join(map(str, classes))}]"
    listed = ", ".join(map(str, known))
    for name in classes:
        if name not in known:
            # Numbers whose digits look alike are not near.
            right = nearest(name, known) if isinstance(name, str) else f"it is one of {listed}."
            raise ValueError(f"{given}: there is no class {name}; {right}")
        if classes.count(name) > 1:
            raise ValueError(
                f"{given}: {name} stands there {classes.count(name)} times; name each class once."
            )
    if len(classes) < 2:
        raise ValueError(f"{given}: name two or more of {listed}; null takes all.")
    return tuple(classes)


class Public:
    """Some classes of the two official parts `load()` of a public set; a label is the place of its
    class in `classes`.

    The official test part is the test split, whatever is drawn. Validation is a share of every
    class of the official train part, drawn by `split_seed`, or part k of its K with a `fold` [k,
    K]; "test" is the defect of protocols that choose their epoch on the pictures they report:
    validation is the test split itself, and train keeps all of its own. Of what is then left for
    train, `train_size` pictures are used, all classes together, or that share of them.
    """

    def __init__(
        self,
        load: Callable[[], tuple[Part, Part]],
        known: Sequence[object],
        classes: Sequence[object] | None,
        validation: float | str,
        split_seed: int,
        train_size: int | float | None,
        fold: list[int] | None,
    ):
        chosen = check(known, classes, validation, train_size, fold)
        self.classes = tuple(map(str, chosen))
        whole, test = (_taken(part, [known.index(name) for name in chosen]) for part in load())
        self.size = len(whole) + len(test)
        train, drawn = self._divided(whole, test, validation, split_seed, fold)
        self.train = sized(train, train_size, split_seed, self.classes)
        self.validation = drawn
        self.test = test
        self.fingerprint = fingerprint(
            {"train": self.train, "validation": self.validation, "test": self.test}
        )

    def verify(self, step: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Nothing to verify: the pictures are numbers already, and their files' checksums were
        right.
        """

    def _divided(
        self, whole: Split, test: Split, validation: float | str, seed: int, fold: list[int] | None
    ) -> tuple[Split, Split]:
        """The train and the validation split."""
        if fold:
            drawn, train = folded(whole, fold, seed, self.classes)
            return train, drawn
        if validation == "test":
            return whole, test
        with prefixed(f"validation={validation}"):
            drawn, train = stratified(whole.labels, [validation], seed, names=self.classes)
        return whole.subset(train), whole.subset(drawn)


def fetch(
    addresses: Sequence[str],
    md5: str,
    place: Path,
    data: Path,
    put: Callable[[Path, Path], None] = lambda file, place: file.replace(place),
) -> None:
    """Put at `place`, below `data`, the file that the first answering address has; whole, by `put`,
    or not at all.

    Raises ValueError that says what to fetch by hand and where to put it.
    """
    name = addresses[0].rpartition("/")[2]
    try:
        with _scratch(place.parent) as scratch:
            download.fetch(addresses, scratch / name, algorithm="md5", digest=md5)
            put(scratch / name, place)
    except (OSError, RuntimeError) as error:
        top = place.relative_to(data).parts[0]
        unpack = "" if place.name == name else " and unpack it"
        why = download.reason(error)
        raise Absent(
            f"data={printable(data)}: {name} could not be fetched ({why}).\nFetch"
            f" {addresses[0]} (its md5 is {md5}){unpack}, so that {printable(place)} is there, or"
            f" let QTLRUN_DATA name the folder that holds {top}."
        ) from None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A hidden folder beside what will be put in place; a folder that was made for it and stays
    empty goes with it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
            yield Path(scratch)
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _taken(part: Part, places: list[int]) -> Split:
    """The pictures whose published label is among `places`, in the order of the files, labelled by
    position in it.
    """
    label = torch.full((256,), -1)
    label[places] = torch.arange(len(places))
    labels = label[part.labels]
    pictures = part.pictures[labels >= 0]
    labels = labels[labels >= 0]
    rows = pictures.flatten(1).numpy()
    return Split(pictures, labels, tuple(sha256(row).hexdigest() for row in rows))
