"""Reading of a picture's file to its pixels, in one way for training and prediction.

Every picture becomes upright 8-bit RGB (`colour` says how). What cannot without a guess (channels
without a known white, several pages, a side ratio that an ordinary resize turns into gigabytes) is
refused. Of an animation the first frame is taken.
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
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from qtlrun.dataset import colour
from qtlrun.error import UsageError

# Without GIF, as torchvision's ImageFolder: the tutorial's ants and bees have one that says "image
# not found".
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
MAX_MEGAPIXELS = 50
MAX_SIDE_RATIO = 20
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
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)

_filters = threading.Lock()


class Decoded(NamedTuple):
    """Decoded picture: upright RGB, and whether it had a transparent pixel."""

    image: Image.Image
    transparent: bool

    @property
    def pixels(self) -> UInt8[Tensor, "3 height width"]:
        """Its pixels, the channels first."""
        return torch.from_numpy(np.array(self.image)).permute(2, 0, 1).contiguous()


def read(path: str | Path, *, name: str = "") -> UInt8[Tensor, "3 height width"]:
    """Read the pixels of a file, as `decode` does."""
    return decode(path, name=name).pixels


def decode(path: str | Path, *, name: str = "") -> Decoded:
    """Decode a file, upright by its Exif orientation; all colours become RGB.

    A file that cannot be read raises a ValueError of one sentence, which opens with `name`, or with
    the path.
    """
    name = name or printable(path)
    with _open(path, name) as image:
        try:
            image.load()
        except BROKEN as error:
            raise UsageError(
                f"{name} is damaged or cut off ({error})", "fetch it again or remove it"
            ) from None
        turn = UPRIGHT.get(_orientation(image))
        rgb, transparent = colour.to_rgb(image, name)
    return Decoded(rgb if turn is None else rgb.transpose(turn), transparent)


def check_header(path: str | Path, *, name: str = "") -> None:
    """Refuse a file as `read` does, as far as its first bytes tell; nothing is decoded."""
    with _open(path, name or printable(path)):
        pass


def content(pixels: UInt8[Tensor, "3 height width"]) -> str:
    """Size and SHA-256 of a picture's pixels.

    They are equal for one picture in two files, formats or encodings.
    """
    _, height, width = pixels.shape
    return f"{height} x {width} {hashlib.sha256(pixels.numpy().data).hexdigest()}"


def size(path: str | Path) -> tuple[int, int]:
    """Height and width in pixels, upright by the Exif orientation; nothing is decoded."""
    with _open(path, printable(path)) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def printable(path: str | Path) -> str:
    """Path as text that any table, log and terminal takes.

    Foreign bytes and control characters are escaped.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


class Pictures:
    """Pictures of differing sizes, each decoded whenever it is asked for."""

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 height width"]:
        return read(self.paths[index])

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """Heights and widths in pixels: that of all pictures, or the first two that differ."""
        sizes: dict[tuple[int, int], None] = {}
        for path in self.paths:
            sizes[size(path)] = None
            if len(sizes) > 1:
                break
        return list(sizes)


def scan(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """List the content of a folder, sorted: folders, files with a picture's ending, other files.

    Links to folders are followed. Hidden names, the litter of operating systems and links to the
    folder itself or to one that it lies in, which would lead in a circle, are left out.
    """
    folders: list[Path] = []
    pictures: list[Path] = []
    others: list[Path] = []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(
            f"{printable(folder)} cannot be listed ({error.strerror})", "mend its rights"
        ) from None
    for entry in entries:
        if is_hidden(entry.name):
            continue
        path = folder / entry.name
        if os.path.isdir(entry):
            if not entry.is_symlink() or not _circular(path):
                folders.append(path)
        else:
            kind = pictures if os.path.splitext(entry.name)[1].lower() in ENDINGS else others
            kind.append(path)
    return folders, pictures, others


def is_hidden(name: str) -> bool:
    """Whether a name is hidden, or the litter of an operating system."""
    return name.startswith(".") or name in LITTER


def _circular(link: Path) -> bool:
    """Whether a link leads to a folder that it lies in, by device and inode."""
    return any(os.path.samefile(link, folder) for folder in link.absolute().parents)


@contextmanager
def _open(path: str | Path, name: str) -> Iterator[ImageFile]:
    """Open a picture and check its header; it is not yet decoded."""
    try:
        # Asked before opening: to open a pipe without a writer would wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(f"{name} is no regular file", "remove it")
        file = open(path, "rb")  # noqa: SIM115 closed below
    except OSError as error:
        raise UsageError(
            f"{name} cannot be opened ({error.strerror})", "mend its link or its rights"
        ) from None
    with file:
        if not os.fstat(file.fileno()).st_size:
            raise UsageError(f"{name} holds 0 bytes", "fetch it again or remove it")
        try:
            with _quiet():
                image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            raise UsageError(
                f"{name} has more than {MAX_MEGAPIXELS} megapixels", "make it smaller"
            ) from None
        except BROKEN:
            mend = "convert it, fetch it again or remove it"
            raise UsageError(
                f"{name} is no readable JPEG, PNG, WebP, BMP, TIFF or PPM picture", mend
            ) from None
        _check(image, name)
        yield image


def _check(image: ImageFile, name: str) -> None:
    width, height = image.size
    if width * height > MAX_MEGAPIXELS * 1e6:
        size = f"{width} x {height} pixels, more than {MAX_MEGAPIXELS} megapixels"
        raise UsageError(f"{name} has {size}", "make it smaller")
    if max(width, height) > MAX_SIDE_RATIO * min(width, height):
        raise UsageError(
            f"{name} has {width} x {height} pixels, a side ratio above {MAX_SIDE_RATIO}",
            "crop it or remove it",
        )
    colour.check_depth(image, name)
    pages = image.n_frames if isinstance(image, TiffImageFile) else 1
    if pages > 1:
        raise UsageError(
            f"{name} has {pages} pages", "save each as a picture of its own, or remove it"
        )


def _orientation(image: Image.Image) -> int:
    """Exif orientation; 1 where the Exif block is damaged, as picture viewers have it."""
    try:
        with _quiet():
            return image.getexif().get(0x0112, 1)
    except BROKEN:
        return 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Turn off Pillow's warnings of large sizes and odd metadata; what matters is refused above.

    Python keeps its warning filters a process, not a thread: the lock keeps two readers from
    restoring each other's.
    """
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
