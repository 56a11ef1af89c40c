"""Times interleaved methods in one process, and writes tables."""

import csv
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROUNDS = 9
SLOT = 0.02  # seconds that a method is repeated for, at least, in a round
LONG = 2.0  # seconds; a method that takes longer is measured in three rounds


def interleaved(
    methods: dict[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, tuple[float, float]]:
    """Least and median seconds of each method, called in turn; two calls of each come before."""
    repeats, seconds = {}, {name: [] for name in methods}
    for name, method in methods.items():
        method()
        repeats[name] = max(1, int(SLOT / max(_once(method, 1), 1e-7)))
    for turn in range(rounds):
        for name, method in methods.items():
            if turn < 3 or not seconds[name] or seconds[name][-1] < LONG:
                seconds[name].append(_once(method, repeats[name]))
    return {name: (min(values), statistics.median(values)) for name, values in seconds.items()}


def machine() -> str:
    """The machine and the versions that a table was measured with."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    return (
        f"{cores} cores ({platform.machine()}), {torch.get_num_threads()} thread(s), load"
        f" {load:.1f}, Python {sys.version.split()[0]}, torch {torch.__version__.split('+')[0]},"
        f" {time.strftime('%Y-%m-%d')}"
    )


def table(name: str, title: str, columns: list[str], rows: list[list]) -> None:
    """Print a Markdown table, and write it as outputs/bench/NAME.md and .csv."""
    lines = [
        title,
        "",
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---" for _ in columns) + " |",
    ]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    folder = Path("outputs", "bench")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n")
    with open(folder / f"{name}.csv", "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    print("\n".join(lines), "\n", flush=True)


def _once(method: Callable[[], object], repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        method()
    return (time.perf_counter() - began) / repeats
