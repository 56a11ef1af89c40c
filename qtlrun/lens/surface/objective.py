"""Training loss of a row as a function of its trained weights, at many points at once."""

import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.func import functional_call

from qtlrun.dataset.split import Split
from qtlrun.derivative.gradient import find_gradients
from qtlrun.experiment import feature
from qtlrun.experiment.local import with_simulator
from qtlrun.experiment.network import Module, Network
from qtlrun.experiment.restoration import restore_network
from qtlrun.experiment.subject import Subject
from qtlrun.lens.settling import settle_backbone
from qtlrun.parametrization.generated import BACKBONE, HEAD

MAX_NUMBERS = 2**22  # of what a head works on at once, over all points
PROBED_ITEMS = 8  # on which two simulators are compared
GRADIENT_SHARE = 8  # as much memory as a value, roughly, takes a gradient

Points = Float[Tensor, "points numbers"]
Logits = Callable[[dict[str, Tensor], int], Float[Tensor, "points items classes"]]


@dataclass(frozen=True, eq=False)
class Objective:
    """Mean negative log-likelihood of items, in nats, by some weights of a trained network.

    weights: those that move, by their names in the network, of one run
    logits: of all items, from such weights of so many points
    split: the items
    batch: points that are evaluated at once
    is_stacked: whether the first axis of a weight is that of the points; else a point has none
    """

    weights: dict[str, Tensor]
    logits: Logits
    split: Split
    batch: int
    is_stacked: bool

    @property
    def centre(self) -> Float[Tensor, " numbers"]:
        """Trained weights in a row."""
        return torch.cat([weight.flatten() for weight in self.weights.values()])

    @torch.no_grad()
    def along(
        self, axes: Float[Tensor, "axes numbers"], coordinates: Float[Tensor, "points axes"]
    ) -> Float64[Tensor, " points"]:
        """Losses at the trained weights plus so much of each axis."""
        axes = axes.to(self.centre)
        chunks = coordinates.to(axes).split(self.batch)
        losses = [self._losses(self.centre + chunk @ axes) for chunk in chunks]
        return torch.cat(losses).cpu()

    @torch.no_grad()
    def losses(self, points: Points) -> Float64[Tensor, " points"]:
        """Losses at weights in rows."""
        return torch.cat([self._losses(chunk) for chunk in points.split(self.batch)]).cpu()

    @torch.enable_grad()
    def gradients(self, points: Points) -> Points:
        """Gradients of the loss at weights in rows."""
        gradients = []
        for chunk in points.split(max(1, self.batch // GRADIENT_SHARE)):
            chunk = chunk.detach().requires_grad_()
            gradients.append(torch.autograd.grad(self._losses(chunk).sum(), chunk)[0])
        return torch.cat(gradients)

    def _losses(self, points: Points) -> Float64[Tensor, " points"]:
        """Losses at as many points as are evaluated at once."""
        logits = self.logits(self._unpack(points), len(points)).double()
        labels = self.split.labels.to(logits.device).expand(len(points), -1)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none"
        )
        return losses.view(labels.shape).mean(1)

    def _unpack(self, points: Points) -> dict[str, Tensor]:
        """Weights by name, of points."""
        sizes = [weight.numel() for weight in self.weights.values()]
        pieces = points.split(sizes, dim=1)
        state = {}
        for (name, weight), piece in zip(self.weights.items(), pieces, strict=True):
            shape = (len(points), *weight.shape[1:]) if self.is_stacked else weight.shape
            state[name] = piece.reshape(shape)
        return state


def head_objective(
    subject: Subject, split: Split, names: Collection[str], dtype: torch.dtype | None = None
) -> Objective:
    """Loss of a split by these weights of a head, on features that are computed once.

    Points are runs of the head; where it has no axis of runs, each is evaluated by itself. In
    another precision than the row's it is evaluated on the CPU.
    """
    scaled = subject.network.scale(subject.features(split))
    head = simulate_head(subject, scaled)
    scaled = _cast(scaled, dtype)
    state = dict(head.named_parameters()) | dict(head.named_buffers())
    state = {name: _cast(value.detach(), dtype) for name, value in state.items()}
    weights = {name: state[name.removeprefix(HEAD)] for name in names}

    def logits(moved: dict[str, Tensor], points: int) -> Tensor:
        still = {name: value.expand(points, *value.shape[1:]) for name, value in state.items()}
        moved = {name.removeprefix(HEAD): value for name, value in moved.items()}
        return functional_call(head, still | moved, (scaled.expand(points, -1, -1),))

    batch = 1
    if has_runs(subject):
        batch = max(2, MAX_NUMBERS // (len(split) * _width(subject)))
    return Objective(weights, logits, split, batch, is_stacked=True)


def network_objective(subject: Subject, split: Split, names: Collection[str]) -> Objective:
    """Loss of a split by these weights of a whole network, point by point; it has no gradient."""
    network = subject.network
    backbone = copy.deepcopy(network.backbone)
    items = subject.items(split)
    trained = dict(network.named_parameters())
    weights = {name: trained[name].detach() for name in names}
    size = feature.chunk(backbone)

    def logits(moved: dict[str, Tensor], _points: int) -> Tensor:
        heads = {name: weight for name, weight in moved.items() if name.startswith(HEAD)}
        others = {name: weight for name, weight in moved.items() if name not in heads}
        state = {name.removeprefix(BACKBONE): weight for name, weight in others.items()}
        backbone.load_state_dict(state, strict=False)
        fast = Network(settle_backbone(backbone), network.head, network.scale)
        with subject.threads():
            chunks = [functional_call(fast, heads, (chunk,)) for chunk in items.split(size)]
        return torch.cat(chunks, dim=1)

    return Objective(weights, logits, split, 1, is_stacked=False)


def has_runs(subject: Subject) -> bool:
    """Whether a head has an axis of runs, which points then are."""
    return subject.training.parts.form(subject.network.backbone.features).stacked


def trained_names(subject: Subject) -> list[str]:
    """Names, in the network, of the weights that training moved, those of the head first."""
    parts = subject.training.parts
    names = [f"{HEAD}{name}" for name in _trained(_bare_head(subject))]
    if subject.is_frozen:
        return names
    backbone = copy.deepcopy(subject.network.backbone)
    moved: dict[str, None] = {}
    for epoch in range(parts.epochs):
        parts.freeze.apply(backbone, epoch)
        moved |= dict.fromkeys(_trained(backbone))
    return [*names, *(f"{BACKBONE}{name}" for name in moved)]


def middle_names(subject: Subject) -> list[str]:
    """Names of the trained weights of the circuit, or of the block in its place.

    They are those that its outputs depend on and its inputs do not.
    """
    head = _bare_head(subject)
    if head.activations is None:
        return []
    names = list(_trained(head))
    parts = subject.training.parts
    features = torch.ones(
        1, 1, parts.backbone.features, dtype=parts.dtype, device=parts.accelerator
    )
    with torch.enable_grad():
        layers = head.activations(features)
        before = _reaching(layers["inputs"], head)
        behind = _reaching(layers["outputs"], head)
    return [f"{HEAD}{name}" for name in names if name in behind - before]


@torch.no_grad()
def simulate_head(subject: Subject, scaled: Float[Tensor, "1 items features"]) -> Module:
    """Head on the simulator that takes all points at once, where that gives the same logits."""
    if not subject.runs_circuit:
        return subject.head
    training = subject.training
    parts = with_simulator(training.parts)
    few = scaled[:, :PROBED_ITEMS]
    try:
        with torch.enable_grad():
            head = restore_network(parts, subject.seed, training.weights).head.requires_grad_(False)
        is_same = torch.allclose(head(few), subject.head(few), rtol=1e-4, atol=1e-5)
    except ValueError:  # a circuit that it does not read
        return subject.head
    return head if is_same else subject.head


def _reaching(values: Tensor, head: nn.Module) -> set[str]:
    """Names of a head's trained weights that values depend on."""
    if not values.requires_grad:
        return set()
    weights = {name: weight for name, weight in head.named_parameters() if weight.requires_grad}
    return set(find_gradients(values.sum(), weights, keep_graph=True))


def _bare_head(subject: Subject):
    """Head before it was trained, whose weights say which of them are."""
    parts = subject.training.parts
    return parts.head(parts.backbone.features, [subject.seed])


def _trained(module: nn.Module) -> Iterator[str]:
    """Names of a module's weights that ask for a gradient, of one number or more."""
    for name, weight in module.named_parameters():
        if weight.requires_grad and weight.numel():
            yield name


def _width(subject: Subject) -> int:
    """Numbers that a head works on, of an item."""
    features = subject.network.backbone.features
    if not subject.runs_circuit:
        return features
    return max(features, 2**subject.head.run.reading.qubits * subject.head.circuits)


def _cast(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A tensor in another precision, if any, on the CPU, which has all; whole numbers stay."""
    if dtype is None:
        return value
    return value.cpu().to(dtype) if value.is_floating_point() else value.cpu()
