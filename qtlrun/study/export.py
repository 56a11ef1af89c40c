"""Export of a trained row as files that other programs run: torch.export, ONNX, OpenQASM."""

import dataclasses
import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from qtlrun import disk
from qtlrun.error import UsageError, nearest, text
from qtlrun.experiment import Experiment
from qtlrun.experiment.network import has_inner_circuit
from qtlrun.experiment.program import (
    Pieces,
    Whole,
    export_onnx,
    export_program,
    kind_unprepared,
    load_onnx,
    load_program,
    take_apart,
)
from qtlrun.experiment.trained import Trained, compute_logits, describe, on_random_items
from qtlrun.plan import Plan, check_single
from qtlrun.report import program
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note
from qtlrun.tape.openqasm import write_openqasm
from qtlrun.tape.quantum_script import write_function

FILE_STEM = "network"
COLUMNS = ("file", "bytes", "weights", "items", "accuracy", "difference")
# Share of the largest logit, within which the exported network is the trained one; single
# precision has seven digits
MAX_DIFFERENCE = 1e-4
MAX_ITEMS = 8  # that go through a circuit in PennyLane and ONNX one by one, to be compared
OWN_PREPARATION = "the backbone prepares items by code of its own"


@dataclass
class _Files:
    """Files that were written, and why others were not."""

    folder: Path
    names: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def write(self, name: str, make: Callable[[], bytes | str]) -> None:
        """Write a file, or note what refuses it."""
        try:
            content = make()
        except UsageError as error:
            self.notes.append(Note(f"{name} is left out: {error}"))
            return
        disk.write(self.folder / name, content)
        self.names.append(name)


@dataclass(frozen=True)
class Export:
    """Write one training as safetensors, torch.export's program and ONNX.

    With `run` it is one of a finished run, else of the composed model, which is trained or found in
    the store. A circuit is written beside them, with its trained angles, as OpenQASM 3 and as
    PennyLane, between two programs of torch. Weights, program, ONNX and the circuit in PennyLane
    with both of its programs are read again, and their logits compared.

    row: label of the row; null for the composed model
    seed: one of its seeds; null for that of least validation NLL
    """

    row: str | None
    seed: int | None
    takes_run = True

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, and a row or seed that there is not."""
        check_single(plans, "export", () if plans[0].settings.run else ("splits", "folds"))
        plan = plans[0]
        if plan.settings.run is not None:
            self._choose_finished(plan, experiment)
            return
        if self.row not in (None, plan.labels.names[plan.composed]):
            raise UsageError(
                "without a run the composed model is exported",
                "name a run that has this row with run=FOLDER, or leave it out",
                key="study.row",
                value=self.row,
            )
        if self.seed is not None and self.seed not in plan.seeds:
            raise self._unknown_seed(plan.seeds)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Export a network; its comparison with the trained one, and whether they agree."""
        plan = plans[0]
        failures: list[Note] = []
        if plan.settings.run is not None:
            trained = self._choose_finished(plan, experiment)()
        else:
            trained, failures = self._train(plan, experiment)
        if trained is None:
            frame = pd.DataFrame(columns=COLUMNS)
            report.finish(plans, failures, {"export": frame})
            return frame, False
        files = _write(report.folder, trained)
        frame = _compare(report.folder, trained)
        notes = [*map(Note, _lines(frame, trained)), *files.notes, *failures]
        report.finish(plans, notes, {"export": frame})
        whole = f"{FILE_STEM}.pt2" in files.names
        return frame, whole and bool((frame["difference"] <= MAX_DIFFERENCE).all()) and not failures

    def _choose_finished(self, plan: Plan, experiment: Experiment) -> Callable[[], Trained]:
        """Training of a finished run, to be built; refuses a row or seed that it has not."""
        run = experiment.finished(plan)
        label = run.composed if self.row is None else self.row
        if label not in run.rows:
            raise UsageError(
                "the run has no such row", nearest(label, run.rows), key="study.row", value=label
            )
        row = run.rows[label]
        trainings = [each for each in row.trainings if self.seed in (None, each.seed)]
        if not trainings:
            raise self._unknown_seed([each.seed for each in row.trainings])
        training = min(trainings, key=lambda each: each.validation_nll)

        return lambda: on_random_items(row, training)

    def _train(self, plan: Plan, experiment: Experiment) -> tuple[Trained | None, list[Note]]:
        """Training of the composed model on its test items, and notes on those that failed."""
        rows = experiment.train(plan.composed, plan.model, plan.redraws, reader=plan.reader_key)
        failures = [
            Note(f"{row.name}, seed {seed}: error: {reason}.")
            for row in rows
            for seed, reason in row.errors.items()
        ]
        losses = {
            (number, seed): outcome.validation_nll
            for number, row in enumerate(rows)
            for seed, outcome in row.outcomes.items()
        }
        candidates = [key for key in losses if self.seed in (None, key[1])]
        if not candidates:
            return None, failures
        number, seed = min(candidates, key=losses.get)
        row = rows[number]
        model = plan.model.redrawn(plan.redraws[number].change)
        drawn = model.changed(row.drawn)
        network, data, has_shots = experiment.network(drawn, seed, row.outcomes[seed])
        batches = torch.arange(data.count).unsqueeze(0).split(data.chunk, dim=1)
        items = torch.cat([data.take(index, None) for index in batches])
        shape = tuple(row.made_of["item"]["shape"])
        about = describe(row.classes, shape, row.scaling, row.about, seed)
        about |= {"fingerprints": row.fingerprints}
        logits = torch.from_numpy(row.outcomes[seed].logits)
        if has_shots:
            logits = compute_logits(network, items)
        title = f"{row.name}, seed {seed}"
        labels = data.labels[0]
        return Trained(title, network, items, logits, labels, about, has_shots), failures

    def _unknown_seed(self, seeds: list[int]) -> UsageError:
        return UsageError(
            f"it is not among the seeds trained, {text(sorted(set(seeds)))}",
            key="study.seed",
            value=self.seed,
        )


