"""Try the tests on mutants of the package: python tests/mutation [--count N] [--seed N].

Writes outputs/results/mutation.md: the share that a test found, and those that none did.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from mutant import ROOT, draw_mutants
from reach import Reach
from result import write_result
from trial import FORK, Trials

QUIET = ["-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(ROOT)]


def main(count: int, seed: int, reach: Path | None) -> int:
    """Note what each test runs, unless a file tells, then try the mutants; 1 where nothing ran."""
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        reach = reach or Path(folder, "reach.json")
        if not reach.exists():  # in a process of its own: the mutants' has run no test
            process = FORK.Process(target=pytest.main, args=(QUIET, [Reach(reach)]))
            process.start()
            process.join()
        trials = Trials(draw_mutants(count, seed), reach)
        pytest.main([*QUIET, "-s"], [trials])
    if not trials.outcomes:
        return 1
    write_result(trials, seed, time.time() - began)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=250, help="mutants, 250")
    parser.add_argument("--seed", type=int, default=0, help="of the draw, 0")
    parser.add_argument("--reach", type=Path, help="file of what tests run, written if not there")
    sys.exit(main(**vars(parser.parse_args())))
