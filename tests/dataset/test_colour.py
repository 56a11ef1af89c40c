"""Colours as 8-bit RGB: deep channels scaled by their range, transparency over white."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from qtlrun.dataset import picture


def noise(channels):
    return np.random.default_rng(0).integers(0, 255, (6, 9, channels), np.uint8)


def transparent_palette():
    image = Image.fromarray(noise(3)).quantize(16)
    image.info["transparency"] = 3
    return image


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_what_is_transparent_shows_a_white_ground(tmp_path, ending):
    pixels = noise(4)
    layer = Image.fromarray(pixels)
    layer.save(tmp_path / f"1.{ending}", **({"lossless": True} if ending == "webp" else {}))
    alpha = pixels[..., 3:] / 255
    over = alpha * pixels[..., :3] + (1 - alpha) * 255  # Porter and Duff 1984, over
    decoded = picture.decode(tmp_path / f"1.{ending}")
    shown = decoded.pixels.permute(1, 2, 0).numpy()
    # WebP drops the colour of pixels that are fully clear; Pillow rounds to whole levels.
    assert np.abs(shown - over).max() <= 1 and decoded.transparent


@pytest.mark.parametrize(
    "image",
    [Image.fromarray(noise(2), mode="LA"), transparent_palette()],
)
def test_gray_and_palettes_may_be_transparent(tmp_path, image):
    image.save(tmp_path / "1.png", **image.info)
    decoded = picture.decode(tmp_path / "1.png")
    clear = np.array(image.convert("RGBA"))[..., 3] == 0
    assert decoded.transparent and (decoded.pixels.numpy()[:, clear] == 255).all()


def tiff(levels, bits, photometric, order):
    """An uncompressed TIFF of 16-bit words, of gray (height, width) or colour."""
    height, width, *channels = levels.shape
    count = channels[0] if channels else 1
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [(258, 3, 1, bits) if count == 1 else (258, 3, 3, 8 + 2 + 12 * 10 + 4)]
    tags += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 200), (277, 3, 1, count)]
    tags += [(278, 4, 1, height), (279, 4, 1, 2 * levels.size), (284, 3, 1, 1)]
    sign = {"II": "<", "MM": ">"}[order]
    head = order.encode() + struct.pack(f"{sign}HLH", 42, 8, len(tags))
    for tag, kind, number, value in tags:
        short = kind == 3 and number == 1
        head += struct.pack(f"{sign}HHL", tag, kind, number)
        head += struct.pack(
            f"{sign}HH" if short else f"{sign}L", *([value, 0] if short else [value])
        )
    head += bytes(4) + struct.pack(f"{sign}3H", bits, bits, bits)
    return head.ljust(200, b"\0") + levels.astype(f"{sign}u2").tobytes()


GRAY16 = np.array([[0, 1, 128, 129, 257], [385, 386, 32767, 65279, 65535]], np.uint16)
GRAY8 = np.array([[0, 0, 0, 1, 1], [1, 2, 127, 254, 255]])  # to the nearest of 65535 / 255 = 257


@pytest.mark.parametrize("name", ["1.png", "1.pgm"])
def test_gray_of_16_bits_is_scaled_to_the_nearest_of_8_and_not_clipped(tmp_path, name):
    Image.fromarray(GRAY16).save(tmp_path / name)
    assert all(np.array_equal(channel, GRAY8) for channel in picture.read(tmp_path / name).numpy())


@pytest.mark.parametrize(
    "order, photometric, expected", [("II", 1, GRAY8), ("MM", 1, GRAY8), ("II", 0, 255 - GRAY8)]
)
def test_a_deep_tiff_is_scaled_too_and_its_white_may_be_0(tmp_path, order, photometric, expected):
    (tmp_path / "1.TIF").write_bytes(tiff(GRAY16, 16, photometric, order))
    assert picture.scan(tmp_path)[1] == [tmp_path / "1.TIF"]
    assert np.array_equal(picture.read(tmp_path / "1.TIF")[0], expected)


def deep_png(levels):
    """A PNG of 16-bit colour (PNG, 11.2)."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    height, width, _ = levels.shape
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


COLOUR16 = np.random.default_rng(0).integers(0, 65536, (4, 5, 3)).astype(np.uint16)
COLOURED = {
    "png": deep_png(COLOUR16),
    "ppm": b"P6 5 4 65535\n" + COLOUR16.astype(">u2").tobytes(),
    "tiff of Intel's order": tiff(COLOUR16, 16, 2, "II"),
    "tiff of Motorola's order": tiff(COLOUR16, 16, 2, "MM"),
}


@pytest.mark.parametrize("content", COLOURED.values(), ids=COLOURED)
def test_colour_of_16_bits_keeps_its_upper_8(tmp_path, content):
    (tmp_path / "1.tif").write_bytes(content)
    pixels = picture.read(tmp_path / "1.tif").permute(1, 2, 0).numpy()
    assert np.abs(pixels - COLOUR16 / 257).max() <= 1


def test_a_transparent_level_of_deep_gray_is_white(tmp_path):
    Image.fromarray(GRAY16).save(tmp_path / "1.png", transparency=32767)
    decoded = picture.decode(tmp_path / "1.png")
    assert decoded.transparent
    assert np.array_equal(decoded.pixels[0], np.where(GRAY16 == 32767, 255, GRAY8))
