"""Output folder of a run: tables, frames, figures, weights, environment."""

import dataclasses
import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure

from qtlrun import disk
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Row
from qtlrun.plan import Plan, Variant
from qtlrun.report import figure, frame
from qtlrun.report.frame.row import enumerate_rows
from qtlrun.report.section import Section
from qtlrun.runfolder import PLAN_FILE, POINT, WEIGHTS_FILE
from qtlrun.store import Store

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

DIGEST_DIGITS = 12  # of a hash in a file's name
MAX_TABLE_LINES = 60  # of a table that is read, not computed with


def write(
    out: Path,
    plans: list[Plan],
    comparisons: list[Comparison],
    table: str,
    frames: dict[str, pd.DataFrame],
    build_circuit: Callable[[Variant], Any],
) -> None:
    """All files of a run: plans, table, frames, figures, predictions, weights.

    `build_circuit` makes the circuit of a model, to be drawn.
    """
    artifacts = Store(plans[0].settings.home)
    disk.write(out / PLAN_FILE, _yaml(plans))
    disk.write(out / "table.md", table)
    for name, content in frames.items():
        disk.write(out / f"{name}.csv", frame.csv(content))
    for number, comparison in enumerate(comparisons):
        folder = point_folder(out, number, len(comparisons))
        if comparison.labels:
            _draw(folder / "figures", comparison)
            _write_weights(folder, comparison)
            disk.write(folder / "predictions.csv", frame.csv(frame.predictions_frame(comparison)))
        model = plans[number].model
        for kind, data in figure.drawing(model, build_circuit, artifacts).items():
            disk.write(folder / "figures" / f"circuit.{kind}", data)
    if len(comparisons) > 1:
        _save(out / "figures", "sweep", figure.sweep(frames["table"], list(comparisons[0].keys)))


def point_folder(out: Path, number: int, count: int) -> Path:
    """Folder of a point of a sweep, or of the only one."""
    return out if count == 1 else out / f"{POINT}{number}"


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
    """Files of a study that makes its own grid: plans, sentences, frames and figures."""
    disk.write(out / PLAN_FILE, _yaml(plans))
    tables = [
        frame.markdown(content) for content in frames.values() if len(content) <= MAX_TABLE_LINES
    ]
    disk.write(out / "table.md", "\n\n".join([*tables, *lines]) + "\n")
    _write_contents(out, frames, figures)
    write_environment(out, plans, [])


def write_sections(out: Path, plans: list[Plan], sections: list[Section]) -> None:
    """Files of a study that has sections: plans, table.md, frames and figures of each."""
    disk.write(out / PLAN_FILE, _yaml(plans))
    add_sections(out, sections)
    write_environment(out, plans, [])


def add_sections(out: Path, sections: list[Section]) -> None:
    """Add sections to a folder, and at the end of its table.md."""
    table = out / "table.md"
    before = [table.read_text()] if table.is_file() else []
    disk.write(table, "\n".join([*before, *(f"{section.markdown}\n" for section in sections)]))
    for section in sections:
        _write_contents(out, section.frames, section.figures)


def _write_contents(out: Path, frames: dict[str, pd.DataFrame], figures: dict[str, Figure]) -> None:
    """CSV files of frames, and files of figures, by their names."""
    for name, content in frames.items():
        disk.write(out / f"{name}.csv", frame.csv(content))
    for name, drawing in figures.items():
        _save(out / "figures", name, drawing)


def write_environment(out: Path, plans: list[Plan], comparisons: list[Comparison]) -> None:
    """Environment of a run: versions, command, git state, machine.

    By point, split and row the fingerprints, and the contents of the dataset.
    """
    accelerators = [
        torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())
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
                "accelerators": accelerators,
            },
            "accelerator": plans[0].settings.accelerator,
            "dtype": plans[0].settings.dtype,
            "fingerprints": _by_row(comparisons, lambda row: row.fingerprints),
            "data": _by_row(comparisons, _data),
        },
    )


def _by_row(comparisons: list[Comparison], describe: Callable[[Row], dict]) -> list[list[dict]]:
    """Description of each row, by point, split and label."""

    def by_label(rows: dict[str, Row]) -> dict[str, dict]:
        return {label: describe(row) for label, row in rows.items()}

    return [list(map(by_label, comparison.splits)) for comparison in comparisons]


