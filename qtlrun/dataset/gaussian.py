"""Classification of Gaussian and non-Gaussian states of one mode.

Source: Mari et al., arXiv:1912.08278, example 5.
"""

from functools import partial

import numpy as np
from numpy.random import RandomState

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.state import Sampling
from qtlrun.error import check_finite
from qtlrun.fock import MODE_NUMBERS

CLASSES = ("Gaussian", "non-Gaussian")
PREPARED = np.array([[0.0, 1.0], [1.0, 0.0]])  # of each class: photons and Re alpha
TURN = 2 * np.pi  # radians; rotations are uniform within it, to either side
BATCH_STATES = 8  # in the publication


def gaussian(squeezing: float, sampling: Sampling) -> Dataset:
    """Coherent state D(1)|0> or one-photon state |1>, with random rotation, squeezing, rotation.

    Both rotations are uniform on [-2 pi, 2 pi), and the squeezing on [-`squeezing`, `squeezing`).
    These gates make a Gaussian state of a Gaussian one and of no other, so the classes stay what
    they are, whatever was drawn. States are counted both classes together. With `draw="apart"` they
    are of each class in turn, so equally many or one fewer non-Gaussian; "mari2019" draws batches
    of 8 whose labels are drawn too, as is a third rotation that nothing uses.
    """
    check_finite(squeezing=squeezing)
    sampling.check_counts("states, both classes together", least=2, batch=BATCH_STATES)
    draw = {"apart": _draw_alternating, "mari2019": _draw_published}[sampling.draw]
    return sampling.sample(partial(draw, squeezing), CLASSES, modes=1)


def _draw_alternating(
    squeezing: float, generator: RandomState, count: int
) -> tuple[np.ndarray, np.ndarray]:
    bounds = np.array([TURN, squeezing, TURN])
    return _items(np.arange(count) % 2, generator.uniform(-bounds, bounds, (count, 3)))


def _draw_published(
    squeezing: float, generator: RandomState, count: int
) -> tuple[np.ndarray, np.ndarray]:
    labels = []
    gates = []
    for _ in range(count // BATCH_STATES):
        labels.append(generator.randint(2, size=BATCH_STATES))
        squeezes = generator.uniform(-squeezing, squeezing, BATCH_STATES)
        first, second, _ = (generator.uniform(-TURN, TURN, BATCH_STATES) for _ in range(3))
        gates.append(np.stack([first, squeezes, second], 1))
    return _items(np.concatenate(labels), np.concatenate(gates))


def _items(labels: np.ndarray, gates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items of these labels with a rotation, a squeezing and a rotation each, (items, 3)."""
    items = np.zeros((len(labels), MODE_NUMBERS))
    items[:, :2] = PREPARED[labels]
    items[:, 3:] = gates
    return items, labels
