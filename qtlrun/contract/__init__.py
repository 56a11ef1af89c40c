"""Contracts: what a part of each group must have, and what it may have with its default.

A part is a class, or a function that gives an object, whose parameters are the keys of its YAML.
It may also name objects that qtlrun offers (`OFFERED` in `qtlrun.plan.part`). Members with a value
here are optional: a part that lacks one is given that value when it is built.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Solve = Callable[[tuple[Tensor, Tensor], tuple[Tensor, Tensor]], None]


@runtime_checkable
class Circuit(Protocol):
    """Quantum function of inputs and weights that returns PennyLane measurements.

    qubits: its wires are 0 to qubits - 1
    shape: of its weights, exact: every one of them acts
    inputs: numbers of an item that it takes; None: one per qubit
    depth: layers, for the heads that are sized by it
    direct: whether its inputs are features as they are, as many as there are and zeros behind them,
        with no layer before
    copies: circuits that stand side by side, each with inputs and weights of its own; inputs and
        shape are those of one
    """

    qubits: int
    shape: tuple[int, ...]
    inputs: int | None = None
    depth: int | None = None
    direct: bool = False
    copies: int = 1

    def __call__(self, inputs: Tensor, weights: Tensor) -> object: ...


@runtime_checkable
class Device(Protocol):
    """Simulator of circuits.

    run: a circuit, with or without its entangling gates, as a function of inputs (runs, batch,
        inputs) and weights (runs, *shape) that gives (runs, batch, outputs); its attributes are
        `outputs`, how many numbers, and `reading`, its gates, of which executions are counted
    exact: whether it always gives the same values, without shots or random gradient
    exactly: one without shots or random gradient; needed where it is not exact
    exact_qubits: of the largest circuit that `exactly` is asked for; None: of any
    drawing: one whose shots are drawn from a seed; needed where it is not exact
    drawing_each: one for a program of several runs, of seeds and shots of theirs; None: every run
        is a program of its own
    shots: measurements of each execution; None: none, or unknown
    remote: whether it sends circuits to a machine elsewhere; its constructor takes allow_remote
    allow_remote: whether it may, once what a plan would send is shown
    """

    exact: bool = True
    exactly: Callable[[], "Device"] | None = None
    exact_qubits: int | None = None
    drawing: Callable[[int], "Device"] | None = None
    drawing_each: Callable[[Sequence[int], Sequence[int]], "Device"] | None = None
    shots: int | None = None
    remote: bool = False
    allow_remote: bool = False

    def run(
        self, circuit: Circuit, entangle: bool = True
    ) -> Callable[[Tensor, Tensor], Tensor]: ...


@runtime_checkable
class Head(Protocol):
    """A torch.nn.Module from features to logits.

    forward: features (runs, batch, features) to logits (runs, batch, classes), or both without the
        axis of runs
    solve: fits it on (features, labels) of the training and of the validation split; None: it is
        trained by epochs
    settings: settings among which validation chooses when it is solved for
    seeds: on which its solution depends
    amplitudes: whether it takes amplitudes of one mode of light, not scaled
    angles: of its circuit, shape (runs, *shape)
    encode: its circuit's inputs, (runs, batch, inputs), of features; None: it has no circuit, or
        more than one between two layers
    run: its circuit on the device
    circuit: the one that runs; None: it is not known
    entangle: whether its gates on several wires are in it
    decode: logits of what the circuit gives, (runs, batch, outputs)
    circuit_weights: of the circuits that run, (circuits, *shape), of which encode and decode have
        as many; None: the angles
    activations: values inside it by layer, of features, each (runs, batch, numbers): `inputs` and
        `outputs` of the circuit or of what stands in its place, at last `logits`; None: the
        logits alone are known
    executions: circuit executions that the gradient of one sample costs by parameter-shift; None:
        it has no circuit
    circuits: how many are evaluated for an item
    bases: bases that each of them is measured in
    effective: rank of the Jacobian of its circuit's outputs by the angles over items, for each run
    saturated: share of each item's squashed inputs that are at their ends, (runs, batch)
    retention: probability that each item keeps, by name, (runs, batch)
    norms: norm of each item, which is lost where features become amplitudes, (runs, batch)
    twin: the head with a classical block in its circuit's place, which shares its first layer;
        None: it has none
    """

    solve: Solve | None = None
    settings: int = 0
    seeds: Sequence[int] = ()
    amplitudes: bool = False
    angles: Tensor | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    run: Callable[[Tensor, Tensor], Tensor] | None = None
    circuit: Circuit | None = None
    entangle: bool = True
    decode: Callable[[Tensor], Tensor] | None = None
    circuit_weights: Tensor | None = None
    activations: Callable[[Tensor], dict[str, Tensor]] | None = None
    executions: Callable[[], int] | None = None
    circuits: int = 1
    bases: int = 1
    effective: Callable[..., list[int]] | None = None
    saturated: Callable[[Tensor], Tensor] | None = None
    retention: Callable[[Tensor], dict[str, Tensor]] | None = None
    norms: Callable[[Tensor], Tensor] | None = None
    twin: Callable[[], nn.Module | None] | None = None

    def forward(self, x: Tensor) -> Tensor: ...
    def state_dict(self) -> dict[str, Tensor]: ...


@runtime_checkable
class Backbone(Protocol):
    """A torch.nn.Module from a batch of preprocessed items to features.

    features: numbers that it gives of an item
    preprocess: an item, with a generator where it is augmented, to what forward takes
    forward: that, in a batch, to (batch, features)
    takes: kinds of items: pictures, vectors, states
    stages: its layers from the input, each frozen as a whole; its children, unless it says
    folded: whether its batch norms are folded into the layers before; found, unless it says
    fingerprint: hash of its weights; computed, unless it says
    settled: one that evaluates faster, with the same values
    modes: of light, where it takes states
    output: `state` where its features are the amplitudes of a state
    retention: probability that each item keeps, by name, (batch,)
    patterns: pictures of what it makes of items, (items, side, side)
    shots: preparations of each item's state that it measures; None: none, or it is not measured
    """

    features: int
    takes: Sequence[str] = ("pictures",)
    settled: Callable[[], nn.Module] | None = None
    modes: int = 0
    output: str = ""
    retention: Callable[[Tensor], dict[str, Tensor]] | None = None
    patterns: Callable[[Tensor], Tensor] | None = None
    shots: int | None = None

    def preprocess(self, item: Tensor, generator: torch.Generator | None = None) -> Tensor: ...
    def forward(self, items: Tensor) -> Float[Tensor, "batch features"]: ...
    def state_dict(self) -> dict[str, Tensor]: ...


@runtime_checkable
class DatasetSource(Protocol):
    """Labelled items in three splits, which are completed into a `Dataset`.

    It may have `size`, `fingerprint`, `verify` and every other field of
    `qtlrun.dataset.dataset.Dataset`, whose defaults stand there; or be such a Dataset.

    train: a `qtlrun.dataset.split.Split`, or (inputs, labels)
    validation: likewise
    test: likewise
    classes: their names, two or more
    """

    train: Any
    validation: Any
    test: Any
    classes: Sequence[str]


@runtime_checkable
class Freeze(Protocol):
    """Which stages of a backbone are trained, by epoch.

    apply: sets gradients and modes of a backbone for an epoch, after the model's `train()`
    check: raises ValueError for a backbone of so few stages
    count: stages, from the input, that are frozen in an epoch
    fixed: whether an item's features never change
    normalises: whether a batch norm takes its statistics from each batch
    """

    def apply(self, backbone: nn.Module, epoch: int) -> None: ...
    def check(self, stages: int) -> None: ...
    def count(self, stages: int, epoch: int) -> int: ...
    def fixed(self, backbone: nn.Module) -> bool: ...
    def normalises(self, backbone: nn.Module) -> bool: ...


@runtime_checkable
class Recipe(Protocol):
    """Values of `qtlrun.recipe.Recipe`, which another recipe inherits from.

    class_weights: how the loss of an item is weighed by its class
    twin_epochs: epochs in which a classical block stands in a circuit's place
    rate: factor of the learning rates in an epoch, after the losses of those before
    scaling: how features are scaled, of a sample of them
    """

    epochs: int
    batch_size: int
    lr: float
    backbone_lr: float
    optimizer: str
    momentum: float
    eps: float
    weight_decay: float
    augment: bool
    scale: str
    label_smoothing: float
    reduction: str
    select: str
    class_weights: str | None = None
    twin_epochs: int = 0

    def rate(self, epoch: int, losses: Sequence[float]) -> float: ...


@runtime_checkable
class Parametrization(Protocol):
    """Which weights of the model are generated, and by what; `weights` alone if none are.

    weights: name patterns of the generated weights
    added: whether what is generated is added to the weights that are there
    matched: names, of the model's weights, that a pattern matches
    check: raises ValueError for shapes that cannot be generated
    generator: a `qtlrun.parametrization.generator.Generator` of weights of these shapes
    """

    weights: Sequence[str]
    added: bool

    def matched(self, names: list[str]) -> list[str]: ...
    def check(self, shapes: dict[str, tuple[int, ...]]) -> None: ...
    def generator(
        self, shapes: dict, start: Any, model_shapes: dict | None = None
    ) -> nn.Module: ...


@runtime_checkable
class Study(Protocol):
    """Use of the plans of a command: it trains them and reports.

    run: trains them and writes a report; gives the rows, and whether all went well
    check: refuses plans that it cannot run, before anything is trained
    excuses: whether a plan whose weights or data cannot be had is left out, and not an error
    heeds_seal: whether its table marks the contrasts that a sealed plan did not declare
    trains: whether it trains the rows of its plans
    surrogates: whether its rows have figures of the classical surrogates of their circuits
    takes_lenses: whether it looks at its rows through lenses, or describes a command that does
    takes_run: whether it takes a finished run, by `experiment.finished(plan)`
    takes_runs: whether it reads the folders that `runs` names
    loads: whether it needs the parts of its plans, which are checked first
    downloads: whether it downloads weights and data that are absent; else their plan is left out
    """

    check: Callable[[list, Any], None] | None = None
    excuses: bool = False
    heeds_seal: bool = False
    trains: bool = True
    surrogates: bool = False
    takes_lenses: bool = False
    takes_run: bool = False
    takes_runs: bool = False
    loads: bool = True
    downloads: bool = True

    def run(self, plans: list, experiment: Any, report: Any) -> tuple: ...


@runtime_checkable
class Lens(Protocol):
    """Way of looking into trained rows.

    view: what it shows of the rows of a `qtlrun.lens.scene.Scene`: a `qtlrun.lens.view.View`
    check: refuses values that it cannot have for a dataset of these classes
    """

    check: Callable[[Sequence[str]], None] | None = None

    def view(self, scene: Any) -> Any: ...


CONTRACTS: dict[str, type] = {
    "dataset": DatasetSource,
    "backbone": Backbone,
    "freeze": Freeze,
    "recipe": Recipe,
    "circuit": Circuit,
    "head": Head,
    "parametrization": Parametrization,
    "device": Device,
    "study": Study,
    "lens": Lens,
}
