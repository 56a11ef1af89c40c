"""Trials of the methods that may differentiate a model's circuit: works, agrees, costs."""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from qtlrun.derivative.agreement import Agreement, compare, compare_repeats
from qtlrun.derivative.specimen import CircuitBatch, Specimen
from qtlrun.derivative.step import Gradient, differentiate, measure_memory, time_step
from qtlrun.device.method import (
    ENGINE_TARGET,
    REFUSALS,
    STATEVECTOR,
    Method,
    count_executions,
    describe_composed,
    explain,
    list_methods,
    native_dtype,
    shorten,
    with_transform,
)
from qtlrun.error import UsageError
from qtlrun.layer import generator
from qtlrun.tape.tape import Reading

COMPARED_ITEMS = (2, 1)  # whose gradients are compared; fewer where a step is long
REPEATS = 8  # of a method with chance
REVERSE_WORK = 4  # forward passes of a step that differentiates through the simulator
MAX_STEP_S = 2.5  # of the compared items; a longer step is not run
MAX_WHOLE_S = 0.5  # of a batch; a longer step is timed by the compared items
MAX_QUBITS_GATEWISE = 10  # of the reference; plain autograd keeps the state after each gate
MAX_QUBITS_MIXED = 7  # a density matrix of more takes seconds for an item
MIXED = ".mixed"
REFERENCE = "reference.qubit"
MAX_WORK_REFERENCE = 1024  # amplitudes times gates


@dataclass(frozen=True)
class Boundary:
    """Tensor that passes into a circuit or out of it.

    name: inputs, weights, values, gradient by inputs, gradient by weights, or device: what
        PennyLane's device returns before it is cast
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    accelerator: str


@dataclass(frozen=True)
class MethodResult:
    """A method's trial on a circuit.

    reason: why it does not work; empty where it does
    seconds: of a step of the batch; nan where it does not work
    timed: items that were timed; 0 where the time is forecast from a forward pass
    executions: circuits of a step
    mebibytes: that a step takes at its peak; nan where it was not run whole
    agreement: with the reference; None where the step was not run
    is_composed: whether the composed device differentiates so
    """

    method: Method
    reason: str = ""
    seconds: float = math.nan
    timed: int = 0
    executions: int = 0
    mebibytes: float = math.nan
    agreement: Agreement | None = None
    boundaries: tuple[Boundary, ...] = ()
    is_composed: bool = False

    @property
    def works(self) -> bool:
        """Whether the method can have the circuit."""
        return not self.reason


@dataclass(frozen=True)
class _Candidate:
    """Method with the circuit that it has compiled, and the forecast seconds of one item."""

    method: Method
    batch: CircuitBatch
    executions: int
    seconds: float

    @property
    def repeats(self) -> int:
        """Steps whose gradients are compared."""
        return 1 if self.method.exact else REPEATS

    @property
    def cost(self) -> float:
        """Forecast seconds of one item, compared and then timed."""
        return (self.repeats + 1) * self.seconds


def try_methods(specimen: Specimen) -> list[MethodResult]:
    """Results of the composed device and of all methods of this machine.

    The composed device is tried first, then the cheapest. What would exceed the budget is forecast
    from a forward pass.
    """
    part = specimen.variant.device
    batch = specimen.circuit_batch(Method("", part=part), specimen.items)
    composed = describe_composed(batch.run, part, specimen.parts.device.exact)
    options = {composed.device: part.get("options")}
    methods = list_methods(part.get("shots"), part.get("seed", 0), options)
    if composed.title not in {method.title for method in methods}:
        methods.insert(0, composed)
    results: dict[str, MethodResult] = {}
    candidates = []
    bench = _Bench(specimen)
    for method in methods:
        tried = bench.prepare(method)
        if isinstance(tried, MethodResult):
            results[method.title] = tried
        else:
            candidates.append(tried)
    references = {items: find_reference(specimen, batch.first(items)) for items in COMPARED_ITEMS}
    deadline = time.process_time() + specimen.budget

    def rank(candidate: _Candidate) -> tuple[bool, bool, float]:
        is_other = candidate.method.title != composed.title
        return is_other, candidate.method.shifts, candidate.cost

    for candidate in sorted(candidates, key=rank):
        results[candidate.method.title] = _try(candidate, references, deadline)
    return [
        dataclasses.replace(results[method.title], is_composed=method.title == composed.title)
        for method in methods
    ]


def find_reference(specimen: Specimen, batch: CircuitBatch) -> Gradient:
    """Exact values and gradient of a batch in float64, by the statevector's autograd."""
    qubits = batch.run.reading.qubits
    name = "gatewise" if qubits <= MAX_QUBITS_GATEWISE else "auto"
    exact = Method(STATEVECTOR, name, {"_target_": ENGINE_TARGET, "method": name})
    run = specimen.circuit_batch(exact, 1).run
    return differentiate(dataclasses.replace(batch, run=run).double(), draw_upstream(batch))


def draw_upstream(batch: CircuitBatch) -> torch.Tensor:
    """Weights of the outputs in the sum that is differentiated, drawn from a normal."""
    draw = generator(0, "upstream")
    return torch.randn(batch.run.outputs, generator=draw, dtype=torch.float64)


