"""Crops of photographs, beyond the contract of divided datasets."""

from importlib import metadata
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qtlrun.dataset.splitting import Splitting
from qtlrun.dataset.textures import textures
from qtlrun.error import UsageError

PACKAGED = pytest.mark.skipif(find_spec("skimage") is None, reason="the extra photos is not here")


def made(crop=24, gap=8, test=0.5, **values):
    return textures(crop, gap, Splitting(**values), test)


def corners(split):
    """Photograph, top and left of each crop, by its name."""
    for name in split.names:
        label, place = name.split("/")
        top, left = map(int, place.split("-"))
        yield label, top, left


@PACKAGED
@pytest.mark.parametrize("crop, gap", [(24, 8), (100, 3)])
def test_a_crop_is_the_photograph_at_its_place(crop, gap):
    data = made(crop, gap)
    folder = Path(find_spec("skimage").origin).parent / "data"
    photographs = {name: np.array(Image.open(folder / f"{name}.png")) for name in data.classes}
    for split in data.splits.values():
        places = zip(corners(split), split.inputs, split.labels.tolist(), strict=True)
        for (label, top, left), pixels, number in places:
            expected = photographs[label][top : top + crop, left : left + crop]
            assert data.classes[number] == label
            assert np.array_equal(pixels[0].numpy(), expected)


@PACKAGED
@pytest.mark.parametrize("crop, gap, test", [(24, 8, 0.5), (40, 0, 0.1), (128, 128, 0.9)])
def test_crops_have_their_gap_and_those_of_the_test_split_lie_below_all_others(crop, gap, test):
    data = made(crop, gap, test)
    splits = {name: list(corners(split)) for name, split in data.splits.items()}
    everything = sum(splits.values(), [])
    assert len(everything) == data.size
    first = sorted(everything)[: data.size // 3]  # those of the first photograph
    for (_, top, left), (_, other_top, other_left) in combinations(first, 2):
        assert max(abs(top - other_top), abs(left - other_left)) >= crop + gap
    others = splits["train"] + splits["validation"]
    lowest = max(top for _, top, _ in others)
    assert lowest + crop + gap <= min(top for _, top, _ in splits["test"])
    assert max(max(top, left) for _, top, left in everything) + crop <= 512


@PACKAGED
def test_the_default_crops_are_as_many_as_fit():
    data = made()
    assert data.size == 3 * 16 * 16 and len(data.test) == data.size / 2
    assert data.train.inputs.shape[1:] == (1, 24, 24)
    assert data.kind == "pictures"


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"crop": 7}, "pixels, 8 to 128"),
        ({"crop": 129}, "pixels, 8 to 128"),
        ({"gap": -1}, "pixels, 0 to 128"),
        ({"gap": 129}, "pixels, 0 to 128"),
        ({"test": 1.0}, "give a share of every class between 0 and 1, such as 0.2"),
    ],
)
def test_crops_that_cannot_be_cut_are_refused(values, reason):
    with pytest.raises(UsageError) as error:
        made(**values)
    ((name, value),) = values.items()
    assert (error.value.key, error.value.value, error.value.reason) == (name, value, reason)


def test_absent_photographs_are_refused_with_the_command_that_brings_them(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(UsageError) as error:
        made()
    assert error.value.reason == "the package scikit-image is not installed"
    assert (error.value.fix, error.value.missing) == ("pip install 'qtlrun[photos]'", True)
