import hashlib
import os
import signal
import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from qtlrun import disk
from qtlrun.dataset import picture

# How a camera stores an upright picture under each Exif orientation (Exif 2.32, tag 0x0112).
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@contextmanager
def within(seconds):
    def stop(*_):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def noise(height=6, width=9, channels=3, dtype=np.uint8):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png(width, height, depth=8, color=2):
    """A PNG whose header promises a size, with a few zeros for its pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("ending", ["png", "webp"])
def test_a_turned_picture_equals_the_upright_one(tmp_path, orientation, ending):
    upright = noise()
    path = tmp_path / f"1.{ending}"
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    stored.save(path, exif=oriented(orientation), lossless=True)
    assert np.array_equal(picture.read(path).permute(1, 2, 0).numpy(), upright)


def test_a_turned_jpeg_is_set_upright(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "plain.jpg")
    Image.fromarray(noise()).save(tmp_path / "turned.jpg", exif=oriented(6))
    plain, turned = picture.read(tmp_path / "plain.jpg"), picture.read(tmp_path / "turned.jpg")
    assert torch.equal(turned, torch.rot90(plain, -1, (1, 2)))


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg", "webp"])
def test_colour_is_read_as_bytes_with_the_channels_first(tmp_path, ending):
    Image.fromarray(np.full((6, 9, 3), (200, 100, 50), np.uint8)).save(tmp_path / f"1.{ending}")
    pixels = picture.read(tmp_path / f"1.{ending}")
    assert pixels.shape == (3, 6, 9) and pixels.dtype == torch.uint8 and pixels.is_contiguous()
    # JPEG and WebP keep chroma coarsely: within 3 of 255 on a flat colour.
    assert (pixels.float() - torch.tensor([200.0, 100, 50]).reshape(3, 1, 1)).abs().max() <= 3


@pytest.mark.parametrize(
    "mode, ending", [("L", "png"), ("L", "jpg"), ("1", "png"), ("1", "bmp"), ("L", "bmp")]
)
def test_a_gray_picture_has_three_equal_channels(tmp_path, mode, ending):
    Image.fromarray(noise(channels=1)).convert(mode).save(tmp_path / f"1.{ending}")
    pixels = picture.read(tmp_path / f"1.{ending}")
    assert pixels.shape == (3, 6, 9) and pixels.max() > 128 and torch.equal(pixels[0], pixels[2])


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_an_opaque_palette_gives_its_colours(tmp_path, ending):
    image = Image.fromarray(noise()).quantize(200)
    image.save(tmp_path / f"1.{ending}")
    pixels = picture.read(tmp_path / f"1.{ending}")
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), np.array(image.convert("RGB")))


def test_cmyk_inks_become_light(tmp_path):
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, 16:, 0] = 255  # cyan takes away red
    Image.fromarray(inks, mode="CMYK").save(tmp_path / "1.jpg", quality=95)
    pixels = picture.read(tmp_path / "1.jpg")
    # An edge of a JPEG block, so within 3 of 255.
    assert (
        pixels[:, :, :16].min() >= 252
        and pixels[0, :, 16:].max() <= 3
        and pixels[1:, :, 16:].min() >= 252
    )


def test_of_several_frames_the_first_is_read(tmp_path):
    frames = [Image.fromarray(noise()), Image.fromarray(255 - noise())]
    frames[0].save(tmp_path / "1.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "camera.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert np.array_equal(picture.read(tmp_path / "1.png").permute(1, 2, 0).numpy(), noise())
    assert picture.read(tmp_path / "camera.jpg").shape == (3, 6, 9)


def test_a_png_named_jpg_is_read_by_its_content(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "1.jpg", "PNG")
    assert np.array_equal(picture.read(tmp_path / "1.jpg").permute(1, 2, 0).numpy(), noise())


def test_a_damaged_exif_block_leaves_the_picture_as_stored(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "whole.jpg")
    Image.fromarray(noise()).save(tmp_path / "1.jpg", exif=b"Exif\0\0II*\0\xff\xff\0\0garbage")
    assert torch.equal(picture.read(tmp_path / "1.jpg"), picture.read(tmp_path / "whole.jpg"))


UNREADABLE = (
    "is no readable JPEG, PNG, WebP, BMP, TIFF or PPM picture; convert it, fetch it again or"
    " remove it."
)
DEEP = (
    "has signed, 32-bit or floating-point channels, whose white is unknown; convert it to 8 or 16"
    " bits a channel."
)


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content.save(path, "TIFF" if content.mode == "F" else "PNG", **content.info)


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "holds 0 bytes; fetch it again or remove it."),
        (b"<!DOCTYPE html><html>404</html>", UNREADABLE),
        (b"GIF89a" + bytes(100), UNREADABLE),
        (b"\xff\xd8\xff\xe0", UNREADABLE),
        (Image.fromarray(noise(channels=1).astype(np.float32)), DEEP),
        (png(10_000, 5_100), "has 10000 x 5100 pixels, more than 50 megapixels; make it smaller."),
        (png(13_000, 7_400), "has 13000 x 7400 pixels, more than 50 megapixels; make it smaller."),
        (png(16_000, 14_000), "has more than 50 megapixels; make it smaller."),
        (png(20_000, 1), "has 20000 x 1 pixels, a side ratio above 20; crop it or remove it."),
        (png(5, 101), "has 5 x 101 pixels, a side ratio above 20; crop it or remove it."),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "1.jpg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        write(path, content)
    for refuse in (picture.check_header, picture.read):
        with pytest.raises(ValueError) as error:
            refuse(path)
        assert str(error.value) == f"{path} {sentence}"


def coloured_key():
    """A PNG in which one colour, that no pixel has, is transparent (PNG, 11.3.2.1)."""
    image = Image.fromarray(noise() // 2)
    image.info["transparency"] = (255, 255, 255)
    return image


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "key"])
def test_an_opaque_alpha_channel_changes_no_pixel(tmp_path, ending, mode):
    plain = Image.fromarray(noise() // 2)
    shown = {"LA": plain.convert("L"), "P": plain.quantize(16)}.get(mode, plain).convert("RGB")
    stored = {"LA": shown.convert("LA"), "P": shown.quantize(16)}.get(mode, shown.convert("RGBA"))
    stored = coloured_key() if mode == "key" else stored
    words = {"lossless": True} if ending == "webp" else {}
    stored.save(
        tmp_path / f"1.{ending}",
        **words,
        **(stored.info if mode == "key" and ending == "png" else {}),
    )
    assert np.array_equal(
        picture.read(tmp_path / f"1.{ending}").permute(1, 2, 0).numpy(), np.array(shown)
    )


@pytest.mark.parametrize("ending", ["tif", "tiff", "ppm", "pnm", "png", "bmp"])
def test_every_format_without_loss_gives_the_same_pixels_and_content(tmp_path, ending):
    """A picture in another format is the same one; turned on its side it is another."""
    Image.fromarray(noise()).save(tmp_path / f"1.{ending}")
    pixels = picture.read(tmp_path / f"1.{ending}")
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), noise())
    assert picture.content(pixels) == picture.content(
        torch.from_numpy(noise()).permute(2, 0, 1).contiguous()
    )
    assert picture.content(pixels) != picture.content(pixels.reshape(3, 9, 6))
    assert picture.content(pixels) != picture.content(pixels.flip(1))


@pytest.mark.parametrize("ending", ["pgm", "pbm", "jfif", "jpe"])
def test_gray_maps_and_other_endings_of_jpeg_are_pictures(tmp_path, ending):
    image = Image.fromarray(noise(channels=1)).convert("1" if ending == "pbm" else "L")
    image.save(tmp_path / f"1.{ending}", "PPM" if ending.startswith("p") else "JPEG")
    assert picture.scan(tmp_path)[1] == [tmp_path / f"1.{ending}"]
    pixels = picture.read(tmp_path / f"1.{ending}")
    assert pixels.shape == (3, 6, 9) and torch.equal(pixels[0], pixels[2])
    if ending.startswith("p"):
        assert np.array_equal(pixels[0].numpy(), np.array(image.convert("L")))


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    Image.fromarray(noise()).save(
        tmp_path / "pages.tif", save_all=True, append_images=[Image.fromarray(noise())] * 2
    )
    with pytest.raises(ValueError) as error:
        picture.read(tmp_path / "pages.tif")
    words = "has 3 pages; save each as a picture of its own, or remove it."
    assert str(error.value) == f"{tmp_path / 'pages.tif'} {words}"


@pytest.mark.parametrize("orientation", STORED)
def test_the_size_of_a_picture_is_that_of_its_pixels(tmp_path, orientation):
    Image.fromarray(noise()).save(tmp_path / "1.jpg", exif=oriented(orientation))
    assert picture.size(tmp_path / "1.jpg") == tuple(picture.read(tmp_path / "1.jpg").shape[1:])


def test_the_sizes_of_pictures_are_one_where_they_are_equal(tmp_path):
    for number, size in enumerate([(4, 5), (4, 5), (5, 4)]):
        Image.fromarray(noise(*size)).save(tmp_path / f"{number}.png")
    paths = sorted(tmp_path.iterdir())
    assert picture.Pictures(paths[:2]).sizes == [(4, 5)] and picture.Pictures(paths).sizes == [
        (4, 5),
        (5, 4),
    ]


@pytest.mark.parametrize(
    "ending, part", [("jpg", 0.5), ("png", 0.5), ("webp", 0.5), ("bmp", 0.5), ("jpg", 0.9)]
)
def test_a_cut_picture_has_a_good_header_and_is_refused_when_decoded(tmp_path, ending, part):
    path = tmp_path / f"1.{ending}"
    Image.fromarray(noise(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    if ending != "webp":  # a WebP states its length in its header
        picture.check_header(path)
    with pytest.raises(
        ValueError, match=r"1\.\w+ is (damaged or cut off \(.+\); fetch it again|no readable JPEG)"
    ):
        picture.read(path)


def test_a_changed_byte_of_a_png_is_refused(tmp_path):
    path = tmp_path / "1.png"
    Image.fromarray(noise(200, 200)).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"1\.png is damaged or cut off \(.*\); fetch it again or remove it\.$"
    ):
        picture.read(path)


def test_a_long_thin_picture_is_refused_in_milliseconds(tmp_path):
    Image.new("RGB", (20_000, 1)).save(tmp_path / "1.png")
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        with pytest.raises(ValueError, match="a side ratio above 20"):
            picture.read(tmp_path / "1.png")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.02


def test_a_side_ratio_of_exactly_twenty_is_read(tmp_path):
    Image.new("RGB", (100, 5)).save(tmp_path / "1.png")
    assert picture.read(tmp_path / "1.png").shape == (3, 5, 100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "1.jpg")
    for refuse in (picture.check_header, picture.read):
        with within(5), pytest.raises(ValueError, match=r"1\.jpg is no regular file; remove it\.$"):
            refuse(tmp_path / "1.jpg")


def test_a_folder_and_a_dead_link_are_refused(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dead.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    with pytest.raises(ValueError, match=r"folder\.jpg is no regular file; remove it\.$"):
        picture.read(tmp_path / "folder.jpg")
    with pytest.raises(
        ValueError, match=r"dead\.jpg cannot be opened \(No such file or directory\); mend its link"
    ):
        picture.read(tmp_path / "dead.jpg")
    with pytest.raises(
        ValueError, match=r"circle\.jpg cannot be opened \(Too many levels of symbolic links\)"
    ):
        picture.read(tmp_path / "circle.jpg")


def test_a_refusal_opens_with_the_name_that_was_given(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"^ants/1\.jpg holds 0 bytes"):
        picture.read(tmp_path / "1.jpg", name="ants/1.jpg")


def test_names_become_text_that_a_terminal_takes():
    assert picture.printable("ants/é, ü.jpg") == "ants/é, ü.jpg"
    assert picture.printable("a\nb\x1b[31m.jpg") == r"a\nb\x1b[31m.jpg"
    assert picture.printable(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes for a name")
def test_a_refusal_of_a_strange_name_stays_on_one_line(tmp_path):
    path = tmp_path / os.fsdecode(b"a\nb\xe9.jpg")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\\nb\\xe9\.jpg holds 0 bytes"):
        picture.read(path)


def test_reading_in_threads_leaves_the_warning_filters_alone(tmp_path):
    (tmp_path / "large.png").write_bytes(png(13_000, 7_400))
    Image.fromarray(noise()).save(tmp_path / "small.png")
    before = list(warnings.filters)

    def one(index):
        if index % 2:
            return picture.read(tmp_path / "small.png").shape == (3, 6, 9)
        with pytest.raises(ValueError, match="more than 50 megapixels"):
            picture.read(tmp_path / "large.png")
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(200)))
    assert warnings.filters == before


def test_the_hash_is_sha256_of_the_bytes(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"abc")
    # FIPS 180-4, the one-block example.
    assert (
        disk.file_digest(tmp_path / "1.jpg")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert disk.file_digest(tmp_path / "1.jpg") == hashlib.sha256(b"abc").hexdigest()


def test_pictures_are_decoded_when_asked_for(tmp_path):
    Image.fromarray(noise(4, 5)).save(tmp_path / "1.png")
    pictures = picture.Pictures([tmp_path / "1.png", tmp_path / "absent.png"])
    assert len(pictures) == 2 and pictures[0].shape == (3, 4, 5)
    with pytest.raises(ValueError, match="absent.png cannot be opened"):
        pictures[1]


def test_a_listing_leaves_out_hidden_names_litter_and_links_in_a_circle(tmp_path):
    for name in ("a.JPG", "b.webp", "c.gif", ".hidden.jpg", "._a.jpg", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    for name in ("inner", ".ipynb_checkpoints", "__MACOSX"):
        (tmp_path / name).mkdir()
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    folders, pictures, others = picture.scan(tmp_path)
    assert [[path.name for path in kind] for kind in (folders, pictures, others)] == [
        ["inner"],
        ["a.JPG", "b.webp"],
        ["c.gif"],
    ]


def test_a_folder_that_may_not_be_listed_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(picture.os, "scandir", refuse)
    with pytest.raises(ValueError) as error:
        picture.scan(tmp_path)
    assert str(error.value) == f"{tmp_path} cannot be listed (Permission denied); mend its rights."
