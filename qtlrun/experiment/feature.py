"""Pictures to tensors, and the features of a backbone that does not move, computed once."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import source, store
from qtlrun.dataset.kind import kind, noun
from qtlrun.layer import generator

SPLITS = ("train", "validation", "test")
LEAST = 1e-6  # deviation of a feature; below it the feature is constant
KEPT = 20  # seconds of work after which features are put into the pool, and
SHARE = 20  # times as long as putting them took
LARGE = 1_000_000  # weights; a smaller backbone takes more pictures at once


def chunk(backbone: nn.Module) -> int:
    """Pictures that go through a backbone at once when nothing is trained."""
    return 32 if _large(backbone) else 512


@contextlib.contextmanager
def threads(backbone: nn.Module | None):
    """One thread for heads and small backbones: more gain nothing, wait for each other on a busy
    machine, and would let the bits depend on how many there are, and on how many seeds.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if backbone is not None and _large(backbone) else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pictures(
    parts, split, backbone: nn.Module, augment_seed: int | None = None
) -> Callable[[Tensor, int | None], Tensor]:
    """Batches of a split as a backbone takes them, for `train.Data`; in training augmented where a
    seed is given.

    What is done to a picture depends on that seed, the epoch and the picture alone, not on who asks
    when.
    """

    def take(index: Tensor, epoch: int | None) -> Tensor:
        augment = None
        if augment_seed is not None and epoch is not None:
            augment = lambda item: generator(augment_seed, "augment", epoch, item)  # noqa: E731
        return parts.place(split.batch(index[0], backbone.preprocess, augment))

    return take


def features(parts) -> dict[str, Tensor]:
    """Features of the three splits under the row's backbone as it is, and the seconds that they
    take, by name.

    Kept by picture, so that every division of the same pictures shares them.
    """
    if parts.given is not None:
        return parts.given
    identity = parts.variant.identity
    vectors = kind(parts.dataset) != "pictures"  # which may be scaled by their training split
    modules = __name__, *parts.modules("backbone", "dataset")
    pool = store.key(
        **parts.backbone_identity(),
        dtype=identity["dtype"],
        accelerator=identity["accelerator"],
        plugins=identity["plugins"],
        classes=parts.dataset.classes,
        numbers=parts.numbers,
        vectors=vectors and parts.dataset.fingerprint,
        versions=source.versions(*modules),
        sources=source.digest(*modules),
    )
    return parts.session.once(
        "features" + pool + parts.dataset.fingerprint, lambda: _load(parts, pool)
    )


@dataclass(frozen=True, eq=False)
class Scaling:
    """Scale features before the head in each of several ways: not at all, or to mean 0 and
    deviation 1.
    """

    names: list[str]
    mean: Tensor | None = None
    deviation: Tensor | None = None

    def __call__(
        self, given: Float[Tensor, "*items features"]
    ) -> Float[Tensor, "names *items features"]:
        if self.mean is None:
            return given.unsqueeze(0)
        return torch.stack(
            [
                given if name == "none" else (given - self.mean) / self.deviation
                for name in self.names
            ]
        )

    def statistics(self, name: str) -> dict[str, Tensor]:
        """Mean and deviation of the way of this name; nothing where features stay as they are."""
        return {} if name == "none" else {"mean": self.mean, "deviation": self.deviation}


def scalings(names: list[str], known: Callable[[], Tensor]) -> Scaling:
    """The scaling of features by statistics of the training split's `known()` alone."""
    if set(names) == {"none"}:
        return Scaling(names)
    features = known()
    mean = features.mean(0)
    deviation = features.std(0, correction=0)
    deviation = torch.where(
        deviation < LEAST, 1, deviation
    )  # one that is constant may move once the network is trained
    return Scaling(names, mean, deviation)


def _large(backbone: nn.Module) -> bool:
    return sum(parameter.numel() for parameter in backbone.parameters()) > LARGE


def _load(parts, pool: str) -> dict[str, Tensor]:
    """Features of the row's pictures; those that the pool lacks are computed and added."""
    kept = parts.session.store
    splits = {name: getattr(parts.dataset, name) for name in SPLITS}
    entry = kept.get("features", pool)
    if _lacking(entry, splits):
        with kept.lock("features", pool), threads(parts.backbone):
            entry = kept.get("features", pool)
            if _lacking(entry, splits):
                for more in _extended(parts, entry, splits):
                    entry = more
                    kept.put("features", pool, entry)
    place = {item: number for number, item in enumerate(entry.values["items"])}
    values = torch.from_numpy(entry.arrays["features"])
    found = {
        name: values[[place[item] for item in split.items]].to(parts.accelerator)
        for name, split in splits.items()
    }
    pictures = sum(map(len, splits.values()))
    return found | {"seconds": torch.tensor(entry.values["seconds"] * pictures / len(place))}


def _lacking(entry: store.Entry | None, splits: dict) -> set[str]:
    return {item for split in splits.values() for item in split.items} - set(
        entry.values["items"] if entry else ()
    )


def _extended(parts, entry: store.Entry | None, splits: dict) -> Iterator[store.Entry]:
    """A pool with the pictures that it lacked, and before that with some, from time to time, so
    that a run which is killed goes on.

    A picture's features do not depend on those beside it.
    """
    began = time.perf_counter()
    lacking = _lacking(entry, splits)
    pieces = []
    size = chunk(parts.backbone)
    due = began + KEPT
    backbone = getattr(parts.backbone, "settled", lambda: parts.backbone)()
    places = {
        item: (split, place)
        for split in splits.values()
        for place, item in enumerate(split.items)
        if item in lacking
    }
    wanted = list(places.values())
    with contextlib.closing(
        _ahead(
            lambda some: _read(parts, some),
            [wanted[at : at + size] for at in range(0, len(wanted), size)],
        )
    ) as batches:
        for batch in batches:
            whole = torch.cat(
                [batch, batch[-1:].expand(size - len(batch), *batch.shape[1:])]
            )  # a lesser one is rounded otherwise
            with torch.inference_mode():
                pieces.append(backbone(whole)[: len(batch)].cpu())
            done = sum(map(len, pieces))
            parts.session.progress.step(f"features, {noun(parts.dataset)}s", done, len(wanted))
            if (now := time.perf_counter()) >= due and done < len(wanted):
                yield _joined(entry, list(places)[:done], pieces, now - began)
                waited = time.perf_counter() - now
                began = began + waited
                due = time.perf_counter() + max(KEPT, SHARE * waited)
    yield _joined(entry, list(places), pieces, time.perf_counter() - began)


def _joined(
    entry: store.Entry | None, items: list[str], pieces: list[Tensor], seconds: float
) -> store.Entry:
    """A pool with further items, and the seconds that all of it took."""
    known = torch.cat(pieces).numpy()
    if entry is not None:
        items = entry.values["items"] + items
        known = np.concatenate([entry.arrays["features"], known])
        seconds += entry.values["seconds"]
    return store.Entry({"items": items, "seconds": seconds}, {"features": known})


def _read(parts, some: list[tuple]) -> Tensor:
    """The pictures at these places of their splits, as the backbone takes them."""
    return parts.place(
        torch.cat(
            [
                split.batch([place for _, place in mine], parts.backbone.preprocess)
                for split, mine in itertools.groupby(some, key=lambda one: one[0])
            ]
        )
    )


def _ahead(read: Callable[[list], Tensor], chunks: Iterable[list]) -> Iterator[Tensor]:
    """Pictures of these chunks; the next one is read while one is at work."""
    with ThreadPoolExecutor(1) as reader:
        waiting = None
        for some in chunks:
            following = reader.submit(read, some)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
