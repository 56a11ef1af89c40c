"""Try the tests on mutants of the package: python tests/mutation [--count N] [--seed N].

Prints as Markdown the share that a test found, and the mutants that none did.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pytest
from mutant import ROOT, draw_mutants
from reach import FOLDER, read_noted
from summary import summarize
from trial import FORK, Trials

# Folders of the tests that are tried: of the rooms, and of what stands on them.
TESTS = ("plan", "statistic", "report", "simulator", "device", "experiment", "study", "compose")
QUIET = ["-p", "no:cacheprovider", "--rootdir", str(ROOT), *(f"tests/{name}" for name in TESTS)]


def main(count: int, seed: int, reach: Path | None) -> int:
    """Note what each test runs, unless a folder tells, then try the mutants; 1 where none was."""
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    printer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what tests print goes elsewhere
    with tempfile.TemporaryDirectory() as folder:
        reach = reach or Path(folder)
        if not list(reach.glob("*.json")):
            note_reach(reach)
        trials = Trials(draw_mutants(count, seed), read_noted(reach))
        pytest.main([*QUIET, "-s"], [trials])
    if not trials.outcomes:
        return 1
    print(summarize(trials, seed), file=printer, flush=True)
    return 0


def note_reach(folder: Path) -> None:
    """Run the tests in processes of their own: the mutants' has run none."""
    os.environ[FOLDER] = str(folder)
    quiet = [*QUIET, "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # it is imported here, too
    words = [*quiet, "-p", "reach", "-n", str(os.cpu_count()), "--dist", "loadfile"]
    process = FORK.Process(target=pytest.main, args=(words,))
    process.start()
    process.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="mutants, 200")
    parser.add_argument("--seed", type=int, default=0, help="of the draw, 0")
    parser.add_argument(
        "--reach", type=Path, help="folder of what tests run, if empty to be filled"
    )
    sys.exit(main(**vars(parser.parse_args())))
