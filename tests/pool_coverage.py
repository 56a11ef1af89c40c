"""Print the coverage of intervals over splits of real data.

    python tests/pool_coverage.py [POOLS]

A pool is some hundred of the 12,000 cats and dogs of CIFAR-10, as features of MobileNetV2. A study
trains two heads on a few splits of it and estimates the difference of their NLL. The true mean is
measured with more splits, on thousands of pictures outside the pool. WEIGHTS names the backbone's
file, QTLRUN_DATA the folder of cifar10_pairs. The features go to the store.
"""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import source, store
from qtlrun.backbone.torchvision import Torchvision
from qtlrun.dataset.folder import folder
from qtlrun.dataset.split import Split
from qtlrun.dataset.splitting import Splitting
from qtlrun.statistic import interval, resampled

SPLITS = 5, 10, 20  # of a study
TRAININGS = 80  # on splits of a pool; a study has the first of them, the true mean all
FRESH = 4000  # pictures outside the pool, for the true mean
COMPONENTS = 32  # inputs of the heads


class Design(NamedTuple):
    """Sizes of a pool and of each split; official: all splits have one test set, outside it."""

    pool: int
    train: int
    test: int
    kind: Literal["official", "redrawn"]


DESIGNS = (
    Design(240, 190, 150, "official"),
    Design(240, 144, 48, "redrawn"),
    Design(300, 150, 100, "redrawn"),
    Design(428, 40, 308, "redrawn"),
)


class Pool(NamedTuple):
    """Trainings on the splits of a pool; values are differences of the heads' NLL in nats."""

    values: Float[np.ndarray, "splits pictures"]  # of the studied splits' test items
    items: list[list[str]]  # their names
    means: Float[np.ndarray, " trainings"]  # over the fresh pictures

    def true_mean(self, splits: int) -> float:
        """Mean over all splits of the pool, for a study of the first `splits`.

        Weighted so that its distance from the study's mean varies as with infinitely many splits.
        """
        studied = self.means[:splits].mean()
        others = self.means[splits:].mean()
        return studied + np.sqrt(1 - splits / len(self.means)) * (others - studied)


def load() -> tuple[Float[Tensor, "items components"], Float[Tensor, " items"]]:
    """Leading principal components of the pictures' features, scaled; labels as -1 and 1."""
    root = os.environ["QTLRUN_DATA"] + "/cifar10_pairs"
    splits = list(folder(root, Splitting(), classes=["cat", "dog"]).splits.values())
    features = read_features(splits)
    centred = features - features.mean(0)
    variances, vectors = np.linalg.eigh(np.cov(centred.T))
    components = centred @ (vectors / np.sqrt(variances))[:, : -COMPONENTS - 1 : -1]
    signs = 2.0 * torch.cat([split.labels for split in splits]) - 1
    return torch.from_numpy(components).float().clip(-4, 4) / 2, signs


def read_features(splits: list[Split]) -> Float[np.ndarray, "items features"]:
    """Features of all items from the store; computed where they are not there yet."""
    half = [0.5] * 3
    backbone = Torchvision("mobilenet_v2", os.environ["WEIGHTS"], size=96, mean=half, std=half)
    cache = store.Store(os.environ.get("QTLRUN_HOME", "~/.cache/qtlrun"))
    items = [split.items for split in splits]
    sources = source.digest("qtlrun.backbone.torchvision", "qtlrun.dataset.folder")
    key = store.key(items=items, weights=backbone.fingerprint, size=96, sources=sources)
    entry = cache.get("pool_coverage", key)
    if entry is None:
        network = backbone.eval().settled()
        with torch.inference_mode():
            pieces = [
                network(split.batch(index, backbone.preprocess))
                for split in splits
                for index in torch.arange(len(split)).split(100)
            ]
        entry = store.Entry({}, {"features": torch.cat(pieces).numpy()})
        cache.put("pool_coverage", key, entry)
    return entry.arrays["features"].astype(np.float64)


def draw(design: Design, components: Tensor, signs: Tensor, *, number: int) -> Pool:
    """Draw a pool and its splits, and train both heads on each; `number` seeds it."""
    generator = np.random.default_rng([number, *design[:3]])
    order = generator.permutation(len(signs))
    outside = order[design.pool :]
    divided = generator.permuted(np.tile(order[: design.pool], (TRAININGS, 1)), axis=1)
    train = divided[:, : design.train]
    test = divided[:, -design.test :]
    if design.kind == "official":
        test = np.tile(outside[-design.test :], (TRAININGS, 1))
    fresh = outside[:FRESH]
    values = torch.zeros(test.shape)
    means = torch.zeros(TRAININGS)
    for sign, units in ((1, 8), (-1, 0)):
        nll = fit(components[train], signs[train], units=units, seed=number)
        values += sign * nll(components[test], signs[test])
        means += sign * nll(components[fresh], signs[fresh]).mean(1)
    names = [list(map(str, row)) for row in test[: max(SPLITS)].tolist()]
    return Pool(values[: max(SPLITS)].double().numpy(), names, means.double().numpy())


