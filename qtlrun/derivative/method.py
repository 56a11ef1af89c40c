"""Section on the methods that may differentiate a model's circuit, with a recommendation."""

import math

import pandas as pd

from qtlrun.derivative.specimen import Specimen
from qtlrun.derivative.trial import REPEATS, MethodResult, try_methods
from qtlrun.device.method import STATEVECTOR, auto_method
from qtlrun.plan import option
from qtlrun.report.frame import derivative
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note, count

MAX_DIFFERENCE = 1e-6  # of a gradient that counts as exact
MILLISECONDS = 1e3
MAX_NOISE = 100.0  # of one gradient, in sizes of the exact one: no training averages more away
NEAR = 1.25  # times the least time, within which noise of timing decides
NO_CIRCUIT = "the head has no circuit between two layers, so there is nothing to choose here"


def compare_methods(specimen: Specimen) -> list[Section]:
    """Section on all methods; words alone where the head has no circuit."""
    if not specimen.has_circuit:
        note = Note(f"methods: {NO_CIRCUIT}; flow shows how the gradient passes through the model.")
        return [Section("methods", pd.DataFrame(), [note], {}, {})]
    results = try_methods(specimen)
    frame = derivative.METHODS.frame(list(map(_line, results)))
    boundaries = derivative.BOUNDARIES.frame(
        [line for result in results for line in _boundary_lines(result)]
    )
    working = sorted(
        (result for result in results if result.works), key=lambda result: result.seconds
    )
    refused = [result for result in results if not result.works]
    run = [result for result in working if result.timed or result.is_composed]
    reasons = [_cells(result) | {"why not": result.reason} for result in refused]
    table = pd.DataFrame([*map(_cells, working), *reasons]).fillna("")
    shown = pd.DataFrame(list(map(_cells, run))).fillna("")
    notes = [*recommend(results, specimen), *_explain(results, specimen)]
    frames = {"methods": frame, "boundaries": boundaries}
    return [Section("methods", table, notes, frames, {}, shown=shown)]


def recommend(results: list[MethodResult], specimen: Specimen) -> list[Note]:
    """Sentences on the method to take: the fastest whose gradient is right."""
    right = [result for result in results if _is_right(result)]
    exact = [result for result in right if result.method.exact]
    right = exact or right
    if not right:
        return [Note("Recommended: none; no method was run whose gradient agrees.")]
    engine = specimen.circuit_batch(auto_method(specimen.variant.device), 1).run.method
    best = _choose(right, engine)
    words = f"Recommended: {override(best, specimen, engine)}"
    pace = f"{_milliseconds(best)} ms a step of {count(specimen.items, 'item')}"
    why = (
        f"the fastest, or nearly, of {count(len(right), 'method')} with the right gradient: {pace}"
    )
    notes = [Note(f"{words}: {why}{_compare_others(best, right)}.")]
    composed = next((result for result in results if result.is_composed), None)
    if composed is None or composed is best:
        return notes
    name = composed.method.title
    if not composed.works:
        return [*notes, Note(f"The composed device, {name}, cannot train it: {composed.reason}.")]
    factor = composed.seconds / best.seconds
    return [*notes, Note(f"The composed device, {name}, takes {factor:.3g} times as long.")]


def _choose(right: list[MethodResult], engine: str) -> MethodResult:
    """The fastest; of those nearly as fast the composed device, else the statevector's choice."""
    fastest = min(right, key=_price)
    near = [result for result in right if _price(result) <= NEAR * _price(fastest)]
    composed = [result for result in near if result.is_composed]
    chosen = [result for result in near if result.method.name == engine]
    return [*composed, *chosen, fastest][0]


def _price(result: MethodResult) -> float:
    """Seconds of a step; with chance those of as many as bring its noise to the gradient's size."""
    if result.method.exact or result.agreement is None:
        return result.seconds
    return result.seconds * result.agreement.noise**2


def override(result: MethodResult, specimen: Specimen, engine: str) -> str:
    """Words of the command line that choose a method; `engine` is what the statevector chooses."""
    method = result.method
    shots = specimen.variant.device.get("shots")
    ending = "" if shots is None else f" device.shots={shots}"
    if method.device == STATEVECTOR:
        choice = "" if method.name == engine else f" device.method={method.name}"
        return f"device=statevector{choice}{ending}"
    if method.device in option.options("device", []):
        return f"device={method.device} device.diff_method={method.name}{ending}"
    choice = f"device=pennylane device.name={method.device}"
    return f"{choice} device.diff_method={method.name}{ending}"


def _is_right(result: MethodResult) -> bool:
    """Whether a method was run and its gradient is the reference's, or is so on average."""
    agreement = result.agreement
    if agreement is None or (agreement.values > MAX_DIFFERENCE and result.method.exact):
        return False
    if not result.method.exact:
        return not agreement.is_biased and agreement.noise <= MAX_NOISE
    return math.isnan(agreement.gradient) or agreement.gradient <= MAX_DIFFERENCE


