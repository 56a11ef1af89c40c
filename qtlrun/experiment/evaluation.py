"""Evaluation of what was trained: the only reader of the test split."""

import time
from collections.abc import Iterable, Iterator

import torch

from qtlrun import train
from qtlrun.comparison.row import Failure
from qtlrun.experiment import ensemble as models
from qtlrun.experiment import feature
from qtlrun.experiment.cost import generator_angles, trained_angles
from qtlrun.experiment.ensemble import Model, Run
from qtlrun.experiment.parts import Parts
from qtlrun.parametrization import generator as generators
from qtlrun.store import Entry

RANKED = 64  # training items over which the effective angles are counted
SHOTS = tuple(10**power for power in range(3, 9))


def evaluate(
    parts: Parts, learned: dict[int, Entry], ranked: bool = True
) -> Iterator[tuple[int, Entry | Failure]]:
    """Every seed of a row with its test figures beside what it learned; the one place that sees the
    test split.

    `ranked` adds the accuracy on the training split, effective angles, what a cutoff keeps, and
    what a generator can do.
    """
    for seeds in (
        [list(learned)] if learned and models.together(parts) else [[seed] for seed in learned]
    ):
        model = models.build([Run(parts, seed) for seed in seeds])
        models.load(model, [learned[seed] for seed in seeds])
        began = time.perf_counter()
        with feature.threads(model.backbone):
            logits = train.evaluate(model.whole, model.data["test"], len(seeds)).cpu().double()
            seconds = (time.perf_counter() - began) / len(seeds)
            more = _more(model) if ranked else [Entry({})] * len(seeds)
        for run, seed in enumerate(seeds):
            entry = learned[seed]
            if not logits[run].isfinite().all():
                yield seed, Failure("a test figure is not finite")
                continue
            values = {"seconds": entry.values["seconds"] + seconds} | more[run].values
            arrays = {
                "logits": logits[run].numpy(),
                "labels": model.data["test"].labels.numpy(),
            } | more[run].arrays
            yield seed, Entry(entry.values | values, entry.arrays | arrays)


def rank_generator(run: Run, learned: Entry) -> Entry:
    """The rank of a finished run's map, by name; nothing where its Jacobian is too large."""
    model = models.build([run])
    models.load(model, [learned])
    with feature.threads(model.backbone):
        rank = generators.rank(model.generator, 0)
    return Entry({} if rank is None else {"generator_rank": rank})


def _more(model: Model) -> list[Entry]:
    """Figures of a row beside its logits, for each run."""
    data = model.data["train"]
    runs = len(model.runs)
    _, seen = train.score(train.evaluate(model.whole, data, runs), data.labels)
    ranks = _effective(model)
    kept = _kept(model) | _saturated(model)
    made = _measured(model)
    values = [
        {"train_accuracy": float(seen[run]), "angles_effective": ranks[run]}
        | {name: float(shares[run]) for name, shares in kept.items()}
        for run in range(runs)
    ]
    return [Entry(mine | one.values, one.arrays) for mine, one in zip(values, made, strict=True)]


@torch.no_grad()
def _measured(model: Model) -> list[Entry]:
    """For each run its live angles, and the test accuracy with probabilities that were estimated
    from shots.
    """
    made = model.generator
    runs = range(len(model.runs))
    if made is None or not made.simulates:
        return [Entry({}) for _ in runs]
    live = [generators.live(made, run) if generator_angles(model) else 0 for run in runs]
    data = model.data["test"]
    seeds = [run.seed for run in model.runs]
    found = torch.stack(
        [
            train.score(
                train.evaluate(model.whole, data, len(seeds), made.raw.estimated(shots, seeds)),
                data.labels,
            )[1]
            for shots in SHOTS
        ]
    )
    return [
        Entry(
            {"angles_live": live[run]},
            {"shots": torch.tensor(SHOTS).numpy(), "shots_accuracy": found[:, run].numpy()},
        )
        for run in runs
    ]


def _effective(model: Model) -> list[int]:
    """Effective angles of each run, simulated without shots; 0 without trained angles."""
    parts = model.runs[0].parts
    runs = len(model.runs)
    angles = trained_angles(model)
    if angles is None or not angles.numel() or not hasattr(model.head, "effective"):
        return [0] * runs
    train_data = model.data["train"]
    items = train_data.take(torch.arange(len(train_data.labels))[:RANKED].expand(runs, -1), None)
    model.whole.eval()
    with torch.no_grad():
        features = items if model.backbone is None else model.whole.features(items)
        return model.head.effective(
            features, parts.ready.run(model.head.circuit, model.head.entangle)
        )


@torch.no_grad()
def _kept(model: Model) -> dict[str, torch.Tensor]:
    """Probability inside the cutoff and in the selection, mean over test items, by run.

    Where backbone and head are photonic, the head's is what is left at the end of both.
    """
    parts = model.runs[0].parts
    data = model.data["test"]
    found = {}
    backbone = model.backbone if model.backbone is not None else parts.backbone
    every = torch.arange(len(data.labels)).expand(len(model.runs), -1).split(data.chunk, dim=1)
    if hasattr(backbone, "retention") and parts.given is None:
        items = [
            parts.place(parts.dataset.test.batch(index[0], backbone.preprocess)) for index in every
        ]
        found |= {
            name: torch.cat(shares).expand(len(model.runs), -1)
            for name, shares in _gathered(map(backbone.retention, items)).items()
        }
    if hasattr(model.head, "retention"):
        inputs = (data.take(index, None) for index in every)
        features = inputs if model.backbone is None else map(model.whole.features, inputs)
        found |= {
            name: torch.cat(shares, -1)
            for name, shares in _gathered(map(model.head.retention, features)).items()
        }
    return {name: shares.double().mean(-1).cpu() for name, shares in found.items()}


@torch.no_grad()
def _saturated(model: Model) -> dict[str, torch.Tensor]:
    """Share of the squashed inputs of a head that are at their ends: mean over validation items, by
    run.
    """
    if not hasattr(model.head, "saturated"):
        return {}
    data = model.data["validation"]
    model.whole.eval()
    every = torch.arange(len(data.labels)).expand(len(model.runs), -1).split(data.chunk, dim=1)
    inputs = (data.take(index, None) for index in every)
    features = inputs if model.backbone is None else map(model.whole.features, inputs)
    shares = torch.cat([model.head.saturated(batch) for batch in features], -1)
    return {"inputs_saturated": shares.double().mean(-1).cpu()}


def _gathered(batches: Iterable[dict]) -> dict[str, list]:
    """Values of dicts with the same names, by name."""
    batches = list(batches)
    return {name: [batch[name] for batch in batches] for name in batches[0]}