def _write(folder: Path, trained: Trained) -> _Files:
    """Write weights, programs and their description; the circuit too, where there is one."""
    network = trained.network
    files = _Files(folder)
    preprocess: Any = network.backbone.preprocess
    described = dataclasses.is_dataclass(preprocess)
    values = vars(preprocess) if described else None
    about = trained.about | {
        "input": ["items", *trained.items.shape[1:]],
        "dtype": str(trained.items.dtype).removeprefix("torch."),
        "preprocessing": json.loads(json.dumps(values, default=str)),
    }
    disk.write_json(folder / f"{FILE_STEM}.json", about)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    files.write(f"{FILE_STEM}.safetensors", lambda: safetensors.save(state))
    example = trained.items[:2]
    whole = Whole(network)
    files.write(f"{FILE_STEM}.pt2", lambda: export_program(whole, example))
    files.write(f"{FILE_STEM}.onnx", lambda: export_onnx(whole, example))
    files.write("backbone.pt2", lambda: export_program(network.backbone, example))
    channels: Any = about["channels"]
    kind = "pictures" if described else kind_unprepared(preprocess, example.shape[1:], channels)
    if kind is None:
        files.notes.append(Note(f"{FILE_STEM}.py is left out: {OWN_PREPARATION}"))
    else:
        files.write(f"{FILE_STEM}.py", lambda: program.network_program(kind))
    if has_inner_circuit(network.head):
        _write_circuit(files, trained, is_readable=kind is not None)
    return files


