"""Files from the network: whole and of the right hash, or not at all."""

import errno
import hashlib
import http.client
import io
import os
import tracemalloc
import urllib.error
import urllib.request

import pytest

from qtlrun import disk, download

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """Answers by address, and the addresses asked for."""
    answers, asked = {}, []

    def urlopen(address, timeout):
        asked.append(address)
        assert timeout == download.DOWNLOAD_TIMEOUT_S
        answer = answers.get(address, urllib.error.URLError("no network"))
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer) if isinstance(answer, bytes) else answer

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return answers, asked


class Zeros(io.RawIOBase):
    """An answer of many zeros, none of which is there before it is asked for."""

    def __init__(self, size):
        self.left = size

    def read(self, most):
        size = min(most, self.left)
        self.left -= size
        return bytes(size)


class Socket:
    """A connection on which an answer has come."""

    def __init__(self, answer):
        self.answer = answer

    def makefile(self, mode):
        return io.BytesIO(self.answer)


def response(answer):
    """An answer over HTTP whose head was read."""
    response = http.client.HTTPResponse(Socket(b"HTTP/1.1 200 OK\r\n" + answer))
    response.begin()
    return response


def fetch(path, *addresses, **words):
    download.fetch(addresses, path, **{"algorithm": "sha256", "digest": DIGEST[:8]} | words)


def test_the_first_address_that_has_the_file_gives_it(server, tmp_path):
    answers, asked = server
    answers |= {"b": b"another", "c": CONTENT}
    fetch(tmp_path / "deep/file", "a", "b", "c", "d")
    assert (tmp_path / "deep/file").read_bytes() == CONTENT and asked == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (urllib.error.URLError("no network"), "no network"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (http.client.IncompleteRead(b"w", 6), "IncompleteRead(1 bytes read, 6 more expected)"),
        (b"another", "what came is another file"),
        (b"", "what came is another file"),
    ],
)
def test_what_cannot_be_had_leaves_nothing_and_says_why(server, tmp_path, answer, reason):
    server[0]["a"] = answer
    with pytest.raises(OSError) as error:
        fetch(tmp_path / "file", "a", "b")
    assert download.reason(error.value) == reason and not list(tmp_path.iterdir())


def test_of_a_long_answer_one_byte_too_many_is_read(server):
    server[0]["a"] = b"0123456789"
    assert download.read("a", most=4) == b"01234" and download.read("a") == b"0123456789"


def test_the_algorithm_is_the_callers(server, tmp_path):
    server[0]["a"] = CONTENT
    fetch(tmp_path / "file", "a", algorithm="md5", digest=hashlib.md5(CONTENT).hexdigest())
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_large_file_is_never_held_whole(server, tmp_path):
    size = 16 * download.BLOCK_BYTES
    server[0]["a"] = Zeros(size)
    digest = hashlib.sha256(bytes(size)).hexdigest()
    tracemalloc.start()
    fetch(tmp_path / "file", "a", digest=digest)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "file").stat().st_size == size and peak < 4 * download.BLOCK_BYTES


@pytest.mark.parametrize("most", [None, 100])
def test_an_answer_that_ends_early_is_incomplete(server, tmp_path, most):
    server[0]["a"] = response(b"Content-Length: 9\r\n\r\n" + CONTENT)
    with pytest.raises(OSError) as error:
        fetch(tmp_path / "deep/file", "a", most=most)
    assert download.reason(error.value) == "IncompleteRead(7 bytes read, 2 more expected)"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_file_may_have_one_byte_more_than_the_most(server, tmp_path, spare):
    """Its hash tells that it is the one; a longer file is read no further, and refused."""
    content = bytes(download.BLOCK_BYTES + 5)
    server[0]["a"] = content
    words = {"digest": hashlib.sha256(content).hexdigest(), "most": len(content) - 1 + spare}
    if spare < 0:
        with pytest.raises(OSError, match="another file"):
            fetch(tmp_path / "file", "a", **words)
    else:
        fetch(tmp_path / "file", "a", **words)
        assert (tmp_path / "file").read_bytes() == content


def test_a_full_disk_says_how_much_is_needed_and_ends_the_search(server, tmp_path, monkeypatch):
    answers, asked = server
    answers |= {"a": response(b"Content-Length: 7\r\n\r\n" + CONTENT), "b": CONTENT}

    def fail(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(disk.Unwritable, match="7 bytes are needed"):
        fetch(tmp_path / "deep/file", "a", "b")
    assert asked == ["a"] and not list(tmp_path.iterdir())
