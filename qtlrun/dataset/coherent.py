"""Classification of seven noisy products of two coherent states.

Source: Mari et al., arXiv:1912.08278, example 4.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float64
from numpy.random import RandomState
from torch import Tensor

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.dataset.state import Sampling
from qtlrun.error import BadValue, check_finite
from qtlrun.fock import MODE_NUMBERS

# The tetromino that the published network, pre-trained by Killoran et al. (arXiv:1806.06871), draws
# of each class, and the class's two displacements in units of the amplitude.
CLASSES = {
    "L": (1, 1),
    "O": (-1, 1),
    "T": (1, -1),
    "I": (-1, -1),
    "S": (1j, 1j),
    "J": (-1j, 1j),
    "Z": (1j, -1j),
}
# Indices of Re alpha, Im alpha, Re beta and Im beta among an item's numbers.
DISPLACEMENTS = [1, 2, MODE_NUMBERS + 1, MODE_NUMBERS + 2]


def coherent(amplitude: float, noise: float, sampling: Sampling) -> Dataset:
    """Products of coherent states of two modes, with seven classes of displacements.

    The displacements of the classes are `amplitude` times (1, 1), (-1, 1), (1, -1), (-1, -1), (i,
    i), (-i, i) and (i, -i), and `noise` is the standard deviation of the normal noise on the real
    and the imaginary part of each. States are counted per class and drawn in rounds of one of each
    class, so with `order="drawn"` batches of seven have one state of each class, unless a
    `train_size` leaves some out. The centres are the seven states without noise. The ceiling is the
    accuracy of choosing the centre nearest to the displacement, which no measurement of the state
    tells exactly.
    """
    check_finite(amplitude=amplitude, noise=noise)
    if amplitude == 0:
        raise BadValue("amplitude", 0, "all classes would be one", "give a number above 0")
    if noise == 0:
        raise BadValue(
            "noise",
            0,
            "all states of a class would be one, in train as in test",
            "give a number above 0",
        )
    sampling.check_counts("states a class")
    displacements = amplitude * np.array(list(CLASSES.values()), np.complex128).view(np.float64)
    dataset = sampling.sample(partial(_draw, displacements, noise), list(CLASSES), modes=2)
    centres = torch.from_numpy(_items(displacements))
    return replace(dataset, centres=centres, ceiling=_ceiling(centres, dataset.test))


def _draw(
    displacements: Float64[np.ndarray, "classes 4"],
    noise: float,
    generator: RandomState,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw rounds of one state per class, and their labels.

    Re alpha, Im alpha, Re beta and Im beta are each drawn for the whole round at once.
    """
    size = (count, len(DISPLACEMENTS), len(CLASSES))
    noises = generator.normal(scale=noise, size=size)
    items = _items(displacements + noises.transpose(0, 2, 1))
    return items.reshape(-1, 2 * MODE_NUMBERS), np.tile(np.arange(len(CLASSES)), count)


def _items(displacements: np.ndarray) -> np.ndarray:
    items = np.zeros((*displacements.shape[:-1], 2 * MODE_NUMBERS))
    items[..., DISPLACEMENTS] = displacements
    return items


def _ceiling(centres: Float64[Tensor, "classes numbers"], test: Split) -> float:
    distances = torch.cdist(test.vectors[:, DISPLACEMENTS], centres[:, DISPLACEMENTS])
    nearest = distances.argmin(1)
    return (nearest == test.labels).double().mean().item()
