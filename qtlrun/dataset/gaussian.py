"""Gaussian and non-Gaussian states of one mode, to be told apart (Mari et al., arXiv:1912.08278,
example 5).
"""

from functools import partial
from typing import Literal

import numpy as np
from numpy.random import RandomState

from qtlrun.dataset.state import States, check
from qtlrun.fock import MODE_NUMBERS
from qtlrun.plan import finite

CLASSES = ("Gaussian", "non-Gaussian")
PREPARED = np.array([[0.0, 1.0], [1.0, 0.0]])  # of each class: photons and Re alpha
TURN = 2 * np.pi  # radians; rotations are uniform within it, to either side
BATCH = 8  # states of a batch of the publication


class Gaussian:
    """The coherent state D(1)|0> or the one-photon state |1>, rotated, squeezed and rotated again
    by chance.

    The squeezing is uniform on [-`squeezing`, `squeezing`), both rotations on [-2 pi, 2 pi). These
    gates make a Gaussian state of a Gaussian one and of no other, so the classes stay what they
    are, whatever was drawn. An item says how a state is prepared, and is not scaled:
    `qtlrun.dataset.state.States` says what stands in it.

    `train`, `validation` and `test` are numbers of states, both classes together: with
    `draw="apart"` of each class in turn, so equally many or one fewer non-Gaussian; with
    `draw="mari2019"` in batches of 8 whose labels are drawn too, as is a third rotation that
    nothing uses.
    """

    modes = 1
    independent = True  # another split_seed draws other states

    def __init__(
        self,
        squeezing: float,
        train: int,
        validation: int | Literal["test"],
        test: int,
        seed: int,
        draw: Literal["apart", "mari2019"],
        order: Literal["drawn"] | None = None,
        split_seed: int = 0,
        train_size: int | float | None = None,
    ):
        finite(squeezing=squeezing)
        check(train, validation, test, draw, "states, both classes together", least=2, batch=BATCH)
        self.classes = CLASSES
        make = partial({"apart": _alternating, "mari2019": _published}[draw], squeezing)
        states = States(
            make, CLASSES, train, validation, test, seed, draw, order, split_seed, train_size
        )
        self.train = states.train
        self.validation = states.validation
        self.test = states.test
        self.size = states.size
        self.fingerprint = states.fingerprint
        self.sequence = states.sequence
        self.verify = states.verify


def _alternating(
    squeezing: float, generator: RandomState, count: int
) -> tuple[np.ndarray, np.ndarray]:
    bounds = np.array([TURN, squeezing, TURN])
    return _labelled(np.arange(count) % 2, generator.uniform(-bounds, bounds, (count, 3)))


def _published(
    squeezing: float, generator: RandomState, count: int
) -> tuple[np.ndarray, np.ndarray]:
    labels = []
    drawn = []
    for _ in range(count // BATCH):
        labels.append(generator.randint(2, size=BATCH))
        squeezed = generator.uniform(-squeezing, squeezing, BATCH)
        first, second, _ = (generator.uniform(-TURN, TURN, BATCH) for _ in range(3))
        drawn.append(np.stack([first, squeezed, second], 1))
    return _labelled(np.concatenate(labels), np.concatenate(drawn))


def _labelled(labels: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items of these labels with a rotation, a squeezing and a rotation each, (items, 3)."""
    items = np.zeros((len(labels), MODE_NUMBERS))
    items[:, :2], items[:, 3:] = PREPARED[labels], drawn
    return items, labels
