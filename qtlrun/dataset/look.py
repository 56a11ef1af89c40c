"""Looks of pictures: which are equal, which look alike, which are partly transparent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt64
from PIL import Image

SIDE = 8  # steps of brightness in a row and in a column of the thumbnail
# Two pictures may look alike if at most one step differs for so many that either has. Of all pairs
# of 24,000 pictures of CIFAR-10 464 do: of 111 that were looked at 3 showed different things. Of
# those of 397 ants and bees none does. A copy at half size, in gray, as JPEG of quality 50 or cut
# by 2 % on each side does, in 98 of 100.
STEPS_PER_DIFFERENCE = 8
MIN_STEPS = 16  # of 128; a picture that is flat all over looks like any other such
# They do if gray thumbnails of this side have this correlation, one of them cut or none: large
# forms alone make two drawings of a digit alike in their steps. Of 2,383 pairs of 4,000 digits of
# MNIST 77 have it. Copies whose steps are alike have it, of 200 ants and bees and of 200 pictures
# of CIFAR-10: at half size 200 and 187, as JPEG of quality 20 198 of 198 and 193 of 198, brighter
# by a fifth 194 of 196 and 197, cut all. On finer thumbnails small pictures at half size lose it.
FINE_SIDE = 20
LEAST_CORRELATION = 0.975
CUT = 0.02  # of each side
MAX_PICTURES = 50_000  # compared with each other, in seconds
ROWS = 256  # compared with all others at once
PAIRS = 4096  # whose thumbnails are correlated at once


@dataclass(frozen=True)
class Looks:
    """Looks of the pictures of a dataset, by item.

    contents: hash of the pixels, of those that are equal in different files
    alike: pairs that look alike and are not equal
    transparent: those with a transparent pixel
    compared: whether pairs that look alike were sought
    """

    contents: Mapping[str, str] = field(default_factory=dict)
    alike: frozenset[tuple[str, str]] = frozenset()
    transparent: frozenset[str] = frozenset()
    compared: bool = True

    def __or__(self, other: "Looks") -> "Looks":
        """Looks of the pictures of two datasets."""
        return Looks(
            {**self.contents, **other.contents},
            self.alike | other.alike,
            self.transparent | other.transparent,
            self.compared and other.compared,
        )


def hash_steps(image: Image.Image) -> UInt64[np.ndarray, "2"]:
    """Difference hash of a picture: which of its steps in a row, and in a column, go up.

    The steps are between the pixels of a gray thumbnail of 9 x 9. Another scale, compression,
    brightness or colour changes few of them. Source: Krawetz, Kind of Like That, 2013
    (hackerfactor.com), whose hash has the rows alone.
    """
    side = SIDE + 1
    gray = np.asarray(image.convert("L").resize((side, side), Image.Resampling.LANCZOS))
    across = gray[:SIDE, 1:] > gray[:SIDE, :SIDE]
    down = gray[1:, :SIDE] > gray[:SIDE, :SIDE]
    return np.packbits([across.ravel(), down.ravel()], axis=1).view(np.uint64)[:, 0]


def draw_thumbnails(image: Image.Image) -> UInt8[np.ndarray, "2 pixels"]:
    """Fine gray thumbnails of a picture, of the whole and of what is left when it is cut."""
    gray = image.convert("L")
    width, height = gray.size
    whole = (0, 0, width, height)
    middle = (CUT * width, CUT * height, (1 - CUT) * width, (1 - CUT) * height)
    size = (FINE_SIDE, FINE_SIDE)
    thumbnails = [gray.resize(size, Image.Resampling.LANCZOS, box) for box in (whole, middle)]
    return np.stack([np.asarray(thumbnail).ravel() for thumbnail in thumbnails])


def find_alike(
    hashes: UInt64[np.ndarray, "pictures 2"], thumbnails: UInt8[np.ndarray, "pictures 2 pixels"]
) -> Int64[np.ndarray, "pairs 2"]:
    """Indices of the pairs that look alike, the smaller first; none of too many pictures."""
    candidates = find_near(hashes)
    alike = [np.empty((0, 2), np.int64)]
    for start in range(0, len(candidates), PAIRS):
        pairs = candidates[start : start + PAIRS]
        first, second = (_standardise(thumbnails[pairs[:, side]]) for side in range(2))
        each = np.einsum("nik,njk->nij", first, second)
        # Of two that are both cut, the middles are compared as the whole ones are
        correlations = np.maximum(each[:, 0, 0], np.maximum(each[:, 0, 1], each[:, 1, 0]))
        alike.append(pairs[correlations >= LEAST_CORRELATION])
    return np.concatenate(alike)


def find_near(hashes: UInt64[np.ndarray, "pictures 2"]) -> Int64[np.ndarray, "pairs 2"]:
    """Indices of the pairs with few different steps, the smaller first."""
    counts = np.bitwise_count(hashes).sum(1, dtype=np.uint16)
    places = np.flatnonzero(counts >= MIN_STEPS)
    if not 1 < len(hashes) <= MAX_PICTURES:
        return np.empty((0, 2), np.int64)
    hashes = hashes[places]
    counts = counts[places]
    pairs = []
    for start in range(0, len(places), ROWS):
        rows = slice(start, start + ROWS)
        differing = np.zeros((len(hashes[rows]), len(hashes) - start), np.uint8)
        for half in range(2):
            differing += np.bitwise_count(hashes[rows, None, half] ^ hashes[None, start:, half])
        most = (counts[rows, None] + counts[None, start:]) // STEPS_PER_DIFFERENCE
        first, second = np.nonzero(differing <= most)
        later = second > first
        pairs.append(np.stack([first[later], second[later]], 1) + start)
    return places[np.concatenate(pairs)] if pairs else np.empty((0, 2), np.int64)


def _standardise(
    thumbnails: UInt8[np.ndarray, "pairs 2 pixels"],
) -> Float32[np.ndarray, "pairs 2 pixels"]:
    """Thumbnails of mean 0 and norm 1; of a flat one all is 0."""
    values = thumbnails.astype(np.float32)
    values -= values.mean(-1, keepdims=True)
    norms = np.linalg.norm(values, axis=-1, keepdims=True)
    return values / np.maximum(norms, np.finfo(np.float32).eps)
