"""Writes what a comparison found into its output folder."""

import dataclasses
import os
import platform
import subprocess
import time
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pennylane as qml
import torch
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qtlrun import disk, statistic
from qtlrun.circuit import product
from qtlrun.comparison.comparison import Point
from qtlrun.comparison.row import Row
from qtlrun.plan import Plan, Variant, build, has_circuit
from qtlrun.report import figure, frame
from qtlrun.tape.tape import inputs_of

PACKAGES = (
    "qtlrun",
    "torch",
    "torchvision",
    "pennylane",
    "pennylane-lightning",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pillow",
    "hydra-core",
    "omegaconf",
)

DIGITS = 12  # of a hash in a file's name
SHORT = 60  # lines of a table that is read, not computed with


def write(
    out: Path, plans: list[Plan], points: list[Point], table: str, frames: dict[str, pd.DataFrame]
) -> None:
    """All files of a run: plans, table, frames, figures, predictions, weights."""
    disk.write(out / "plan.yaml", _yaml(plans))
    disk.write(out / "table.md", table)
    for name, content in frames.items():
        disk.write(out / f"{name}.csv", frame.csv(content))
    for number, point in enumerate(points):
        place = out if len(points) == 1 else out / f"point-{number}"
        if point.labels:
            _draw(place / "figures", point)
            _write_weights(place, point)
            disk.write(place / "predictions.csv", frame.csv(_predictions(point)))
        _draw_circuit(place / "figures", plans[number].model)
    if len(points) > 1:
        _save(out / "figures", "sweep", figure.sweep(frames["table"], list(points[0].keys)))


def _yaml(plans: list[Plan]) -> str:
    """Plans as a YAML document each; why one was left out stands at its end."""
    documents = [
        plan.values | ({"refused": plan.refusal} if plan.refusal else {}) for plan in plans
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def write_study(
    out: Path,
    plans: list[Plan],
    lines: list[str],
    frames: dict[str, pd.DataFrame],
    figures: dict[str, Figure],
) -> None:
    """The files of a study that makes its own grid: plans, what it says, its frames and figures."""
    disk.write(out / "plan.yaml", _yaml(plans))
    disk.write(
        out / "table.md",
        "\n\n".join(
            [
                *(frame.markdown(content) for content in frames.values() if len(content) <= SHORT),
                *lines,
            ]
        )
        + "\n",
    )
    for name, content in frames.items():
        disk.write(out / f"{name}.csv", frame.csv(content))
    for name, drawn in figures.items():
        _save(out / "figures", name, drawn)
    write_environment(out, plans, [])


def write_environment(out: Path, plans: list[Plan], points: list[Point]) -> None:
    """Versions, command, git state, machine; by point, split and row fingerprints, and what the
    dataset holds.
    """
    fingerprints = [
        [{label: row.fingerprints for label, row in rows.items()} for rows in point.splits]
        for point in points
    ]
    data = [
        [{label: _data(row) for label, row in rows.items()} for rows in point.splits]
        for point in points
    ]
    disk.write_json(
        out / "environment.json",
        {
            "command": plans[0].command,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "versions": {name: metadata.version(name) for name in PACKAGES},
            "git": _git(),
            "machine": {
                "system": platform.platform(),
                "processor": platform.machine(),
                "cores": os.cpu_count(),
                "threads": torch.get_num_threads(),
                "accelerators": [
                    torch.cuda.get_device_name(one) for one in range(torch.cuda.device_count())
                ],
            },
            "accelerator": plans[0].settings.accelerator,
            "dtype": plans[0].settings.dtype,
            "fingerprints": fingerprints,
            "data": data,
        },
    )


def _data(row: Row) -> dict:
    """Items of each split and class, how many are equal, what the dataset warns of, SHA-256 of the
    files of weights.
    """
    duplicates = dataclasses.asdict(row.duplicates) if row.duplicates else None
    return {
        "items": row.counts,
        "duplicates": duplicates,
        "caution": row.caution,
        "files": row.files,
    }


def _draw(folder: Path, point: Point) -> None:
    _save(folder, "learning_curves", figure.learning_curves(point))
    _save(folder, "confusion", figure.confusion(point))
    _save(folder, "accuracy", figure.accuracy(point))
    first = next((row for row in point.of(point.composed) if row.patterns is not None), None)
    if first:
        _save(folder, "patterns", figure.patterns(first))
    if any(len(point.shots(label)) for label in point.generated):
        _save(folder, "shots", figure.shots(point))
    if point.tuned:
        _save(folder, "tuning", figure.tuning(point))


def _draw_circuit(folder: Path, model: Variant) -> None:
    """The circuit of the composed model, where its head takes one."""
    if not has_circuit(model):
        return
    circuit = build("circuit", model.circuit, model.plugins)
    if model.head.get("product"):
        circuit = product.sized(circuit.qubits, inputs_of(circuit), int(np.prod(circuit.shape)))
    elif not model.head.get("entangle", True):
        return  # what is dropped would be drawn
    if circuit.qubits > 16 or np.prod(circuit.shape) > 500:
        return  # a drawing of that size shows nothing
    node = qml.QNode(circuit, qml.device("default.qubit", wires=circuit.qubits))
    inputs, weights = (
        torch.full(shape, 0.1, dtype=torch.float64)
        for shape in ((inputs_of(circuit),), circuit.shape)
    )  # no amplitudes of 0
    drawn = Figure()
    FigureCanvasAgg(drawn)  # the drawer measures its words
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from font"
        )  # of PennyLane's names for operations
        qml.draw_mpl(node, level="device", style="black_white", fig=drawn)(inputs, weights)
    _save(folder, "circuit", drawn)


