"""Standard streams that are closed, full or read by nobody."""

import errno
import io
import os
import subprocess
import sys

import pytest

from qtlrun.compose.stream import Stream, guarded


class Failing(io.StringIO):
    """A stream whose writing fails with an error of the system from a number of calls on."""

    def __init__(self, number, calls=0):
        super().__init__()
        self.number, self.calls = number, calls

    def write(self, text):
        self.calls -= 1
        if self.calls < 0:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


@pytest.mark.parametrize(
    "number, broken", [(errno.EPIPE, True), (errno.ENOSPC, False), (errno.EIO, False)]
)
def test_a_stream_goes_silent_at_its_first_error_and_keeps_it(number, broken):
    stream = Stream(Failing(number, 1))
    assert [stream.write(text) for text in ("one", "two", "three")] == [3, 3, 5]
    stream.flush()
    assert (
        stream.stream.getvalue() == "one"
        and stream.error.errno == number
        and stream.broken is broken
    )


def test_a_guarded_stream_has_all_that_a_text_file_has(tmp_path):
    with (tmp_path / "out").open("w") as file:
        stream = Stream(file)
        stream.reconfigure(line_buffering=True)
        assert stream.name == file.name and stream.buffer is file.buffer
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        stream.nothing


def test_a_stream_that_was_closed_in_python_is_one_that_fails():
    stream = Stream(io.StringIO())
    stream.stream.close()
    stream.write("lost")
    assert stream.error.errno == errno.EBADF and not stream.broken and not stream.isatty()


def test_what_a_terminals_alphabet_lacks_is_printed_as_a_question_mark():
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, "ascii"))
    stream.write("† found")
    stream.flush()
    assert raw.getvalue() == b"? found" and stream.error is None


def test_the_streams_are_the_callers_again_afterwards():
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), guarded() as out:
        assert sys.stdout is out and out.stream is before[0]
        raise KeyError
    assert (sys.stdout, sys.stderr) == before


def run(line):
    """A command line of the shell; gives its exit code and what it wrote to the errors, where those
    are open.
    """
    words = line.replace("qtlrun", f"'{sys.executable}' -m qtlrun", 1)
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words, code", [("--version", 0), ("seeds=", 2)])
@pytest.mark.parametrize(
    "closed", [">&-", "2>&-", "<&-", ">&- 2>&-", ">&- 2>&- <&-", "2>/dev/full"]
)
def test_streams_that_are_closed_change_no_exit_code(words, code, closed):
    ended, err = run(f"qtlrun {words} {closed}")
    assert ended == code and "Traceback" not in err and "Exception ignored" not in err
    assert err.count("\n") == (code == 2 and "2>" not in closed)


def test_a_full_device_is_an_error_of_the_disk():
    assert run("qtlrun --version >/dev/full") == (
        4,
        "qtlrun: standard output: No space left on device; what is written to files is whole.\n",
    )
    assert run("qtlrun seeds= >/dev/full")[0] == 2  # nothing was to be printed


def test_a_descriptor_that_was_closed_goes_to_no_file(tmp_path):
    """The first file that is opened would get it, and with it whatever is printed."""
    code = (
        "import os, sys; from qtlrun.compose.stream import guarded\n"
        "with guarded():\n"
        f"    file = os.open({str(tmp_path / 'data')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "    print('printed', flush=True)\n"
        "sys.exit(file <= 2)"
    )
    assert (
        subprocess.run(["bash", "-c", f'"{sys.executable}" -c "$0" >&- 2>&- <&-', code]).returncode
        == 0
    )
    assert (tmp_path / "data").read_bytes() == b""
