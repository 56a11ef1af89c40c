"""Seconds of the whole command, each a process of its own: `make bench` prints them."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine, table

COMMAND = [sys.executable, "-m", "qtlrun"]
REPEATS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        seconds = {
            "qtlrun, empty store": [_run(place, f"home-{number}") for number in range(REPEATS)],
            "qtlrun fresh=true": [_run(place, "home-0", "fresh=true") for _ in range(REPEATS)],
            "qtlrun, rows in the store": [_run(place, "home-0") for _ in range(REPEATS)],
            "qtlrun --help": [_run(place, "home-0", "--help") for _ in range(REPEATS)],
        }
    table(
        "command",
        f"The whole command, seconds of {REPEATS} runs each; {machine()}.",
        ["command", "least", "median"],
        [
            [f"`{name}`", f"{min(values):.1f}", f"{statistics.median(values):.1f}"]
            for name, values in seconds.items()
        ],
    )


def _run(place: str, home: str, *words: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [*COMMAND, *words],
        cwd=place,
        env=os.environ | {"QTLRUN_HOME": str(Path(place, home))},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