class _Bench:
    """Compiled circuits of methods, with the seconds of an item that methods share."""

    def __init__(self, specimen: Specimen):
        self.specimen = specimen
        # By device of PennyLane's, under the parameter-shift rule; None: it cannot have it
        self._firsts: dict[str, CircuitBatch | None] = {}
        # Of one item forward, by simulator
        self._forwards: dict[str, float] = {}

    def prepare(self, method: Method) -> _Candidate | MethodResult:
        """Circuit under a method with its forecast; or why the method cannot have it."""
        reason = method.reason or _explain_size(method, self.specimen.head.run.reading)
        if reason:
            return MethodResult(method, reason)
        try:
            return self._compile(method)
        except UsageError as refusal:
            return MethodResult(method, self._explain(method, refusal))
        except REFUSALS as error:
            return MethodResult(method, shorten(str(error)))

    def _compile(self, method: Method) -> _Candidate:
        first = self._first(method) if method.shifts else None
        if first is None:
            batch = self.specimen.circuit_batch(method, self.specimen.items)
            return self._forecast(method, batch)
        batch = dataclasses.replace(first, run=with_transform(first.run, method))
        candidate = self._forecast(method, batch)
        if method.is_wider and candidate.cost <= MAX_STEP_S:
            wider = self.specimen.circuit_batch(method, self.specimen.items)
            return dataclasses.replace(candidate, batch=wider)
        return candidate

    def _forecast(self, method: Method, batch: CircuitBatch) -> _Candidate:
        """Candidate, its simulator timed forward."""
        simulator = method.title if method.device == STATEVECTOR else method.device
        if simulator not in self._forwards:
            self._forwards[simulator] = time_forward(batch.first(1))
        executions = count_executions(batch.run)
        work = executions if executions > 1 else REVERSE_WORK
        return _Candidate(method, batch, executions, self._forwards[simulator] * work)

    def _first(self, method: Method) -> CircuitBatch | None:
        """Circuit on the method's device under the parameter-shift rule, where it can have it."""
        if method.device not in self._firsts:
            try:
                batch = self.specimen.circuit_batch(method.first, self.specimen.items)
            except UsageError:
                batch = None
            self._firsts[method.device] = batch
        return self._firsts[method.device]

    def _explain(self, method: Method, refusal: UsageError) -> str:
        """Line on why a method cannot have the circuit, in PennyLane's words where it has some."""
        if refusal.key != "device.diff_method":
            return shorten(refusal.reason)
        first = self._first(method)
        return (explain(method, first.run) if first else "") or shorten(refusal.reason)


def _explain_size(method: Method, reading: Reading) -> str:
    """Why a slow device is not tried on a circuit of this size; empty where it is."""
    if method.device.endswith(MIXED) and reading.qubits > MAX_QUBITS_MIXED:
        return f"not tried: its density matrix has 2**{2 * reading.qubits} numbers"
    work = 2**reading.qubits * len(reading.gates)
    if method.device == REFERENCE and work > MAX_WORK_REFERENCE:
        return "not tried: it is written to be read, and takes seconds for this circuit"
    return ""


@torch.no_grad()
def time_forward(batch: CircuitBatch) -> float:
    """Seconds of the values alone."""
    return time_step(lambda: batch.run(batch.inputs, batch.weights))


def _try(candidate: _Candidate, references: dict[int, Gradient], deadline: float) -> MethodResult:
    """Result of a method: run where the time allows it, else forecast."""
    batch = candidate.batch
    method = candidate.method
    executions = candidate.executions * len(batch.inputs) * batch.items
    allowed = min(MAX_STEP_S, deadline - time.process_time())
    items = next((count for count in COMPARED_ITEMS if count * candidate.cost <= allowed), 0)
    scale = 1 if method.is_broadcast else batch.items
    forecast = MethodResult(method, "", candidate.seconds * scale, 0, executions)
    if not items:
        return forecast
    few = batch.first(items)
    upstream = draw_upstream(batch)
    doubled = few.double()
    try:
        if method.exact:
            agreement = compare(references[items], differentiate(doubled, upstream))
        else:
            step = lambda: differentiate(doubled, upstream)  # noqa: E731
            agreement = compare_repeats(references[items], step, candidate.repeats)
        seconds = time_step(lambda: differentiate(few), warm=True) * batch.items / items
        whole = seconds <= MAX_WHOLE_S
        if whole:
            seconds = time_step(lambda: differentiate(batch), warm=True)
    except REFUSALS as error:
        return MethodResult(method, shorten(str(error)))
    return dataclasses.replace(
        forecast,
        seconds=seconds,
        timed=batch.items if whole else items,
        mebibytes=measure_memory(lambda: differentiate(batch)) if whole else math.nan,
        agreement=agreement,
        boundaries=tuple(_list_boundaries(few)),
    )


def _list_boundaries(batch: CircuitBatch) -> Iterator[Boundary]:
    """Tensors that pass into a circuit and out of it, of a few items."""
    result = differentiate(batch)
    tensors = {
        "inputs": batch.inputs,
        "weights": batch.weights,
        "values": result.values,
        "gradient by inputs": result.by_inputs,
        "gradient by weights": result.by_weights,
    }
    for name, tensor in tensors.items():
        if tensor.numel():
            dtype = str(tensor.dtype).removeprefix("torch.")
            yield Boundary(name, dtype, tuple(tensor.shape), tensor.device.type)
    if dtype := native_dtype(batch.run):
        yield Boundary("device", dtype, (), "cpu")
