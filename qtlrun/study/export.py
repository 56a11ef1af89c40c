"""The trained result as a plain classical network, which runs without this program and without any
circuit.
"""

import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from safetensors import torch as safetensors
from torch import Tensor, nn

from qtlrun import disk, train
from qtlrun import plan as plans
from qtlrun.experiment import Experiment
from qtlrun.plan import Refused
from qtlrun.report import output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.study import table

NAME = "network"  # of the files
COLUMNS = ("file", "bytes", "weights", "items", "accuracy", "difference")
# Of the largest logit, within which the exported network is the trained one; single precision has
# seven digits
NEAR = 1e-4


@dataclass(frozen=True)
class Export:
    """Trains the composed model, or finds it in the store, and writes one seed of it as safetensors
    and as torch.export's program.

    `seed` is one of the run's seeds; null: that of least validation NLL. Both files are read again
    and compared with the trained model on every test item.
    """

    seed: int | None

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse several points, a circuit that would stay in the network, and a seed that is not
        trained.
        """
        table.check_one(jobs, "export", (("splits", 1), ("folds", None)))
        if plans.simulates(plans.row_plan(jobs[0])):
            raise Refused(
                "study=export: a circuit is part of this model, and would have to be simulated"
                " wherever it runs; choose a classical head, as head=classical"
                " parametrization=quantum_train."
            )
        if self.seed is not None and self.seed not in plans.seeds(jobs[0]):
            raise Refused(
                f"study.seed={self.seed}: it is not among the seeds trained,"
                f" {plans.text(plans.seeds(jobs[0]))}."
            )

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """Export networks; gives their comparison with the trained ones, and if all agree."""
        job = jobs[0]
        row = plans.row_plan(jobs[0])
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            made = experiment.row(
                table.name(job),
                row,
                plans.seeds(job),
                table.reader(job),
                plans.draws([row], job["tune"]),
            )
            failed = [
                f"{made.name}, seed {seed}: error: {words}." for seed, words in made.errors.items()
            ]
            if not made.entries or self.seed in made.errors:
                return self._said(out, jobs, pd.DataFrame(columns=COLUMNS), failed, console), False
            seed = int(made.metrics["validation_nll"].idxmin()) if self.seed is None else self.seed
            network, data = experiment.plain(plans.drawn(row, made.drawn), seed, made.entries[seed])
            scaling = getattr(experiment.dataset(row), "scaling", None)
            frame = self._written(out, _Exported(network), data, made, seed, scaling)
        self._said(
            out,
            jobs,
            frame,
            [*self._lines(frame, made, seed), *sentence.described([(made.name, made)]), *failed],
            console,
        )
        return frame, bool((frame["difference"] <= NEAR).all()) and not failed

    def _said(
        self, out: Path, jobs: list[dict], frame: pd.DataFrame, lines: list[str], console: Console
    ) -> pd.DataFrame:
        output.write_study(out, jobs, lines, {"export": frame}, {})
        terminal.say(console, lines)
        return frame

    def _written(
        self,
        out: Path,
        network: "_Exported",
        data: train.Data,
        made,
        seed: int,
        scaling: dict | None,
    ) -> pd.DataFrame:
        """Write both files, and compare each with the trained model's logits; differences are
        shares of the largest logit.
        """
        state = {name: value.contiguous() for name, value in network.state_dict().items()}
        disk.write(out / f"{NAME}.safetensors", safetensors.save(state))
        first = data.take(torch.arange(2).unsqueeze(0), None)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch's own, about its own
            program = torch.export.export(
                network, (first,), dynamic_shapes=({0: torch.export.Dim("items", min=1)},)
            )
            packed = io.BytesIO()
            torch.export.save(program, packed)
        disk.write(out / f"{NAME}.pt2", packed.getvalue())
        disk.write_json(
            out / f"{NAME}.json",
            {
                "classes": list(made.classes),
                "input": ["items", *first.shape[1:]],
                "dtype": str(first.dtype).removeprefix("torch."),
                "scaling": scaling,
                "preprocessing": network.preprocessing,
                "row": made.about,
                "seed": seed,
                "fingerprints": made.fingerprints,
            },
        )
        network.load_state_dict(safetensors.load((out / f"{NAME}.safetensors").read_bytes()))
        read = torch.export.load(out / f"{NAME}.pt2").module()
        trained = torch.from_numpy(made.entries[seed].arrays["logits"])
        lines = []
        for name, given in ((f"{NAME}.safetensors", network), (f"{NAME}.pt2", read)):
            logits = _logits(given, data)
            gap = (logits - trained).abs().max() / trained.abs().max()
            lines.append(
                {
                    "file": name,
                    "bytes": (out / name).stat().st_size,
                    "weights": sum(one.numel() for one in network.parameters()),
                    "items": len(trained),
                    "accuracy": float((logits.argmax(-1) == data.labels).double().mean()),
                    "difference": float(gap),
                }
            )
        return pd.DataFrame(lines, columns=COLUMNS)

    def _lines(self, frame: pd.DataFrame, made, seed: int) -> list[str]:
        """Files that were written, and how near they are."""
        lines = []
        for line in frame.itertuples():
            far = "" if line.difference <= NEAR else f", more than {NEAR:g}: not the same network"
            lines.append(
                f"{line.file}: {line.weights:,} weights, {line.bytes:,} bytes; on {line.items} test"
                f" {made.noun}s accuracy {line.accuracy:.4f}, logits within "
                f"{line.difference:.1e} of the trained model's (seed {seed}){far}."
            )
        lines.append(
            f"{NAME}.json says what an item goes through before the network, and the classes."
            " Neither file needs this program."
        )
        return lines


class _Exported(nn.Module):
    """A network of one run, without the run axis."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        preprocess = network.backbone.preprocess
        self.preprocessing = json.loads(
            json.dumps(getattr(preprocess, "__dict__", "none"), default=str)
        )

    def forward(self, items: Tensor) -> Tensor:
        return self.network(items).squeeze(0)


@torch.no_grad()
def _logits(network: nn.Module, data: train.Data) -> Tensor:
    every = torch.arange(len(data.labels)).unsqueeze(0)
    return torch.cat(
        [network(data.take(index, None)).cpu().double() for index in every.split(data.chunk, dim=1)]
    )
