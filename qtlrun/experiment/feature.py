"""Pictures to tensors, and the features of a backbone that does not move, computed once."""
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from qtlrun import store
from qtlrun.layer import generator

SPLITS = ("train", "validation", "test")
SOURCES = ("backbone", "dataset", "experiment/feature.py", "experiment/parts.py")
LARGE = 1_000_000  # weights; a smaller backbone takes more pictures at once


def chunk(backbone: nn.Module) -> int:
    """Pictures that go through a backbone at once when nothing is trained."""
    return 32 if _large(backbone) else 512


@contextlib.contextmanager
def threads(backbone: nn.Module | None):
    """One thread for heads and small backbones: more gain nothing, wait for each other on a busy machine, and would let
    the bits depend on how many there are, and on how many seeds."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if backbone is not None and _large(backbone) else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pictures(parts, split, backbone: nn.Module, augment_seed: int | None = None) -> Callable[[Tensor, int | None], Tensor]:
    """Batches of a split as a backbone takes them, for `train.Data`; in training augmented where a seed is given.

    What is done to a picture depends on that seed, the epoch and the picture alone, not on who asks when.
    """
    def take(index: Tensor, epoch: int | None) -> Tensor:
        augment = None
        if augment_seed is not None and epoch is not None:
            augment = lambda item: generator(augment_seed, "augment", epoch, item)  # noqa: E731
        return parts.place(split.batch(index[0], backbone.preprocess, augment))
    return take


def features(parts) -> dict[str, Tensor]:
    """Features of the three splits under the row's backbone as it is, and the seconds that they took, by name."""
    said = parts.identity()
    key = store.key(**{name: said[name] for name in ("backbone", "dtype", "accelerator", "weights", "data", "plugins", "versions")},
                    sources=store.sources(*SOURCES))
    return parts.session.once("features" + key, lambda: _load(parts, key))


def scaling(parts) -> Callable[[Tensor], Tensor]:
    """What is done to features before the head, with statistics of the training split alone."""
    if parts.recipe.scale == "none":
        return lambda given: given
    known = features(parts)["train"]
    mean, deviation = known.mean(0), known.std(0, correction=0).clamp_min(1e-6)
    return lambda given: (given - mean) / deviation


def _large(backbone: nn.Module) -> bool:
    return sum(parameter.numel() for parameter in backbone.parameters()) > LARGE


def _load(parts, key: str) -> dict[str, Tensor]:
    kept = parts.session.store
    entry = kept.get("features", key)
    if entry is None:
        with kept.lock("features", key), threads(parts.backbone):
            entry = kept.get("features", key) or _extract(parts)
            kept.put("features", key, entry)
    tensors = {name: torch.from_numpy(array).to(parts.accelerator) for name, array in entry.arrays.items()}
    return tensors | {"seconds": torch.tensor(entry.values["seconds"])}


@torch.inference_mode()
def _extract(parts) -> store.Entry:
    began, done, arrays = time.perf_counter(), 0, {}
    backbone = getattr(parts.backbone, "settled", lambda: parts.backbone)()
    for name in SPLITS:
        split, pieces = getattr(parts.dataset, name), []
        take = pictures(parts, split, parts.backbone)
        with contextlib.closing(_ahead(take, torch.arange(len(split)).split(chunk(parts.backbone)))) as batches:
            for batch in batches:
                pieces.append(backbone(batch).cpu())
                done += len(batch)
                parts.session.step("features, pictures", done, parts.dataset.size)
        arrays[name] = torch.cat(pieces).numpy()
    return store.Entry({"seconds": time.perf_counter() - began}, arrays)


def _ahead(take: Callable[[Tensor, int | None], Tensor], chunks: Iterable[Tensor]) -> Iterator[Tensor]:
    """The batches of these indices; the next one is read while one is at work."""
    with ThreadPoolExecutor(1) as reader:
        waiting = None
        for index in chunks:
            following = reader.submit(take, index.unsqueeze(0), None)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
