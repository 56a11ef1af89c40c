import hashlib
import io
import pickle
import shutil
import socket
import tarfile
import urllib.error
import urllib.request
import warnings

import numpy as np
import pytest
import torch
from serving import Response
from torchvision import datasets

from qtlrun.dataset import cifar10
from qtlrun.dataset.cifar10 import CIFAR10, CLASSES
from qtlrun.plan import Absent

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
LISTED = "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"


class Old(pickle.Pickler):
    """Pickles arrays as a numpy of 2009 did, with whole numbers for the truths of a dtype."""

    def reducer_override(self, one):
        if isinstance(one, np.dtype):
            return np.dtype, (one.str[1:], 0, 1), one.__reduce__()[2]
        if isinstance(one, np.ndarray):
            state = 1, one.shape, one.dtype, False, one.tobytes()
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state
        return NotImplemented


def packed(value):
    content = io.BytesIO()
    Old(content, protocol=2).dump(value)
    return content.getvalue()


def stand_in():
    """Two pictures of noise a class and batch, and the names; files by their name."""
    generator, files = np.random.default_rng(0), {}
    for name in BATCHES:
        pixels = generator.integers(0, 256, (20, 3072), np.uint8)
        files[name] = packed({"batch_label": name, "labels": list(range(10)) * 2, "data": pixels})
    return files | {"batches.meta": packed({"label_names": list(CLASSES), "num_vis": 3072})}


def archive(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture(scope="module")
def files():
    return stand_in()


@pytest.fixture(scope="module")
def content(files):
    return archive(files)


@pytest.fixture
def small(tmp_path, files, content, monkeypatch):
    """The folder of a small stand-in with its checksums; nothing is answered by any server."""

    def md5(data):
        return hashlib.md5(data).hexdigest()

    monkeypatch.setattr(
        datasets.CIFAR10, "train_list", [[name, md5(files[name])] for name in BATCHES[:5]]
    )
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": md5(files["batches.meta"])}
    )
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(content))
    monkeypatch.setattr(urllib.request, "urlopen", None)
    (tmp_path / "data" / FOLDER).mkdir(parents=True)
    for name, data in files.items():
        (tmp_path / "data" / FOLDER / name).write_bytes(data)
    return tmp_path / "data"


@pytest.fixture
def served(small, content, monkeypatch):
    """A server of the stand-in: what it answers, the addresses asked for, and the timeouts in
    force.
    """
    answers, asked = [content], []

    def urlopen(address, timeout):
        asked.append((address, timeout))
        if isinstance(answers[0], Exception):
            raise answers[0]
        return Response(answers[0])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    shutil.rmtree(small)
    return answers, asked


def make(data, classes=None, validation=0.2, **values):
    return CIFAR10(data, classes, validation, **values)


def refusal(data, *given, **values):
    with pytest.raises(ValueError) as error:
        make(data, *given, **values)
    return str(error.value)


def instruction(data, what):
    return (
        f"data={data}: cifar-10-python.tar.gz {what}.\nFetch {ADDRESS} (its md5 is"
        f" {datasets.CIFAR10.tgz_md5}) and unpack it, so that {data}/{FOLDER} is there, or let"
        f" QTLRUN_DATA name the folder that holds {FOLDER}."
    )


def test_data_that_cannot_be_fetched_are_absent(small, served):
    answers, _ = served
    answers[:] = [OSError("no network")]
    with pytest.raises(Absent, match=r"could not be fetched \(.+\)\.\nFetch http"):
        make(small)


def test_the_official_parts_are_train_and_test(small):
    data = make(small)
    assert data.classes == CLASSES and data.size == 120
    assert [len(part) for part in (data.train, data.validation, data.test)] == [80, 20, 20]
    assert data.train.labels.bincount().tolist() == [8] * 10
    assert data.train.inputs.shape == (80, 3, 32, 32) and data.train.inputs.dtype == torch.uint8
    assert len({*data.train.items, *data.validation.items, *data.test.items}) == 120


