"""Evaluation of trained ensembles: the only reader of the test split."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun import train
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.experiment.circuit import compile_exact, plain_head
from qtlrun.experiment.cost import generator_angles, trained_angles
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble, load_weights
from qtlrun.experiment.group import group_trainings
from qtlrun.experiment.local import is_remote
from qtlrun.head import scikit
from qtlrun.parametrization import generator as generators

# Training items over which effective angles are counted
EFFECTIVE_ITEMS = 64
SHOTS = tuple(10**power for power in range(3, 9))


@dataclass(frozen=True)
class Details:
    """Figures of a run beside its logits, and arrays of test accuracies by shots."""

    figures: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def evaluate(
    trained: dict[Training, Outcome], *, detailed: bool = True
) -> Iterator[tuple[Training, Outcome | Failure]]:
    """Test the outcomes of trainings; the one place that sees the test split.

    `detailed` adds the accuracy on the training split (not on a device elsewhere, which would be
    sent it all once more), effective angles, probability inside a cutoff, and figures of a
    generator.
    """
    for trainings in group_trainings(list(trained)):
        ensemble = build_ensemble(trainings)
        load_weights(ensemble, [trained[training].weights for training in trainings])
        data = ensemble.data["test"]
        runs = len(trainings)
        began = time.perf_counter()
        with ensemble.threads():
            logits = train.evaluate(ensemble.whole, data, runs).cpu().double()
            seconds = (time.perf_counter() - began) / runs
            details = _details(ensemble) if detailed else [Details()] * runs
        labels = data.labels.expand(runs, -1).numpy()
        for run, training in enumerate(trainings):
            if not logits[run].isfinite().all():
                yield training, Failure("a test figure is not finite")
                continue
            arrays = {"logits": logits[run].numpy(), "labels": labels[run]}
            yield (
                training,
                trained[training].evaluated(
                    seconds, details[run].figures, arrays | details[run].arrays
                ),
            )


def evaluate_refitted(
    trained: dict[Training, Outcome], penalties: list[float]
) -> Iterator[tuple[Training, Outcome]]:
    """Test outcomes with a linear readout that is refitted to what their circuits give.

    The outputs of every item are measured once; the readout is a logistic regression on those of
    the training split, its L2 penalty chosen by those of the validation split.
    """
    for trainings in group_trainings(list(trained)):
        ensemble = build_ensemble(trainings)
        load_weights(ensemble, [trained[training].weights for training in trainings])
        runs = len(trainings)
        with ensemble.threads():
            outputs = {name: _measure_outputs(ensemble, name) for name in ensemble.data}
        labels = {name: data.labels.expand(runs, -1) for name, data in ensemble.data.items()}
        for run, training in enumerate(trainings):
            train_items, validation_items = (
                (outputs[name][run], labels[name][run]) for name in ("train", "validation")
            )
            weights, bias = scikit.logistic(train_items, validation_items, penalties)
            logits = outputs["test"][run].double() @ weights.T + bias
            arrays = {"logits": logits.numpy(), "labels": labels["test"][run].numpy()}
            yield training, trained[training].evaluated(0, {}, arrays)


@torch.no_grad()
def _measure_outputs(ensemble: Ensemble, split: str) -> Float[Tensor, "runs items outputs"]:
    """Outputs of each run's circuit for the items of a split."""
    ensemble.whole.eval()
    batches = ensemble.batches(split)
    outputs = [ensemble.head.activations(batch)["outputs"] for batch in batches]
    return torch.cat(outputs, dim=1).cpu()


def rank_generator(training: Training, outcome: Outcome) -> dict[str, int]:
    """Rank of a finished training's generator, by name; nothing where its Jacobian is too large."""
    ensemble = build_ensemble([training])
    load_weights(ensemble, [outcome.weights])
    with ensemble.threads():
        rank = generators.rank(ensemble.generator, 0)
    return {} if rank is None else {"generator_rank": rank}


def _details(ensemble: Ensemble) -> list[Details]:
    """Figures beside the logits, by run."""
    ensemble = replace(ensemble, head=plain_head(ensemble))
    data = ensemble.data["train"]
    runs = len(ensemble.trainings)
    is_elsewhere = is_remote(ensemble.parts)
    if not is_elsewhere:
        _, accuracies = train.score(train.evaluate(ensemble.whole, data, runs), data.labels)
    angles = _effective_angles(ensemble)
    shares = _probability_shares(ensemble) | _saturated_shares(ensemble) | _lost_norms(ensemble)
    generator_details = _generator_details(ensemble)
    details = []
    for run in range(runs):
        figures = {} if is_elsewhere else {"train_accuracy": float(accuracies[run])}
        figures |= {name: float(values[run]) for name, values in shares.items()}
        if angles is not None:
            figures["angles_effective"] = angles[run]
        details.append(
            Details(figures | generator_details[run].figures, generator_details[run].arrays)
        )
    return details


