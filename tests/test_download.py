"""Files from the network: whole and of the right hash, or not at all."""

import hashlib
import http.client
import io
import urllib.error
import urllib.request

import pytest

from qtlrun import download

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
        return io.BytesIO(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return answers, asked


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
