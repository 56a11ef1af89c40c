"""Training of ensembles, one after another; the test split is not read here."""

import functools
import math
import time
from collections.abc import Iterator

import torch

from qtlrun import memory, store, train
from qtlrun.checkpoint import Keeper, Record, State
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.experiment import feature
from qtlrun.experiment.cost import count_costs
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.group import group_trainings, shared_key
from qtlrun.experiment.key import row_key
from qtlrun.experiment.local import is_remote
from qtlrun.experiment.sequence import count_epochs, fit_phases, list_phases
from qtlrun.experiment.temperature import fit_temperatures
from qtlrun.store import Entry

# A training that takes longer is announced
MAX_SILENT_S = 60
# Kind of artifact: the state of a training until its rows are finished
PROGRESS = "progress"


def fit(
    label: str, trainings: list[Training]
) -> Iterator[list[tuple[Training, Outcome | Failure]]]:
    """Train in ensembles; yield the trainings of each with their outcomes or failures."""
    groups = group_trainings(trainings)
    total = sum(group[0].parts.epochs for group in groups)
    done = 0
    for group in groups:
        progress = group[0].parts.session.progress
        ensemble = build_ensemble(group)
        with ensemble.threads():
            if not done:
                _announce(label, ensemble, len(groups))
            progress.step(f"{label}, epochs", done, total)
            began = time.perf_counter()
            records = []
            for record in _fit_ensemble(ensemble):
                records.append(record)
                done += 1
                progress.step(f"{label}, epochs", done, total)
            scaling = _fit_temperatures(ensemble)
            seconds = time.perf_counter() - began
        # Of a training that was resumed, all of it
        seconds = max(seconds, sum(record.seconds for record in records)) / len(group)
        yield list(_outcomes(ensemble, records, seconds, scaling))
        _forget(group)


def _fit_ensemble(ensemble: Ensemble) -> Iterator[Record]:
    """Train by epochs, or solve a head that has a solution."""
    if ensemble.parts.solved:
        yield _solve(ensemble)
        return
    yield from fit_phases(ensemble, _keeper(ensemble.trainings))


def _solve(ensemble: Ensemble) -> Record:
    """Solve a head, and record how it does on its items."""
    solve_head(ensemble)
    splits = (ensemble.data["train"], ensemble.data["validation"])
    (loss, _), (nll, accuracy) = (
        train.score(train.evaluate(ensemble.head, data, 1), data.labels) for data in splits
    )
    return Record(0, loss.tolist(), nll.tolist(), accuracy.tolist(), [0], [0.0], 0.0)


def solve_head(ensemble: Ensemble, most: int | None = None) -> None:
    """Solve a head, once for equal features and for those seeds that its solution depends on.

    most: items of a split that it is solved for, spread evenly; None: all
    """
    parts = ensemble.parts
    head = ensemble.head
    items = []
    for data in (ensemble.data["train"], ensemble.data["validation"]):
        count = data.count if most is None else min(most, data.count)
        index = torch.arange(count) * data.count // count
        items.append((data.take(index.unsqueeze(0), None)[0], data.labels[0][index]))

    def solve() -> dict:
        head.solve(*items)
        return head.state_dict()

    seeds = str(list(head.seeds))
    items_key = f"{id(parts.dataset)}{parts.planted_key}{most or ''}"
    key = "solved" + shared_key(parts) + items_key + ensemble.scales[0] + seeds
    head.load_state_dict(parts.session.once(key, solve))


