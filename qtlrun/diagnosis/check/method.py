"""Checks of how a circuit is run: its gradient method, executions and precision."""

import math

import torch
from torch import Tensor

from qtlrun.derivative.specimen import CircuitBatch
from qtlrun.derivative.step import differentiate
from qtlrun.device.method import SHIFTED, shorten
from qtlrun.diagnosis.attempt import attempt
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.check.by_circuit import circuit_check
from qtlrun.diagnosis.circuit_use import CircuitUse, Simulate
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check

MAX_GRADIENT_ERROR = 0.01
MIN_REFERENCE_SLOPE = 1e-4  # root mean square, below which float32 rounds by more than the limit
MAX_REFUSED_CALLS = 0
MAX_EXECUTIONS = 1.0  # an item and step, where one pass differentiates them all
MAX_CALLS = 1  # a forward pass
MAX_ROUNDINGS = 1e4  # units in the last place
TRIAL_ITEMS = 2  # whose gradients are compared
DIFFERENTIABLE_DEVICES = ("default.qubit", "lightning.")  # by backprop or adjoint
SHIFTED_METHODS = ("parameter-shift", "finite-diff", "hadamard")


@circuit_check(
    "Q115",
    "METHOD_DIFFERS",
    Severity.FAULT,
    limit=MAX_GRADIENT_ERROR,
    reason="exact methods agree to 1e-6 of the gradient in float32",
    need=Requirement.SLOPES,
)
def differing_method(use: CircuitUse) -> Evidence | None:
    """Relative error of the circuit's gradient by the method that the model uses."""
    is_random = use.shots is not None or use.method == "spsa"
    if use.run is None or use.exact is None or is_random or not use.is_faithful:
        return None
    inputs = use.inputs[:, :TRIAL_ITEMS].detach()
    doubled = inputs.cpu().double(), use.weights.cpu().double()
    reference = _find_gradient(use, use.exact, *doubled)
    run = use.run
    gradient, _ = attempt(lambda: _find_gradient(use, run, inputs, use.weights).to(reference))
    if gradient is None:
        return None  # the checks of refused methods name it
    size = max(float(reference.norm()), MIN_REFERENCE_SLOPE * len(reference) ** 0.5)
    error = float((gradient - reference).norm()) / size
    if error <= MAX_GRADIENT_ERROR:
        return None
    return Evidence(
        error,
        f"the gradient of {use.name} by {use.method or 'its method'} differs by {error:.1%} from"
        " the exact one",
        "use an exact method, or a smaller step in float64",
        "device.diff_method=best",
    )


@check(
    "Q116",
    "METHOD_UNSUPPORTED",
    Severity.FAULT,
    limit=MAX_REFUSED_CALLS,
    reason="the same pass succeeds by PennyLane's best method without shots",
)
def unsupported_method(case: Case) -> Evidence | None:
    """Method that a device refuses for this circuit, so that the pass fails."""
    node = case.refused_node
    if node is None or isinstance(case.first_pass.error, NotImplementedError):
        return None
    shots = f" and {node.shots.total_shots} shots" if node.shots else ""
    return Evidence(
        1,
        f"the pass fails with diff_method={node.diff_method} on {node.device.name}{shots}"
        f" ({_shorten_error(case)})",
        "use diff_method=best; with shots parameter-shift; with states or probabilities backprop"
        " on default.qubit",
    )


@check(
    "Q117",
    "BROADCAST_REFUSED",
    Severity.FAULT,
    limit=MAX_REFUSED_CALLS,
    reason="the same pass succeeds by PennyLane's best method without shots",
)
def refused_broadcast(case: Case) -> Evidence | None:
    """Method that does not differentiate a batch of items in one call."""
    node = case.refused_node
    if node is None or not isinstance(case.first_pass.error, NotImplementedError):
        return None
    return Evidence(
        1,
        f"diff_method={node.diff_method} on {node.device.name} does not differentiate the batch of"
        f" {len(case.items)} items in one call ({_shorten_error(case)})",
        "use diff_method=backprop or adjoint, or call the circuit once an item",
    )


