"""Values of seeds and pictures with known effects and moments."""

import numpy as np


def crossed(generator, seeds, pictures):
    """Draw the standard normal effect of each seed, each picture and each cell."""
    shapes = (seeds, 1), (1, pictures), (seeds, pictures)
    return [generator.standard_normal(shape) for shape in shapes]


def mixed(effects, variances, mean=0.0):
    """Add up effects to values (seeds, pictures) with these variances per cell."""
    return mean + sum(
        np.sqrt(variance) * effect for effect, variance in zip(effects, variances, strict=True)
    )


def with_moments(seeds, pictures, mean, v_seed, v_picture, v_rest):
    """Make values whose mean, variance of seed and picture means and residual variance are exactly
    these.
    """
    row, column, cell = crossed(np.random.default_rng(0), seeds, pictures)
    cell = cell - cell.mean(0) - cell.mean(1, keepdims=True) + cell.mean()
    effects = (
        (row - row.mean()) / row.std(ddof=1),
        (column - column.mean()) / column.std(ddof=1),
        cell / np.sqrt(np.square(cell).sum() / ((seeds - 1) * (pictures - 1))),
    )
    return mixed(effects, (v_seed, v_picture, v_rest), mean)


def noise(mean, scale=1.0):
    """Make differences whose 95 % interval is about mean +- .1 (90 %: +- .08) for scale 1."""
    return with_moments(10, 200, mean, 0.01 * scale**2, 0.25 * scale**2, 0.1 * scale**2)


def names(values, same=True):
    """Names of the pictures of splits (seeds, pictures): the same in all, or own ones."""
    return [
        [f"{0 if same else number}/{picture}" for picture in range(split.shape[1])]
        for number, split in enumerate(values)
    ]
