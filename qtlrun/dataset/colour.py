"""Colours of a decoded picture as 8-bit RGB: deep channels scaled, transparency on white."""

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from qtlrun.error import UsageError

BITS_TAG = 258  # of TIFF: the bits of each channel
PHOTOMETRIC_TAG = 262  # of TIFF: 0 where white is 0
WHITE = 255


def check_depth(image: ImageFile, name: str) -> None:
    """Refuse channels whose white is unknown: signed, of 32 bits, of floating point."""
    is_wide = image.mode == "I" and isinstance(image, TiffImageFile)
    if is_wide or image.mode.startswith("F"):
        raise UsageError(
            f"{name} has signed, 32-bit or floating-point channels, whose white is unknown",
            "convert it to 8 or 16 bits a channel",
        )


def to_rgb(image: ImageFile, name: str) -> tuple[Image.Image, bool]:
    """Picture in 8-bit RGB, and whether a pixel of it was transparent.

    Gray, palette and CMYK are converted, the latter without its profile. Gray of 10 to 16 bits is
    scaled from the range of its bits to 0 to 255 and rounded; of 16-bit colour Pillow keeps the
    upper 8 bits, which is less by one level at most. What is transparent shows a white ground.
    """
    if image.mode.startswith("I"):
        return _from_deep(image)
    try:
        if not image.has_transparency_data:
            return image.convert("RGB"), False
        layer = image.convert("RGBA")
    except ValueError as error:
        raise UsageError(f"{name} has colours that are not read ({error})", "save it as RGB") from (
            None
        )
    is_clear = layer.getchannel("A").getextrema() != (WHITE, WHITE)
    if is_clear:
        layer = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return layer.convert("RGB"), is_clear


def _from_deep(image: ImageFile) -> tuple[Image.Image, bool]:
    """Gray of more than 8 bits in RGB, and whether a level of it was transparent."""
    levels = np.asarray(image).astype(np.float64)
    largest = _largest_level(image)
    scaled = np.rint(levels * (WHITE / largest)).astype(np.uint8)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_TAG) == 0:
        scaled = WHITE - scaled
    clear = levels == image.info.get("transparency", -1)
    scaled[clear] = WHITE
    return Image.fromarray(scaled).convert("RGB"), bool(clear.any())


def _largest_level(image: ImageFile) -> int:
    """Level of white; Pillow spreads a portable map over 16 bits."""
    bits = image.tag_v2.get(BITS_TAG, (16,))[0] if isinstance(image, TiffImageFile) else 16
    return 2**bits - 1