def _write_circuit(files: _Files, trained: Trained, *, is_readable: bool) -> None:
    """Write a circuit with its angles, and the programs before and behind it."""
    head: Any = trained.network.head
    try:
        pieces: Pieces = take_apart(trained.network, head.circuit, head.entangle)
    except UsageError as error:
        files.notes.append(Note(f"circuit.qasm and circuit.py are left out: {error}"))
        return
    names = _circuit_names(len(pieces.transcripts))
    transcripts = dict(zip(names, pieces.transcripts, strict=True))
    example = trained.items[:2]
    for name, transcript in transcripts.items():
        files.write(f"{name}.qasm", partial(write_openqasm, transcript, trained.title))
    files.write("front.pt2", lambda: export_program(pieces.front, example))
    first = pieces.transcripts[0]
    outputs = len(transcripts) * sum(outcome.outputs for outcome in first.outcomes)
    values = torch.zeros(2, outputs, dtype=example.dtype)
    files.write("back.pt2", lambda: export_program(pieces.back, values))
    if not is_readable:
        files.notes.append(Note(f"circuit.py is left out: {OWN_PREPARATION}"))
    if not is_readable or not {"front.pt2", "back.pt2"} <= {*files.names}:
        return
    functions = {name: write_function(each, name) for name, each in transcripts.items()}
    files.write(
        "circuit.py", lambda: program.circuit_program(trained.title, functions, first.qubits)
    )


def _circuit_names(count: int) -> list[str]:
    """Names of circuits side by side, numbered where there are several."""
    return ["circuit"] if count == 1 else [f"circuit{number}" for number in range(count)]


def _compare(folder: Path, trained: Trained) -> pd.DataFrame:
    """Read the files again; differences of logits as shares of the largest trained one."""
    network: nn.Module = trained.network
    network.load_state_dict(safetensors.load((folder / f"{FILE_STEM}.safetensors").read_bytes()))
    readers: dict[str, tuple[Callable[[Tensor], Tensor], int | None]] = {
        f"{FILE_STEM}.safetensors": (lambda items: network(items).squeeze(0), None)
    }
    if (folder / f"{FILE_STEM}.pt2").is_file():
        readers[f"{FILE_STEM}.pt2"] = load_program(folder / f"{FILE_STEM}.pt2"), None
    if (folder / f"{FILE_STEM}.onnx").is_file():
        readers[f"{FILE_STEM}.onnx"] = load_onnx(folder / f"{FILE_STEM}.onnx"), MAX_ITEMS
    if (folder / "circuit.py").is_file():
        readers["circuit.py"] = runpy.run_path(str(folder / "circuit.py"))["predict"], MAX_ITEMS
    lines = []
    for name, (read, count) in readers.items():
        with torch.no_grad():
            logits = read(trained.items[:count]).cpu().double()
        expected = trained.logits[:count]
        gap = (logits - expected).abs().max() / expected.abs().max()
        right = None
        if trained.labels is not None:
            right = float((logits.argmax(-1) == trained.labels[:count]).double().mean())
        lines.append(
            {
                "file": name,
                "bytes": (folder / name).stat().st_size,
                "weights": sum(weight.numel() for weight in network.parameters()),
                "items": len(logits),
                "accuracy": right,
                "difference": float(gap),
            }
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def _lines(frame: pd.DataFrame, trained: Trained) -> list[str]:
    """Sentences on the files, and on how near their logits are to the trained ones."""
    lines = []
    for line in frame.itertuples():
        far = (
            ""
            if line.difference <= MAX_DIFFERENCE
            else f", more than {MAX_DIFFERENCE:g}: not the same network"
        )
        items = f"{line.items} random items"
        if trained.labels is not None:
            items = f"{line.items} test items accuracy {line.accuracy:.4f},"
        lines.append(
            f"{line.file}: {line.weights:,} weights, {line.bytes:,} bytes; on {items} logits"
            f" within {line.difference:.1e} of the trained model's ({trained.title}){far}."
        )
    if trained.has_shots:
        lines.append("Logits are compared at exact values of the circuit: no file has its shots.")
    lines.append(
        f"{FILE_STEM}.json says what an item goes through before the network, and the classes."
        " No file needs this program."
    )
    return lines
