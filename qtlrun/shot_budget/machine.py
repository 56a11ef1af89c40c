"""Section of study=shots on processors: time and energy of the budgets as assumed."""

import math

import numpy as np
import pandas as pd

from qtlrun.comparison.row import Row
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.report.frame import shot_budget as frames
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note, count
from qtlrun.shot_budget.curve import Curve, Outlook
from qtlrun.shot_budget.processor import Processor, count_gates
from qtlrun.shot_budget.ration import TRAINED
from qtlrun.tape.tape import Reading

UNITS = (("y", 365.25 * 86400), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3))
ENERGIES = (("TJ", 1e12), ("GJ", 1e9), ("MJ", 1e6), ("kJ", 1e3), ("J", 1))


def find_reading(outlook: Outlook, experiment: Experiment) -> tuple[str, Reading] | None:
    """The first measured row whose head runs a circuit, and its gates."""
    for name, label in outlook.plan.labels.names.items():
        if any(curve.label == label for curve in outlook.curves):
            variant = outlook.plan.variants[name].redrawn(outlook.redraws[0].change)
            reading = experiment.explore(variant, _read_circuit)
            if reading is not None:
                return label, reading
    return None


def describe_machines(
    outlook: Outlook, circuit: tuple[str, Reading] | None, machines: dict[str, Processor]
) -> Section:
    """Section with a line per processor; words alone where no row runs a circuit of gates."""
    if circuit is None or not machines:
        words = "processors: no row runs a circuit of gates, whose time could be computed."
        return Section("processors", pd.DataFrame(), [Note(words)], {}, {})
    label, reading = circuit
    curve = outlook.curve(label, TRAINED)
    lines = [
        {
            "processor": name,
            "row": label,
            "budget": budget,
            "seconds": budget * machine.seconds(reading),
            "joules": machine.joules(budget * machine.seconds(reading)),
        }
        for name, machine in machines.items()
        for budget in outlook.budgets
    ]
    budgets = _choose(curve, outlook.budgets)
    table = pd.DataFrame([_cells(name, each, reading, budgets) for name, each in machines.items()])
    frame = frames.PROCESSORS.frame(lines)
    return Section("processors", table, _notes(outlook, label, reading), {"processors": frame}, {})


def _read_circuit(parts: Parts) -> Reading | None:
    """Gates of a row's circuit; None without one."""
    head = parts.head(parts.bare.features, [0])
    return head.run.reading if head.run is not None else None


def _choose(curve: Curve | None, budgets: list[int]) -> list[int]:
    """Budgets that are shown: the least that trains, the whole recipe's first, the largest."""
    if curve is None or not curve.rations:
        return sorted({budgets[0], budgets[-1]})
    reached = list(curve.rations)
    return sorted({reached[0], *curve.whole_budgets[:1], reached[-1]})


def _cells(name: str, machine: Processor, reading: Reading, budgets: list[int]) -> dict[str, str]:
    """Cells of a processor's line."""
    seconds = machine.seconds(reading)
    cells = {"processor": name, "a preparation": scale(seconds, UNITS)}
    cells["kW"] = f"{machine.power:g}"
    for budget in budgets:
        time = scale(budget * seconds, UNITS)
        energy = scale(machine.joules(budget * seconds), ENERGIES)
        cells[f"{budget:,} preparations"] = f"{time}, {energy}"
    return cells


def scale(value: float, units: tuple[tuple[str, float], ...]) -> str:
    """Value in the largest unit that it fills, the smallest where it fills none."""
    for name, size in units:
        if value >= size:
            return f"{value / size:.3g} {name}"
    name, size = units[-1]
    return f"{value / size:.2g} {name}"


def _notes(outlook: Outlook, label: str, reading: Reading) -> list[Note]:
    """Sentences on what was assumed, and on the seconds of rows on this machine."""
    single, double = count_gates(reading)
    gates = f"{count(single, 'gate')} on one wire and {double} on more"
    measured = [f"{name} {_seconds(rows):.2g} s" for name, rows in outlook.exact.items()]
    notes = [
        Note(
            f"Time of {label}'s circuit ({gates}) as the study's YAML assumes it, with sources: the"
            " longest path of gates, readout and reset, one preparation after another; without"
            " queue, network, compilation, calibration or errors: it is the least that there is.",
            f"{label}'s circuit has {gates}; times and powers are those of conf/study/shots.yaml.",
        )
    ]
    if measured:
        notes.append(
            Note(f"On this machine one training of a row takes: {', '.join(measured)} (exact).")
        )
    return notes


def _seconds(rows: list[Row]) -> float:
    """Mean seconds of a training of a row, over its redraws; nan where none ended."""
    seconds = [each.seconds for row in rows for each in row.finished]
    return float(np.mean(seconds)) if seconds else math.nan
