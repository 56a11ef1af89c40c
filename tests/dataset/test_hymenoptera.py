import hashlib
import io
import os
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from divided import divided
from PIL import Image

from qtlrun.dataset import hymenoptera
from qtlrun.dataset.hymenoptera import ADDRESS
from qtlrun.error import UsageError

SMALL = [
    f"{part}/{label}/{number}.png"
    for part, count in (("train", 4), ("val", 2))
    for label in ("ants", "bees")
    for number in range(count)
]


def content_of(path):
    image = io.BytesIO()
    pixels = np.random.default_rng(zlib.crc32(path.encode())).integers(
        0, 256, (6, 8, 3), dtype=np.uint8
    )
    Image.fromarray(pixels).save(image, "PNG")
    return image.getvalue()


def archive(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return content.getvalue()


def whole():
    members = {f"hymenoptera_data/{path}": content_of(path) for path in SMALL}
    return members | {
        "hymenoptera_data/train/ants/imageNotFound.gif": b"GIF89a",
        "hymenoptera_data/.DS_Store": b"x",
    }


@pytest.fixture
def served(monkeypatch):
    """A stand-in for the server: its answers in turn, and the calls that it got; a small set's
    content is pinned.
    """
    lines = "".join(
        f"{path}\0{hashlib.sha256(content_of(path)).hexdigest()}\n" for path in sorted(SMALL)
    )
    monkeypatch.setattr(hymenoptera, "CONTENT", hashlib.sha256(lines.encode()).hexdigest())
    answers, calls = [], []

    def urlopen(address, timeout):
        calls.append((address, timeout))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return answers, calls


def make(data, **values):
    return divided(hymenoptera.hymenoptera, data, **values)


def refusal(data, **values):
    with pytest.raises(ValueError) as error:
        make(data, **values)
    return str(error.value)


def instruction(data, what):
    return (
        f"data={data}: hymenoptera_data.zip {what}; "
        "fetch https://download.pytorch.org/tutorial/hymenoptera_data.zip and unpack it, so that "
        f"{data}/hymenoptera_data is there (content {hymenoptera.CONTENT[:12]}), "
        "or let QTLRUN_DATA name the folder that holds hymenoptera_data."
    )


def test_pictures_that_cannot_be_fetched_are_absent(tmp_path, served):
    served[0].append(OSError("no network"))
    with pytest.raises(UsageError) as error:
        make(tmp_path)
    assert str(error.value) == instruction(tmp_path, "could not be fetched (no network)")


def test_absent_pictures_are_fetched_once_and_only_they_are_left(tmp_path, served):
    answers, calls = served
    answers.append(archive(whole()))
    data = make(tmp_path / "data", validation=0.25)
    assert data.classes == ("ants", "bees") and data.size == 12
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 2, 4]
    assert calls == [(ADDRESS, 20)]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["hymenoptera_data"]
    again = make(tmp_path / "data", validation=0.25)
    assert len(calls) == 1 and again.fingerprint == data.fingerprint
    data.verify()


def test_validation_and_seed_reach_the_folder(tmp_path, served):
    served[0].append(archive(whole()))
    first, other = (make(tmp_path, validation=0.5, split_seed=seed) for seed in (0, 1))
    assert first.train.names != other.train.names
    published = make(tmp_path, validation="test")
    assert published.validation is published.test and len(published.train) == 8


@pytest.mark.parametrize(
    "error, words",
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (urllib.error.HTTPError(ADDRESS, 404, "Not Found", None, None), "Not Found"),
    ],
)
def test_without_a_network_the_file_its_hash_and_its_folder_are_named(
    tmp_path, served, error, words
):
    served[0].append(error)
    data = tmp_path / "data"
    assert refusal(data) == instruction(data, f"could not be fetched ({words})")
    assert not data.exists()


def test_a_bad_share_is_refused_before_anything_is_fetched(tmp_path, served):
    sentence = "validation=2.0: give a share of every class between 0 and 1, such as 0.2 or 'test'."
    assert refusal(tmp_path, validation=2.0) == sentence
    assert served[1] == []


