"""Crops of photographs of brick, grass and gravel, which are installed with scikit-image."""

from hashlib import sha256

import torch
from jaxtyping import UInt8
from torch import Tensor

from qtlrun import package
from qtlrun.dataset import picture
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split, fingerprint
from qtlrun.dataset.splitting import Splitting, check_share
from qtlrun.error import BadValue

# SHA-256 of each photograph's file
PHOTOGRAPHS = {
    "brick": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "grass": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "gravel": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
}
CLASSES = tuple(PHOTOGRAPHS)
SIDE = 512  # pixels of a photograph
MIN_CROP = 8
MAX_CROP = 128
CAUTION = (
    "Each class is one photograph: the figures are about these three, not about all brick, grass"
    " and gravel."
)


def textures(crop: int, gap: int, splitting: Splitting, test: float) -> Dataset:
    """Grey crops of three photographs, on a grid, so that no two have a pixel in common.

    The rows of crops at the bottom of each photograph are the test split; train and validation are
    drawn from the rows above. The photographs are CC0: Bricks25 and Gravel04 of cc0textures.com,
    Grass 01 of linolafett.

    Arguments:
        crop: side of a crop in pixels.
        gap: pixels between two neighbouring crops, of whichever split.
        splitting: of the crops above those of the test split.
        test: share of each photograph's rows of crops.
    """
    if not MIN_CROP <= crop <= MAX_CROP:
        raise BadValue("crop", crop, f"pixels, {MIN_CROP} to {MAX_CROP}")
    if not 0 <= gap <= MAX_CROP:
        raise BadValue("gap", gap, f"pixels, 0 to {MAX_CROP}")
    check_share("test", test)
    rows = (SIDE + gap) // (crop + gap)
    first = rows - min(max(1, round(test * rows)), rows - 1)
    grids = [_cut(name, crop, gap) for name in CLASSES]
    above = _split([grid[:first] for grid in grids], crop + gap, first_row=0)
    below = _split([grid[first:] for grid in grids], crop + gap, first_row=first)
    parts = splitting.divide(above, CLASSES, below)
    return Dataset(
        parts["train"],
        parts["validation"],
        parts["test"],
        classes=CLASSES,
        size=len(above) + len(below),
        fingerprint=fingerprint(parts),
        caution=CAUTION,
    )


def _cut(name: str, crop: int, gap: int) -> UInt8[Tensor, "rows columns crop crop"]:
    """Crops of a photograph by their row and column in the grid."""
    path = package.find_file(
        "scikit-image", f"skimage/data/{name}.png", PHOTOGRAPHS[name], extra="photos"
    )
    grey = picture.read(path)[0]
    return grey.unfold(0, crop, crop + gap).unfold(1, crop, crop + gap)


def _split(
    grids: list[UInt8[Tensor, "rows columns crop crop"]], pitch: int, first_row: int
) -> Split:
    """All crops of a part of each photograph; a name has the place of the crop's corner."""
    names = []
    for label, grid in zip(CLASSES, grids, strict=True):
        for row in range(len(grid)):
            top = (first_row + row) * pitch
            names += [f"{label}/{top}-{left * pitch}" for left in range(grid.shape[1])]
    crops = torch.cat([grid.flatten(0, 1) for grid in grids]).unsqueeze(1)
    labels = torch.arange(len(grids)).repeat_interleave(len(crops) // len(grids))
    items = tuple(sha256(crop.numpy().tobytes()).hexdigest() for crop in crops)
    return Split(crops, labels, items, tuple(names))
