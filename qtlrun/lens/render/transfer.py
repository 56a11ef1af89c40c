"""Transfer of dreams: which class other trainings and other rows see in a training's dreams."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.experiment.subject import Subject
from qtlrun.lens.render.ascent import Pictures

Chances = Float[Tensor, " pictures"]


@dataclass(frozen=True)
class Belief:
    """Probability of its class that each picture of a training is given, by whom.

    itself: by the training
    row: by the other trainings of its row, in the mean; nan where there are none
    others: by the trainings of the other rows, in the mean of the rows; nan where there are none
    """

    itself: Chances
    row: Chances
    others: Chances


@torch.no_grad()
def judge_pictures(pictures: dict[Subject, Pictures], classes: list[int]) -> dict[Subject, Belief]:
    """Beliefs in the pictures of each training, which all of the trainings judge.

    Each training has a picture of each of the classes. Those that take pictures of another size or
    of other channels do not judge.
    """
    beliefs = {}
    for shape in {each.shape for each in pictures.values()}:
        peers = [subject for subject, each in pictures.items() if each.shape == shape]
        images = torch.cat([pictures[subject] for subject in peers])
        chances = _ask(peers, images, classes)
        for number, subject in enumerate(peers):
            beliefs[subject] = _summarise(peers, number, chances[:, number])
    return beliefs


def _ask(
    judges: list[Subject], images: Pictures, classes: list[int]
) -> Float[Tensor, "judges trainings classes"]:
    """Probability that each judge gives the class of each image; each training has one a class."""
    features: dict[int, Tensor] = {}
    answers = []
    for judge in judges:
        backbone = judge.network.backbone
        if id(backbone) not in features:
            with judge.threads():
                features[id(backbone)] = backbone(backbone.preprocess.normalise(images))
        chances = judge.activations(features[id(backbone)])["logits"].softmax(-1)
        chances = chances[:, classes].unflatten(0, (-1, len(classes)))
        answers.append(chances.diagonal(dim1=1, dim2=2))
    return torch.stack(answers)


def _summarise(
    judges: list[Subject], number: int, chances: Float[Tensor, "judges classes"]
) -> Belief:
    """Belief in the pictures of the judge of this number, by what each judge gives them."""
    label = judges[number].row
    by_row: dict[str, list[Tensor]] = {}
    for index, judge in enumerate(judges):
        if index != number:
            by_row.setdefault(judge.row, []).append(chances[index])
    means = {row: torch.stack(each).mean(0) for row, each in by_row.items()}
    nothing = torch.full_like(chances[number], torch.nan)
    others = [mean for row, mean in means.items() if row != label]
    return Belief(
        chances[number],
        means.get(label, nothing),
        torch.stack(others).mean(0) if others else nothing,
    )
