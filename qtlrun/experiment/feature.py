"""Items as a backbone takes them, and features of a frozen backbone, computed once."""

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import source, store
from qtlrun.backbone.picture import Preprocess
from qtlrun.dataset.split import Split
from qtlrun.layer import generator

SPLITS = ("train", "validation", "test")
# Of a feature; one with less is constant
MIN_DEVIATION = 1e-6
# Work after which features are put into the pool
POOL_INTERVAL_S = 20
# The same, as a multiple of the time that putting them took
POOL_INTERVAL_PER_WRITE = 20
# Split of an item, and its index in it
Position = tuple[Split, int]
# A backbone with at most as many takes more items at once
MAX_WEIGHTS_SMALL = 1_000_000
# A large one takes 32 at once, and on the CPU so many pixels that their activations stay in its
# cache: 8 pictures of 224 x 224 take 14 ms each through EfficientNet-Lite0, and 32 take 18 ms each,
# with a gradient 34 and 51 (2 x AMD EPYC, torch 2.14); ResNet18 and MobileNetV2 alike
MAX_LARGE_CHUNK = 32
LARGE_SIDE = 224
CACHED_PIXELS = 8 * LARGE_SIDE**2


def chunk(backbone, side: int | None = None) -> int:
    """Count of items that go through a backbone at once when nothing is trained.

    Pictures have the side that it takes, unless another is named, in pixels.
    """
    if not is_large(backbone):
        return 512
    if next(backbone.parameters()).device.type != "cpu":
        return MAX_LARGE_CHUNK
    takes_pictures = isinstance(backbone.preprocess, Preprocess)
    side = side or (backbone.preprocess.size if takes_pictures else LARGE_SIDE)
    return max(1, min(MAX_LARGE_CHUNK, CACHED_PIXELS // side**2))


def is_large(backbone: nn.Module | None) -> bool:
    """Whether a backbone, if there is one, takes few items at once and many threads."""
    if backbone is None:
        return False
    return sum(weight.numel() for weight in backbone.parameters()) > MAX_WEIGHTS_SMALL


def pictures(
    parts, split, backbone: nn.Module, augment_seed: int | None = None
) -> Callable[[Tensor, int | None], Tensor]:
    """Batches of a split as a backbone takes them, for `batch.Data`.

    With `augment_seed` pictures are augmented in training. The augmentation of a picture depends
    on that seed, the epoch and the picture alone, not on the order of the calls.
    """

    def take(index: Tensor, epoch: int | None) -> Tensor:
        augment = None
        if augment_seed is not None and epoch is not None:
            augment = lambda item: generator(augment_seed, "augment", epoch, item)  # noqa: E731
        return parts.to_accelerator(split.batch(index[0], backbone.preprocess, augment))

    return take


def features(parts) -> dict[str, Tensor]:
    """Features by split under the row's backbone as it is, and the `seconds` that they take.

    Stored by item, so that every division of the same items shares them.
    """
    if parts.planted_features is not None:
        return parts.planted_features
    pool = pool_key(parts)
    return parts.session.once("features" + pool + parts.dataset.key, lambda: _load(parts, pool))


def pool_key(parts) -> str:
    """Key of the pool with the features of all items, in whatever division."""
    identity = parts.variant.identity
    # Vectors may be scaled by their training split
    vectors = parts.dataset.kind != "pictures"
    modules = __name__, *parts.modules("backbone", "dataset")
    return store.key(
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


def missing_items(entry: store.Entry | None, splits: dict) -> set[str]:
    """Items of the splits that a pool lacks."""
    items = {item for split in splits.values() for item in split.items}
    return items - set(entry.values["items"] if entry else ())


@dataclass(frozen=True, eq=False)
class Scaling:
    """Scaling of features before the head, in each of several ways.

    names: the ways: `none`, or `standard` for mean 0 and deviation 1
    mean: of each feature, shape (features,)
    deviation: of each feature, shape (features,)
    """

    names: list[str]
    mean: Tensor | None = None
    deviation: Tensor | None = None

    def __call__(
        self, features: Float[Tensor, "*items features"]
    ) -> Float[Tensor, "names *items features"]:
        if self.mean is None:
            return features.unsqueeze(0)
        return torch.stack([self._scale(features, name) for name in self.names])

    def statistics(self, name: str) -> dict[str, Tensor]:
        """Mean and deviation of the way of this name; nothing where features stay as they are."""
        return {} if name == "none" else {"mean": self.mean, "deviation": self.deviation}

    def _scale(self, features: Tensor, name: str) -> Tensor:
        """Features scaled in the way of this name."""
        return features if name == "none" else (features - self.mean) / self.deviation


def scalings(names: list[str], train_features: Callable[[], Tensor]) -> Scaling:
    """Fit feature scaling on the features of the training split alone, (items, features)."""
    if set(names) == {"none"}:
        return Scaling(names)
    features = train_features()
    mean = features.mean(0)
    deviation = features.std(0, correction=0)
    # A constant feature may move once the network is trained
    deviation = torch.where(deviation < MIN_DEVIATION, 1, deviation)
    return Scaling(names, mean, deviation)


def _load(parts, pool: str) -> dict[str, Tensor]:
    """Features of the row's items, by split; those that the pool lacks are computed and added."""
    splits = parts.dataset.splits
    entry = parts.session.store.get("features", pool)
    if missing_items(entry, splits):
        entry = _complete_pool(parts, pool, splits)
    index = {item: number for number, item in enumerate(entry.values["items"])}
    values = torch.from_numpy(entry.arrays["features"])
    loaded = {}
    for name, split in splits.items():
        loaded[name] = values[[index[item] for item in split.items]].to(parts.accelerator)
    count = sum(map(len, splits.values()))
    return loaded | {"seconds": torch.tensor(entry.values["seconds"] * count / len(index))}


def _complete_pool(parts, pool: str, splits: dict) -> store.Entry:
    """Pool with all items of the splits; another process may have completed it meanwhile."""
    session = parts.session
    large = is_large(parts.backbone)
    with session.store.lock("features", pool), session.threads(large=large):
        entry = session.store.get("features", pool)
        if missing_items(entry, splits):
            for extended in _extend_pool(parts, entry, splits):
                entry = extended
                session.store.put("features", pool, entry)
    return entry


def _extend_pool(parts, entry: store.Entry | None, splits: dict) -> Iterator[store.Entry]:
    """Compute the features that a pool lacks; yield the pool from time to time, at last whole.

    So a run that is killed resumes where it was. An item's features do not depend on the items
    beside it.
    """
    began = time.perf_counter()
    missing = missing_items(entry, splits)
    pieces = []
    due = began + POOL_INTERVAL_S
    positions = {
        item: (split, index)
        for split in splits.values()
        for index, item in enumerate(split.items)
        if item in missing
    }
    waiting = list(positions.values())
    with contextlib.closing(compute(parts, waiting)) as computed:
        for piece in computed:
            pieces.append(piece)
            done = sum(map(len, pieces))
            parts.session.progress.step(f"features, {parts.dataset.noun}s", done, len(waiting))
            now = time.perf_counter()
            if now >= due and done < len(waiting):
                yield _join_pool(entry, list(positions)[:done], pieces, now - began)
                # Writing the pool does not count as time of the features
                written = time.perf_counter() - now
                began = began + written
                due = time.perf_counter() + max(POOL_INTERVAL_S, POOL_INTERVAL_PER_WRITE * written)
    yield _join_pool(entry, list(positions), pieces, time.perf_counter() - began)


def compute(parts, positions: list[Position]) -> Generator[Tensor, None, None]:
    """Compute features of items, chunk by chunk, as the backbone evaluates them fastest."""
    size = chunk(parts.backbone)
    settled = parts.backbone.settled
    backbone = settled() if settled else parts.backbone
    chunks = [positions[at : at + size] for at in range(0, len(positions), size)]
    batches = _read_ahead(lambda positions: _read_items(parts, positions), chunks)
    with contextlib.closing(batches):
        for batch in batches:
            # A smaller batch would be rounded otherwise
            padding = batch[-1:].expand(size - len(batch), *batch.shape[1:])
            padded = torch.cat([batch, padding])
            with torch.inference_mode():
                yield backbone(padded)[: len(batch)].cpu()


def _join_pool(
    entry: store.Entry | None, items: list[str], pieces: list[Tensor], seconds: float
) -> store.Entry:
    """A pool with further items, and the seconds that all of it took."""
    features = torch.cat(pieces).numpy()
    if entry is not None:
        items = entry.values["items"] + items
        features = np.concatenate([entry.arrays["features"], features])
        seconds += entry.values["seconds"]
    return store.Entry({"items": items, "seconds": seconds}, {"features": features})


def _read_items(parts, positions: list[Position]) -> Tensor:
    """Items as the backbone takes them."""
    batches = []
    for split, group in itertools.groupby(positions, key=lambda position: position[0]):
        index = [number for _, number in group]
        batches.append(split.batch(index, parts.backbone.preprocess))
    return parts.to_accelerator(torch.cat(batches))


def _read_ahead(
    read: Callable[[list[Position]], Tensor], chunks: Iterable[list[Position]]
) -> Generator[Tensor, None, None]:
    """Items of each chunk, as tensors; the next chunk is read while one is in use."""
    with ThreadPoolExecutor(1) as reader:
        waiting = None
        for positions in chunks:
            following = reader.submit(read, positions)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
