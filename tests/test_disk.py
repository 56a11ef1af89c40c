import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from qtlrun import disk, temporary

OLD, NEW = b"old" * 100, b"newer" * 200
ENTRY = {"values.json": b'{"accuracy": 0.75}', "arrays.safetensors": bytes(range(64))}
OTHER = {"values.json": b'{"accuracy": 0.5}', "arrays.safetensors": bytes(range(64, 128))}


class Died(BaseException):
    """The end of the process: nothing after it reaches the disk, nor does a clean-up."""


class Crash:
    """Lets a process die before its `last` call that changes the disk; the calls before it are
    listed by name.
    """

    calls = ("open", "fsync", "chmod", "replace", "rename", "unlink", "mkdir", "rmdir")

    def __init__(self, monkeypatch, last):
        self.done, self.last, self.alive = [], last, True
        for name in self.calls:
            monkeypatch.setattr(os, name, self.counted(name, getattr(os, name)))
        monkeypatch.setattr(os, "fdopen", lambda handle, mode: File(handle, self))

    def counted(self, name, call):
        def counted(*args, **kwargs):
            self.step(name)
            return call(*args, **kwargs)

        return counted

    def step(self, name):
        self.alive = self.alive and len(self.done) + 1 < self.last
        if not self.alive:
            raise Died(name)
        self.done.append(name)


