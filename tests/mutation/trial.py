"""A pytest plugin that tries the tests on mutants, each in a process of its own."""

import contextlib
import gc
import importlib
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import connection, get_context

import pytest
from mutant import Mutant, loaded_functions, module_name, package
from reach import Noted

FORK = get_context("fork")
BOX_S = 8  # processor seconds of tests that a mutant is tried with
HANG_S = 3 * BOX_S  # processor seconds after which a single test counts as endless
WAIT_S = 20 * BOX_S  # the same by the clock, on a machine that others load
MAX_BYTES = 8 << 30  # of data that a mutant may hold
MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """What a trial ended with.

    found: whether a test failed, or the process did not survive
    by: the test that failed, or how the process ended
    passed: number of tests that passed before
    reached: number of tests that reach the mutant
    """

    found: bool
    by: str
    passed: int
    reached: int


class Trials:
    """The mutants of a run, and their outcomes once pytest has run."""

    def __init__(self, mutants: list[Mutant], noted: Noted):
        self.mutants, self.outcomes, self.failure = mutants, [], None
        self.seconds, self.lines, self.unfit = noted.seconds, noted.lines, set(noted.failed)

    def pytest_runtestloop(self, session: pytest.Session):
        """In place of pytest's own loop: try each mutant, then the tests that found one without."""
        self.items = {item.nodeid: item for item in session.items}
        for path in package():
            if not path.endswith("__main__.py"):
                importlib.import_module(module_name(path))
        self.functions = loaded_functions()
        gc.freeze()  # pages stay shared between the processes
        self.outcomes = list(self._try(self.mutants))
        while unfit := self._control():
            self.unfit |= unfit
            again = [number for number, each in enumerate(self.outcomes) if each.by in unfit]
            for number, outcome in zip(
                again, self._try([self.mutants[number] for number in again]), strict=True
            ):
                self.outcomes[number] = outcome
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport):
        if report.failed:
            self.failure = report.nodeid

    def _control(self) -> set[str]:
        """Tests that found a mutant and fail without one, in a process like a mutant's."""
        finders = {outcome.by for outcome in self.outcomes} & set(self.items)
        chosen = [[self.items[name]] for name in sorted(finders)]
        outcomes = self._run([(None, items) for items in chosen])
        return {outcome.by for outcome in outcomes if outcome.found}

    def _try(self, mutants: list[Mutant]) -> list[Outcome]:
        return self._run([(mutant, self._tests(mutant)) for mutant in mutants])

    def _tests(self, mutant: Mutant) -> list[pytest.Item]:
        """Tests that reach a mutant: its room's before others, and cheap ones first."""
        reached = set().union(
            *(self.lines.get(f"{path}:{line}", ()) for path, line in mutant.lines)
        )
        room = f"tests/{mutant.path.split('/')[1]}/"

        def order(name: str) -> tuple[bool, int, str, float]:
            seconds = max(self.seconds[name], 0.01)
            return (
                not name.startswith(room),
                round(math.log2(seconds)),
                name.partition("::")[0],
                seconds,
            )

        names = (reached & set(self.items)) - self.unfit
        return [self.items[name] for name in sorted(names, key=order)]

    def _run(self, jobs: list[tuple[Mutant | None, list[pytest.Item]]]) -> list[Outcome]:
        """Outcomes of jobs, as many at once as there are cores."""
        outcomes, running, waiting = {}, {}, list(enumerate(jobs))[::-1]
        while waiting or running:
            while waiting and len(running) < os.cpu_count():
                number, job = waiting.pop()
                trial = Trial(self, *job)
                running[trial.process.sentinel] = number, trial
            connection.wait(list(running), timeout=1)
            for sentinel, (number, trial) in list(running.items()):
                if trial.is_over():
                    outcomes[number] = trial.outcome()
                    del running[sentinel]
                    _say(len(outcomes), len(jobs), jobs[number][0], outcomes[number])
        return [outcomes[number] for number in range(len(jobs))]


class Trial:
    """A process that runs tests on a mutant until one fails or the time is up."""

    def __init__(self, trials: Trials, mutant: Mutant | None, items: list[pytest.Item]):
        self.trials, self.mutant, self.items = trials, mutant, items
        self.folder = tempfile.mkdtemp(prefix="mutation-")
        self.reader, self.writer = FORK.Pipe(duplex=False)
        self.began = time.monotonic()
        self.process = FORK.Process(target=self._attempt)
        self.process.start()
        self.writer.close()

    def is_over(self) -> bool:
        """Whether the process has ended; one that waits for ever is ended."""
        if self.process.is_alive() and time.monotonic() - self.began > WAIT_S:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()
        return not self.process.is_alive()

    def outcome(self) -> Outcome:
        try:
            found, by, passed = self.reader.recv()
        except EOFError:
            found, by, passed = True, f"the end of its process by {-self.process.exitcode}", 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # what its tests have started
        self.process.join()
        self.reader.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return Outcome(found, by, passed, len(self.items))

    def _attempt(self) -> None:
        os.setsid()
        _confine(self.folder)
        try:
            self.writer.send(self._result())
        except BaseException as error:  # what pytest takes for an order to stop
            self.writer.send((True, f"the end of its process by {error!r}", 0))
        os._exit(0)

    def _result(self) -> tuple[bool, str, int]:
        """Whether a test found the mutant, which, and how many passed before."""
        try:
            if self.mutant:
                self.mutant.apply(self.trials.functions)
        except Exception as error:
            return True, f"the module's own code ({type(error).__name__})", 0
        for number, item in enumerate(self.items):
            if _spent() > BOX_S:
                return False, "", number
            following = self.items[number + 1] if number + 1 < len(self.items) else None
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.trials.failure:
                return True, self.trials.failure, number
        return False, "", len(self.items)


def _confine(folder: str) -> None:
    """Limit this process and what it starts, give it a folder to write into, and silence it."""
    resource.setrlimit(resource.RLIMIT_CPU, (HANG_S, HANG_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ |= {"PYTEST_DEBUG_TEMPROOT": folder, "TMPDIR": folder, "HOME": folder}
    tempfile.tempdir = None
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _spent() -> float:
    return sum(os.times()[:4])


def _say(done: int, count: int, mutant: Mutant | None, outcome: Outcome) -> None:
    what = f"{mutant.path}:{mutant.line} {mutant.change}" if mutant else "no mutant"
    by = f"found by {outcome.by}" if outcome.found else f"passed {outcome.passed} tests"
    print(f"{done}/{count} {what}: {by}", file=sys.stderr, flush=True)
