"""Processor time of the whole command beside `import torch`: `make bench` prints it."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine, table

PEER = "import torch"
PYTHON = [sys.executable, "-m", "qtlrun"]
ROUNDS = 5


def main() -> None:
    """Run each command in turn, so that what else the machine does meets all of them alike."""
    with tempfile.TemporaryDirectory() as folder:
        _run(PYTHON, folder, "stored")
        commands = {
            PEER: lambda turn: _run([sys.executable, "-c", PEER], folder, "stored"),
            "qtlrun --help": lambda turn: _run([*PYTHON, "--help"], folder, "stored"),
            "qtlrun, rows in the store": lambda turn: _run(PYTHON, folder, "stored"),
            "qtlrun fresh=true": lambda turn: _run([*PYTHON, "fresh=true"], folder, "stored"),
            "qtlrun, empty store": lambda turn: _run(PYTHON, folder, f"empty-{turn}"),
        }
        rounds = [{name: run(turn) for name, run in commands.items()} for turn in range(ROUNDS)]
    table(
        "command",
        f"The whole command, {ROUNDS} rounds in turn: median and range; processor is user and"
        f" system time of all threads, ratio that to `{PEER}`; {machine()}.",
        ["command", "processor, s", "ratio", "clock, s"],
        [_line(name, rounds) for name in commands],
    )


def _line(name: str, rounds: list[dict[str, tuple[float, float]]]) -> list[str]:
    """Processor seconds, their ratio to the peer's in the same round, and clock seconds."""
    ratios = [each[name][0] / each[PEER][0] for each in rounds]
    processor, clock = zip(*(each[name] for each in rounds), strict=True)
    return [f"`{name}`", _spread(processor), _spread(ratios), _spread(clock)]


def _spread(values) -> str:
    """Median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def _run(command: list[str], folder: str, home: str) -> tuple[float, float]:
    """Processor and clock seconds of a command, in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"QTLRUN_HOME": str(Path(folder, home))},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began


if __name__ == "__main__":
    main()
