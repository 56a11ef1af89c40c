"""The one way from a picture's file to its pixels, shared by training and prediction.

What cannot be read as 8-bit colour without a guess (transparency, 16 bits, a side ratio that an ordinary resize turns
into gigabytes) is refused, never converted in silence. Of an animation the first frame is taken.
"""

import hashlib
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MEGAPIXELS = 50
RATIO = 20
LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir")

# Exif orientation (tag 0x0112) to the turn that sets the picture upright; 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow's readers raise for damaged bytes.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, struct.error, zlib.error)

_filters = threading.Lock()


def read(path: str | Path, *, name: str = "") -> UInt8[Tensor, "3 height width"]:
    """The pixels of one file, upright by its Exif orientation; gray, palette and CMYK become RGB.

    A file that cannot be read raises a ValueError of one sentence, which opens with `name`, or with the path.
    """
    name = name or printable(path)
    with _opened(path, name) as image:
        try:
            image.load()
        except BROKEN as error:
            raise ValueError(f"{name} is damaged or cut off ({error}); fetch it again or remove it.") from None
        turn = UPRIGHT.get(_orientation(image))
        image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def check_header(path: str | Path, *, name: str = "") -> None:
    """Refuse a file as `read` does, as far as its first bytes tell; nothing is decoded."""
    with _opened(path, name or printable(path)):
        pass


def hash(path: str | Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal: what makes two pictures one item."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def printable(path: str | Path) -> str:
    """A path as text that any table, log and terminal takes: foreign bytes and control characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class Pictures:
    """Pictures of differing sizes, each decoded when it is asked for and not kept."""

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 height width"]:
        return read(self.paths[index])


def scan(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """What lies directly in a folder, sorted: its folders, files with a picture's ending, other files.

    Hidden names, the litter of operating systems and links to folders, which may lead in a circle, are left out.
    """
    folders, pictures, others = [], [], []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(f"{printable(folder)} cannot be listed ({error.strerror}); mend its rights.") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name in LITTER or (entry.is_symlink() and os.path.isdir(entry)):
            continue
        ending = os.path.splitext(entry.name)[1].lower()
        kind = folders if entry.is_dir(follow_symlinks=False) else pictures if ending in ENDINGS else others
        kind.append(folder / entry.name)
    return folders, pictures, others


@contextmanager
def _opened(path: str | Path, name: str) -> Iterator[Image.Image]:
    """A picture whose header has passed every check, not yet decoded."""
    try:
        # Asked before opening: to open a pipe without a writer would wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(f"{name} is no regular file; remove it.")
        file = open(path, "rb")
    except OSError as error:
        raise ValueError(f"{name} cannot be opened ({error.strerror}); mend its link or its rights.") from None
    with file:
        head = file.read(25)
        file.seek(0)
        if not head:
            raise ValueError(f"{name} holds 0 bytes; fetch it again or remove it.")
        try:
            with _quiet():
                image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            raise ValueError(f"{name} has more than {MEGAPIXELS} megapixels; make it smaller.") from None
        except BROKEN:
            mend = "convert it, fetch it again or remove it"
            raise ValueError(f"{name} is no readable JPEG, PNG, WebP or BMP picture; {mend}.") from None
        _check(image, head, name)
        yield image


def _check(image: Image.Image, head: bytes, name: str) -> None:
    width, height = image.size
    if width * height > MEGAPIXELS * 1e6:
        size = f"{width} x {height} pixels, more than {MEGAPIXELS} megapixels"
        raise ValueError(f"{name} has {size}; make it smaller.")
    if max(width, height) > RATIO * min(width, height):
        raise ValueError(f"{name} has {width} x {height} pixels, a side ratio above {RATIO}; crop it or remove it.")
    # Pillow calls a PNG of three 16-bit channels "RGB" and drops half its bits; the depth is byte 24 (PNG, 11.2.1).
    if image.mode.startswith(("I", "F")) or (image.format == "PNG" and head[24] == 16):
        raise ValueError(f"{name} has 16 or more bits a channel; convert it to 8 bits a channel.")
    if image.has_transparency_data:
        raise ValueError(f"{name} has transparency; flatten it onto a background.")


def _orientation(image: Image.Image) -> int:
    """The Exif orientation; 1 where the Exif block is damaged, as picture viewers have it."""
    try:
        with _quiet():
            return image.getexif().get(0x0112, 1)
    except BROKEN:
        return 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings off (large sizes, odd metadata): what matters of them is refused above in our own words.

    Python keeps its warning filters a process, not a thread: the lock keeps two readers from restoring each other's.
    """
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
