"""Activation maximisation: pictures that make numbers inside trained networks large."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qtlrun.backbone.picture import Preprocess
from qtlrun.dataset.dataset import Dataset
from qtlrun.error import BadValue
from qtlrun.experiment import feature
from qtlrun.experiment.subject import Subject
from qtlrun.layer import generator
from qtlrun.lens.scene import Scene
from qtlrun.lens.settling import settle_backbone
from qtlrun.lens.view import View
from qtlrun.report.sentence import Note

GREY = 0.5
NOISE = 0.05  # standard deviation of a start from noise, in pixels of [0, 1]
LEAST_SIDE = 8  # pixels of a picture that is shifted by one

Pictures = Float[Tensor, "pictures channels height width"]  # in [0, 1]
Scores = Float[Tensor, " pictures"]
Layers = dict[str, Tensor]  # values by layer, (pictures, numbers)


@dataclass(frozen=True)
class Ascent:
    """Normalised gradient ascent over pictures in [0, 1] (Erhan et al. 2009).

    A step follows the gradient of a picture's score, scaled to a root mean square of 1 so that
    saturated rows move like others, less that of its total variation, less its distance from a
    centre. The score is that of the picture shifted at random, and spatial frequencies of its
    gradient are divided by themselves to a power (Olah et al. 2017, preconditioning). Each
    picture goes by itself, whichever stand beside it, and ends as the best on its way by its
    score unshifted, which may be its start.

    steps: of the ascent
    rate: length of the first step, in pixels of [0, 1]; it falls to 0 in a line
    variation: weight of the sum of differences between neighbouring pixels
    norm: weight of the distance from the centre; a linear score ends 1 / norm from it
    shift: pixels of the shift at most, and at most one for each eight of a side
    falloff: 0 is the plain gradient, 1 divides it by the frequency
    """

    steps: int
    rate: float
    variation: float
    norm: float
    shift: int
    falloff: float

    def __post_init__(self):
        for name in ("steps", "rate", "variation", "norm", "shift", "falloff"):
            if not 0 <= vars(self)[name] < float("inf"):
                raise BadValue(name, vars(self)[name], "a number from 0 up")

    @torch.no_grad()
    def climb(
        self,
        start: Pictures,
        centre: Pictures,
        score: Callable[[Pictures], Scores],
        seed: int,
        tell: Callable[[], None] = lambda: None,
    ) -> Pictures:
        """Pictures with the highest scores on the way; `tell` is called at each step."""
        shifts = self._draw_shifts(start.shape[-2:], seed)
        pictures = start
        best = start
        highest = torch.full((len(start),), -torch.inf, dtype=start.dtype, device=start.device)
        for number, shift in enumerate(shifts):
            scores, slope = _find_slope(score, pictures, shift)
            if any(shift):  # those scores are of other pictures
                scores = score(pictures)
            best, highest = _choose_higher(best, highest, pictures, scores)
            uphill = _scale(_smooth(slope, self.falloff))
            roughness = _find_slope(total_variation, pictures)[1] * pictures[0].numel()
            direction = uphill - self.variation * roughness - self.norm * (pictures - centre)
            pictures = (pictures + self.rate * (1 - number / self.steps) * direction).clamp(0, 1)
            tell()
        return _choose_higher(best, highest, pictures, score(pictures))[0]

    def _draw_shifts(self, sides: Sequence[int], seed: int) -> list[tuple[int, int]]:
        """Shift down and to the right for each step."""
        limits = torch.tensor([min(self.shift, side // LEAST_SIDE) for side in sides])
        draw = torch.rand((self.steps, 2), generator=generator(seed, "shift"), dtype=torch.float64)
        shifts = (draw * (2 * limits + 1)).floor().long() - limits
        return [(down, right) for down, right in shifts.tolist()]


@dataclass(frozen=True)
class Aim:
    """Pictures that shall make numbers of one training large.

    score: of each picture, by the values of the training's layers
    start: pictures from which the ascent goes
    centre: pictures that they are held near to
    """

    subject: Subject
    score: Callable[[Layers], Scores]
    start: Pictures
    centre: Pictures


def climb_aims(
    aims: list[Aim], ascent: Ascent, seed: int, tell: Callable[[int, int], None]
) -> list[Pictures]:
    """Best pictures of each aim on the ascent.

    Aims whose trainings share a backbone go through it together. `tell` is called with the count
    of steps that are done, and of all.
    """
    batches = list(_batches(aims))
    total = len(batches) * ascent.steps
    done = iter(range(1, total + 1))
    results: dict[int, Pictures] = {}
    for numbers in batches:
        batch = [aims[number] for number in numbers]
        start = torch.cat([aim.start for aim in batch])
        centre = torch.cat([aim.centre for aim in batch])
        with batch[0].subject.threads():
            pictures = ascent.climb(
                start, centre, _joint_score(batch), seed, lambda: tell(next(done), total)
            )
        sizes = [len(aim.start) for aim in batch]
        results |= dict(zip(numbers, pictures.split(sizes), strict=True))
    return [results[number] for number in range(len(aims))]


def read_pictures(subject: Subject, pictures: Pictures) -> Layers:
    """Values of a training's layers, from the features to the logits."""
    backbone = subject.network.backbone
    return subject.head_layers(backbone(backbone.preprocess.normalise(pictures)))


