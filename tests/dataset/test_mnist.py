import gzip
import hashlib
import shutil
import socket
import urllib.error
import urllib.request
from itertools import combinations

import pytest
import torch
from archives import stand_in
from serving import Response
from sklearn.linear_model import LogisticRegression
from torchvision import datasets

from qtlrun.dataset import mnist
from qtlrun.dataset.mnist import MNIST
from qtlrun.plan import Absent

NAMES = [name for name, _ in datasets.MNIST.resources]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The folder of a small stand-in with its checksums; nothing is answered by any server."""
    files, raw = stand_in(), tmp_path / "data/MNIST/raw"
    md5s = [(name, hashlib.md5(files[name]).hexdigest()) for name in NAMES]
    monkeypatch.setattr(datasets.MNIST, "resources", md5s)
    monkeypatch.setattr(urllib.request, "urlopen", None)
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return tmp_path / "data"


@pytest.fixture
def served(small, monkeypatch):
    """A server of the stand-in: what it answers by file, the addresses asked for, and the timeouts
    in force.
    """
    answers, asked = dict(stand_in()), []

    def urlopen(address, timeout):
        asked.append((address, timeout))
        answer = answers[address.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return Response(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    shutil.rmtree(small / "MNIST")
    return answers, asked


def make(data, classes=None, validation=0.25, **values):
    return MNIST(data, classes, validation, **values)


def refusal(data, *given, **values):
    with pytest.raises(ValueError) as error:
        make(data, *given, **values)
    return str(error.value)


def all_items(data):
    return data.train.items + data.validation.items + data.test.items


def test_data_that_cannot_be_fetched_are_absent(small, served):
    answers, _ = served
    answers.update(dict.fromkeys(answers, OSError("no network")))
    with pytest.raises(Absent, match=r"could not be fetched \(.+\)\.\nFetch http"):
        make(small)


def test_the_official_parts_are_train_and_test(small):
    data = make(small)
    assert data.classes == tuple("0123456789") and data.size == 110
    assert [len(part) for part in (data.train, data.validation, data.test)] == [60, 20, 30]
    assert (
        data.train.labels.bincount().tolist() == [6] * 10
        and data.validation.labels.bincount().tolist() == [2] * 10
    )
    assert data.train.inputs.shape == (60, 1, 28, 28) and data.train.inputs.dtype == torch.uint8
    assert len(set(all_items(data))) == 110


def test_pixels_and_labels_are_those_that_torchvision_reads(small, tmp_path):
    shutil.copytree(small, tmp_path / "unpacked")
    for name in NAMES:
        packed = tmp_path / "unpacked/MNIST/raw" / name
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    data = make(small, validation="test")
    for part, train in ((data.train, True), (data.test, False)):
        wanted = datasets.MNIST(tmp_path / "unpacked", train=train)
        assert torch.equal(part.inputs.squeeze(1), wanted.data) and torch.equal(
            part.labels, wanted.targets
        )
    assert data.validation is data.test


def test_a_label_is_the_place_of_its_digit(small):
    whole, data, turned = (make(small, classes, "test") for classes in (None, [7, 3], [3, 7]))
    assert data.classes == ("7", "3") and data.size == 22
    for part in ("train", "test"):
        digit = dict(
            zip(getattr(whole, part).items, getattr(whole, part).labels.tolist(), strict=False)
        )
        mine = getattr(data, part)
        assert [[7, 3][label] for label in mine.labels.tolist()] == [
            digit[item] for item in mine.items
        ]
        assert set(mine.items) == {item for item, label in digit.items() if label in (3, 7)}
    assert turned.fingerprint != data.fingerprint and turned.train.items == data.train.items


def test_an_item_is_the_hash_of_its_pixels(small):
    part = make(small).train
    for scan, item in zip(part.inputs, part.items, strict=True):
        assert hashlib.sha256(bytes(scan.flatten().tolist())).hexdigest() == item


def test_the_test_split_is_the_official_one_whatever_is_drawn(small):
    first = make(small)
    drawn = (
        {"split_seed": 1},
        {"fold": [1, 4]},
        {"train_size": 20},
        {"validation": 0.5},
        {"validation": "test"},
    )
    for values in drawn:
        assert make(small, **values).test.items == first.test.items
    assert make(small, split_seed=1).validation.items != first.validation.items
    assert make(small).fingerprint == first.fingerprint != make(small, split_seed=1).fingerprint


def test_a_fold_is_part_of_the_official_train_part(small):
    folds = [make(small, fold=[part, 4]) for part in range(4)]
    assert not any(
        set(one.validation.items) & set(other.validation.items)
        for one, other in combinations(folds, 2)
    )
    official = {*folds[0].train.items, *folds[0].validation.items}
    assert {item for data in folds for item in data.validation.items} == official
    assert all(
        data.validation.labels.bincount().tolist() == [2] * 10 and len(data.train) == 60
        for data in folds
    )


def test_a_size_is_of_the_train_split(small):
    data, less = make(small, [3, 7], train_size=8), make(small, [3, 7], train_size=0.5)
    assert (
        data.train.labels.bincount().tolist() == [4, 4] and len(less.train) == 6 and data.size == 22
    )
    assert (
        set(less.train.items) < set(data.train.items)
        and less.validation.items == data.validation.items
    )


def test_a_folder_that_cannot_be_written_is_read_as_it_is(small):
    places = [small, *small.rglob("*")]
    before = {place: place.stat().st_mtime_ns for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    assert make(small).size == 110
    assert {place: place.stat().st_mtime_ns for place in [small, *small.rglob("*")]} == before


def test_there_is_nothing_to_verify(small):
    steps = []
    make(small).verify(lambda *step: steps.append(step))
    assert steps == []


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_with_a_changed_byte_is_refused_with_both_checksums(small, name):
    path = small / "MNIST/raw" / name
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # of the time of packing, which changes no pixel
    path.write_bytes(content)
    found, wanted = hashlib.md5(content).hexdigest(), dict(datasets.MNIST.resources)[name]
    assert (
        refusal(small)
        == f"data={small}: MNIST/raw/{name} has the md5 {found}, and the published file has "
        f"{wanted}; remove it, and it is fetched again."
    )


def test_absent_archives_are_fetched_once_and_only_they_are_left(small, served):
    _, asked = served
    data = make(small)
    assert [address for address, _ in asked] == [datasets.MNIST.mirrors[0] + name for name in NAMES]
    assert {timeout for _, timeout in asked} == {20} and socket.getdefaulttimeout() is None
    assert sorted(path.name for path in small.rglob("*")) == sorted(["MNIST", "raw", *NAMES])
    count = len(asked)
    assert make(small).fingerprint == data.fingerprint and len(asked) == count


def test_only_what_is_absent_is_fetched(small, served):
    make(small)
    (small / "MNIST/raw" / NAMES[1]).unlink()
    served[1].clear()
    make(small)
    assert {address.rpartition("/")[2] for address, _ in served[1]} == {NAMES[1]}


@pytest.mark.parametrize(
    "error, words",
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (urllib.error.HTTPError("http://x", 404, "Not Found", None, None), "Not Found"),
    ],
)
def test_without_a_network_each_file_and_its_place_are_named(small, served, error, words):
    served[0][NAMES[0]] = error
    raw, md5 = small / "MNIST/raw", datasets.MNIST.resources[0][1]
    shutil.rmtree(small)
    assert (
        refusal(small)
        == f"data={small}: train-images-idx3-ubyte.gz could not be fetched ({words}).\nFetch"
        " https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz (its md5 is"
        f" {md5}), so that {raw}/train-images-idx3-ubyte.gz is there, or let QTLRUN_DATA name"
        " the folder that holds MNIST."
    )
    assert not small.exists()
    assert {address.rpartition("/")[0] for address, _ in served[1]} > {
        "http://yann.lecun.com/exdb/mnist"
    }  # asked too


def test_a_served_file_with_a_changed_byte_is_not_kept(small, served):
    served[0][NAMES[2]] = served[0][NAMES[2]][:-1]
    words = "could not be fetched (what came is another file).\nFetch https://"
    assert refusal(small).startswith(f"data={small}: {NAMES[2]} {words}")
    assert sorted(path.name for path in (small / "MNIST/raw").iterdir()) == sorted(NAMES[:2])


def test_where_nothing_can_be_written_the_file_and_its_place_are_named(small, served):
    (small / "file").write_bytes(b"")
    assert refusal(small / "file/data").startswith(
        f"data={small}/file/data: {NAMES[0]} could not be fetched (Not a directory).\nFetch"
        " https://"
    )
    assert served[1] == []


@pytest.mark.parametrize(
    "values, sentence",
    [
        (
            {"classes": [3, 12]},
            "classes=[3,12]: there is no class 12; it is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",
        ),
        ({"classes": [3, 8, 3]}, "classes=[3,8,3]: 3 stands there 2 times; name each class once."),
        (
            {"classes": [3]},
            "classes=[3]: name two or more of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; null takes all.",
        ),
        (
            {"classes": []},
            "classes=[]: name two or more of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; null takes all.",
        ),
        (
            {"validation": 1.0},
            "validation=1.0: give a share of every class between 0 and 1, such as 0.2 or 'test'.",
        ),
        (
            {"train_size": -1},
            "train_size=-1: give a number of items from 1 up, or a share above 0, at most 1.0.",
        ),
        (
            {"fold": [4, 4]},
            (
                "fold=[4, 4]: give [k, K], part k of K: K from 2 up, k from 0 to K - 1; null draws"
                " none."
            ),
        ),
        (
            {"fold": [0, 4], "validation": "test"},
            (
                "fold=[0, 4]: it would be validation, and validation=test is that already; leave"
                " out one."
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_looked_at(
    tmp_path, monkeypatch, values, sentence
):
    monkeypatch.setattr(mnist, "read", None)
    assert refusal(tmp_path / "data", **values) == sentence
    assert list(tmp_path.iterdir()) == []


def test_too_few_scans_are_refused_with_the_counts(small):
    listed = "(items a class: 3 8, 7 8)"
    assert (
        refusal(small, [3, 7], fold=[0, 9])
        == f"fold=[0, 9]: class 3 has 8 items, too few for 9 folds {listed}."
    )
    assert (
        refusal(small, [3, 7], 0.99)
        == f"validation=0.99: class 3 has 8 items, too few for parts of 8 + a rest {listed}."
    )
    assert (
        refusal(small, [3, 7], train_size=13)
        == "train_size=13: the training split has 12 items (3 6, 7 6); use 12 or fewer."
    )


@pytest.fixture(scope="module")
def real(data):
    if not (data / "MNIST").is_dir():
        pytest.skip("the real MNIST is not here; QTLRUN_DATA names the folder that holds it")
    return data


def test_the_real_scans_have_their_published_counts(real, monkeypatch):
    """LeCun's counts a digit; the mean and the deviation of all training pixels are known as .1307
    and .3081.
    """
    monkeypatch.setattr(urllib.request, "urlopen", None)
    data = make(real, validation="test")
    assert data.train.labels.bincount().tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert data.test.labels.bincount().tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    pixels = data.train.inputs.flatten().bincount(minlength=256).double()
    mean = (pixels * torch.arange(256)).sum() / pixels.sum() / 255
    deviation = ((pixels * (torch.arange(256) / 255 - mean) ** 2).sum() / pixels.sum()).sqrt()
    assert mean.item() == pytest.approx(0.1307, abs=5e-5) and deviation.item() == pytest.approx(
        0.3081, abs=5e-5
    )
    assert len({*data.train.items, *data.test.items}) == 70000  # no scan of train is in test


def test_the_real_scans_belong_to_their_labels(real):
    """LeCun et al. (1998): a linear classifier errs on 12 % of all ten digits; on two of them it
    errs on fewer.
    """
    data = make(real, [3, 8], train_size=1000)
    flat = [part.inputs.flatten(1).numpy() / 255 for part in (data.train, data.test)]
    fitted = LogisticRegression(C=0.01, max_iter=500).fit(flat[0], data.train.labels)
    assert fitted.score(flat[1], data.test.labels) > 0.88
