"""Pictures that look alike: found after what copies go through, and not among others."""

import io

import numpy as np
import pytest
from PIL import Image

from qtlrun.dataset.look import find_alike, hash_steps


def scene(number):
    """A smooth picture of its number: blurred noise, as a photograph has large things in it."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def compressed(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


COPIES = {
    "half the size": lambda image: image.resize((80, 60)),
    "compressed": lambda image: compressed(image, 40),
    "gray": lambda image: image.convert("L"),
    "brighter": lambda image: image.point(lambda level: min(255, int(1.1 * level))),
    "cut": lambda image: image.crop((3, 2, 157, 118)),
}


def hashes(images):
    return np.stack([hash_steps(image) for image in images])


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_looks_like_its_original_and_like_no_other(copy):
    originals = [scene(number) for number in range(30)]
    pairs = find_alike(hashes([*originals, *map(copy, originals)]))
    assert {tuple(pair) for pair in pairs.tolist()} == {(n, n + 30) for n in range(30)}


@pytest.mark.parametrize("count", [2, 255, 256, 257, 600])
def test_the_pairs_are_those_of_comparing_bit_by_bit(count):
    draw = np.random.default_rng(count)
    centres = draw.integers(0, 2, (8, 128))
    bits = centres[draw.integers(0, 8, count)] ^ (draw.random((count, 128)) < 0.06)
    packed = np.packbits(bits.astype(np.uint8), axis=1).view(np.uint64)
    pairs = {tuple(pair) for pair in find_alike(packed).tolist()}
    differing = (bits[:, None] != bits[None]).sum(-1)
    total = bits.sum(1)[:, None] + bits.sum(1)[None]
    first, second = np.nonzero(np.triu(8 * differing <= total, 1))
    assert pairs == set(zip(first.tolist(), second.tolist(), strict=True))


def test_flat_pictures_do_not_look_alike():
    flat = [Image.new("RGB", (60, 60), (level, 0, 0)) for level in range(0, 250, 50)]
    assert not len(find_alike(hashes(flat)))


def test_no_two_ants_and_bees_look_alike_and_a_gray_copy_is_found(data):
    paths = sorted((data / "hymenoptera_data/val").glob("*/*.jpg"))
    images = [Image.open(path) for path in paths]
    assert len(images) > 150
    assert not len(find_alike(hashes(images)))
    pairs = find_alike(hashes([*images, images[7].convert("L")]))
    assert pairs.tolist() == [[7, len(images)]]


def test_a_hash_has_the_bits_of_the_steps():
    """Brightness that rises to the right and falls down the picture."""
    ramp = np.add.outer(-np.arange(90), np.arange(90)) + 100
    steps = hash_steps(Image.fromarray(ramp.clip(0, 255).astype(np.uint8)))
    assert [int(half).bit_count() for half in steps] == [64, 0]
