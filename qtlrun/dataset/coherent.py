"""Classification of seven noisy products of two coherent states.

Source: Mari et al., arXiv:1912.08278, example 4.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64
from numpy.random import RandomState
from torch import Tensor

from qtlrun.dataset.split import Split, adopt
from qtlrun.dataset.state import States, check
from qtlrun.fock import MODE_NUMBERS
from qtlrun.plan import finite

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


class Coherent:
    """Products of coherent states of two modes, with seven classes of displacements.

    An item says how a state is prepared, and is not scaled (see `qtlrun.dataset.state.States`). The
    displacements of the classes are `amplitude` times (1, 1), (-1, 1), (1, -1), (-1, -1), (i, i),
    (-i, i) and (i, -i). `centres` are the seven states without noise. `ceiling` is the accuracy on
    the test split of choosing the centre nearest to the displacement, which no measurement of the
    state tells exactly: no classifier can expect to exceed it.

    Arguments:
        amplitude: scale of the displacements.
        noise: standard deviation of the normal noise on the real and the imaginary part of each.
        train: states per class, drawn in rounds of one of each class, as in the other splits.
        validation: states per class, or "test".
        test: states per class.
        seed: of the draw.
        draw: of the splits, see `States`.
        order: of training, see `States`; with "drawn" batches of seven have one state of each
            class, unless a `train_size` leaves some out.
        split_seed: of the draw too.
        train_size: items of train that are used, or their share.
    """

    modes = 2
    independent = True  # another split_seed draws other states

    def __init__(
        self,
        amplitude: float,
        noise: float,
        train: int,
        validation: int | Literal["test"],
        test: int,
        seed: int,
        draw: Literal["apart", "mari2019"],
        order: Literal["drawn"] | None = None,
        split_seed: int = 0,
        train_size: int | float | None = None,
    ):
        finite(amplitude=amplitude, noise=noise)
        if amplitude == 0:
            raise ValueError("amplitude=0: all classes would be one; give a number above 0.")
        if noise == 0:
            raise ValueError(
                "noise=0: all states of a class would be one, in train as in test; give a number"
                " above 0."
            )
        check(train, validation, test, draw, "states a class")
        self._amplitude = amplitude
        self._noise = noise
        self.classes = tuple(CLASSES)
        states = States(
            self._make,
            self.classes,
            train,
            validation,
            test,
            seed,
            draw,
            order,
            split_seed,
            train_size,
        )
        adopt(self, states, "sequence")
        self.centres = torch.from_numpy(_items(self._displacements()))
        self.ceiling = _ceiling(self.centres, states.test)

    def _make(self, generator: RandomState, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw rounds of one state per class, and their labels.

        Each part of the displacements is drawn for the whole round at once.
        """
        size = (count, len(DISPLACEMENTS), len(CLASSES))
        noise = generator.normal(scale=self._noise, size=size)
        displacements = self._displacements() + noise.transpose(0, 2, 1)
        items = _items(displacements).reshape(-1, 2 * MODE_NUMBERS)
        return items, np.tile(np.arange(len(CLASSES)), count)

    def _displacements(self) -> np.ndarray:
        """Re alpha, Im alpha, Re beta and Im beta of each class, (classes, 4)."""
        return self._amplitude * np.array(list(CLASSES.values()), np.complex128).view(np.float64)


def _items(displacements: np.ndarray) -> np.ndarray:
    items = np.zeros((*displacements.shape[:-1], 2 * MODE_NUMBERS))
    items[..., DISPLACEMENTS] = displacements
    return items


def _ceiling(centres: Float64[Tensor, "classes numbers"], test: Split) -> float:
    distances = torch.cdist(test.vectors[:, DISPLACEMENTS], centres[:, DISPLACEMENTS])
    nearest = distances.argmin(1)
    return (nearest == test.labels).double().mean().item()
