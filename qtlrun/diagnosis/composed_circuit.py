"""Circuits of composed models: of a head, trained or fixed, and of a generator of weights."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.circuit_use import CircuitUse, Simulate
from qtlrun.error import UsageError
from qtlrun.experiment.network import Module, circuit_weights
from qtlrun.experiment.restoration import without_shots
from qtlrun.layer import Start
from qtlrun.tape.tape import idle_of

# Of a generator whose probabilities are differentiated one by one
MAX_GENERATOR_QUBITS = 14
STARTS = 16  # of a generator, where a few random weights of its mapping decide how it begins
MIN_STARTS = 4
MAX_START_AMPLITUDES = 2**18  # of all starts together, but for the fewest


def find_circuits(case: Case) -> list[CircuitUse]:
    """Circuits of the head and of the generator of weights, as they run on the batch."""
    assert case.composition is not None
    model: Module = case.model.eval()
    head: Module = case.composition.ensemble.head
    uses = []
    with torch.no_grad():
        features = model.features(case.items)
        if head.encode is not None and head.run is not None:
            uses.append(_find_head_use(case, head.encode(features), circuit_weights(head)))
        elif head.feed is not None:
            uses.append(_find_head_use(case, *head.feed(features)))
        generator = case.composition.ensemble.generator
        if generator is not None and generator.simulates:
            uses.append(_find_generator_use(case))
    return uses


def _find_head_use(case: Case, inputs: Tensor, weights: Tensor) -> CircuitUse:
    """Use of the head's circuit, with its inputs of the batch."""
    parts = case.data.parts
    head: Module = case.data.ensemble.head
    outputs = head.run(inputs, weights)
    run = _flatten(head.run, weights)
    try:
        exact: Callable = StatevectorCircuit(head.run.reading, "auto")
    except UsageError:  # which the statevector simulator does not read
        exact = without_shots(parts).head(parts.backbone.features, [0]).run
    has_angles = head.angles is not None
    return CircuitUse(
        "head",
        inputs,
        weights.detach().flatten(1),
        outputs,
        _flatten(exact, weights),
        head.run.reading,
        len(inputs) * inputs.shape[1],
        parts.variant.device.get("diff_method", ""),
        parts.variant.device.get("name", "statevector"),
        parts.device.shots,
        run,
        _name(case, head.angles),
        functools.partial(_cut_head, case, outputs),
        shape=tuple(weights.shape[1:]),
        is_differentiated=has_angles,
        spread="head.spread" if has_angles else "",
        training="head.angles=trained" if has_angles else "",
        idle=idle_of(head.circuit),
    )


def _find_generator_use(case: Case) -> CircuitUse:
    """Use of the circuit that generates weights, one for each of its probabilities."""
    parts = case.data.parts
    generator = case.data.ensemble.generator
    assert generator is not None
    raw = generator.raw
    count = sum(generator.sizes)
    inputs = raw.angles.new_empty(len(raw.angles), 1, 0)
    reading = raw.run.reading
    exact = None
    if reading.qubits <= MAX_GENERATOR_QUBITS:
        try:
            exact = _flatten(StatevectorCircuit(reading, "auto"), raw.angles, count)
        except UsageError:
            exact = None
    return CircuitUse(
        "the generator",
        inputs,
        raw.angles.detach().flatten(1),
        raw.probabilities()[:, None, :count],
        exact,
        reading,
        1,
        parts.variant.device.get("diff_method", ""),
        parts.variant.device.get("name", "statevector"),
        parts.device.shots,
        _flatten(raw.run, raw.angles, count),
        _name(case, raw.angles),
        shape=tuple(raw.angles.shape[1:]),
        spread="parametrization.spread",
        training="parametrization.source=circuit",
        idle=idle_of(raw.circuit),
        # What is added to weights is 0 at the start, whatever the circuit gives
        share=None if generator.added else functools.partial(_find_share, case, raw.qubits),
    )


def _flatten(run: Simulate, weights: Tensor, count: int | None = None) -> Simulate:
    """Function of flat weights that runs a circuit with weights of a shape; its first outputs."""
    shape = tuple(weights.shape[1:])
    return lambda x, w: run(x, w.reshape(len(w), *shape))[..., :count]


def _name(case: Case, angles: Tensor | None) -> tuple[str, ...]:
    """Name of angles among the trained weights; none of others."""
    return tuple(name for name, weight in case.trained.items() if weight is angles)


def _cut_head(case: Case, outputs: Tensor) -> Tensor:
    """Logits with the outputs of the head's circuit replaced by their mean over the batch."""
    head: Module = case.data.ensemble.head
    mean = outputs.mean(1, keepdim=True).expand_as(outputs)
    before = head.run
    head.run = lambda *_: mean
    try:
        with torch.no_grad():
            return case.model.eval()(case.items)
    finally:
        head.run = before


@torch.no_grad()
def _find_share(case: Case, qubits: int) -> float:
    """Share of the generated weights' variance that is lost without probabilities.

    Mean over starts, from the case's seed on.
    """
    parts = case.data.parts
    count = max(MIN_STARTS, min(STARTS, MAX_START_AMPLITUDES >> qubits))
    start = Start([case.seed + number for number in range(count)], parts.dtype)
    generator = parts.parametrization.generator(parts.generated, start)
    weights = generator()
    generator.raw.run = None
    lost = weights - generator()
    return float((lost.var(1) / weights.var(1)).mean())