def find_applicable(view: View, scene: Scene) -> list[str]:
    """Labels of the rows whose pictures can climb; a note says which cannot, and why."""
    if scene.dataset.kind != "pictures":
        view.notes.append(Note(f"Dreams are pictures, and the items are {scene.dataset.kind}."))
        return []
    rows = []
    reasons: dict[str, list[str]] = {}
    for label, subject in scene.firsts.items():
        reason = _find_obstacle(subject)
        if reason:
            reasons.setdefault(reason, []).append(label)
        else:
            rows.append(label)
    for reason, labels in reasons.items():
        view.notes.append(Note(f"No dreams of {', '.join(labels)}: {reason}."))
    return rows


def open_pictures(subject: Subject, index: Sequence[int], side: int | None) -> Pictures:
    """Test items as the network takes them, back in [0, 1]; smaller where a side is named.

    They have the channels of the dataset's own pictures: a grey one has no colours to dream of.
    """
    restored = subject.network.backbone.preprocess.restore(
        subject.items(subject.split("test"), index)
    )
    pictures = restored.clamp(0, 1)[:, : _channels(subject.dataset)]
    if side is None or side >= pictures.shape[-1]:
        return pictures
    return torch.nn.functional.interpolate(
        pictures, (side, side), mode="bilinear", antialias=True
    ).clamp(0, 1)


def find_side(subject: Subject, side: int | None) -> int | None:
    """Side of the pictures that climb under a large backbone; None for those of its own."""
    if side is None or not subject.is_large:
        return None
    try:
        with torch.no_grad():
            read_pictures(subject, open_pictures(subject, [0], side))
    except (RuntimeError, AssertionError):  # it has weights for each place
        return None
    return side


def draw_noise(like: Pictures, seed: int) -> Pictures:
    """Grey pictures with noise, all the same."""
    draw = torch.randn(like.shape[1:], generator=generator(seed, "noise"), dtype=torch.float64)
    noise = (GREY + NOISE * draw).clamp(0, 1)
    return noise.to(like).expand_as(like).contiguous()


def total_variation(pictures: Pictures) -> Scores:
    """Mean absolute difference of pixels to those below and to the right of them."""
    below = pictures.diff(dim=-2).abs().mean((1, 2, 3))
    return below + pictures.diff(dim=-1).abs().mean((1, 2, 3))


def check_side(side: int | None) -> None:
    """Refuse a side of pictures that is too small."""
    if side is not None and side < LEAST_SIDE:
        raise BadValue("side", side, f"pixels, from {LEAST_SIDE} up, or null")