class File:
    """A file whose writing can end after half of the bytes."""

    def __init__(self, handle, crash):
        self.handle, self.crash = handle, crash

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.handle)

    def write(self, data):
        os.write(self.handle, data[: len(data) // 2])
        self.crash.step("write")
        os.write(self.handle, data[len(data) // 2 :])

    def flush(self):
        pass

    def fileno(self):
        return self.handle


def crashes(monkeypatch, prepare, act):
    """Let `act` die before its first call, its second ... until it comes through; yields the calls
    done each time.
    """
    for last in range(1, 1000):
        prepare()
        with monkeypatch.context() as patch:
            crash = Crash(patch, last)
            with contextlib.suppress(Died):
                act()
        yield crash.done
        if crash.alive:
            return


def script(code, *words):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, timeout=60
    )


def litter(folder):
    return [path.name for path in folder.rglob("*") if path.name.startswith(".new-")]


def abandoned(monkeypatch):
    monkeypatch.setattr(temporary, "ABANDONED_S", -60)


@pytest.mark.parametrize("old", [OLD, None])
def test_a_write_that_dies_anywhere_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, old):
    path, seen = tmp_path / "folder" / "file", []

    def prepare():
        path.unlink(missing_ok=True)
        if old is not None:
            disk.write(path, old)

    for done in crashes(monkeypatch, prepare, lambda: disk.write(path, NEW)):
        seen.append(path.read_bytes() if path.exists() else None)
        assert seen[-1] == (NEW if "replace" in done else old)
        disk.write(path, b"later")
        assert path.read_bytes() == b"later"
    assert len(seen) >= 7 and seen[-1] == NEW


def test_a_file_is_on_the_disk_before_its_name_and_the_name_before_the_return(
    tmp_path, monkeypatch
):
    *_, done = crashes(
        monkeypatch,
        lambda: disk.write(tmp_path / "file", OLD),
        lambda: disk.write(tmp_path / "file", NEW),
    )
    steps = [name for name in done if name in ("write", "fsync", "replace")]
    assert steps == ["write", "fsync", "replace", "fsync"]


def test_a_new_entry_that_dies_anywhere_is_whole_or_absent(tmp_path, monkeypatch):
    path, seen = tmp_path / "kind" / "key", []
    for done in crashes(
        monkeypatch,
        lambda: shutil.rmtree(path, ignore_errors=True),
        lambda: disk.write_folder(path, ENTRY),
    ):
        seen.append(disk.read_folder(path))
        assert seen[-1] == (ENTRY if "rename" in done else None)
    assert len(seen) > 20 and seen[-1] == ENTRY
    abandoned(monkeypatch)
    temporary.clean(path.parent)
    assert os.listdir(path.parent) == ["key"]


def test_an_entry_replaced_is_the_old_one_or_the_new_one_but_for_the_moment_between_two_renames(
    tmp_path, monkeypatch
):
    path, seen = tmp_path / "kind" / "key", []
    for _ in crashes(
        monkeypatch, lambda: disk.write_folder(path, ENTRY), lambda: disk.write_folder(path, OTHER)
    ):
        seen.append(disk.read_folder(path))
        disk.write_folder(path, OTHER)
        assert disk.read_folder(path) == OTHER
    assert all(found in (ENTRY, OTHER, None) for found in seen)
    moment = seen.index(None)
    assert set(map(str, seen[:moment])) == {str(ENTRY)} and set(map(str, seen[moment + 1 :])) == {
        str(OTHER)
    }


def test_what_killed_writers_leave_is_cleaned_away_when_nobody_is_at_it_any_more(
    tmp_path, monkeypatch
):
    path = tmp_path / "kind" / "key"
    for _ in crashes(monkeypatch, lambda: None, lambda: disk.write_folder(path, ENTRY)):
        pass
    for _ in crashes(
        monkeypatch, lambda: None, lambda: disk.write(tmp_path / "kind" / "file", NEW)
    ):
        pass
    left = litter(path.parent)
    assert len(left) > 20
    temporary.clean(path.parent)
    assert sorted(litter(path.parent)) == sorted(left)  # somebody may still be writing
    abandoned(monkeypatch)
    temporary.clean(path.parent)
    assert sorted(os.listdir(path.parent)) == ["file", "key"]
    assert disk.read_folder(path) == ENTRY


WRITER = """
import sys, time
from pathlib import Path
from qtlrun import disk, temporary
path = Path(sys.argv[1])
original = disk.os.fsync
def pause(handle):
    print("writing", flush=True)
    time.sleep(60)
disk.os.fsync = pause
disk.write_folder(path, {"file": b"data"})
"""


@pytest.fixture
def half_written(tmp_path):
    """A process that is writing an entry into a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "kind" / "key")],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_what_a_killed_process_wrote_is_cleaned_away_and_what_a_living_one_writes_is_not(
    tmp_path, monkeypatch, half_written
):
    abandoned(monkeypatch)  # however old it is
    temporary.clean(tmp_path / "kind")
    assert len(litter(tmp_path / "kind")) == 2  # the folder, and the file in it
    monkeypatch.undo()
    half_written.kill()  # and not yet waited for
    time.sleep(0.2)
    temporary.clean(tmp_path / "kind")
    assert os.listdir(tmp_path / "kind") == []


def test_a_process_that_has_the_number_of_a_dead_one_does_not_protect_its_files(
    tmp_path, half_written
):
    (name,) = os.listdir(tmp_path / "kind")
    machine, number, began, rest = name.removeprefix(".new-").split("-")
    (tmp_path / "kind" / f".new-{machine}-{number}-{int(began) - 1}-{rest}").write_text("")
    temporary.clean(tmp_path / "kind")
    assert os.listdir(tmp_path / "kind") == [name]


def test_what_another_machine_writes_is_left_for_a_day(tmp_path):
    """Whether its processes live is not known here; the two share a file system."""
    for name in (".new-00000000-7-7-a", ".new-00000000-7-7-b", ".new-old"):
        (tmp_path / name).mkdir()
    for name, age in ((".new-00000000-7-7-a", 26), (".new-00000000-7-7-b", 22), (".new-old", 26)):
        os.utime(tmp_path / name, (time.time() - age * 3600,) * 2)
    temporary.clean(tmp_path)
    assert os.listdir(tmp_path) == [".new-00000000-7-7-b"]


def test_unfinished_output_folders_are_cleaned_and_nothing_else_is_touched(tmp_path):
    """What lies there may be the user's: only names that a process gave go, and only from folders
    that a run made.
    """
    outputs, litter = tmp_path / "outputs", ".new-00000000-7-7-a"
    run, done, mine = (
        outputs / name
        for name in ("2026-01-31/10-00-00-killed", "2026-01-31/11-00-00-done", "2026/trip")
    )
    for place in (run, run / "figures", done, mine, outputs):
        place.mkdir(parents=True, exist_ok=True)
        for name in (litter, ".new-mine"):
            (place / name).write_text("")
            os.utime(place / name, (1, 1))
    (done / "environment.json").write_text("{}")
    (run / "log.txt").write_text("kept")
    temporary.clean_outputs(outputs)
    assert {path.parent for path in outputs.rglob(litter)} == {done, mine, outputs}
    assert len(list(outputs.rglob(".new-mine"))) == 5 and (run / "log.txt").exists()
    temporary.clean_outputs(tmp_path / "absent")


def test_a_folder_for_scratch_is_taken_for_that_by_its_whole_name(tmp_path):
    for name in ("qtlrun-data", "qtlrun-00000000-7-7-abc", f"qtlrun-{temporary.writer()}abc"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1, 1))
    temporary.clean_prefix(tmp_path, "qtlrun-")
    assert [path.name for path in tmp_path.iterdir()] == ["qtlrun-data"]


@pytest.mark.parametrize(
    "number, words",
    [
        (
            errno.ENOSPC,
            (
                r"No space left on device; 1\.0 kB are needed and [\d.]+ [kMG]B are free; make"
                r" room, or name another folder with "
            ),
        ),
        (
            errno.EDQUOT,
            r"Disk quota exceeded; 1\.0 kB are needed; make room, or name another folder with ",
        ),
        (errno.EROFS, r"Read-only file system; name another folder with "),
        (errno.EACCES, r"Permission denied; name another folder with "),
        (
            errno.ENAMETOOLONG,
            r"File name too long; name a folder of a shorter path with ",
        ),
    ],
)
def test_what_cannot_be_written_names_itself_its_size_and_what_would_help(
    tmp_path, monkeypatch, number, words
):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    for name, write in (
        ("file", lambda path: disk.write(path, bytes(1000))),
        ("key", lambda path: disk.write_folder(path, {"file": bytes(1000)})),
    ):
        with pytest.raises(disk.Unwritable) as error:
            write(tmp_path / name)
        assert re.fullmatch(
            rf"{tmp_path}/{name}: {words}outputs=FOLDER or home=FOLDER\.", str(error.value)
        )
        assert (error.value.errno, error.value.size, error.value.filename) == (
            number,
            1000,
            str(tmp_path / name),
        )


def test_a_lock_that_cannot_be_written_names_itself(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            disk.Unwritable, match=rf"^{tmp_path}/file/key: File exists; name another folder"
        ),
        disk.lock(tmp_path / "file/key"),
    ):
        raise AssertionError


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from qtlrun import disk, temporary
from qtlrun.store import Entry, Store

home, kills, random = Path(sys.argv[1]), int(sys.argv[2]), random.Random(0)
store, file, absent, numbers = Store(home), home / "file", 0, set()
store.put("row", "key", Entry({"number": 0}, {"array": np.zeros(40_000)}))
disk.write(file, bytes(100_000))
for _ in range(kills):
    ready, begun = os.pipe()
    child = os.fork()
    number = max(numbers, default=0)
    while child == 0:
        number = number % 200 + 1
        array = np.full(40_000, float(number))
        store.put("row", "key", Entry({"number": number}, {"array": array}))
        disk.write(file, bytes([number]) * 100_000)
        os.write(begun, b".")
    os.read(ready, 1)
    time.sleep(random.uniform(0, .03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready), os.close(begun)
    content = file.read_bytes()
    assert content == content[:1] * 100_000, "half a file"
    numbers.add(content[0])
    entry = store.get("row", "key")
    absent += entry is None
    assert entry is None or (entry.arrays["array"] == entry.values["number"]).all(), "half an entry"
store.put("row", "key", Entry({"number": 201}))
assert store.get("row", "key").values == {"number": 201}
print(absent, len(numbers))
"""


def test_writers_killed_at_any_moment_leave_whole_files_and_entries(tmp_path):
    kills = 48
    run = script(KILLED, tmp_path, kills)
    assert run.returncode == 0, run.stderr
    absent, numbers = map(int, run.stdout.split())
    # absent where the kill came between the two renames: one call of the about fifty of a
    # replacement
    assert absent <= kills / 6 and numbers > 5


def test_a_changed_bit_anywhere_in_an_entry_is_found(tmp_path):
    path = tmp_path / "key"
    disk.write_folder(path, ENTRY)
    flips = 0
    for file in sorted(path.iterdir()):
        content = file.read_bytes()
        for place in range(len(content)):
            for bit in range(8):
                file.write_bytes(
                    content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
                )
                assert disk.read_folder(path) is None, (file.name, place, bit)
                flips += 1
        file.write_bytes(content)
    assert flips > 2000
    assert disk.read_folder(path) == ENTRY


@pytest.mark.parametrize("name", [*ENTRY, disk.MANIFEST])
def test_an_entry_that_lacks_a_file_counts_as_absent_and_is_written_anew(tmp_path, name):
    path = tmp_path / "key"
    disk.write_folder(path, ENTRY)
    (path / name).unlink()
    assert disk.read_folder(path) is None
    disk.write_folder(path, OTHER)
    assert disk.read_folder(path) == OTHER


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]x", "null", "7", '["values.json"]', '"ab"', "[[1]]", '{"values.json": 1}', "\xff"],
)
def test_a_manifest_that_is_none_makes_its_entry_absent(tmp_path, content):
    path = tmp_path / "key"
    disk.write_folder(path, ENTRY)
    (path / disk.MANIFEST).write_bytes(content.encode("latin-1"))
    assert disk.read_folder(path) is None


