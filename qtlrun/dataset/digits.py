"""Scikit-learn's scans of handwritten digits: bundled with it, no download."""

import hashlib

import torch

from qtlrun.dataset.bundled import read_table
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import check_draw, draw_stratified, subsample, take_fold
from qtlrun.error import BadValue, UsageError, about_values

CLASSES = list(range(10))


def digits(
    classes: list[int],
    share: list[float],
    train: int | float,
    validation: int | float,
    split_seed: int = 0,
    train_size: int | float | None = None,
    fold: list[int] | None = None,
) -> Dataset:
    """8 x 8 grey scans of the digits `classes`.

    Of each class the part `share` (from, to) in the order of the file is used. `train` and
    `validation` are numbers of scans a class, or shares of them; the rest is the test split. Two
    tasks whose shares do not overlap have no scan in common. With a `fold` [k, K], part k (from 0)
    of the K into which `split_seed` divides every class is the test split, and scans that neither
    train nor validation takes are left out. Of train, `train_size` scans are used, all classes
    together, or that share; a larger size has every scan of a smaller one. Source: the UCI
    archive's optical recognition of handwritten digits.
    """
    if len(set(classes)) < len(classes) or len(classes) < 2 or not set(classes) <= set(CLASSES):
        raise BadValue("classes", classes, "two or more different digits, 0 to 9")
    if len(share) != 2 or not 0 <= share[0] < share[1] <= 1:
        raise BadValue("share", share, "from and to, 0 <= from < to <= 1")
    for name, count in (("train", train), ("validation", validation)):
        if not count > 0 or (isinstance(count, float) and count >= 1):
            raise BadValue(name, count, "scans a class, from 1 up, or their share, between 0 and 1")
    check_draw(train_size, fold)
    names = tuple(map(str, classes))
    scans, labels = _scans(tuple(classes), *share)
    items = tuple(hashlib.sha256(scan.numpy().tobytes()).hexdigest() for scan in scans)
    whole = Split(scans, labels, items)
    test, rest = take_fold(whole, fold, split_seed, names) if fold else (None, whole)
    with about_values(train=train, validation=validation, **({"fold": fold} if fold else {})):
        indices = draw_stratified(rest.labels, (train, validation), split_seed, names=names)
        if not fold and not len(indices[-1]):
            raise UsageError("no scan is left for the test split", "take fewer")
    parts = {
        "train": subsample(rest.subset(indices[0]), train_size, split_seed, names),
        "validation": rest.subset(indices[1]),
        "test": test if fold else rest.subset(indices[2]),
    }
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=names,
        size=len(whole),
        fingerprint=fingerprint(parts),
    )


def _scans(classes: tuple[int, ...], low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scans (items, 1, 8, 8) as uint8, and labels that count the classes in the order given."""
    table = torch.from_numpy(read_table("digits.csv.gz"))
    scans = table[:, :-1].reshape(-1, 1, 8, 8).mul(255 / 16).round().to(torch.uint8)
    digits = table[:, -1].long()
    indices = []
    labels = []
    for label, digit in enumerate(classes):
        index = (digits == digit).nonzero().squeeze(1)
        index = index[round(low * len(index)) : round(high * len(index))]
        indices.append(index)
        labels.append(torch.full_like(index, label))
    return scans[torch.cat(indices)], torch.cat(labels)
