"""Trains rows and seeds, as many as can be in one program, and reads the test split for those that
are reported.
"""

import math
import resource
import time
from collections.abc import Iterable, Iterator

import torch

from qtlrun import train
from qtlrun.checkpoint import Record
from qtlrun.experiment import ensemble as models
from qtlrun.experiment import feature, generation, resume
from qtlrun.experiment.ensemble import Model, Run
from qtlrun.experiment.parts import Parts
from qtlrun.store import Entry

LONG = 60  # seconds; a training that takes longer is announced
RANKED = 64  # training items over which the effective angles are counted


def train_runs(label: str, runs: list[Run]) -> Iterator[list[tuple[Run, Entry | str]]]:
    """Program by program every run with what it learned (values and weights), or with what went
    wrong; no test figure.
    """
    programs = models.programs(runs)
    total, done = (
        sum(1 if group[0].parts.solved else group[0].parts.recipe.epochs for group in programs),
        0,
    )
    for group in programs:
        parts, model = group[0].parts, models.build(group)
        with feature.threads(model.backbone):
            if not done:
                _announce(label, model, len(programs))
            parts.session.step(f"{label}, epochs", done, total)
            began, records = time.perf_counter(), []
            for record in _learn(model):
                records.append(record)
                done += 1
                parts.session.step(f"{label}, epochs", done, total)
            seconds = max(
                time.perf_counter() - began, sum(record.seconds for record in records)
            ) / len(group)  # of one resumed, all of it
        yield list(_outcomes(model, records, seconds))
        resume.forget(group)


def read(
    parts: Parts, learned: dict[int, Entry], ranked: bool = True
) -> Iterator[tuple[int, Entry | str]]:
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
            seconds, more = (
                (time.perf_counter() - began) / len(seeds),
                (_more(model) if ranked else [Entry({})] * len(seeds)),
            )
        for run, seed in enumerate(seeds):
            entry = learned[seed]
            if not logits[run].isfinite().all():
                yield seed, "a test figure is not finite"
                continue
            values = {"seconds": entry.values["seconds"] + seconds} | more[run].values
            arrays = {
                "logits": logits[run].numpy(),
                "labels": model.data["test"].labels.numpy(),
            } | more[run].arrays
            yield seed, Entry(entry.values | values, entry.arrays | arrays)


def _more(model: Model) -> list[Entry]:
    """What a row says beside its logits, for each run."""
    data, runs = model.data["train"], len(model.runs)
    _, seen = train.score(train.evaluate(model.whole, data, runs), data.labels)
    ranks, kept, made = (
        _effective(model),
        _kept(model) | _saturated(model),
        generation.measured(model),
    )
    values = [
        {"train_accuracy": float(seen[run]), "angles_effective": ranks[run]}
        | {name: float(shares[run]) for name, shares in kept.items()}
        for run in range(runs)
    ]
    return [Entry(mine | one.values, one.arrays) for mine, one in zip(values, made, strict=True)]


def _learn(model: Model) -> Iterator[Record]:
    """Train a model by epochs, or solve its head where it is one that can be: once for equal
    features, and seeds it names.
    """
    first, splits = model.runs[0], (model.data["train"], model.data["validation"])
    if not first.parts.solved:
        yield from train.fit(
            model.whole,
            model.backbone,
            [run.parts.recipe for run in model.runs],
            first.parts.freeze,
            *splits,
            [run.seed for run in model.runs],
            resume.keeper(model.runs),
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
) -> Iterator[tuple[Run, Entry | str]]:
    counts, parts = _counts(model), model.runs[0].parts
    waited = float(feature.features(parts)["seconds"]) if model.backbone is None else 0.0
    for number, run in enumerate(model.runs):
        lost = [
            one.epoch + 1
            for one in records
            if not math.isfinite(one.loss[number] + one.nll[number])
        ]
        if lost:
            yield (
                run,
                (
                    f"the loss is not finite from epoch {lost[0]} on;"
                    f" recipe.lr={run.parts.recipe.lr} may be too large"
                ),
            )
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
        yield run, Entry(values | counts, _weights(model, number))


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


def _counts(model: Model) -> dict[str, int]:
    """Trained parameters by place; circuit evaluations here, and executions on a processor, of one
    seed's training.
    """
    parts, runs, epochs = model.runs[0].parts, len(model.runs), model.runs[0].parts.recipe.epochs
    angles = _angles(model)
    circuit = 0 if angles is None else angles.numel() // runs
    head = (
        sum(one.numel() for one in model.head.parameters() if one.requires_grad) // runs - circuit
    )
    backbone = _trained_backbone(model, parts)
    counts = {
        "parameters_circuit": circuit,
        "parameters_head": head,
        "parameters_backbone": backbone,
    }
    if callable(getattr(model.head, "executions", None)):
        steps = epochs * len(model.data["train"].labels)
        looks = epochs * len(model.data["validation"].labels) + len(model.data["test"].labels)
        counts |= {
            "evaluations": steps + looks,
            "executions": steps * model.head.executions() + looks,
        }
    for name, cost in generation.costs(model).items():
        counts[name] = counts.get(name, 0) + cost
    return counts | generation.counts(model)


def _angles(model: Model) -> torch.Tensor | None:
    """The trained angles of a head's circuit, if it has some."""
    angles = getattr(model.head, "angles", None)
    return angles if isinstance(angles, torch.Tensor) and angles.requires_grad else None


def _trained_backbone(model: Model, parts: Parts) -> int:
    """Count of backbone weights trained in any epoch; the last one has the fewest frozen."""
    if model.backbone is None:
        return 0
    frozen = parts.freeze.count(len(model.backbone.stages), parts.recipe.epochs - 1)
    return sum(one.numel() for stage in model.backbone.stages[frozen:] for one in stage.parameters)


def _effective(model: Model) -> list[int]:
    """Effective angles of each run, simulated without shots; 0 without trained angles."""
    parts, runs = model.runs[0].parts, len(model.runs)
    angles = _angles(model)
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
    """Of photonic parts the probability that is inside the cutoff, and in what is selected: mean
    over test items, by run.

    Where backbone and head are photonic, the head's is what is left at the end of both.
    """
    parts, data, found = model.runs[0].parts, model.data["test"], {}
    backbone = model.backbone if model.backbone is not None else parts.backbone
    every = torch.arange(len(data.labels)).expand(len(model.runs), -1).split(data.chunk, dim=1)
    if hasattr(backbone, "kept") and parts.given is None:
        items = [
            parts.place(parts.dataset.test.batch(index[0], backbone.preprocess)) for index in every
        ]
        found |= {
            name: torch.cat(shares).expand(len(model.runs), -1)
            for name, shares in _gathered(map(backbone.kept, items)).items()
        }
    if hasattr(model.head, "kept"):
        inputs = (data.take(index, None) for index in every)
        features = inputs if model.backbone is None else map(model.whole.features, inputs)
        found |= {
            name: torch.cat(shares, -1)
            for name, shares in _gathered(map(model.head.kept, features)).items()
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
    """Of dicts with the same names the values of each."""
    batches = list(batches)
    return {name: [batch[name] for batch in batches] for name in batches[0]}


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