def _save(folder: Path, name: str, drawn) -> None:
    for kind in ("png", "svg"):
        disk.write(folder / f"{name}.{kind}", figure.encode(drawn, kind))


def _write_weights(folder: Path, point: Point) -> None:
    """A safetensors file a row and seed, one a frozen backbone that no public file holds, and
    weights.json beside them.

    `backbone.`, `head.` and `generator.` begin the names of a part's weights; `scaling.mean` and
    `scaling.deviation` scale the features before the head. weights.json has of each row the parts'
    values, the classes in the order of the logits, the preprocessing of a picture or the scaling of
    a vector, and the files of each split and seed with their SHA-256.
    """
    rows = {}
    digests = {}
    for label, place, row in _rows(point):
        name = label.rstrip("*")
        backbone = None
        if row.backbone:
            data = _packed({f"backbone.{key}": array for key, array in row.backbone.items()})
            backbone = f"weights/backbone-{disk.digest(data)[:DIGITS]}.safetensors"
            _write_once(folder, backbone, data, digests)
        made = rows.setdefault(
            label,
            {
                "what it is": row.about,
                "classes": list(row.classes),
                "items": row.noun,
                **row.made_of,
                "scale": "standard" if row.scaled else "none",
                "files": [],
            },
        )
        for seed, outcome in row.outcomes.items():
            file = f"weights/{name}{place}-seed{seed}.safetensors"
            _write_once(folder, file, _packed(outcome.weights), digests)
            made["files"].append(
                {"file": file, "seed": seed, "backbone": backbone, "dataset_scaling": row.scaling}
                | ({"split": int(place.removeprefix("-split"))} if place else {})
                | {"begun from": row.files}
            )
    disk.write_json(folder / "weights.json", {"rows": rows, "sha256": digests})


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as a safetensors file."""
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _write_once(folder: Path, file: str, data: bytes, digests: dict[str, str]) -> None:
    """Write a file that several rows may share, and note its hash."""
    if file not in digests:
        disk.write(folder / file, data)
        digests[file] = disk.digest(data)


def _predictions(point: Point) -> pd.DataFrame:
    """A line a row, seed and test picture: its class, the predicted one, and the probability of
    each.
    """
    frames = []
    for label, split, row in _rows(point):
        classes = np.array(row.classes)
        for place, seed in enumerate(row.seeds):
            odds = np.exp(row.logits[place] - row.logits[place].max(-1, keepdims=True))
            odds /= odds.sum(-1, keepdims=True)
            frames.append(
                pd.DataFrame(
                    {
                        "row": label,
                        **({"split": int(split.removeprefix("-split"))} if split else {}),
                        "seed": seed,
                        "picture": row.pictures or range(len(row.labels)),
                        "class": classes[row.labels],
                        "predicted": classes[odds.argmax(-1)],
                        "nll": statistic.nll(row.logits[place], row.labels),
                        **{
                            f"p({name})": odds[:, number] for number, name in enumerate(row.classes)
                        },
                    }
                )
            )
    return pd.concat(frames) if frames else pd.DataFrame()


def _rows(point: Point) -> Iterator[tuple[str, str, Row]]:
    """Every row: its label, the ending of its split where there are several, itself."""
    several = len(point.splits) > 1
    return (
        (label, f"-split{number}" if several else "", row)
        for number, rows in enumerate(point.splits)
        for label, row in rows.items()
    )


def _ask_git(*words: str) -> str:
    run = subprocess.run(["git", *words], capture_output=True, text=True, timeout=5, check=True)
    return run.stdout.strip()


def _git() -> dict | None:
    """Commit and whether files differ from it, of the folder that the command ran in."""
    try:
        return {
            "commit": _ask_git("rev-parse", "HEAD"),
            "changed": bool(_ask_git("status", "--porcelain")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
