"""Small stand-ins for the four archives of a set that is published as MNIST is."""

import gzip

import numpy as np

COUNTS = {"train": 8, "t10k": 3}  # pictures a class


def archive(array):
    """An archive as LeCun's page describes it: two zeros, 8 for bytes, how many axes, four bytes
    for each length.
    """
    head = bytes([0, 0, 8, array.ndim]) + b"".join(
        length.to_bytes(4, "big") for length in array.shape
    )
    return gzip.compress(head + array.tobytes(), mtime=0)


def stand_in():
    """Pictures of noise, a class after the other, in the four archives."""
    generator, files = np.random.default_rng(0), {}
    for part, count in COUNTS.items():
        pictures = generator.integers(0, 256, (10 * count, 28, 28), np.uint8)
        files[f"{part}-images-idx3-ubyte.gz"] = archive(pictures)
        files[f"{part}-labels-idx1-ubyte.gz"] = archive(
            np.tile(np.arange(10, dtype=np.uint8), count)
        )
    return files
