"""Training of runs, as many as can be in one program; the test split is not read here."""

import math
import resource
import time
from collections.abc import Iterator

import torch

from qtlrun import store, train
from qtlrun.checkpoint import Keeper, Record, State
from qtlrun.comparison.row import Failure
from qtlrun.experiment import ensemble as models
from qtlrun.experiment import feature
from qtlrun.experiment.cost import counts
from qtlrun.experiment.ensemble import Model, Run
from qtlrun.store import Entry

LONG = 60  # seconds; a training that takes longer is announced
PROGRESS = "progress"  # kind of entry: the state of a training until its rows are finished


def train_runs(label: str, runs: list[Run]) -> Iterator[list[tuple[Run, Entry | Failure]]]:
    """Program by program each run with what it learned, values and weights, or why it failed."""
    programs = models.programs(runs)
    epochs = [1 if group[0].parts.solved else group[0].parts.recipe.epochs for group in programs]
    total = sum(epochs)
    done = 0
    for group in programs:
        parts = group[0].parts
        model = models.build(group)
        with feature.threads(model.backbone):
            if not done:
                _announce(label, model, len(programs))
            parts.session.step(f"{label}, epochs", done, total)
            began = time.perf_counter()
            records = []
            for record in _learn(model):
                records.append(record)
                done += 1
                parts.session.step(f"{label}, epochs", done, total)
            seconds = max(
                time.perf_counter() - began, sum(record.seconds for record in records)
            ) / len(group)  # of one resumed, all of it
        yield list(_outcomes(model, records, seconds))
        _forget(group)


def _learn(model: Model) -> Iterator[Record]:
    """Train a model by epochs, or solve its head where it is one that can be: once for equal
    features, and seeds it names.
    """
    first = model.runs[0]
    splits = (model.data["train"], model.data["validation"])
    if not first.parts.solved:
        yield from train.fit(
            model.whole,
            model.backbone,
            [run.parts.recipe for run in model.runs],
            first.parts.freeze,
            *splits,
            [run.seed for run in model.runs],
            _keeper(model.runs),
        )
        return
    every = [
        (data.take(torch.arange(len(data.labels)).unsqueeze(0), None)[0], data.labels)
        for data in splits
    ]

    def solve() -> dict:
        model.head.solve(*every)
        return model.head.state_dict()

    own = str(getattr(model.head, "seeds", ""))  # of a head whose solution depends on them
    model.head.load_state_dict(
        first.parts.session.once(
            "solved" + models.shared(first.parts) + first.parts.given_key + model.scales[0] + own,
            solve,
        )
    )
    (loss, _), (nll, accuracy) = (
        train.score(train.evaluate(model.head, data, 1), data.labels) for data in splits
    )
    yield Record(0, loss.tolist(), nll.tolist(), accuracy.tolist(), [0], [0.0], 0.0)


def _outcomes(
    model: Model, records: list[Record], seconds: float
) -> Iterator[tuple[Run, Entry | Failure]]:
    costs = counts(model)
    parts = model.runs[0].parts
    waited = float(feature.features(parts)["seconds"]) if model.backbone is None else 0.0
    for number, run in enumerate(model.runs):
        lost = [
            one.epoch + 1
            for one in records
            if not math.isfinite(one.loss[number] + one.nll[number])
        ]
        if lost:
            reason = (
                f"the loss is not finite from epoch {lost[0]} on;"
                f" recipe.lr={run.parts.recipe.lr} may be too large"
            )
            yield run, Failure(reason)
            continue
        curves = [
            {"epoch": one.epoch + 1}
            | {name: getattr(one, name)[number] for name in ("lr", "loss", "nll", "accuracy")}
            for one in records
        ]
        values = {
            "scale": model.scales[number],
            "scale_asked": run.parts.recipe.scale,
            "seconds": seconds,
            "features_seconds": waited,
            "best_epoch": records[-1].best[number] + 1,
            "curves": curves,
        }
        yield run, Entry(values | costs, _weights(model, number))


def _weights(model: Model, run: int) -> dict:
    """The state of one run: its slice of head and generator, the backbone where that was trained
    too, what scales features.
    """
    scaling = model.scale.statistics(model.scales[run])
    weights = {f"weights/scaling.{name}": value.cpu().numpy() for name, value in scaling.items()}
    for place, part in model.places.items():
        for name, value in part.state_dict().items():
            weights[f"weights/{place}.{name}"] = (
                (value if place == "backbone" else value[run]).detach().cpu().numpy()
            )
    return weights


def _keeper(runs: list[Run]) -> Keeper | None:
    """Where the training of these runs leaves its state; none for one whose chances come from a
    stream.
    """
    parts = runs[0].parts
    name = _progress_key(runs)
    kept = parts.session.store
    fresh = parts.session.fresh

    def get() -> State | None:
        found = None if fresh else kept.get(PROGRESS, name)
        return found and found.arrays

    return (
        Keeper(get, lambda state: kept.put(PROGRESS, name, Entry({}, state)))
        if parts.exact
        else None
    )


def _forget(runs: list[Run]) -> None:
    """Drop the state of a training that has ended."""
    runs[0].parts.session.store.drop(PROGRESS, _progress_key(runs))


def _progress_key(runs: list[Run]) -> str:
    return store.key(
        progress=[run.parts.key(run.seed) for run in runs], given=runs[0].parts.given_key
    )


def _announce(label: str, model: Model, programs: int) -> None:
    """Say how long it takes, and what memory a step has taken, where that is long."""
    parts = model.runs[0].parts
    if parts.solved or not parts.exact:
        return  # a timing step would draw from the shots
    if model.backbone is not None:
        parts.freeze.apply(model.backbone, 0)
    steps = (
        math.ceil(len(model.data["train"].labels) / parts.recipe.batch_size) * parts.recipe.epochs
    )
    pace = train.pace(model.whole, parts.recipe, model.data["train"], len(model.runs))
    seconds = pace * steps * programs
    if seconds > LONG:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        parts.session.step(
            f"{label}: training takes about {seconds / 60:.0f} min and {memory:.1f} GiB of memory.",
            0,
            0,
        )
