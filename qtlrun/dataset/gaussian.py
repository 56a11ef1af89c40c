"""Classification of Gaussian and non-Gaussian states of one mode.

Source: Mari et al., arXiv:1912.08278, example 5.
"""

from functools import partial
from typing import Literal

import numpy as np
from numpy.random import RandomState

from qtlrun.dataset.split import adopt
from qtlrun.dataset.state import States, check
from qtlrun.fock import MODE_NUMBERS
from qtlrun.plan import finite

CLASSES = ("Gaussian", "non-Gaussian")
PREPARED = np.array([[0.0, 1.0], [1.0, 0.0]])  # of each class: photons and Re alpha
TURN = 2 * np.pi  # radians; rotations are uniform within it, to either side
BATCH_STATES = 8  # in the publication


class Gaussian:
    """Coherent state D(1)|0> or one-photon state |1>, with random rotation, squeezing, rotation.

    Both rotations are uniform on [-2 pi, 2 pi). These gates make a Gaussian state of a Gaussian one
    and of no other, so the classes stay what they are, whatever was drawn. An item says how a state
    is prepared, and is not scaled (see `qtlrun.dataset.state.States`).

    Arguments:
        squeezing: bound of the squeezing, which is uniform on [-`squeezing`, `squeezing`).
        train: states of both classes together, as in the other splits.
        validation: states, or "test".
        test: states.
        seed: of the draw.
        draw: "apart" draws of each class in turn, so equally many or one fewer non-Gaussian;
            "mari2019" in batches of 8 whose labels are drawn too, as is a third rotation that
            nothing uses. See `States` too.
        order: of training, see `States`.
        split_seed: of the draw too.
        train_size: items of train that are used, or their share.
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
        check(
            train,
            validation,
            test,
            draw,
            "states, both classes together",
            least=2,
            batch=BATCH_STATES,
        )
        self.classes = CLASSES
        make = partial({"apart": _draw_alternating, "mari2019": _draw_published}[draw], squeezing)
        states = States(
            make, CLASSES, train, validation, test, seed, draw, order, split_seed, train_size
        )
        adopt(self, states, "sequence")


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
