"""Scikit-learn's scans of handwritten digits: bundled with it, no download."""

import hashlib

import torch

from qtlrun.dataset.bundled import read_table
from qtlrun.dataset.split import (
    Split,
    check_draw,
    draw_stratified,
    fingerprint,
    prefix_errors,
    subsample,
    take_fold,
)

CLASSES = list(range(10))


class Digits:
    """8 x 8 grey scans of the digits `classes`.

    Of each class the part `share` (from, to) in the order of the file is used. `train` and
    `validation` are numbers of scans a class, or shares of them; the rest is the test split. Two
    tasks whose shares do not overlap have no scan in common. With a `fold` [k, K], part k (from 0)
    of the K into which `split_seed` divides every class is the test split, and scans that neither
    train nor validation takes are left out. Of train, `train_size` scans are used, all classes
    together, or that share; a larger size has every scan of a smaller one. Source: the UCI
    archive's optical recognition of handwritten digits.
    """

    def __init__(
        self,
        classes: list[int],
        share: list[float],
        train: int | float,
        validation: int | float,
        split_seed: int = 0,
        train_size: int | float | None = None,
        fold: list[int] | None = None,
    ):
        if len(set(classes)) < len(classes) or len(classes) < 2 or not set(classes) <= set(CLASSES):
            raise ValueError(f"classes={classes}: two or more different digits, 0 to 9.")
        if len(share) != 2 or not 0 <= share[0] < share[1] <= 1:
            raise ValueError(f"share={share}: from and to, 0 <= from < to <= 1.")
        for name, count in (("train", train), ("validation", validation)):
            if count <= 0 or (isinstance(count, float) and count >= 1):
                raise ValueError(
                    f"{name}={count}: scans a class, from 1 up, or their share, between 0 and 1."
                )
        check_draw(train_size, fold)
        scans, labels = _scans(tuple(classes), *share)
        self.classes = tuple(str(digit) for digit in classes)
        items = tuple(hashlib.sha256(scan.numpy().tobytes()).hexdigest() for scan in scans)
        whole = Split(scans, labels, items)
        test, rest = take_fold(whole, fold, split_seed, self.classes) if fold else (None, whole)
        with prefix_errors(
            f"train={train}, validation={validation}" + f", fold={fold}" * bool(fold)
        ):
            indices = draw_stratified(
                rest.labels, (train, validation), split_seed, names=self.classes
            )
            if not fold and not len(indices[-1]):
                raise ValueError("no scan is left for the test split; take fewer.")
        parts = [rest.subset(index) for index in indices]
        parts = [
            subsample(parts[0], train_size, split_seed, self.classes),
            parts[1],
            test if fold else parts[2],
        ]
        self.train, self.validation, self.test = parts
        self.size = len(whole)
        self.fingerprint = fingerprint(
            dict(zip(("train", "validation", "test"), parts, strict=True))
        )

    def verify(self, step=lambda done, total: None) -> None:
        """Nothing to verify: the scans are numbers already."""


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
