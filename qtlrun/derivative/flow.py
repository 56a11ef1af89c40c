"""Flow of the gradient from the loss to the first layer: norms, signal to noise, dead units."""

import math
import time
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from qtlrun.derivative.activity import Activity, Units
from qtlrun.derivative.passage import Passage, list_passages, name_layer, split_batches
from qtlrun.derivative.specimen import Specimen
from qtlrun.layer import generator
from qtlrun.report.figure.derivative import gradient_flow
from qtlrun.report.frame import derivative
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

MAX_BATCHES = 16
FEWEST_BATCHES = 2  # by which a deviation is estimated


@dataclass(frozen=True)
class LayerFlow:
    """Gradient that reaches the weights of a layer.

    position: number of the layer, from the loss on
    weights: count of its weights
    trained: whether the recipe moves any of them
    norm: of its gradient, root mean square over batches
    signal: norm of the mean over batches by the norm of the deviations; nan of one batch
    """

    layer: str
    position: int
    weights: int
    trained: bool
    norm: float
    signal: float

    @property
    def rms(self) -> float:
        """Root mean square of the gradient of a weight."""
        return self.norm / math.sqrt(max(1, self.weights))


@dataclass(frozen=True)
class Flow:
    """Flow through a row's model, over so many batches."""

    passage: Passage
    layers: list[LayerFlow]
    activity: Activity
    batches: int


def follow_gradient(specimen: Specimen) -> list[Section]:
    """Section on the gradient in each layer of the composed model and of its references."""
    passages = list(list_passages(specimen))
    deadline = time.process_time() + specimen.budget
    flows = []
    for number, passage in enumerate(passages):
        share = (deadline - time.process_time()) / (len(passages) - number)
        flows.append(trace_flow(passage, specimen.items, specimen.seed, share))
    frame = derivative.FLOW.frame([line for flow in flows for line in _flow_lines(flow)])
    activity = derivative.ACTIVITY.frame([line for flow in flows for line in _activity_lines(flow)])
    table = pd.DataFrame(list(map(_cells, flows)))
    figures = {"flow": gradient_flow(frame, activity)} if len(frame) else {}
    frames = {"flow": frame, "activity": activity}
    return [Section("flow", table, _explain(flows), frames, figures)]


def trace_flow(passage: Passage, items: int, seed: int, seconds: float = math.inf) -> Flow:
    """Gradient of the loss by each layer's weights over some batches of training items.

    At least two batches, more while the seconds last. The model is in evaluation mode, and weights
    that the recipe does not move have their gradient all the same.
    """
    batches = split_batches(passage, items, generator(seed, "flow"), MAX_BATCHES)
    activity = Activity()
    order: dict[str, None] = {}
    sums = {name: torch.zeros_like(weight) for name, weight in passage.weights.items()}
    squares = dict.fromkeys(passage.weights, 0.0)
    began = time.process_time()
    count = 0
    for index in batches:
        slopes = _differentiate(passage, index, activity, order)
        for name, slope in slopes.items():
            sums[name] += slope
            squares[name] += _square(slope)
        count += 1
        if count >= FEWEST_BATCHES and time.process_time() - began > seconds:
            break
    return Flow(passage, _join_layers(passage, order, sums, squares, count), activity, count)


def _differentiate(
    passage: Passage, index: list[int], activity: Activity, order: dict[str, None]
) -> dict[str, Tensor]:
    """Gradient of the mean cross-entropy of a batch by each weight that it reaches.

    `order` gets the names of the weights as the backward pass comes to them.
    """
    items, labels = passage.batch(index)
    hooks = [
        weight.register_post_accumulate_grad_hook(lambda _, name=name: order.setdefault(name))
        for name, weight in passage.weights.items()
    ]
    with torch.enable_grad():
        with activity.watch(passage.networks):
            logits = passage.forward(items)
        functional.cross_entropy(logits.flatten(0, 1), labels).backward()
    for hook in hooks:
        hook.remove()
    slopes = {}
    for name, weight in passage.weights.items():
        if weight.grad is not None:
            slopes[name] = weight.grad
            weight.grad = None
    return slopes


