"""Sets that are published as MNIST is, beyond the contract of public sets."""

import gzip
import shutil
import urllib.request

import pytest
import torch
from public_sets import SETS, Server
from sklearn.linear_model import LogisticRegression

make = SETS["mnist"].make


@pytest.fixture(params=["mnist", "fashion_mnist"])
def public(request, tmp_path, monkeypatch):
    """A set in the data folder."""
    monkeypatch.setattr(urllib.request, "urlopen", None)
    SETS[request.param].install(monkeypatch)
    SETS[request.param].lay(tmp_path / "data")
    return SETS[request.param]


def test_pixels_and_labels_are_those_that_torchvision_reads(public, tmp_path):
    shutil.copytree(tmp_path / "data", tmp_path / "unpacked")
    for name in public.files:
        packed = tmp_path / "unpacked" / public.folder / name
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    data = public.make(tmp_path / "data", validation="test")
    for part, train in ((data.train, True), (data.test, False)):
        wanted = public.source(tmp_path / "unpacked", train=train)
        assert torch.equal(part.inputs.squeeze(1), wanted.data)
        assert torch.equal(part.labels, wanted.targets)
    assert data.validation is data.test


@pytest.fixture
def lacking(public, tmp_path, monkeypatch):
    """A file that the data folder lacks, and a server of all."""
    name, server = list(public.files)[1], Server(public.answers)
    (tmp_path / "data" / public.folder / name).unlink()
    monkeypatch.setattr(urllib.request, "urlopen", server.urlopen)
    return name, server


def test_only_what_is_absent_is_fetched(public, tmp_path, lacking):
    name, server = lacking
    assert public.make(tmp_path / "data").size == 110
    assert [address for address, _ in server.calls] == [public.source.mirrors[0] + name]


def test_every_mirror_is_asked(public, tmp_path, lacking):
    name, server = lacking
    server.answers[name] = OSError("no network")
    with pytest.raises(ValueError, match="no network"):
        public.make(tmp_path / "data")
    assert [address for address, _ in server.calls] == [
        mirror + name for mirror in public.source.mirrors
    ]


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