def test_a_picture_is_three_planes_of_bytes_in_rows(small, files):
    """So the set's page describes a row: 1024 bytes of red, 1024 of green, 1024 of blue, each row
    by row.
    """
    data = make(small, validation="test")
    rows = np.concatenate(
        [pickle.loads(files[name], encoding="latin1")["data"] for name in BATCHES[:5]]
    )
    assert torch.equal(data.train.inputs, torch.from_numpy(rows.reshape(100, 3, 32, 32)))
    assert data.train.labels.tolist() == list(range(10)) * 10 and data.validation is data.test
    assert data.train.items == tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in rows)


@pytest.mark.parametrize(
    "classes, published",
    [
        (["cat", "dog"], [3, 5]),
        (["airplane", "automobile"], [0, 1]),
        (["truck", "airplane", "frog"], [9, 0, 6]),
    ],
)
def test_a_label_is_the_place_of_its_name(small, classes, published):
    whole, data = make(small, None, "test"), make(small, classes, "test")
    assert data.classes == tuple(classes) and data.size == 12 * len(classes)
    for part in ("train", "test"):
        known = dict(
            zip(getattr(whole, part).items, getattr(whole, part).labels.tolist(), strict=True)
        )
        mine = getattr(data, part)
        assert [published[label] for label in mine.labels.tolist()] == [
            known[item] for item in mine.items
        ]
        assert len(mine) == len(classes) * (10 if part == "train" else 2)


def test_folds_sizes_and_seeds_leave_the_official_test_part(small):
    first = make(small, ["cat", "dog"])
    for values in ({"split_seed": 1}, {"fold": [1, 5]}, {"train_size": 6}, {"validation": 0.5}):
        data = make(small, ["cat", "dog"], **values)
        assert data.test.items == first.test.items and data.fingerprint != first.fingerprint
        assert not set(data.train.items) & set(data.validation.items)
    folds = [make(small, ["cat", "dog"], fold=[part, 5]).validation for part in range(5)]
    assert {item for fold in folds for item in fold.items} == {
        *first.train.items,
        *first.validation.items,
    }
    assert [fold.labels.bincount().tolist() for fold in folds] == [[2, 2]] * 5
    assert make(small, ["cat", "dog"], train_size=6).train.labels.bincount().tolist() == [3, 3]


def test_a_folder_that_cannot_be_written_is_read_as_it_is(small):
    places = [small, *small.rglob("*")]
    before = {place: place.stat().st_mtime_ns for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    assert make(small).size == 120
    assert {place: place.stat().st_mtime_ns for place in [small, *small.rglob("*")]} == before


def test_what_some_numpys_say_of_files_as_old_as_these_is_not_passed_on(small, monkeypatch):
    class Warned(datasets.CIFAR10):
        def __init__(self, *given, **values):
            words = "dtype(): align should be passed as Python or NumPy boolean but got `align=0`."
            warnings.warn(words, np.exceptions.VisibleDeprecationWarning, stacklevel=2)
            super().__init__(*given, **values)

    monkeypatch.setattr(datasets, "CIFAR10", Warned)
    assert make(small).size == 120


def test_there_is_nothing_to_verify(small):
    steps = []
    make(small).verify(lambda *step: steps.append(step))
    assert steps == []


@pytest.mark.parametrize("name", [*BATCHES, "batches.meta"])
def test_a_changed_or_missing_file_is_refused_by_its_name(small, files, name):
    path, md5 = small / FOLDER / name, hashlib.md5(files[name]).hexdigest()
    for change, what in (
        (lambda: path.write_bytes(files[name] + b"."), "is not the published file"),
        (path.unlink, "is missing"),
    ):
        change()
        assert (
            refusal(small) == f"data={small}: {FOLDER}/{name} {what}, whose md5 is {md5}; "
            f"remove {FOLDER}, and it is fetched again."
        )


def test_absent_pictures_are_fetched_once_and_only_they_are_left(small, served):
    _, asked = served
    data = make(small)
    assert {address for address, _ in asked} == {ADDRESS} and {timeout for _, timeout in asked} == {
        20
    }
    assert socket.getdefaulttimeout() is None
    assert [path.name for path in small.iterdir()] == [FOLDER]
    assert sorted(path.name for path in (small / FOLDER).iterdir()) == sorted(
        [*BATCHES, "batches.meta"]
    )
    count = len(asked)
    assert make(small).fingerprint == data.fingerprint and len(asked) == count


@pytest.mark.parametrize(
    "error, words",
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (urllib.error.HTTPError(ADDRESS, 404, "Not Found", None, None), "Not Found"),
    ],
)
def test_without_a_network_the_file_and_its_folder_are_named(small, served, error, words):
    served[0][0] = error
    assert refusal(small) == instruction(small, f"could not be fetched ({words})")
    assert not small.exists()


