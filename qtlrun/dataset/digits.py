"""Scikit-learn's scans of handwritten digits: bundled with it, no download."""
import hashlib

import torch
from sklearn import datasets

from qtlrun.dataset.split import Split, fingerprint, stratified

CLASSES = list(range(10))


class Digits:
    """8 x 8 grey scans of the digits `classes`, of each the part `share` (from, to) in the order of the file.

    `train` and `validation` are numbers of scans a class, or shares of them; the rest is the test split. Two tasks whose
    shares do not overlap have no scan in common. Source: the UCI archive's optical recognition of handwritten digits.
    """

    def __init__(self, classes: list[int], share: list[float], train: int | float, validation: int | float,
                 split_seed: int = 0):
        if len(set(classes)) < len(classes) or len(classes) < 2 or not set(classes) <= set(CLASSES):
            raise ValueError(f"classes={classes}: two or more different digits, 0 to 9.")
        if len(share) != 2 or not 0 <= share[0] < share[1] <= 1:
            raise ValueError(f"share={share}: from and to, 0 <= from < to <= 1.")
        for name, count in (("train", train), ("validation", validation)):
            if count <= 0 or isinstance(count, float) and count >= 1:
                raise ValueError(f"{name}={count}: scans a class, from 1 up, or their share, between 0 and 1.")
        scans, labels = _scans(tuple(classes), *share)
        self.classes = tuple(str(digit) for digit in classes)
        items = tuple(hashlib.sha256(scan.numpy().tobytes()).hexdigest() for scan in scans)
        whole = Split(scans, labels, items)
        try:
            drawn = stratified(labels, (train, validation), split_seed, names=self.classes)
        except ValueError as error:
            raise ValueError(f"train={train}, validation={validation}: {error}") from None
        if not len(drawn[-1]):
            raise ValueError(f"train={train}, validation={validation}: no scan is left for the test split; take fewer.")
        parts = [whole.subset(part) for part in drawn]
        self.train, self.validation, self.test = parts
        self.size = len(whole)
        self.fingerprint = fingerprint(dict(zip(("train", "validation", "test"), parts, strict=True)))

    def verify(self, step=lambda done, total: None) -> None:
        """Nothing to verify: the scans are numbers already."""


def _scans(classes: tuple[int, ...], low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scans (items, 1, 8, 8) as uint8, and labels that count the classes in the order given."""
    bunch = datasets.load_digits()
    scans = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    digits = torch.from_numpy(bunch.target)
    chosen, labels = [], []
    for label, digit in enumerate(classes):
        places = (digits == digit).nonzero().squeeze(1)
        places = places[round(low * len(places)):round(high * len(places))]
        chosen.append(places)
        labels.append(torch.full_like(places, label))
    return scans[torch.cat(chosen)], torch.cat(labels)
