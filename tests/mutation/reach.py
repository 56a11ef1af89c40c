"""A pytest plugin that notes the lines that each test runs, in each process that runs tests."""

import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from coverage import Coverage
from mutant import ROOMS, ROOT, package

FOLDER = "QTLRUN_REACH"  # variable that names the folder where each process leaves what it noted


@dataclass
class Noted:
    """What the tests of some processes ran.

    seconds: processor seconds of each test, those of its shared fixtures included
    lines: tests that run a line, by `path:line`
    failed: tests that failed
    """

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def read_noted(folder: Path) -> Noted:
    """What the processes of a run have left in a folder, together."""
    noted = Noted()
    for file in folder.glob("*.json"):
        part = Noted(**json.loads(file.read_text()))
        noted.seconds |= part.seconds
        noted.failed += part.failed
        for line, tests in part.lines.items():
            noted.lines.setdefault(line, []).extend(tests)
    return noted


def pytest_configure(config: pytest.Config):
    """Note in each process that runs tests."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Reach(Path(os.environ[FOLDER], f"{os.getpid()}.json")))


class Reach:
    """Lines of the rooms that each test runs, and its processor seconds.

    A fixture that several tests share runs once; its lines and seconds count for each of them.
    """

    def __init__(self, file: Path):
        self.file, self.context, self.failed = file, "", set()
        self.seconds: dict[str, float] = defaultdict(float)
        self.fixtures: dict[str, list[str]] = {}
        rooms = [f"{ROOT}/qtlrun/{room}/*" for room in ROOMS]
        self.coverage = Coverage(data_file=None, config_file=False, include=rooms, messages=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self):
        self.coverage.start()
        try:
            return (yield)
        finally:
            self.coverage.stop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        definitions = item._fixtureinfo.name2fixturedefs.values()
        shared = [each[-1] for each in definitions if each[-1].scope != "function"]
        self.fixtures[item.nodeid] = list(map(_fixture_name, shared))
        result = yield from self._within(item.nodeid)
        if nextitem is None or nextitem.path != item.path:
            self._write()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef):
        if fixturedef.scope == "function":
            return (yield)
        return (yield from self._within(_fixture_name(fixturedef)))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)

    def _write(self) -> None:
        """Leave what the files so far have noted."""
        seconds, tests = {}, defaultdict(set)
        for test, fixtures in self.fixtures.items():
            seconds[test] = sum(self.seconds[name] for name in (test, *fixtures))
            for name in (test, *fixtures):
                tests[name].add(test)
        lines = {}
        for path in package():
            contexts = self.coverage.get_data().contexts_by_lineno(str(ROOT / path))
            for line, names in contexts.items():
                reached = set().union(*(tests.get(name, ()) for name in names))
                lines[f"{path}:{line}"] = sorted(reached - self.failed)
        noted = Noted(seconds, {line: tests for line, tests in lines.items() if tests})
        noted.failed = sorted(self.failed)
        self.file.write_text(json.dumps(asdict(noted)))

    def _within(self, name: str):
        """Count lines and seconds for a name, and then again for what ran before."""
        outer, self.context, began = self.context, name, _seconds()
        self.coverage.switch_context(name)
        try:
            return (yield)
        finally:
            spent = _seconds() - began
            self.seconds[name] += spent
            self.seconds[outer] -= spent
            self.context = outer
            self.coverage.switch_context(outer)


def _fixture_name(fixture: pytest.FixtureDef) -> str:
    return f"{fixture.baseid}::fixture {fixture.argname}"


def _seconds() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])
