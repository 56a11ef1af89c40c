"""CIFAR-10, beyond the contract of public sets."""

import hashlib
import pickle
import shutil
import urllib.request
import warnings

import numpy as np
import pytest
import torch
from public_sets import BATCHES, SETS, Server, md5
from torchvision import datasets

from qtlrun.dataset import cifar10

CIFAR10 = SETS["cifar10"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The data folder that holds the set; nothing is answered by any server."""
    monkeypatch.setattr(urllib.request, "urlopen", None)
    CIFAR10.install(monkeypatch)
    CIFAR10.lay(tmp_path / "data")
    return tmp_path / "data"


def test_a_picture_is_three_planes_of_bytes_in_rows(small):
    """So the set's page describes a row: 1024 bytes of red, 1024 of green, 1024 of blue, each row
    by row.
    """
    data = CIFAR10.make(small, validation="test")
    rows = np.concatenate(
        [pickle.loads(CIFAR10.files[name], encoding="latin1")["data"] for name in BATCHES[:5]]
    )
    assert torch.equal(data.train.inputs, torch.from_numpy(rows.reshape(100, 3, 32, 32)))
    assert data.train.labels.tolist() == list(range(10)) * 10 and data.validation is data.test
    assert data.train.items == tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in rows)


def test_what_some_numpys_say_of_files_as_old_as_these_is_not_passed_on(small, monkeypatch):
    class Warned(datasets.CIFAR10):
        def __init__(self, *given, **values):
            words = "dtype(): align should be passed as Python or NumPy boolean but got `align=0`."
            warnings.warn(words, np.exceptions.VisibleDeprecationWarning, stacklevel=2)
            super().__init__(*given, **values)

    monkeypatch.setattr(datasets, "CIFAR10", Warned)
    assert CIFAR10.make(small).size == 120


@pytest.mark.parametrize("name", CIFAR10.files)
def test_a_missing_file_is_refused_by_its_name(small, name):
    (small / CIFAR10.folder / name).unlink()
    with pytest.raises(ValueError) as error:
        CIFAR10.make(small)
    assert str(error.value) == (
        f"data={small}: {CIFAR10.folder}/{name} is missing, whose md5 is"
        f" {md5(CIFAR10.files[name])}; remove {CIFAR10.folder}, and it is fetched again."
    )


def test_another_process_may_be_quicker(small, monkeypatch):
    shutil.rmtree(small)
    monkeypatch.setattr(urllib.request, "urlopen", Server(CIFAR10.answers).urlopen)
    unpack = cifar10._unpack

    def late(archive, place):
        place.mkdir()
        for name, data in CIFAR10.files.items():
            (place / name).write_bytes(data)
        unpack(archive, place)

    monkeypatch.setattr(cifar10, "_unpack", late)
    assert CIFAR10.make(small).size == 120
    assert [path.name for path in small.iterdir()] == [CIFAR10.folder]