def fit(components: Tensor, signs: Tensor, *, units: int, seed: int) -> Callable[..., Tensor]:
    """Train logistic heads, each on a set of its own; return their NLL as a function."""
    generator = torch.Generator().manual_seed(seed)
    heads = len(components)
    hidden = 0.35 * torch.randn(heads, COMPONENTS, units, generator=generator)
    weight = torch.randn(heads, units or COMPONENTS, 1, generator=generator)
    weight = ((0.3 if units else 0.1) * weight).requires_grad_()
    bias = torch.zeros(heads, 1, requires_grad=True)

    # Items are the same for all heads (items, components), or (heads, items, components).
    def expand(components: Tensor) -> Tensor:
        return torch.tanh(components @ hidden) if units else components

    def nll(inputs: Tensor, signs: Tensor) -> Float[Tensor, "heads items"]:
        return nn.functional.softplus(-signs * ((inputs @ weight).squeeze(-1) + bias))

    groups = [{"params": weight, "weight_decay": 0.001}, {"params": bias}]
    optimizer = torch.optim.Adam(groups, lr=0.15, betas=(0.9, 0.99))
    inputs = expand(components)
    for _ in range(40):
        optimizer.zero_grad()
        nll(inputs, signs).mean(1).sum().backward()
        optimizer.step()
    return torch.no_grad()(lambda components, signs: nll(expand(components), signs))


def intervals(pool: Pool, design: Design, splits: int) -> Iterator[tuple[str, float, float]]:
    """Name and ends of each interval from the first splits of a pool."""
    values = pool.values[:splits]
    ours = resampled(values[:, None], pool.items[:splits], share=design.train / design.pool)
    yield "ours, this pool", ours.low, ours.high
    yield "ours, pools like it", ours.like_low, ours.like_high
    means = values.mean(1)
    held = design.pool - design.train if design.kind == "official" else design.test
    corrected = {"corrected t, held/train": held / design.train, "corrected t, 1/4": 0.25}
    for name, ratio in (corrected | {"t over splits": 0.0}).items():
        error = np.sqrt((1 / splits + ratio) * means.var(ddof=1))
        half = interval.quantile(splits - 1, 0.95) * error
        yield name, means.mean() - half, means.mean() + half


def report(design: Design, pools: list[Pool]) -> Iterator[str]:
    """Lines of the table: coverage and median half-width by number of splits and method."""
    cells = ", ".join(map(str, design[:3])) + f" {design.kind}"
    overall = np.mean([pool.means.mean() for pool in pools])
    for splits in SPLITS:
        lines: dict[str, list[tuple[bool, bool, float]]] = {}
        for pool in pools:
            truth = pool.true_mean(splits)
            for name, low, high in intervals(pool, design, splits):
                line = low <= truth <= high, low <= overall <= high, (high - low) / 2
                lines.setdefault(name, []).append(line)
        for name, values in lines.items():
            covered, like, half = np.transpose(values)
            results = f"{covered.mean():.3f} | {like.mean():.3f} | {np.median(half):.3f}"
            yield f"| {cells} | {splits} | {name} | {results} |"


def main(pools: int) -> None:
    components, signs = load()
    print(
        f"Coverage of 95 % intervals of a difference in NLL, {pools} pools a design. Design:"
        " pictures in the pool, in train and in test; official: all splits have one test set that"
        " is not of the pool, redrawn: each tests pictures of the pool. Method: ours (`resampled`),"
        " the corrected resampled t with pictures held out over those in train and with 1/4, t over"
        " split means. This pool: share of intervals with the mean over all splits of their pool;"
        " all pools: with the mean over pools. Half-width: median, nats. By chance a coverage of"
        f" .950 is off by up to {1.96 * np.sqrt(0.05 * 0.95 / pools):.3f} (95 %).\n"
    )
    print("| design | splits | method | this pool | all pools | half-width |\n|" + " --- |" * 6)
    for design in DESIGNS:
        drawn = [draw(design, components, signs, number=number) for number in range(pools)]
        print("\n".join(report(design, drawn)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