@circuit_check(
    "Q118",
    "SHIFT_ON_SIMULATOR",
    Severity.WARNING,
    limit=MAX_EXECUTIONS,
    reason="the simulator differentiates all angles in one pass",
    need=Requirement.SLOPES,
)
def shift_on_simulator(use: CircuitUse) -> Evidence | None:
    """Executions an item and step by shifted circuits, where one pass would do."""
    differentiable = use.device.startswith(DIFFERENTIABLE_DEVICES)
    if use.shots is not None or use.method not in SHIFTED_METHODS or not differentiable:
        return None
    angles = use.weights.shape[1] + use.inputs.shape[2]
    if use.reading is not None:
        angles = len(use.reading.fed | use.reading.trained)
    executions = 1 + SHIFTED[use.method](angles)
    unit = "an item and step" if use.takes_items else "a step"
    return Evidence(
        executions,
        f"{use.method} runs {use.name} {executions} times {unit}, where {use.device} differentiates"
        " it in one pass",
        "use diff_method=best",
        "device.diff_method=best",
    )


@circuit_check(
    "Q119",
    "SAMPLES_LOOPED",
    Severity.WARNING,
    limit=MAX_CALLS,
    reason="the device takes a batch in one call",
)
def looped_samples(use: CircuitUse) -> Evidence | None:
    """Calls of one item each in a forward pass, of a circuit that broadcasts."""
    broadcasts = use.reading is not None and use.device.startswith(DIFFERENTIABLE_DEVICES)
    if use.is_batched or use.calls <= MAX_CALLS or not broadcasts:
        return None
    return Evidence(
        use.calls,
        f"{use.name} is called {use.calls} times in a forward pass, with one item each time",
        "give it the whole batch: inputs (items, numbers), and angles inputs[:, 0] ... inside",
    )


@circuit_check(
    "Q120",
    "PRECISION_LOST",
    Severity.WARNING,
    limit=MAX_ROUNDINGS,
    reason="a circuit of some hundred gates rounds by less than 100 units",
)
def lost_precision(use: CircuitUse) -> Evidence | None:
    """Error of the outputs in units of the last place of the model's dtype."""
    if use.exact_outputs is None or use.shots is not None or not use.is_faithful:
        return None
    dtype = torch.promote_types(use.inputs.dtype, use.weights.dtype)
    error = float((use.outputs - use.exact_outputs).abs().max())
    units = error / torch.finfo(dtype).eps
    if units <= MAX_ROUNDINGS:
        return None
    return Evidence(
        units,
        f"outputs of {use.name} are {_name(use.outputs.dtype)} and off by {error:.1g}, where its"
        f" inputs and weights are {_name(dtype)}",
        "set torch.set_default_dtype(torch.float64) before the circuit is called, or keep the"
        " device and the model in one precision",
    )


def _find_gradient(use: CircuitUse, run: Simulate, inputs: Tensor, weights: Tensor) -> Tensor:
    """Gradient of a weighted sum of the outputs by inputs and weights, in one row."""
    shape = (len(weights), inputs.shape[1], use.outputs.shape[2])
    factors = torch.linspace(1, 2, math.prod(shape), dtype=torch.float64).reshape(shape)
    batch = CircuitBatch(run, inputs, weights, by_inputs=True, by_weights=True)
    return differentiate(batch, factors).slopes


def _shorten_error(case: Case) -> str:
    """Error of the first pass on a line."""
    return shorten(str(case.first_pass.error)).removesuffix(".")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


REFUSALS = (unsupported_method, refused_broadcast)  # of a pass that fails
CHECKS = (
    differing_method,
    *REFUSALS,
    shift_on_simulator,
    looped_samples,
    lost_precision,
)
