import io
import re

import pytest
from rich.console import Console

from qtlrun.report import progress
from qtlrun.report.progress import Progress
from qtlrun.report.report import Report


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def plain(tmp_path):
    return begun(Console(file=io.StringIO(), width=100), tmp_path)


@pytest.fixture
def terminal(tmp_path):
    return begun(Console(file=io.StringIO(), width=100, force_terminal=True), tmp_path)


def begun(console, folder):
    made = Progress(console)
    made.begin(folder / "log.txt")
    return made


def printed(made):
    return made.console.file.getvalue()


def logged(made):
    """The lines of the log, without the time of day that each begins with."""
    lines = made.log.read_text().splitlines() if made.log.exists() else []
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    return [line[9:] for line in lines]


def test_a_stage_ends_with_its_line(plain, clock):
    plain.step("features", 200, 428)
    assert printed(plain) == ""
    clock[0] = 1.25
    plain.step("features", 428, 428)
    assert printed(plain) == "features: 428 in 1.2 s\n"
    assert logged(plain) == ["features: 428 in 1.2 s"]


def test_a_line_is_printed_as_it_is(plain):
    line = "B: training takes about 27 min [estimated] and 0.9 GiB of memory :bee:."
    plain.say(line)
    assert printed(plain) == line + "\n" and logged(plain) == [line]


def test_before_it_begins_and_in_quiet_nothing_is_told_of_stages(plain):
    silent = Progress(plain.console)
    silent.step("features", 1, 1)
    silent.trace()
    with plain.quiet():
        plain.step("features", 1, 1)
        plain.say("training takes about 27 min")
    assert printed(plain) == "" and logged(plain) == []


def test_stages_may_overlap_and_come_again(plain, clock):
    for stage, done, at in (
        ("A", 1, 0),
        ("features", 0, 1),
        ("features", 2, 3),
        ("A", 2, 4),
        ("A", 1, 10),
        ("A", 2, 11),
    ):
        clock[0] = at
        plain.step(stage, done, 2)
    assert logged(plain) == ["features: 2 in 2.0 s", "A: 2 in 4.0 s", "A: 2 in 1.0 s"]


def test_a_stage_that_broke_off_begins_anew(plain, terminal, clock):
    for made in (plain, terminal):
        for done, at in ((0, 0), (1, 1), (0, 100), (2, 101)):
            clock[0] = at
            made.step("A", done, 2)
        made.end()
    assert logged(plain) == ["A: 2 in 1.0 s"] * 2  # one of each, in one log


def test_lines_are_plain_where_there_is_no_terminal(plain):
    plain.say("[red]circuit.qubits=2[/]:")
    plain.step("A", 1, 1)
    assert plain.bars is None and "\x1b" not in printed(plain)
    assert printed(plain).startswith("[red]circuit.qubits=2[/]:\nA: 1 in ")


def test_a_terminal_has_bars_and_the_log_gets_every_line_all_the_same(terminal, clock):
    terminal.say("circuit.qubits=2:")
    terminal.step("[bold]A", 1, 2)
    terminal.bars.refresh()
    assert "[bold]A" in printed(terminal) and "1/2" in printed(terminal)
    terminal.step("[bold]A", 2, 2)
    assert terminal.bars.task_ids == []
    terminal.end()
    assert "circuit.qubits=2:" in printed(terminal) and "A: 2 in" not in printed(terminal)
    assert logged(terminal) == ["circuit.qubits=2:", "[bold]A: 2 in 0.0 s"]


def test_a_bar_is_gone_after_an_error(terminal, tmp_path):
    with pytest.raises(KeyboardInterrupt), Report(tmp_path, terminal):
        terminal.step("A", 1, 2)
        raise KeyboardInterrupt
    assert not terminal.bars.live.is_started


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    made = begun(Console(file=io.StringIO()), tmp_path / "absent")
    made.say("line")
    assert printed(made) == "line\n" and list(tmp_path.iterdir()) == []