def test_a_served_archive_with_a_changed_byte_is_not_unpacked(small, served, content):
    served[0][0] = content[:-1]
    small.mkdir()
    assert refusal(small) == instruction(small, "could not be fetched (what came is another file)")
    assert list(small.iterdir()) == []


def test_where_nothing_can_be_written_the_file_and_its_folder_are_named(small, served):
    small.write_bytes(b"")
    assert refusal(small / "data") == instruction(
        small / "data", "could not be fetched (Not a directory)"
    )
    assert served[1] == []


def test_another_process_may_be_quicker(small, served, files, monkeypatch):
    unpack = cifar10._unpack

    def late(archive, place):
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)
        unpack(archive, place)

    monkeypatch.setattr(cifar10, "_unpack", late)
    assert make(small).size == 120
    assert [path.name for path in small.iterdir()] == [FOLDER]


@pytest.mark.parametrize(
    "values, sentence",
    [
        (
            {"classes": ["cat", "dgo"]},
            f"classes=[cat,dgo]: there is no class dgo; did you mean dog? It is one of {LISTED}.",
        ),
        (
            {"classes": ["cat", "zebra"]},
            f"classes=[cat,zebra]: there is no class zebra; it is one of {LISTED}.",
        ),
        (
            {"classes": ["cat", "cat"]},
            "classes=[cat,cat]: cat stands there 2 times; name each class once.",
        ),
        ({"classes": ["cat"]}, f"classes=[cat]: name two or more of {LISTED}; null takes all."),
        ({"classes": []}, f"classes=[]: name two or more of {LISTED}; null takes all."),
        (
            {"validation": 0.0},
            "validation=0.0: give a share of every class between 0 and 1, such as 0.2 or 'test'.",
        ),
        (
            {"validation": "tset"},
            "validation=tset: give a share of every class between 0 and 1, such as 0.2 or 'test'.",
        ),
        (
            {"train_size": 0},
            "train_size=0: give a number of items from 1 up, or a share above 0, at most 1.0.",
        ),
        (
            {"fold": [0, 1]},
            (
                "fold=[0, 1]: give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws"
                " none."
            ),
        ),
        (
            {"fold": [0, 5], "validation": "test"},
            (
                "fold=[0, 5]: it would be validation, and validation=test is that already; leave"
                " out one."
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_looked_at(
    tmp_path, monkeypatch, values, sentence
):
    monkeypatch.setattr(cifar10, "_read", None)
    assert refusal(tmp_path / "data", **values) == sentence
    assert list(tmp_path.iterdir()) == []


def test_too_few_pictures_are_refused_with_the_counts(small):
    given, listed = (["cat", "dog"],), "(items a class: cat 10, dog 10)"
    assert (
        refusal(small, *given, fold=[0, 11])
        == f"fold=[0, 11]: class cat has 10 items, too few for 11 folds {listed}."
    )
    assert (
        refusal(small, *given, 0.99)
        == f"validation=0.99: class cat has 10 items, too few for parts of 10 + a rest {listed}."
    )
    assert (
        refusal(small, *given, train_size=17)
        == "train_size=17: the training split has 16 items (cat 8, dog 8); use 16 or fewer."
    )
