import gzip
import hashlib
import shutil
import urllib.request

import pytest
import torch
from archives import stand_in
from composition import compose_plan
from serving import Response
from torchvision import datasets

from qtlrun.dataset import fashion_mnist
from qtlrun.dataset.fashion_mnist import FashionMNIST
from qtlrun.plan import Absent, build

NAMES = [name for name, _ in datasets.FashionMNIST.resources]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The folder of a small stand-in with its checksums; nothing is answered by any server."""
    files, raw = stand_in(), tmp_path / "data/FashionMNIST/raw"
    monkeypatch.setattr(
        datasets.FashionMNIST,
        "resources",
        [(name, hashlib.md5(files[name]).hexdigest()) for name in NAMES],
    )
    monkeypatch.setattr(urllib.request, "urlopen", None)
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return tmp_path / "data"


def make(data, classes=None, validation=0.25, **values):
    return FashionMNIST(data, classes, validation, **values)


def refusal(data, *given, **values):
    with pytest.raises(ValueError) as error:
        make(data, *given, **values)
    return str(error.value)


def test_the_official_parts_are_train_and_test_and_the_classes_have_their_published_names(small):
    data = make(small)
    assert list(data.classes) == datasets.FashionMNIST.classes and data.size == 110
    assert [len(part) for part in (data.train, data.validation, data.test)] == [60, 20, 30]
    assert (
        data.train.labels.bincount().tolist() == [6] * 10
        and data.test.labels.bincount().tolist() == [3] * 10
    )
    assert data.train.inputs.shape == (60, 1, 28, 28) and data.train.inputs.dtype == torch.uint8


def test_pixels_and_labels_are_those_that_torchvision_reads(small, tmp_path):
    shutil.copytree(small, tmp_path / "unpacked")
    for name in NAMES:
        packed = tmp_path / "unpacked/FashionMNIST/raw" / name
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    data = make(small, validation="test")
    for part, train in ((data.train, True), (data.test, False)):
        wanted = datasets.FashionMNIST(tmp_path / "unpacked", train=train)
        assert torch.equal(part.inputs.squeeze(1), wanted.data) and torch.equal(
            part.labels, wanted.targets
        )


def test_a_label_is_the_place_of_its_class_as_it_is_typed(small):
    part = compose_plan(
        "dataset=fashion_mnist",
        "dataset.classes=[Ankle boot,T-shirt/top]",
        "dataset.validation=test",
    ).model.dataset
    data, whole = build("dataset", part, data=small), make(small, validation="test")
    assert data.classes == ("Ankle boot", "T-shirt/top") and data.size == 22
    known = dict(zip(whole.train.items, whole.train.labels.tolist(), strict=True))
    assert [known[item] for item in data.train.items] == [
        [9, 0][label] for label in data.train.labels.tolist()
    ]


def test_an_archive_with_a_changed_byte_is_refused_with_both_checksums(small):
    path = small / "FashionMNIST/raw" / NAMES[3]
    path.write_bytes(path.read_bytes()[:-1])
    found, wanted = (
        hashlib.md5(path.read_bytes()).hexdigest(),
        datasets.FashionMNIST.resources[3][1],
    )
    assert (
        refusal(small)
        == f"data={small}: FashionMNIST/raw/{NAMES[3]} has the md5 {found}, and the published file"
        f" has {wanted}; remove it, and it is fetched again."
    )


def test_absent_archives_are_fetched_from_their_own_server_into_their_own_folder(
    small, monkeypatch
):
    shutil.rmtree(small)
    files, asked = stand_in(), []

    def urlopen(address, timeout):
        asked.append(address)
        return Response(files[address.rpartition("/")[2]])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert make(small).size == 110
    assert set(asked) == {datasets.FashionMNIST.mirrors[0] + name for name in NAMES}
    assert sorted(path.name for path in small.rglob("*")) == sorted(["FashionMNIST", "raw", *NAMES])


def test_without_a_network_the_file_and_its_place_are_named(small, monkeypatch):
    shutil.rmtree(small)

    def urlopen(address, timeout):
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    place, md5 = small / "FashionMNIST/raw" / NAMES[0], datasets.FashionMNIST.resources[0][1]
    with pytest.raises(Absent) as error:
        make(small)
    assert (
        str(error.value) == f"data={small}: {NAMES[0]} could not be fetched (no network).\nFetch"
        f" {datasets.FashionMNIST.mirrors[0]}{NAMES[0]} (its md5 is {md5}), so that {place} is"
        " there, or let QTLRUN_DATA name the folder that holds FashionMNIST."
    )


def test_a_class_that_is_not_there_is_refused_before_anything_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "read", None)
    assert (
        refusal(tmp_path, ["Bag", "Sneakers"])
        == "classes=[Bag,Sneakers]: there is no class Sneakers; did you mean Sneaker? It is one of"
        " T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot."
    )
