"""Attribution of a logit to the numbers of an item, through backbone and circuit."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from qtlrun.experiment.network import Network
from qtlrun.experiment.subject import named_stages
from qtlrun.layer import generator
from qtlrun.lens.map.rectifier import Rectifiers, Rule
from qtlrun.lens.settling import settle

Logits = Callable[[Tensor], Tensor]  # of prepared items, (1, items, classes)


class NotApplicable(Exception):
    """A method does not apply to a network; says why."""


@dataclass(frozen=True, eq=False)
class Model:
    """Trained network whose logits are attributed.

    network: with the stages of its backbone
    fast: the same logits, faster where batch norms can be parts of convolutions
    chunk: items at once through which a gradient goes
    """

    network: Network
    fast: Logits
    chunk: int


def build_model(network: Network, chunk: int) -> Model:
    """Model of a network for evaluation; takes so many items at once."""
    return Model(network, settle(network), chunk)


@dataclass(frozen=True, eq=False)
class Question:
    """Items, and for each the class whose logit is attributed to its numbers.

    baseline: item without content, from which integrated gradients begin
    draws: noisy copies of an item, of SmoothGrad
    noise: their deviation, as a share of the item's range
    steps: points on the way from the baseline, of integrated gradients
    seed: of the noise
    """

    items: Float[Tensor, "items ..."]
    targets: Int64[Tensor, " items"]
    baseline: Float[Tensor, "..."]
    draws: int
    noise: float
    steps: int
    seed: int


def attribute_by_gradient(model: Model, question: Question) -> Tensor:
    """Gradient of the logit (Simonyan et al., arXiv:1312.6034)."""
    return slopes(model.fast, question.items, question.targets, model.chunk)


def attribute_guided(model: Model, question: Question) -> Tensor:
    """Guided backpropagation (Springenberg et al., arXiv:1412.6806)."""
    return _rectified(model, question, "guided")


def attribute_by_deconvolution(model: Model, question: Question) -> Tensor:
    """Deconvolution of rectifiers (Zeiler and Fergus, arXiv:1311.2901)."""
    return _rectified(model, question, "deconvolution")


def attribute_smoothly(model: Model, question: Question) -> Tensor:
    """SmoothGrad: mean gradient over noisy copies (Smilkov et al., arXiv:1706.03825).

    The noise is the same for every network that takes items of this shape.
    """
    items = question.items
    flat = items.flatten(1)
    spread = question.noise * (flat.amax(1) - flat.amin(1))
    spread = spread.view(-1, *(1,) * (items.dim() - 1))
    draw = generator(question.seed, "smoothgrad")
    noise = torch.stack([torch.randn(items.shape, generator=draw) for _ in range(question.draws)])
    return _slopes_of_copies(model, items + spread * noise.to(items), question.targets).mean(0)


def attribute_along_path(model: Model, question: Question) -> Tensor:
    """Integrated gradients from the baseline (Sundararajan et al., arXiv:1703.01365, eq. 1).

    The integral is a sum at the middles of equal steps.
    """
    way = question.items - question.baseline
    shares = (torch.arange(question.steps).to(way) + 0.5) / question.steps
    points = question.baseline + shares.view(-1, *(1,) * way.dim()) * way
    return _slopes_of_copies(model, points, question.targets).mean(0) * way


def attribute_by_maps(model: Model, question: Question) -> Tensor:
    """Grad-CAM on the last stage that gives maps (Selvaraju et al., arXiv:1610.02391).

    Its map is resized to the picture, bilinearly: (items, 1, height, width).
    """
    if question.items.dim() != 4:
        raise NotApplicable("items are no pictures to this backbone")
    pieces = []
    batches = question.items.split(model.chunk), question.targets.split(model.chunk)
    for items, targets in zip(*batches, strict=True):
        outputs: list[Tensor] = []
        with ExitStack() as hooks:
            for _, stage in named_stages(model.network.backbone):
                hook = stage.register_forward_hook(
                    lambda _module, _inputs, output, outputs=outputs: outputs.append(output)
                )
                hooks.callback(hook.remove)
            score = _score(model.network, items.detach().requires_grad_(), targets)
        maps = [output for output in outputs if _has_places(output, len(items))]
        if not maps:
            raise NotApplicable("no stage of the backbone gives maps of several places")
        last = maps[-1]
        gradient = torch.autograd.grad(score, last)[0]
        weighted = _in_front(gradient).mean((2, 3), keepdim=True) * _in_front(last)
        heat = weighted.sum(1, keepdim=True).relu().detach()
        pieces.append(functional.interpolate(heat, items.shape[2:], mode="bilinear"))
    return torch.cat(pieces)


METHODS: dict[str, Callable[[Model, Question], Tensor]] = {
    "gradient": attribute_by_gradient,
    "guided": attribute_guided,
    "deconvolution": attribute_by_deconvolution,
    "smoothgrad": attribute_smoothly,
    "integrated": attribute_along_path,
    "gradcam": attribute_by_maps,
}


def slopes(
    logits: Logits,
    items: Float[Tensor, "items ..."],
    targets: Int64[Tensor, " items"],
    chunk: int,
) -> Float[Tensor, "items ..."]:
    """Gradient of each item's logit of its target by the item's numbers."""
    pieces = []
    for batch, classes in zip(items.split(chunk), targets.split(chunk), strict=True):
        leaf = batch.detach().requires_grad_()
        pieces.append(torch.autograd.grad(_score(logits, leaf, classes), leaf)[0])
    return torch.cat(pieces)


def _slopes_of_copies(
    model: Model, copies: Float[Tensor, "copies items ..."], targets: Int64[Tensor, " items"]
) -> Float[Tensor, "copies items ..."]:
    """Gradient of the logit by the numbers of several copies of each item."""
    count = len(copies)
    values = slopes(model.fast, copies.flatten(0, 1), targets.repeat(count), model.chunk)
    return values.unflatten(0, (count, -1))


def check_rules(model: Model, question: Question) -> None:
    """Refuse rules of rectifiers that are inert: their maps are the gradient's own.

    They must differ wherever a negative gradient comes to an active unit.
    """
    items = question.items
    targets = question.targets
    with Rectifiers("plain") as plain:
        gradient = slopes(model.fast, items, targets, model.chunk)
    if not plain.negative:
        return
    for rule in ("guided", "deconvolution"):
        if torch.equal(METHODS[rule](model, question), gradient):
            raise RuntimeError(f"the map by {rule} is the gradient's, in spite of rectifiers")


def _rectified(model: Model, question: Question, rule: Rule) -> Tensor:
    """Gradient under a rule of rectifiers."""
    with Rectifiers(rule) as mode:
        values = slopes(model.fast, question.items, question.targets, model.chunk)
    if not mode.count:
        raise NotApplicable("there is no ReLU between item and logit")
    return values


def _score(logits: Logits, items: Tensor, targets: Int64[Tensor, " items"]) -> Tensor:
    """Sum of the targets' logits, through which a gradient passes."""
    with torch.enable_grad():
        values = logits(items.clone())[0]  # a network may write over what it takes
        score = values.gather(1, targets.unsqueeze(1)).sum()
    if not score.requires_grad:
        raise NotApplicable("no gradient passes from its logits to the item")
    return score


def _has_places(output: object, count: int) -> bool:
    """Whether a stage's output is maps of these many items with more than one place."""
    if not isinstance(output, Tensor) or output.dim() != 4 or len(output) != count:
        return False
    return _in_front(output)[0, 0].numel() > 1


def _in_front(maps: Float[Tensor, "items ..."]) -> Float[Tensor, "items channels height width"]:
    """Maps with their channels in front; Swin's have them last."""
    is_last = maps.shape[1] == maps.shape[2] != maps.shape[3]
    return maps.movedim(3, 1) if is_last else maps