def _join_layers(
    passage: Passage,
    order: dict[str, None],
    sums: dict[str, Tensor],
    squares: dict[str, float],
    batches: int,
) -> list[LayerFlow]:
    """Flow of each layer, whose weights are taken together, in the order of the backward pass."""
    layers: dict[str, list[str]] = {}
    rest = [name for name in passage.weights if name not in order]
    for name in [*order, *rest]:
        layers.setdefault(name_layer(name), []).append(name)
    flows = []
    for position, (layer, names) in enumerate(layers.items()):
        square = sum(squares[name] for name in names) / batches
        mean = sum(_square(sums[name] / batches) for name in names)
        numbers = sum(passage.weights[name].numel() for name in names)
        flows.append(
            LayerFlow(
                layer,
                position,
                numbers,
                any(name in passage.trained for name in names),
                math.sqrt(square),
                _signal(mean, square, batches),
            )
        )
    return flows


def _square(slope: Tensor) -> float:
    """Square of a gradient's norm."""
    return float(slope.abs().square().sum())


def _signal(mean: float, square: float, batches: int) -> float:
    """Norm of the mean by that of the deviations; inf without deviation, nan of one batch.

    mean: square of the mean's norm
    square: mean square of the norms
    """
    if batches < FEWEST_BATCHES or square == 0:
        return math.nan
    variance = (square - mean) * batches / (batches - 1)
    return math.sqrt(mean / variance) if variance > 0 else math.inf


def _explain(flows: list[Flow]) -> list[Note]:
    """Sentences on how to read the section, and on layers without a gradient."""
    notes = [
        Note(
            "flow: root mean square of the gradient of a weight, from the layer at the loss to the"
            " first; signal to noise: norm of the gradient's mean over batches by that of its"
            " deviations, which chance alone brings to 1/sqrt(batches), the dotted line."
        ),
        Note(
            "Weights that are frozen have their gradient all the same: what reaches them, were they"
            " trained. Batch norms keep their statistics.",
            "",
        ),
    ]
    for flow in flows:
        silent = [layer.layer for layer in flow.layers if layer.trained and layer.norm == 0]
        if silent:
            where = f"{flow.passage.row}, {flow.passage.state}"
            notes.append(Note(f"{where}: no gradient reaches {', '.join(silent)}."))
    return notes


def _cells(flow: Flow) -> dict[str, str]:
    """Line of the table that is read."""
    units = flow.activity.units.values()
    dead = [unit for unit in units if unit.kind == "dead"]
    squashed = [unit for unit in units if unit.kind == "saturated"]
    last = flow.layers[0]
    first = flow.layers[-1]
    circuit = [layer for layer in flow.layers if layer.layer == "circuit"]
    signals = [
        layer.signal for layer in flow.layers if layer.trained and not math.isnan(layer.signal)
    ]
    return {
        "row": f"{flow.passage.row}, {flow.passage.state}",
        "at the loss": f"{last.layer}: {last.rms:.1e}",
        "circuit": f"{circuit[0].rms:.1e}" if circuit else "",
        "first layer": f"{first.layer}: {first.rms:.1e}",
        "least signal/noise": f"{min(signals, default=math.nan):.2g}",
        "dead": _share(dead),
        "saturated": _share(squashed),
        "batches": str(flow.batches),
    }


def _share(units: list[Units]) -> str:
    """Share of units in per cent; empty where there are none."""
    total = sum(unit.units for unit in units)
    count = sum(unit.share * unit.units for unit in units)
    return f"{100 * count / total:.1f} %" if total else ""


def _flow_lines(flow: Flow) -> list[dict[str, object]]:
    """Lines of the frame."""
    keys = {"row": flow.passage.row, "state": flow.passage.state, "batches": flow.batches}
    return [keys | vars(layer) | {"rms": layer.rms} for layer in flow.layers]


def _activity_lines(flow: Flow) -> list[dict[str, object]]:
    """Lines of the frame of activity."""
    keys = {"row": flow.passage.row, "state": flow.passage.state}
    lines = []
    for (layer, number), unit in flow.activity.units.items():
        name = f"{layer} {number + 1}" if number else layer
        line: dict[str, object] = {**keys, "layer": name, "kind": unit.kind}
        lines.append(line | {"units": unit.units, "share": unit.share})
    return lines