def test_something_else_in_an_entrys_place_counts_as_absent_and_is_replaced(tmp_path):
    file, link, manifest = tmp_path / "file", tmp_path / "link", tmp_path / "manifest"
    file.write_text("no folder")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").write_text("stays")
    link.symlink_to(tmp_path / "elsewhere")
    (manifest / disk.MANIFEST).mkdir(parents=True)
    for path in (file, link, manifest):
        assert disk.read_folder(path) is None
        disk.write_folder(path, ENTRY)
        assert disk.read_folder(path) == ENTRY
    assert (tmp_path / "elsewhere" / "mine").read_text() == "stays"


@pytest.mark.parametrize("call", ["fsync", "chmod", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, call):
    disk.write(tmp_path / "file", OLD)
    disk.write_folder(tmp_path / "key", ENTRY)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left on device"):
            disk.write(tmp_path / "file", NEW)
        with pytest.raises(OSError, match="No space left on device"):
            disk.write_folder(tmp_path / "key", OTHER)
    assert (tmp_path / "file").read_bytes() == OLD
    assert disk.read_folder(tmp_path / "key") == ENTRY
    assert sorted(os.listdir(tmp_path)) == ["file", "key"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from qtlrun import disk, temporary

FILES = {"small": b"1", "large": bytes(1_000_000)}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
for act in (lambda: disk.write(Path(sys.argv[1], "file"), bytes(1_000_000)),
            lambda: disk.write_folder(Path(sys.argv[1], "key"), FILES)):
    try:
        act()
        print("written")
    except OSError as error:
        print(error.strerror)
"""


def test_a_limit_of_the_system_leaves_the_old_file_and_no_temporary_one(tmp_path):
    disk.write(tmp_path / "file", OLD)
    disk.write_folder(tmp_path / "key", ENTRY)
    run = script(LIMITED, tmp_path)
    assert run.stdout.splitlines() == ["File too large"] * 2, run.stderr
    assert (tmp_path / "file").read_bytes() == OLD
    assert disk.read_folder(tmp_path / "key") == ENTRY
    assert sorted(os.listdir(tmp_path)) == ["file", "key"]


def test_an_interruption_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    disk.write(tmp_path / "file", OLD)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            disk.write(tmp_path / "file", NEW)
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == OLD


def test_a_file_has_the_rights_that_the_user_gives_new_files(tmp_path):
    mask = os.umask(0o027)
    try:
        disk.write(tmp_path / "file", "text")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("stays")
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    disk.write(tmp_path / "file", "é")
    assert (tmp_path / "elsewhere").read_text() == "stays"
    assert (tmp_path / "file").read_bytes() == "é".encode() and not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_is_strict(tmp_path, value):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        disk.write_json(tmp_path / "file", {"value": value})
    assert os.listdir(tmp_path) == []
    disk.write_json(tmp_path / "file", {"value": 0.1})
    assert json.loads((tmp_path / "file").read_text()) == {"value": 0.1}


def test_a_log_gets_every_line_and_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    for line in ("first", "second \udcff"):
        disk.append(tmp_path / "log.txt", line)
    assert (tmp_path / "log.txt").read_text() == "first\nsecond \\udcff\n"
    disk.append(tmp_path / "absent" / "log.txt", "lost")
    assert os.listdir(tmp_path) == ["log.txt"]


def test_twenty_who_want_one_folder_get_twenty(tmp_path):
    start = Barrier(20)

    def make(_):
        start.wait()
        return disk.new_folder(tmp_path / "day", "run")

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(make, range(20)))
    assert sorted(path.name for path in made) == sorted(
        ["run", *(f"run-{number}" for number in range(2, 21))]
    )
    assert sorted(os.listdir(tmp_path / "day")) == sorted(path.name for path in made)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_disk(tmp_path):
    (tmp_path / "file").write_text("")
    for parent, name in (
        (tmp_path / "file", "run"),
        (tmp_path / "file" / "below", "run"),
        (tmp_path, "n" * 300),
    ):
        with pytest.raises(OSError):
            disk.new_folder(parent, name)
    assert os.listdir(tmp_path) == ["file"]


HOLDER = """
import sys, time
from pathlib import Path
from qtlrun import disk, temporary
with disk.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of `kind/key`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "kind" / "key")],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path, holder):
    temporary.clean(tmp_path / "kind")
    assert os.listdir(tmp_path / "kind") == ["key.lock"]  # somebody holds it
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    began = time.monotonic()
    with disk.lock(tmp_path / "kind" / "key"):
        assert time.monotonic() - began < 5
    assert os.listdir(tmp_path / "kind") == []


def test_a_lock_that_a_killed_process_left_is_cleaned_away(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert os.listdir(tmp_path / "kind") == ["key.lock"]
    temporary.clean(tmp_path / "kind")
    assert os.listdir(tmp_path / "kind") == []


def test_a_lock_keeps_others_out(tmp_path):
    inside, most = [], []

    def work(_):
        with disk.lock(tmp_path / "key"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    assert most == [1] * 12 and os.listdir(tmp_path) == []


def test_a_digest_is_sha256():
    # FIPS 180-2, appendix B.1
    assert disk.digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
