"""Pictures that look alike: found after what copies go through, and not among others."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from qtlrun.dataset.look import draw_thumbnails, find_alike, find_near, hash_steps


def scene(number):
    """A smooth picture of its number: blurred noise, as a photograph has large things in it."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def compressed(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def cut(image, columns, rows):
    return image.crop((columns, rows, image.width - columns, image.height - rows))


COPIES = {
    "half the size": lambda image: image.resize((80, 60)),
    "compressed": lambda image: compressed(image, 40),
    "gray": lambda image: image.convert("L"),
    "brighter": lambda image: image.point(lambda level: min(255, int(1.1 * level))),
    "cut": lambda image: cut(image, round(0.02 * image.width), round(0.02 * image.height)),
}


def alike(images):
    """Pairs that look alike."""
    hashes = np.stack([hash_steps(image) for image in images])
    thumbnails = np.stack([draw_thumbnails(image) for image in images])
    return find_alike(hashes, thumbnails).tolist()


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_looks_like_its_original_and_like_no_other(copy):
    originals = [scene(number) for number in range(30)]
    pairs = alike([*originals, *map(copy, originals)])
    assert {tuple(pair) for pair in pairs} == {(n, n + 30) for n in range(30)}


@pytest.mark.parametrize("count", [2, 255, 256, 257, 600])
def test_the_pairs_are_those_of_comparing_bit_by_bit(count):
    draw = np.random.default_rng(count)
    centres = draw.integers(0, 2, (8, 128))
    bits = centres[draw.integers(0, 8, count)] ^ (draw.random((count, 128)) < 0.06)
    packed = np.packbits(bits.astype(np.uint8), axis=1).view(np.uint64)
    pairs = {tuple(pair) for pair in find_near(packed).tolist()}
    differing = (bits[:, None] != bits[None]).sum(-1)
    total = bits.sum(1)[:, None] + bits.sum(1)[None]
    first, second = np.nonzero(np.triu(8 * differing <= total, 1))
    assert pairs == set(zip(first.tolist(), second.tolist(), strict=True))


def test_flat_pictures_do_not_look_alike():
    flat = [Image.new("RGB", (60, 60), (level, 0, 0)) for level in range(0, 250, 50)]
    assert not alike(flat)


def test_no_two_ants_and_bees_look_alike_and_a_gray_copy_is_found(data):
    paths = sorted((data / "hymenoptera_data/val").glob("*/*.jpg"))
    images = [Image.open(path) for path in paths]
    assert len(images) > 150
    assert not alike(images)
    assert alike([*images, images[7].convert("L")]) == [[7, len(images)]]


def test_copies_of_ants_and_bees_are_found(data):
    paths = sorted((data / "hymenoptera_data/val").glob("*/*.jpg"))[::5]
    images = [Image.open(path).convert("RGB") for path in paths]
    for copy in COPIES.values():
        pairs = alike([*images, *map(copy, images)])
        assert all(second == first + len(images) for first, second in pairs)
        assert len(pairs) > 0.95 * len(images)


def test_two_drawings_of_a_digit_are_no_copies_and_its_copies_are(data):
    """Of 172 pairs of 1,000 digits that are near by their steps ten remain."""
    file = next((data / "MNIST").rglob("t10k-images*"))
    content = file.read_bytes()
    content = gzip.decompress(content) if file.suffix == ".gz" else content
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:1000]
    digits = [Image.fromarray(digit) for digit in pixels]
    near = find_near(np.stack([hash_steps(digit) for digit in digits]))
    assert len(near) > 50 and len(alike(digits)) < 0.1 * len(near)
    for copy in (lambda digit: compressed(digit, 50), lambda digit: digit.resize((56, 56))):
        pairs = alike([*digits[:100], *map(copy, digits[:100])])
        assert len([pair for pair in pairs if pair[1] == pair[0] + 100]) > 85


@pytest.mark.parametrize("weight, is_alike", [(0.2, True), (0.25, False)])
def test_the_correlation_of_the_thumbnails_decides(weight, is_alike):
    """Of a + w b, where a and b have equal norms and no correlation, with a: 1 / sqrt(1 + w^2)."""
    draw = np.random.default_rng(0)
    first = draw.choice([-1.0, 1.0], (2, 400))
    other = np.zeros_like(first)
    for row in range(2):
        order = draw.permutation(np.flatnonzero(first[row] > 0))
        other[row, order[::2]], other[row, order[1::2]] = 1, -1
        order = draw.permutation(np.flatnonzero(first[row] < 0))
        other[row, order[::2]], other[row, order[1::2]] = 1, -1
    pair = np.stack([first, first + weight * other])
    levels = (128 + 80 * pair).round().astype(np.uint8)
    hashes = np.full((2, 2), 2**63 - 1, np.uint64)
    assert (len(find_alike(hashes, levels)) == 1) == is_alike


def test_a_hash_has_the_bits_of_the_steps():
    """Brightness that rises to the right and falls down the picture."""
    ramp = np.add.outer(-np.arange(90), np.arange(90)) + 100
    steps = hash_steps(Image.fromarray(ramp.clip(0, 255).astype(np.uint8)))
    assert [int(half).bit_count() for half in steps] == [64, 0]
