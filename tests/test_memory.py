"""Memory of this process, in the units of each system."""

import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from qtlrun import memory


@pytest.mark.parametrize("platform, number", [("linux", 3 * 2**20), ("darwin", 3 * 2**30)])
def test_the_peak_is_told_in_bytes_on_each_system(monkeypatch, platform, number):
    """Linux counts KiB, macOS bytes."""
    usage = SimpleNamespace(ru_maxrss=number)
    monkeypatch.setattr(resource, "getrusage", lambda _who: usage)
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.peak() == 3 * 2**30


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process holds now")
def test_the_peak_lies_between_what_the_process_holds_and_the_machine_has():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert pages * resource.getpagesize() <= memory.peak() <= memory.total()