def _find_obstacle(subject: Subject) -> str:
    """Reason why no picture can climb a training's numbers; empty where one can."""
    backbone = subject.network.backbone
    if not isinstance(backbone.preprocess, Preprocess):
        return "the backbone's preprocessing of pictures has no inverse here"
    picture = open_pictures(subject, [0], None).requires_grad_()
    with torch.enable_grad():
        logits = read_pictures(subject, picture)["logits"]
    return "" if logits.requires_grad else "its logits have no gradient in the pixels"


def _choose_higher(
    best: Pictures, highest: Scores, pictures: Pictures, scores: Scores
) -> tuple[Pictures, Scores]:
    """Pictures and their scores where these are higher than the best's, else the best's."""
    is_higher = scores > highest
    chosen = torch.where(is_higher[:, None, None, None], pictures, best)
    return chosen, torch.where(is_higher, scores, highest)


def _find_slope(
    function: Callable[[Pictures], Scores], pictures: Pictures, shift: tuple[int, int] = (0, 0)
) -> tuple[Scores, Pictures]:
    """Number of each picture once it is shifted, and its gradient in the picture's pixels."""
    pictures = pictures.detach().requires_grad_()
    with torch.enable_grad():
        values = function(pictures.roll(shift, (-2, -1)))
        total = values.sum()
    return values.detach(), torch.autograd.grad(total, pictures)[0]


def _scale(slope: Pictures) -> Pictures:
    """Gradients with a root mean square of 1; one that is 0 stays so."""
    size = slope.abs().amax((1, 2, 3), keepdim=True)
    slope = slope / torch.where(size == 0, 1, size)  # squares of small numbers would be 0
    size = slope.square().mean((1, 2, 3), keepdim=True).sqrt()
    return slope / torch.where(size == 0, 1, size)


def _smooth(slope: Pictures, falloff: float) -> Pictures:
    """Gradient whose frequencies are divided by themselves to a power; the lowest as the next."""
    if falloff == 0:
        return slope
    height, width = slope.shape[-2:]
    down = torch.fft.fftfreq(height, dtype=slope.dtype, device=slope.device)
    right = torch.fft.rfftfreq(width, dtype=slope.dtype, device=slope.device)
    frequency = torch.hypot(down[:, None], right).clamp(min=1 / max(height, width))
    return torch.fft.irfft2(torch.fft.rfft2(slope) / frequency**falloff, s=(height, width))


def _channels(dataset: Dataset) -> int:
    """Channels of a dataset's pictures; those in files are read in colour."""
    inputs = dataset.test.inputs
    return inputs.shape[1] if isinstance(inputs, Tensor) else 3


def _joint_score(aims: list[Aim]) -> Callable[[Pictures], Scores]:
    """Scores of the pictures of several aims, one after another, that share a backbone."""
    backbone = settle_backbone(aims[0].subject.network.backbone)
    sizes = [len(aim.start) for aim in aims]

    def score(pictures: Pictures) -> Scores:
        features = backbone(backbone.preprocess.normalise(pictures)).split(sizes)
        scores = []
        for aim, part in zip(aims, features, strict=True):
            scores.append(aim.score(aim.subject.head_layers(part)))
        return torch.cat(scores)

    return score


def _batches(aims: list[Aim]) -> Iterator[list[int]]:
    """Numbers of aims that are climbed at once: of one backbone and one size, so many pictures."""
    groups: dict[tuple, list[int]] = {}
    for number, aim in enumerate(aims):
        key = id(aim.subject.network.backbone), aim.start.shape[1:]
        groups.setdefault(key, []).append(number)
    for group in groups.values():
        first = aims[group[0]]
        limit = feature.chunk(first.subject.network.backbone, first.start.shape[-1])
        batch: list[int] = []
        size = 0
        for number in group:
            count = len(aims[number].start)
            if batch and size + count > limit:
                yield batch
                batch = []
                size = 0
            batch.append(number)
            size += count
        yield batch
