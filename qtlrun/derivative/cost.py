"""Cost of a step against qubits, depth and batch, as curves that stop before they take long."""

import dataclasses
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from qtlrun.derivative.method import MILLISECONDS, NO_CIRCUIT
from qtlrun.derivative.specimen import Specimen
from qtlrun.derivative.step import differentiate, time_step
from qtlrun.derivative.trial import REVERSE_WORK, time_forward
from qtlrun.device.method import (
    PARAMETER_SHIFT,
    REFUSALS,
    STATEVECTOR,
    Method,
    auto_method,
    count_executions,
    list_methods,
    shorten,
)
from qtlrun.error import UsageError
from qtlrun.report.figure.derivative import cost_curves
from qtlrun.report.frame import derivative
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

# By the name of what varies; the others are the model's
SIZES = {
    "qubits": (2, 4, 6, 8, 10, 12, 14, 16),
    "depth": (1, 2, 4, 8, 16, 32),
    "batch": (1, 4, 16, 64, 256, 1024),
}
# Of a step's time to the next value, at most about
GROWTHS = {"qubits": 5.0, "depth": 2.0, "batch": 4.0}
BATCH = "batch"
MAX_STEP_S = 0.5  # of a point
MAX_FORECAST_S = 2.0  # of a point that is measured at all
REPEATED_S = 0.05  # beyond which the step of a point is not repeated
DEVICES = ("default.qubit", "lightning.", "qiskit.aer", "qulacs.")  # or how they begin
SLOWER_METHODS = (("default.qubit", "adjoint"),)  # than another of the same device
SHIFTING_DEVICE = "lightning.qubit"  # whose parameter-shift rule is drawn where values are exact


@dataclass(frozen=True)
class CostPoint:
    """Seconds of a step at a size, and why the curve ends there; empty where it goes on.

    The seconds are nan where the step was not run.
    """

    method: Method
    size: str
    value: int
    seconds: float
    reason: str = ""


def measure_costs(specimen: Specimen) -> list[Section]:
    """Section with the curves; words alone where the head has no circuit."""
    if not specimen.has_circuit:
        return [Section("cost", pd.DataFrame(), [Note(f"cost: {NO_CIRCUIT}.")], {}, {})]
    methods = _choose_methods(specimen)
    points = list(trace_curves(specimen, methods))
    frame = derivative.COSTS.frame([_line(point) for point in points])
    note = Note(
        "cost: ms of a step against one size, the others being the model's"
        f" ({_name_sizes(specimen)}); a curve ends before a step takes {MAX_STEP_S:g} s, or where"
        " its share of study.budget is used up."
    )
    figures = {"cost": cost_curves(frame)} if len(frame) else {}
    return [Section("cost", _tabulate(points), [note], {"cost": frame}, figures)]


def trace_curves(specimen: Specimen, methods: list[Method]) -> Iterator[CostPoint]:
    """Points of each method along each size that the circuit has."""
    has_depth = specimen.variant.has("circuit.depth")
    names = [name for name in SIZES if name != "depth" or has_depth]
    deadline = time.process_time() + specimen.budget
    curves = list(itertools.product(methods, names))
    for number, (method, name) in enumerate(curves):
        share = (deadline - time.process_time()) / (len(curves) - number)
        yield from _trace_curve(specimen, method, name, share)


def _trace_curve(
    specimen: Specimen, method: Method, name: str, share: float
) -> Iterator[CostPoint]:
    """Points of a curve in the order of the values; the last one says why it ends.

    A value that the circuit cannot have is left out; a method that cannot have it has no points.
    """
    began = time.process_time()
    for value in SIZES[name]:
        try:
            point = _time_point(specimen, method, name, value)
        except UsageError as refusal:
            if refusal.key.startswith("device."):
                return  # at any size
            continue
        except REFUSALS as error:
            yield CostPoint(method, name, value, math.nan, shorten(str(error)))
            return
        if point.reason:
            yield point
            return
        seconds = point.seconds
        spent = time.process_time() - began
        growth = GROWTHS[name]
        reason = ""
        if value != SIZES[name][-1] and seconds * growth > MAX_STEP_S:
            reason = f"the next step would take about {seconds * growth:.2g} s"
        elif value != SIZES[name][-1] and spent > share:
            reason = "its share of the time is used up"
        yield dataclasses.replace(point, reason=reason)
        if reason:
            return


def _time_point(specimen: Specimen, method: Method, name: str, value: int) -> CostPoint:
    """Seconds of a step at a size; nan and why, where a forward pass forecasts a long one."""
    is_batch = name == BATCH
    items = value if is_batch else specimen.items
    changes = {} if is_batch else {f"circuit.{name}": value}
    batch = specimen.circuit_batch(method, items, changes)
    work = max(REVERSE_WORK, count_executions(batch.run))
    scale = 1 if method.is_broadcast or method.device == STATEVECTOR else items
    forecast = time_forward(batch.first(1)) * work * scale
    if forecast > MAX_FORECAST_S:
        return CostPoint(method, name, value, math.nan, f"a step would take about {forecast:.2g} s")
    return CostPoint(
        method, name, value, time_step(lambda: differentiate(batch), REPEATED_S, warm=True)
    )


def _choose_methods(specimen: Specimen) -> list[Method]:
    """The statevector's fastest engine, and of PennyLane's those that differentiate at once.

    The parameter-shift rule stands beside them; with shots it stands alone.
    """
    part = specimen.variant.device
    shots = part.get("shots")
    seed = part.get("seed", 0)
    methods = [auto_method(part)]
    for method in list_methods(shots, seed, {part.get("name", ""): part.get("options")}):
        if method.reason or not method.device.startswith(DEVICES):
            continue
        if method.name == PARAMETER_SHIFT:
            is_drawn = shots is not None or method.device == SHIFTING_DEVICE
        else:
            is_slower = (method.device, method.name) in SLOWER_METHODS
            is_drawn = shots is None and not (method.shifts or is_slower)
        if is_drawn:
            methods.append(method)
    return methods


def _name_sizes(specimen: Specimen) -> str:
    """Sizes of the model in words."""
    circuit = specimen.parts.circuit
    depth = f", depth {circuit.depth}" if circuit.depth is not None else ""
    return f"{circuit.qubits} qubits{depth}, batch {specimen.items}"


def _line(point: CostPoint) -> dict[str, object]:
    """Line of the frame."""
    return {
        "device": point.method.device,
        "method": point.method.name,
        "size": point.size,
        "value": point.value,
        "ms": point.seconds * MILLISECONDS,
        "reason": point.reason,
    }


def _tabulate(points: list[CostPoint]) -> pd.DataFrame:
    """First and last point of each curve, as it is read."""
    curves: dict[tuple[str, str], list[CostPoint]] = {}
    for point in points:
        curves.setdefault((point.method.title, point.size), []).append(point)
    lines = []
    for (title, size), curve in curves.items():
        first = curve[0]
        last = curve[-1]
        lines.append(
            {
                "method": title,
                "size": size,
                "from": str(first.value),
                "ms at first": _milliseconds(first),
                "to": str(last.value),
                "ms at last": _milliseconds(last),
                "ends": last.reason,
            }
        )
    return pd.DataFrame(lines)


def _milliseconds(point: CostPoint) -> str:
    """Milliseconds in three digits; empty where the step was not run."""
    return "" if math.isnan(point.seconds) else f"{point.seconds * MILLISECONDS:.3g}"