def _compare_others(best: MethodResult, right: list[MethodResult]) -> str:
    """Words on the fastest of PennyLane's methods beside the best, or of the statevector's."""
    is_ours = best.method.device == STATEVECTOR
    others = [result for result in right if (result.method.device == STATEVECTOR) != is_ours]
    if not others:
        return ""
    other = min(others, key=_price)
    factor = other.seconds / best.seconds
    whose = "PennyLane's fastest" if is_ours else "the statevector's fastest"
    return f"; {whose}, {other.method.title}, takes {factor:.3g} times as long"


def _explain(results: list[MethodResult], specimen: Specimen) -> list[Note]:
    """Sentences on the reference, on chance, on what was not run."""
    notes = [
        Note(
            "Values and gradient are compared at uniform angles, in float64, with the exact"
            " statevector's autograd" + _check_reference(results) + ".",
        ),
        Note(
            "A step is a forward and backward pass of the circuit on a batch, in the model's dtype;"
            " its least time of a few. Where fewer items were timed, it is scaled to the batch.",
            "",
        ),
    ]
    for result in results:
        if result.agreement is not None and result.agreement.is_biased:
            distance = f"{result.agreement.deviations:.3g} standard errors"
            words = f"{result.method.title} is {distance} from the exact gradient: not by chance."
            notes.append(Note(words))
    if any(result.agreement is not None and not result.method.exact for result in results):
        notes.append(
            Note(
                "noise: deviation of one step's gradient by chance, in sizes of the exact"
                f" gradient; values and gradient are those of the mean of {REPEATS} repeats, whose"
                " farthest number is so many standard errors from the exact one."
            )
        )
    forecasts = [result for result in results if result.works and not result.timed]
    if forecasts:
        notes.append(
            Note(f"{count(len(forecasts), 'method')} (~) would exceed study.budget: forecast only.")
        )
    refused = [result for result in results if not result.works]
    if refused:
        names = ", ".join(result.method.title for result in refused)
        notes.append(
            Note(
                f"These cannot have the circuit, or are not tried: {names}.",
                f"{count(len(refused), 'method')} cannot have the circuit, or are not tried;"
                " table.md says why.",
            )
        )
    if not specimen.parts.exact:
        notes.append(Note("The composed device draws at random, so each gradient has noise."))
    return notes


def _check_reference(results: list[MethodResult]) -> str:
    """Words on the parameter-shift rule, which differentiates without autograd."""
    checks = [
        result
        for result in results
        if result.method.name == "parameter-shift" and result.method.exact
    ]
    differences = [result.agreement.gradient for result in checks if result.agreement is not None]
    if not differences:
        return ""
    return f", from which PennyLane's parameter-shift rule differs by {max(differences):.0e}"


def _line(result: MethodResult) -> dict[str, object]:
    """Line of the frame."""
    agreement = result.agreement
    line: dict[str, object] = {
        "device": result.method.device,
        "method": result.method.name,
        "composed": result.is_composed,
        "works": result.works,
        "reason": result.reason,
        "ms": result.seconds * MILLISECONDS,
        "timed": result.timed,
        "MiB": result.mebibytes,
        "executions": result.executions,
    }
    for name in ("values", "gradient", "noise", "deviations", "limit"):
        line[name] = math.nan if agreement is None else vars(agreement)[name]
    return line


def _boundary_lines(result: MethodResult) -> list[dict[str, object]]:
    """Lines of the frame of boundaries."""
    return [
        {
            "device": result.method.device,
            "method": result.method.name,
            "boundary": boundary.name,
            "dtype": boundary.dtype,
            "shape": " x ".join(map(str, boundary.shape)),
            "accelerator": boundary.accelerator,
        }
        for boundary in result.boundaries
    ]


def _cells(result: MethodResult) -> dict[str, str]:
    """Cells of the table that is read."""
    mark = " (composed)" if result.is_composed else ""
    cells = {"method": f"{result.method.title}{mark}"}
    if not result.works:
        return cells
    agreement = result.agreement
    cells |= {
        "ms": _milliseconds(result),
        "timed": f"{result.timed} items" if result.timed else "no",
        "MiB": "" if math.isnan(result.mebibytes) else f"{result.mebibytes:.1f}",
        "executions": f"{result.executions:,}",
    }
    if agreement is not None:
        cells |= {"values": _error(agreement.values), "gradient": _error(agreement.gradient)}
        if not result.method.exact:
            cells["noise"] = f"{agreement.noise:.2g}"
            cells["standard errors"] = f"{agreement.deviations:.1f}"
    return cells


def _milliseconds(result: MethodResult) -> str:
    """Milliseconds in three digits; ~ where they are a forecast."""
    value = result.seconds * MILLISECONDS
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return digits if result.timed else f"~{digits}"


def _error(difference: float) -> str:
    return "" if math.isnan(difference) else f"{difference:.0e}"