@torch.no_grad()
def _generator_details(ensemble: Ensemble) -> list[Details]:
    """Live angles of each run's generator, and test accuracies with probabilities from shots."""
    generator = ensemble.generator
    seeds = ensemble.seeds
    if generator is None or not generator.simulates:
        return [Details() for _ in seeds]
    data = ensemble.data["test"]
    accuracies = []
    for shots in SHOTS:
        estimated = generator.raw.estimated(shots, seeds)
        logits = train.evaluate(ensemble.whole, data, len(seeds), estimated)
        accuracies.append(train.score(logits, data.labels)[1])
    by_shots = torch.stack(accuracies)
    trained = generator_angles(ensemble)
    return [
        Details(
            {"angles_live": generators.live(generator, run) if trained else 0},
            {"shots": torch.tensor(SHOTS).numpy(), "shots_accuracy": by_shots[:, run].numpy()},
        )
        for run in range(len(seeds))
    ]


def _effective_angles(ensemble: Ensemble) -> list[int] | None:
    """Effective angles of each run, simulated without shots; 0 without trained angles.

    None where the circuit without chance is too large.
    """
    runs = len(ensemble.trainings)
    angles = trained_angles(ensemble)
    if angles is None or not angles.numel() or ensemble.head.effective is None:
        return [0] * runs
    run = compile_exact(ensemble)
    if run is None:
        return None
    data = ensemble.data["train"]
    index = torch.arange(data.count)[:EFFECTIVE_ITEMS].expand(runs, -1)
    items = data.take(index, None)
    head = ensemble.head
    ensemble.whole.eval()
    with torch.no_grad():
        features = items if ensemble.backbone is None else ensemble.whole.features(items)
        ranks = head.effective(features, run)
    if angles not in ensemble.holds:
        return ranks
    held = ensemble.holds[angles].tolist()
    return [0 if holds else count for holds, count in zip(held, ranks, strict=True)]


@torch.no_grad()
def _probability_shares(ensemble: Ensemble) -> dict[str, Tensor]:
    """Probability inside the cutoff and in the selection, mean over test items, by name and run.

    Where backbone and head are photonic, the head's is what is left at the end of both.
    """
    runs = len(ensemble.trainings)
    shares = {}
    parts = ensemble.parts
    backbone = ensemble.backbone if ensemble.backbone is not None else parts.backbone
    if backbone.retention is not None and parts.planted_features is None:
        test = parts.dataset.test
        items = [
            parts.to_accelerator(test.batch(index[0], backbone.preprocess))
            for index in ensemble.indices("test")
        ]
        for name, values in _by_name(map(backbone.retention, items)).items():
            shares[name] = torch.cat(values).expand(runs, -1)
    if ensemble.head.retention is not None:
        for name, values in _by_name(
            map(ensemble.head.retention, ensemble.batches("test"))
        ).items():
            shares[name] = torch.cat(values, -1)
    return {name: values.double().mean(-1).cpu() for name, values in shares.items()}


@torch.no_grad()
def _saturated_shares(ensemble: Ensemble) -> dict[str, Tensor]:
    """Share of a head's squashed inputs at their ends, mean over validation items, by run."""
    if ensemble.head.saturated is None:
        return {}
    ensemble.whole.eval()
    batches = ensemble.batches("validation")
    shares = torch.cat([ensemble.head.saturated(batch) for batch in batches], -1)
    return {"inputs_saturated": shares.double().mean(-1).cpu()}


@torch.no_grad()
def _lost_norms(ensemble: Ensemble) -> dict[str, Tensor]:
    """Mean over validation items of the norm that a head loses, and its spread, by run."""
    if ensemble.head.norms is None:
        return {}
    ensemble.whole.eval()
    batches = ensemble.batches("validation")
    norms = torch.cat([ensemble.head.norms(batch) for batch in batches], -1).double().cpu()
    mean = norms.mean(-1)
    return {"norm_lost": mean, "norm_spread": norms.std(-1, correction=0) / mean}


def _by_name(batches: Iterable[dict[str, Tensor]]) -> dict[str, list[Tensor]]:
    """Values of dicts with the same names, by name."""
    batches = list(batches)
    values = {}
    for name in batches[0]:
        values[name] = [batch[name] for batch in batches]
    return values
