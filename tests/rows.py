"""Rows and points of a comparison, made by hand: their logits, labels and curves are known and
nothing is trained.
"""

import io
from types import SimpleNamespace

import numpy as np
from rich.console import Console

from qtlrun.comparison.comparison import Comparison, Stopped
from qtlrun.comparison.outcome import Outcome
from qtlrun.comparison.row import Row
from qtlrun.report.progress import Progress
from qtlrun.report.report import Report
from qtlrun.store import Entry


def outcome(logits, labels, epochs=3, validation=0.5, best=None, **values):
    """One seed: its loss falls by half an epoch, its validation NLL reaches `validation` at the
    epoch kept.
    """
    best = best or epochs
    curves = [
        {
            "epoch": epoch,
            "lr": 0.01,
            "loss": 2.0**-epoch,
            "nll": validation + 0.1 * abs(epoch - best),
            "accuracy": 0.75,
        }
        for epoch in range(1, epochs + 1)
    ]
    counts = {
        "parameters_circuit": 0,
        "parameters_head": 10,
        "parameters_backbone": 0,
        "angles_effective": 0,
    }
    counts["train_accuracy"] = 0.875
    timed = {"seconds": 2.0, "features_seconds": 0.5, "best_epoch": best, "curves": curves}
    weights = {
        "weights/head.weight": np.arange(6.0).reshape(2, 3),
        "weights/head.steps": np.array(7),
    }
    return Outcome.from_artifact(
        Entry(
            {"scale": "none", "scale_asked": "none"} | timed | counts | values,
            {"logits": np.asarray(logits, float), "labels": np.asarray(labels)} | weights,
        )
    )


def row(
    name,
    logits,
    labels,
    seeds=None,
    classes=None,
    errors=None,
    about="frozen small + one linear layer",
    **values,
):
    """A row of logits (seeds, pictures, classes); `said` are fields of the row, other values those
    of its entries.
    """
    logits = np.asarray(logits, float)
    said = values.pop("said", {})
    classes = classes or tuple(f"class {number}" for number in range(logits.shape[-1]))
    outcomes = {
        seed: outcome(one, labels, **values)
        for seed, one in zip(seeds or range(len(logits)), logits, strict=True)
    }
    prints = {"fingerprints": {"data": "d" * 64, "weights": "w" * 64}}
    return Row(name, about, outcomes, classes, errors or {}, **prints | said)


def random_logits(seeds=5, pictures=40, classes=4, skill=1.0, number=0):
    """Logits that favour the label by `skill`, and the labels."""
    generator = np.random.default_rng(number)
    labels = np.random.default_rng(99).integers(0, classes, pictures)
    logits = generator.standard_normal((seeds, pictures, classes))
    logits[:, np.arange(pictures), labels] += skill
    return logits, labels


def point(
    names=("A", "B", "twin"),
    keys=None,
    isolates=None,
    seeds=5,
    classes=4,
    pictures=40,
    skills=None,
    **values,
):
    """A point of rows that differ in skill; the first is the composed one."""
    made = Comparison(keys or {}, names[0], splits=[{}])
    for number, name in enumerate(names):
        skill = (skills or {}).get(name, 1 + number / 2)
        logits, labels = random_logits(seeds, pictures, classes, skill, number)
        made.splits[0][name] = row(name, logits, labels, **values)
        made.isolates[name] = (isolates or {}).get(name, f"what {name} shows" if number else "")
    return made


# The published generator of MNIST's network: U3 and CU3 on 13 wires in 16 blocks, of whose angles
# 2n - 1 act on nothing.
MNIST = {
    "weights_generated": 6690,
    "parameters_circuit": 1248,
    "parameters_mapping": 249,
    "compression": 6690 / 1497,
    "generator_qubits": 13,
    "generator_gates": 416,
    "angles_live": 1223,
    "generator_rank": 1237,
    "executions_step": 4577,
    "parameters_head": 0,
}


def generated(made, label, accuracies=None, values=MNIST):
    """The point, in which a row's weights are generated; `accuracies` by number of shots, each
    seed's a hundredth higher.
    """
    for rows in made.splits:
        for place, one in enumerate(rows[label].outcomes.values()):
            one.figures.update(values)
            if accuracies:
                one.arrays["shots"] = np.array(list(accuracies), np.int64)
                one.arrays["shots_accuracy"] = np.array(list(accuracies.values())) + 0.01 * place
    return made


def pair(differences, base=1.0):
    """A point of a composed row A and a reference B whose NLL differ by exactly these nats (seeds,
    pictures).
    """
    differences = np.asarray(differences, float)
    labels = np.zeros(differences.shape[1], int)
    made = Comparison({}, "A", splits=[{}])
    for name, nll in (("A", base + differences), ("B", np.full_like(differences, base))):
        made.splits[0][name] = row(name, np.stack([-nll, np.log1p(-np.exp(-nll))], -1), labels)
    made.isolates.update(A="", B="the whole head against one linear layer")
    return made


def resplit(
    names=("A", "B"), splits=3, seeds=2, pictures=40, same=False, trained_on=400, validated_on=100
):
    """A point of rows on redrawn splits, each with test pictures and seeds of its own; with the
    `same` test pictures.
    """
    made = Comparison({}, names[0], splits=[{} for _ in range(splits)])
    for split, rows in enumerate(made.splits):
        for number, name in enumerate(names):
            logits, labels = random_logits(
                seeds, pictures, skill=1 + number / 4, number=10 * split + number
            )
            items = tuple(f"{0 if same else split}/{item}" for item in range(pictures))
            sizes = {"items": items, "trained_on": trained_on, "validated_on": validated_on}
            rows[name] = row(
                name, logits, labels, range(split * seeds, (split + 1) * seeds), said=sizes
            )
            made.isolates[name] = f"what {name} shows" if number else ""
    return made


def watched(study, plans, experiment, folder):
    """Run a study in a new folder of `folder`: what it gave, said and wrote, and whether it was
    stopped.
    """
    console = Console(file=io.StringIO(), width=400)
    found = SimpleNamespace(
        plans=plans, out=folder / f"out-{len(list(folder.glob('out-*')))}", error=None
    )
    found.out.mkdir()
    try:
        with Report(found.out, Progress(console)) as report:
            experiment.session.progress = report.progress
            found.frame, found.well = study.run(plans, experiment, report)
    except Stopped as stop:
        found.error = stop.reason
    found.said = " ".join(console.file.getvalue().rpartition("Written to")[0].split())
    found.files = sorted(
        path.relative_to(found.out).as_posix() for path in found.out.rglob("*") if path.is_file()
    )
    return found
