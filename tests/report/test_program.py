"""Exported programs decode files as the training did."""

import json
import runpy

import numpy as np
import pytest
from PIL import Image

from qtlrun.dataset import picture
from qtlrun.report.program import network_program

DRAW = np.random.default_rng(0)
DEEP = DRAW.integers(0, 65536, (6, 9)).astype(np.uint16)


def noise(channels):
    return DRAW.integers(0, 256, (6, 9, channels), np.uint8)


def turned():
    """Exif block of a picture that lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


COLOURS = {
    "transparent.png": (Image.fromarray(noise(4)), {}),
    "gray transparent.png": (Image.fromarray(noise(2), mode="LA"), {}),
    "palette.png": (Image.fromarray(noise(3)).quantize(16), {"transparency": 3}),
    "deep.png": (Image.fromarray(DEEP), {}),
    "deep transparent.png": (Image.fromarray(DEEP), {"transparency": int(DEEP[0, 0])}),
    "deep.pgm": (Image.fromarray(DEEP), {}),
    "deep.tif": (Image.fromarray(DEEP), {}),
    "white is 0.tif": (Image.fromarray(DEEP), {"tiffinfo": {262: 0}}),
    "turned.jpg": (Image.fromarray(noise(3)), {"exif": turned()}),
    "cmyk.jpg": (Image.fromarray(noise(4), mode="CMYK"), {}),
    "gray.png": (Image.fromarray(noise(1)[..., 0]), {}),
}


def run_program(folder, **about):
    """Functions of a program for pictures, beside its description."""
    (folder / "network.json").write_text(json.dumps(about | {"preprocessing": None}))
    (folder / "network.py").write_text(network_program("pixels"))
    return runpy.run_path(str(folder / "network.py"))


@pytest.mark.parametrize("name", COLOURS)
def test_a_picture_has_the_pixels_of_the_training(tmp_path, name):
    image, options = COLOURS[name]
    image.save(tmp_path / name, **options)
    read = run_program(tmp_path, channels=3)["read_pixels"]
    assert read(tmp_path / name).equal(picture.read(tmp_path / name))


def test_channels_without_a_known_white_are_refused(tmp_path):
    Image.fromarray(DEEP.astype(np.float32)).save(tmp_path / "1.tif")
    with pytest.raises(SystemExit, match="its white is unknown; convert it to 8 or 16 bits"):
        run_program(tmp_path, channels=3)["read_pixels"](tmp_path / "1.tif")