def test_a_cut_archive_is_refused_and_leaves_nothing(tmp_path, served):
    served[0].append(archive(whole())[:-100])
    assert refusal(tmp_path) == instruction(tmp_path, "came damaged (File is not a zip file)")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_with_a_changed_byte_is_refused(tmp_path, served):
    content = bytearray(archive(whole()))
    content[100] ^= 1
    served[0].append(bytes(content))
    assert "hymenoptera_data.zip came damaged (" in refusal(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../out.png", "/out.png", "hymenoptera_data/../../out.png", "..\\out.png"]
)
def test_a_member_outside_the_folder_is_refused(tmp_path, served, name):
    served[0].append(archive({name: b"x"} | whole()))
    what = f"came with a member outside its folder, {name}"
    assert refusal(tmp_path / "data") == instruction(tmp_path / "data", what)
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, served, monkeypatch):
    monkeypatch.setattr(hymenoptera, "MAX_UNPACKED_BYTES", 1e6)
    served[0].append(archive(whole() | {"hymenoptera_data/bomb": bytes(1_000_001)}))
    assert refusal(tmp_path) == instruction(tmp_path, "came with more than 1 MB to unpack")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_does_not_end_is_given_up(tmp_path, served, monkeypatch):
    monkeypatch.setattr(hymenoptera, "MAX_ARCHIVE_BYTES", 1e6)
    served[0].append(bytes(2_000_000))
    assert refusal(tmp_path) == instruction(tmp_path, "came with more than 1 MB")


def test_an_archive_of_something_else_is_refused(tmp_path, served):
    served[0].append(archive({"other/1.txt": b"x"}))
    assert refusal(tmp_path) == instruction(tmp_path, "came without its folder hymenoptera_data")


def test_an_archive_with_other_pictures_is_refused_and_leaves_nothing(tmp_path, served):
    served[0].append(archive(whole() | {"hymenoptera_data/val/ants/7.png": content_of("other")}))
    message = refusal(tmp_path)
    assert message.startswith(f"data={tmp_path}: hymenoptera_data holds 13 pictures with content ")
    assert message.endswith(f"; {ADDRESS} has changed; unpack an older copy there.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change, count", [("remove", 11), ("edit", 12), ("add", 13)])
def test_a_folder_with_other_pictures_is_refused_with_both_counts(tmp_path, served, change, count):
    served[0].append(archive(whole()))
    make(tmp_path, validation=0.5)
    first = tmp_path / "hymenoptera_data/train/ants/0.png"
    if change == "remove":
        first.unlink()
    elif change == "edit":
        first.write_bytes(content_of("edited"))
    else:
        (tmp_path / "hymenoptera_data/train/ants/new.jpg").write_bytes(content_of("new"))
    message = refusal(tmp_path)
    assert message.startswith(
        f"data={tmp_path}: hymenoptera_data holds {count} pictures with content "
    )
    wanted = f"and the tutorial's are 397 with content {hymenoptera.CONTENT[:12]}"
    assert message.endswith(f", {wanted}; remove it, and it is fetched again.")
    assert first.exists() == (change != "remove")


def test_another_process_may_be_quicker(tmp_path, served, monkeypatch):
    answers, _ = served
    answers.append(archive(whole()))
    unpack = hymenoptera._unpack

    def late(data, content):
        unpack(data, content)
        unpack(data, content)

    monkeypatch.setattr(hymenoptera, "_unpack", late)
    assert make(tmp_path, validation=0.5).size == 12
    assert [path.name for path in tmp_path.iterdir()] == ["hymenoptera_data"]


def test_the_real_pictures_have_the_pinned_content(monkeypatch):
    home = Path(os.environ.get("QTLRUN_DATA", Path(__file__).parents[3] / "shared/data"))
    if not (home / "hymenoptera_data").is_dir():
        pytest.skip(
            "the real ants and bees are not here; QTLRUN_DATA names the folder that holds"
            " hymenoptera_data"
        )
    monkeypatch.setattr(urllib.request, "urlopen", None)
    data = make(home)
    assert data.classes == ("ants", "bees") and data.size == hymenoptera.PICTURES
    assert [len(data.train) + len(data.validation), len(data.test)] == [244, 153]
    assert len(make(home, validation="test").train) == 244
