"""Export of a trained result as a plain classical network."""

import dataclasses
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from qtlrun import disk, train
from qtlrun.comparison.row import Row
from qtlrun.error import UsageError, text
from qtlrun.experiment import Experiment
from qtlrun.plan import Plan, check_single, simulates
from qtlrun.report import sentence
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note

FILE_STEM = "network"
COLUMNS = ("file", "bytes", "weights", "items", "accuracy", "difference")
# Share of the largest logit, within which the exported network is the trained one; single
# precision has seven digits
MAX_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Export:
    """Write one seed of the composed model as safetensors and as torch.export's program.

    The model is trained, or found in the store, and runs without this program or a circuit. Both
    files are read again and compared with the trained model on every test item.

    seed: one of the run's seeds; null for that of least validation NLL
    """

    seed: int | None

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, a circuit that would stay in the network, and an unknown seed."""
        check_single(plans, "export", ("splits", "folds"))
        plan = plans[0]
        if simulates(plan.model):
            raise UsageError(
                (
                    "a circuit is part of this model, and would have to be simulated"
                    " wherever it runs"
                ),
                "choose a classical head, as head=classical parametrization=quantum_train",
                key="study",
                value="export",
            )
        if self.seed is not None and self.seed not in plan.seeds:
            raise UsageError(
                f"it is not among the seeds trained, {text(plan.seeds)}",
                key="study.seed",
                value=self.seed,
            )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Export a network; its comparison with the trained one, and whether they agree."""
        plan = plans[0]
        rows = experiment.train(plan.composed, plan.model, plan.redraws, reader=plan.reader_key)
        failures = [
            Note(f"{row.name}, seed {seed}: error: {reason}.")
            for row in rows
            for seed, reason in row.errors.items()
        ]
        choice = self._choose(rows)
        if choice is None:
            frame = pd.DataFrame(columns=COLUMNS)
            report.finish(plans, failures, {"export": frame})
            return frame, False
        number, seed = choice
        row = rows[number]
        model = plan.model.redrawn(plan.redraws[number].change)
        network, data = experiment.network(model.changed(row.drawn), seed, row.outcomes[seed])
        exported = _Exported(network)
        scaling = experiment.dataset(model).scaling
        _write(report.folder, exported, data, _describe(row, seed, scaling, exported, data))
        frame = _compare(report.folder, exported, data, row.outcomes[seed].logits)
        files = map(Note, _lines(frame, row, seed))
        notes = [*files, *sentence.described([(row.name, row)]), *failures]
        report.finish(plans, notes, {"export": frame})
        return frame, bool((frame["difference"] <= MAX_DIFFERENCE).all()) and not failures

    def _choose(self, rows: list[Row]) -> tuple[int, int] | None:
        """Row and seed that are exported; None where the seed failed, or all did."""
        losses = {}
        for number, row in enumerate(rows):
            for seed, outcome in row.outcomes.items():
                if self.seed in (None, seed):
                    losses[number, seed] = outcome.validation_nll
        return min(losses, key=losses.get, default=None)


class _Exported(nn.Module):
    """A network of one run, without the run axis."""

    def __init__(self, network: Any):
        super().__init__()
        self.network = network
        preprocess = network.backbone.preprocess
        values = vars(preprocess) if dataclasses.is_dataclass(preprocess) else {}
        self.preprocessing = json.loads(json.dumps(values, default=str))

    def forward(self, items: Tensor) -> Tensor:
        return self.network(items).squeeze(0)


def _describe(
    row: Row, seed: int, scaling: dict | None, network: _Exported, data: train.Data
) -> dict[str, object]:
    """Description of the network: preprocessing of an item, classes, origin."""
    example = _example(data)
    return {
        "classes": list(row.classes),
        "input": ["items", *example.shape[1:]],
        "dtype": str(example.dtype).removeprefix("torch."),
        "scaling": scaling,
        "preprocessing": network.preprocessing,
        "row": row.about,
        "seed": seed,
        "fingerprints": row.fingerprints,
    }


def _write(
    folder: Path, network: _Exported, data: train.Data, description: dict[str, object]
) -> None:
    """Write the network as weights and as a program, and its description."""
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    disk.write(folder / f"{FILE_STEM}.safetensors", safetensors.save(state))
    with warnings.catch_warnings(), torch.no_grad():
        # Torch warns of its own code
        warnings.simplefilter("ignore")
        program = torch.export.export(
            network, (_example(data),), dynamic_shapes=({0: torch.export.Dim("items", min=1)},)
        )
        packed = io.BytesIO()
        torch.export.save(program, packed)
    disk.write(folder / f"{FILE_STEM}.pt2", packed.getvalue())
    disk.write_json(folder / f"{FILE_STEM}.json", description)


def _compare(
    folder: Path, network: _Exported, data: train.Data, trained: np.ndarray
) -> pd.DataFrame:
    """Read both files again; differences of logits as shares of the largest trained one."""
    network.load_state_dict(safetensors.load((folder / f"{FILE_STEM}.safetensors").read_bytes()))
    program = torch.export.load(folder / f"{FILE_STEM}.pt2").module()
    expected = torch.from_numpy(trained)
    lines = []
    for name, read in ((f"{FILE_STEM}.safetensors", network), (f"{FILE_STEM}.pt2", program)):
        logits = _logits(read, data)
        gap = (logits - expected).abs().max() / expected.abs().max()
        lines.append(
            {
                "file": name,
                "bytes": (folder / name).stat().st_size,
                "weights": sum(weight.numel() for weight in network.parameters()),
                "items": len(expected),
                "accuracy": float((logits.argmax(-1) == data.labels).double().mean()),
                "difference": float(gap),
            }
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def _lines(frame: pd.DataFrame, row: Row, seed: int) -> list[str]:
    """Sentences on the files, and on how near their logits are to the trained ones."""
    lines = []
    for line in frame.itertuples():
        far = (
            ""
            if line.difference <= MAX_DIFFERENCE
            else f", more than {MAX_DIFFERENCE:g}: not the same network"
        )
        lines.append(
            f"{line.file}: {line.weights:,} weights, {line.bytes:,} bytes; on {line.items} test"
            f" {row.noun}s accuracy {line.accuracy:.4f}, logits within "
            f"{line.difference:.1e} of the trained model's (seed {seed}){far}."
        )
    lines.append(
        f"{FILE_STEM}.json says what an item goes through before the network, and the classes."
        " Neither file needs this program."
    )
    return lines


def _example(data: train.Data) -> Tensor:
    """The first two items."""
    return data.take(torch.arange(2).unsqueeze(0), None)


@torch.no_grad()
def _logits(network: nn.Module, data: train.Data) -> Tensor:
    """Logits of all items, (items, classes)."""
    batches = torch.arange(data.count).unsqueeze(0).split(data.chunk, dim=1)
    return torch.cat([network(data.take(index, None)).cpu().double() for index in batches])
