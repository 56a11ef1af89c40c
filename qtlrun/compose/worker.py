"""Points of a sweep in the processes of a parallel launcher, which share a scratch folder."""

import contextlib
import json
import sys
from pathlib import Path

from qtlrun import disk
from qtlrun.compose.check import check_models, check_words
from qtlrun.plan import Plan


class Announcements:
    """Monitor that prints what is said, as what a device elsewhere is sent, and nothing else."""

    def step(self, stage: str, done: int, total: int) -> None:
        pass

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def trace(self) -> None:
        pass


def train(values: dict[str, object], scratch: Path, number: int) -> None:
    """Write a point to the scratch folder by its number, and train its rows into the store."""
    from qtlrun.compose.seal import check_seal
    from qtlrun.contract.part import build_part
    from qtlrun.experiment import Experiment

    disk.write(scratch / f"{number:06d}.json", json.dumps(values))
    plan = Plan(values)
    check_words([plan])
    plans = check_seal([plan], number)
    experiment = Experiment(plan.settings.home, plan.settings.fresh, Announcements())
    study = build_part("study", plan.study, plan.settings.plugins)
    check_models(plans, study, experiment)
    if not study.trains:
        return
    for name, variant in plan.variants.items():
        with contextlib.suppress(Exception):  # the parent meets it again, and prints it
            rows = experiment.train(name, variant, plan.redraws)
            if study.surrogates:
                experiment.certify(variant, plan.redraws, rows)


def read_points(scratch: Path) -> list[dict[str, object]]:
    """Points that the processes left, in the order of the sweep; their rows are in the store."""
    return [
        json.loads(path.read_text()) | {"fresh": False} for path in sorted(scratch.glob("*.json"))
    ]