def _outcomes(
    ensemble: Ensemble,
    records: list[Record],
    seconds: float,
    scaling: list[dict[str, float]],
) -> Iterator[tuple[Training, Outcome | Failure]]:
    """Outcome of each run, which took `seconds`; a failure where its loss is not finite.

    `scaling` has figures of each run's temperature.
    """
    costs = functools.cache(lambda run, epochs: count_costs(ensemble.alone(run), epochs))
    alike = ensemble.alike
    earlier = sum(count_epochs(ensemble.parts)[:-1])
    features_seconds = 0.0
    if ensemble.backbone is None:
        features_seconds = float(feature.features(ensemble.parts)["seconds"])
    for run, training in enumerate(ensemble.trainings):
        lost = [
            record.epoch + 1
            for record in records
            if not math.isfinite(record.loss[run] + record.nll[run])
        ]
        if lost:
            yield (
                training,
                Failure(
                    f"the loss is not finite from epoch {lost[0]} on;"
                    f" recipe.lr={training.parts.recipe.lr} may be too large"
                ),
            )
            continue
        curves = [_curve_point(record, run) for record in records]
        yield (
            training,
            Outcome(
                curves=curves,
                best_epoch=records[-1].best[run] + 1,
                scale=ensemble.scales[run],
                scale_asked=training.parts.recipe.scale,
                seconds=seconds,
                features_seconds=features_seconds,
                figures=costs(alike[run], len(curves) - earlier) | scaling[run],
                weights=_weights(ensemble, run),
            ),
        )


def _fit_temperatures(ensemble: Ensemble) -> list[dict[str, float]]:
    """Temperature of each run at its best epoch, from validation logits, as figures.

    None where validation is the test split, which may not fit it, and on a device elsewhere, which
    would be sent the split once more.
    """
    runs = len(ensemble.trainings)
    dataset = ensemble.parts.dataset
    if dataset.validation is dataset.test or is_remote(ensemble.parts):
        return [{} for _ in range(runs)]
    data = ensemble.data["validation"]
    logits = train.evaluate(ensemble.whole, data, runs).cpu().double().numpy()
    fitted = fit_temperatures(logits, data.labels.numpy())
    return [
        {"temperature": float(value), "validation_separable": float(separable)}
        for value, separable in zip(fitted.values, fitted.separable, strict=True)
    ]


def _curve_point(record: Record, run: int) -> dict[str, float]:
    """Figures of one epoch of a run."""
    values = {name: getattr(record, name)[run] for name in ("lr", "loss", "nll", "accuracy")}
    return {"epoch": record.epoch + 1} | values


def _weights(ensemble: Ensemble, run: int) -> dict:
    """State of one run: its head, generator and backbone, and the scaling of features."""
    scaling = ensemble.scalings[run].statistics(ensemble.scales[run])
    weights = {f"scaling.{name}": value.cpu().numpy() for name, value in scaling.items()}
    for module, part in ensemble.modules.items():
        for name, value in part.state_dict().items():
            state = value if module == "backbone" else value[run]
            weights[f"{module}.{name}"] = state.detach().cpu().numpy()
    return weights


def _keeper(trainings: list[Training]) -> Keeper | None:
    """Keeper of an ensemble's state; None where its draws come from one stream."""
    parts = trainings[0].parts
    if not parts.exact:
        return None
    key = _progress_key(trainings)
    session = parts.session

    def get() -> State | None:
        artifact = None if session.fresh else session.store.get(PROGRESS, key)
        return artifact.arrays if artifact else None

    return Keeper(get, lambda state: session.store.put(PROGRESS, key, Entry({}, state)))


def _forget(trainings: list[Training]) -> None:
    """Drop the state of an ensemble that has ended."""
    trainings[0].parts.session.store.drop(PROGRESS, _progress_key(trainings))


def _progress_key(trainings: list[Training]) -> str:
    """Key of an ensemble's state."""
    keys = [row_key(training.parts, training.seed) for training in trainings]
    return store.key(progress=keys, given=trainings[0].parts.planted_key)


def _announce(label: str, ensemble: Ensemble, count: int) -> None:
    """Announce the time of so many ensembles, and the memory of a step, where that is long."""
    parts = ensemble.parts
    if parts.solved or not parts.exact:
        # A timing step would draw from the shots
        return
    if ensemble.backbone is not None:
        parts.freeze.apply(ensemble.backbone, 0)
    data = ensemble.data["train"]
    steps = math.ceil(data.count / parts.recipe.batch_size)
    seconds = 0.0
    for phase in list_phases(ensemble):
        pace = train.pace(phase.module, parts.recipe, data, len(ensemble.trainings))
        seconds += pace * steps * phase.epochs * count
    if seconds > MAX_SILENT_S:
        gibibytes = memory.peak() / 2**30
        parts.session.progress.say(
            f"{label}: training takes about {seconds / 60:.0f} min and {gibibytes:.1f} GiB of"
            " memory."
        )
