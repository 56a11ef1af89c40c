"""Print how many planted faults the checks miss, and how often they alarm on healthy models.

    python tests/diagnosis_rates.py [SEEDS]

Planted faults are those of tests/diagnosis/plants. Healthy models are the presets of
conf/experiment that keep no published defect, each from SEEDS seeds (20) on the split of its seed,
or from as many as a minute of the processor holds beside the first, whose features the others
share. A preset whose ImageNet weights are not here takes those of the package index, and
QTLRUN_DATA names the folder of data that are not installed. Notes are no alarms.
"""

import math
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import plants
import torch

from qtlrun import run, statistic
from qtlrun.compose import compose
from qtlrun.diagnosis import CHECKS, compose_case, examine
from qtlrun.diagnosis.finding import Severity
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment

PRESETS = Path(__file__).parents[1] / "conf" / "experiment"
SUBSTITUTE = "backbone=efficientnet_lite0"
SEEDS = 20
MAX_PRESET_S = 60  # of the processor, for examinations of a preset after the first
MARGIN = 0.05
ABSENT = "their data or weights are not here"
GRAVE = [check for check in CHECKS if check.severity is not Severity.NOTE]


@dataclass(frozen=True)
class Planted:
    """Outcome of a planted fault.

    name: of the plant; it begins with its code
    found: whether the check of its code finds it
    others: codes of other checks that alarm
    """

    name: str
    found: bool
    others: list[str]


@dataclass(frozen=True)
class Healthy:
    """Outcome of a preset.

    words: of its command
    cases: models that were examined; 0 where it keeps a defect, or data or weights are not here
    alarms: code of each false alarm
    alarmed: models with one or more
    seconds: of the processor, for one examination by the checks that can alarm
    is_defective: whether it keeps a published defect
    """

    words: str
    cases: int
    alarms: list[str]
    alarmed: int
    seconds: float
    is_defective: bool = False


def main(seeds: int) -> None:
    """Print a table of checks, one of presets, and the rates in all."""
    began = time.perf_counter()
    presets = [path.stem for path in sorted(PRESETS.glob("*.yaml"))]
    context = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, initializer=prepare) as pool:
        jobs = [pool.submit(examine_preset, name, seeds) for name in ("", *presets)]
        planted = list(pool.map(examine_plant, *zip(*plants.PLANTS, strict=True)))
        healthy = [job.result() for job in jobs]
    print_checks(planted, healthy)
    print_presets(healthy)
    print_sums(planted, healthy)
    print(f"\n{(time.perf_counter() - began) / 60:.1f} minutes on {os.cpu_count()} cores.")


def prepare() -> None:
    """Leave each process a core."""
    torch.set_num_threads(1)


def examine_plant(name: str, words: list[str]) -> Planted:
    """Examine a planted fault by all checks."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as silence:
        sys.stdout = silence
        try:
            home = f"home={folder}/home"
            frame = run("study=diagnose", home, f"outputs={folder}", *words).frame
        finally:
            sys.stdout = sys.__stdout__
    code = plants.code_of(name)
    grave = frame[frame["severity"] != "note"]
    others = [each for each in grave["code"] if each != code]
    return Planted(name, code in set(frame["code"]), others)


def examine_preset(name: str, seeds: int) -> Healthy:
    """Examine a preset from seeds; one whose weights are not here with others."""
    words = [f"experiment={name}"] if name else []
    try:
        return examine_seeds(words, seeds)
    except UsageError:
        try:
            return examine_seeds([*words, SUBSTITUTE], seeds)
        except UsageError:
            return Healthy(" ".join(words), 0, [], 0, 0.0)


def examine_seeds(words: list[str], seeds: int) -> Healthy:
    """Examine a command's composed model from each seed, on the split of the seed."""
    plan = compose([*words, f"seeds={seeds}"])[0]  # of a preset that sweeps, its first point
    variant = plan.model
    if any(variant.facts(group).kept_defects(part) for group, part in variant.parts.items()):
        return Healthy(" ".join(words), 0, [], 0, 0.0, is_defective=True)
    experiment = Experiment(plan.settings.home)
    experiment.load(plan.model)
    alarms: list[str] = []
    alarmed = 0
    count = 0
    began = time.process_time()
    deadline = math.inf
    for redraw in plan.redraws:
        variant = plan.model.redrawn(redraw.change)
        for seed in redraw.seeds:
            if time.process_time() > deadline:
                break
            examination = experiment.explore(
                variant,
                lambda parts, seed=seed: examine(compose_case("A", parts, MARGIN, seed), GRAVE),
            )
            count += 1
            deadline = min(deadline, time.process_time() + MAX_PRESET_S)
            alarms += [finding.check.code for finding in examination.findings]
            alarmed += bool(examination.findings)
    seconds = time.process_time() - began
    return Healthy(" ".join(words) or "the default", count, alarms, alarmed, seconds / count)


def print_checks(planted: list[Planted], healthy: list[Healthy]) -> None:
    """Print a line for each check: its plants, and its false alarms."""
    cases = sum(each.cases for each in healthy)
    alarms = Counter(code for each in healthy for code in each.alarms)
    print("| check | severity | plants found | healthy models with an alarm | 95 % interval |")
    print("|" + " --- |" * 5)
    for check in sorted(CHECKS, key=lambda check: check.code):
        tries = [each for each in planted if plants.code_of(each.name) == check.code]
        hits = sum(each.found for each in tries)
        number = f"{alarms[check.code]} of {cases}" if check in GRAVE else "a note"
        bounds = interval(alarms[check.code], cases) if check in GRAVE else ""
        severity = check.severity.name.lower()
        cells = f"{check.code} {check.name}", severity, f"{hits} of {len(tries)}", number, bounds
        print(f"| {' | '.join(cells)} |")


def print_presets(healthy: list[Healthy]) -> None:
    """Print a line for each preset that was examined, and the names of others."""
    print("\n| healthy model | seeds | alarms | s of the processor per seed |\n|" + " --- |" * 4)
    for each in healthy:
        alarms = ", ".join(sorted(each.alarms)) or "none"
        if each.cases:
            print(f"| {each.words} | {each.cases} | {alarms} | {each.seconds:.1f} |")
    absent = [each for each in healthy if not each.cases]
    for is_defective, reason in ((True, "they keep a published defect"), (False, ABSENT)):
        if names := [each.words for each in absent if each.is_defective is is_defective]:
            print(f"\nNot examined, for {reason}: {', '.join(names)}.")


def print_sums(planted: list[Planted], healthy: list[Healthy]) -> None:
    """Print the rates of misses and of false alarms, and what plants trigger beside their own."""
    misses = [each.name for each in planted if not each.found]
    cases = sum(each.cases for each in healthy)
    alarms = sum(len(each.alarms) for each in healthy)
    alarmed = sum(each.alarmed for each in healthy)
    most = max(planted, key=lambda each: len(each.others))
    print(
        f"\nMisses: {len(misses)} of {len(planted)} planted faults"
        f" ({interval(len(misses), len(planted))}){': ' * bool(misses)}{', '.join(misses)}."
        f" False alarms: {alarms} in {cases} examinations of healthy models by {len(GRAVE)} checks;"
        f" {alarmed} of these examinations have one ({interval(alarmed, cases)})."
    )
    print(
        f"Most other checks that alarm on a planted fault: {len(most.others)} ({most.name}:"
        f" {', '.join(most.others) or 'none'}). Intervals are exact binomial ones of 95 %."
    )


def interval(number: int, total: int) -> str:
    """Exact binomial interval of a share."""
    low, high = statistic.binomial(number, total)
    return f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