def _data(row: Row) -> dict:
    """Items of each split and class, their pool, equal ones, caution, SHA-256 of weights' files."""
    duplicates = dataclasses.asdict(row.duplicates) if row.duplicates else None
    likeness = dataclasses.asdict(row.likeness) if row.likeness else None
    return {
        "items": row.counts,
        "pool": row.pool,
        "independent": row.independent,
        "duplicates": duplicates,
        "likeness": likeness,
        "caution": row.caution,
        "files": row.files,
    }


def _draw(folder: Path, comparison: Comparison) -> None:
    _save(folder, "learning_curves", figure.learning_curves(comparison))
    _save(folder, "confusion", figure.confusion(comparison))
    _save(folder, "accuracy", figure.accuracy(comparison))
    first = next(
        (row for row in comparison.of(comparison.composed) if row.patterns is not None), None
    )
    if first:
        _save(folder, "patterns", figure.patterns(first))
    if any(len(comparison.shots(label)) for label in comparison.generated):
        _save(folder, "shots", figure.shots(comparison))
    if comparison.tuned:
        _save(folder, "tuning", figure.tuning(comparison))


def _save(folder: Path, name: str, drawing: Figure) -> None:
    for kind, data in figure.encode(drawing).items():
        disk.write(folder / f"{name}.{kind}", data)


def _write_weights(folder: Path, comparison: Comparison) -> None:
    """Write a safetensors file per row and seed, and weights.json beside them.

    One more per frozen backbone that no public file holds. `backbone.`, `head.` and `generator.`
    begin the names of a part's weights; `scaling.mean` and `scaling.deviation` scale the features
    before the head. weights.json has of each row the parts' values, the classes in the order of the
    logits, the preprocessing of a picture or the scaling of a vector, and the files of each split
    and seed with their SHA-256, the values that tuning drew and the validation NLL in nats.
    """
    rows: dict[str, dict[str, Any]] = {}
    digests: dict[str, str] = {}
    several = len(comparison.splits) > 1
    for number, label, row in enumerate_rows(comparison):
        backbone = _write_backbone(folder, row, digests)
        entry = rows.setdefault(label, _describe(row))
        suffix = f"-split{number}" if several else ""
        for seed, outcome in row.outcomes.items():
            file = f"weights/{label.rstrip('*')}{suffix}-seed{seed}.safetensors"
            _write_once(folder, file, _pack(outcome.weights), digests)
            entry["files"].append(
                {"file": file, "seed": seed, "backbone": backbone, "dataset_scaling": row.scaling}
                | ({"split": number} if several else {})
                | {"begun from": row.files, "drawn": row.drawn}
                | {"validation_nll": outcome.validation_nll, "data": row.fingerprints["data"]}
            )
    disk.write_json(folder / WEIGHTS_FILE, {"rows": rows, "sha256": digests})


def _describe(row: Row) -> dict[str, Any]:
    """Description of a row in weights.json, with no files yet."""
    return {
        "what it is": row.about,
        "classes": list(row.classes),
        "items": row.noun,
        **row.made_of,
        "scale": "standard" if row.scaled else "none",
        "files": [],
    }


def _write_backbone(folder: Path, row: Row, digests: dict[str, str]) -> str | None:
    """Name of the file with a row's frozen backbone, where no public file holds it."""
    if not row.backbone:
        return None
    data = _pack({f"backbone.{key}": array for key, array in row.backbone.items()})
    file = f"weights/backbone-{disk.digest(data)[:DIGEST_DIGITS]}.safetensors"
    _write_once(folder, file, data, digests)
    return file


def _pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Content of a safetensors file."""
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _write_once(folder: Path, file: str, data: bytes, digests: dict[str, str]) -> None:
    """Write a file that several rows may share, and note its hash."""
    if file not in digests:
        disk.write(folder / file, data)
        digests[file] = disk.digest(data)


def _ask_git(*arguments: str) -> str:
    command = ["git", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    return run.stdout.strip()


def _git() -> dict | None:
    """Commit of the folder that the command ran in, and whether files differ from it."""
    try:
        return {
            "commit": _ask_git("rev-parse", "HEAD"),
            "changed": bool(_ask_git("status", "--porcelain")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
