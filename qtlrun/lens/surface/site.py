"""Sites: weights of a training, with the random axes along which its loss is seen."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun import train
from qtlrun.dataset.split import Split
from qtlrun.experiment.subject import Subject
from qtlrun.lens.surface import objective, plane
from qtlrun.lens.surface.objective import Objective
from qtlrun.parametrization.generated import HEAD

WHOLE = "trained weights"  # layer of all that training moved
HALF_TURN = math.pi  # radians, where the axes of a circuit's angles end
TOLERANCE = 1e-4  # relative, between two ways to the same loss in single precision
LEAST_GAP = 1e-5  # nats, below which losses near 0 are the same


class Mismatch(RuntimeError):
    """Loss of a training that is not that of the run."""


@dataclass(frozen=True, eq=False)
class Site:
    """Weights of a training around which its loss on a split is seen.

    layer: all that training moved, the circuit, or the block in its place
    angles: names of those that are angles of a circuit
    """

    subject: Subject
    layer: str
    objective: Objective
    angles: tuple[str, ...]

    @property
    def is_circuit(self) -> bool:
        """Whether all of its weights are angles, so that its axes are in radians."""
        return len(self.angles) == len(self.objective.weights)

    @property
    def unit(self) -> str:
        """Unit of the axes."""
        return "radians" if self.is_circuit else "filter norms"

    @property
    def is_batched(self) -> bool:
        """Whether many points take little more time than one."""
        return self.objective.batch > 1

    def axes(self, seed: int, count: int) -> Float64[Tensor, "axes numbers"]:
        """Random directions of the training, which trainings of its name in other rows share."""
        weights = self.objective.weights
        name = self.subject.name
        return torch.stack(
            [
                plane.draw_direction(weights, seed, (*name, number), self.angles)
                for number in range(count)
            ]
        )

    def losses(
        self, axes: Float64[Tensor, "axes numbers"], coordinates: Float64[Tensor, "points axes"]
    ) -> Float64[Tensor, " points"]:
        """Losses at the points of a plane; refuses a centre that has not the network's loss."""
        values = self.objective.along(axes, coordinates)
        for value in values[(coordinates == 0).all(1)].tolist():
            self._check_centre(value)
        return values

    def _check_centre(self, value: float) -> None:
        if not is_near(value, self.direct_loss):
            raise Mismatch(
                f"with seed {self.subject.seed} the loss at the centre of its {self.layer} is"
                f" {value:.6g} nats, and its network's is {self.direct_loss:.6g}"
            )

    @cached_property
    def direct_loss(self) -> float:
        """Loss of the network as it stands."""
        return direct_loss(self.subject, self.objective.split)


def find_sites(subject: Subject, count: int) -> list[Site]:
    """Sites of a training on so many items: all of its weights, and its circuit's or block's.

    There is none where nothing was trained.
    """
    split = thin(subject.split("train"), count)
    names = objective.trained_names(subject)
    if not names:
        return []
    middle = objective.middle_names(subject)
    angles = tuple(middle) if subject.runs_circuit else ()
    is_network = not all(name.startswith(HEAD) for name in names)
    make = objective.network_objective if is_network else objective.head_objective
    sites = [Site(subject, WHOLE, make(subject, split, names), angles)]
    if middle:
        layer = "circuit" if subject.runs_circuit else "block"
        sites.append(Site(subject, layer, objective.head_objective(subject, split, middle), angles))
    return sites


def thin(split: Split, count: int) -> Split:
    """So many items of a split at most, at equal distances."""
    if len(split) <= count:
        return split
    return split.subset(torch.linspace(0, len(split) - 1, count).round().long())


def check_validation(subject: Subject) -> None:
    """Refuse a training whose loss on the validation split is not that of the run."""
    value = direct_loss(subject, subject.split("validation"))
    expected = subject.training.validation_nll
    if subject.training.parts.exact and not is_near(value, expected):
        raise Mismatch(
            f"with seed {subject.seed} its weights give a validation loss of {value:.6g} nats,"
            f" and the run had {expected:.6g}"
        )


def direct_loss(subject: Subject, split: Split) -> float:
    """Mean negative log-likelihood of a split in nats, of the network as it stands."""
    nll, _ = train.score(subject.logits(split).unsqueeze(0), split.labels)
    return nll.item()


def is_near(value: float, expected: float) -> bool:
    """Whether two losses are equal within single precision."""
    return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=LEAST_GAP)
