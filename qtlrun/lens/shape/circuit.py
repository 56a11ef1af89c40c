"""Circuits of trained rows: entanglement of items' states, Fourier spectrum of outputs."""

from dataclasses import dataclass, field

import pandas as pd
from torch import Tensor

from qtlrun.device import state
from qtlrun.device.state import PerItem, States
from qtlrun.experiment.network import circuit_weights, has_inner_circuit
from qtlrun.experiment.subject import Subject
from qtlrun.lens.scene import Scene, take_items
from qtlrun.lens.shape import fourier
from qtlrun.lens.view import View
from qtlrun.report.figure import manifold
from qtlrun.report.sentence import Note

MAX_AMPLITUDES = 2**18  # of all states of a training
EMBEDDING = "embedding"  # state before the first trained gate
CIRCUIT = "circuit"  # state at the end
ENTANGLEMENT = "entanglement Q"
HALF = "half-chain purity"


@dataclass(frozen=True)
class Records:
    """Lines of frames, and which rows lack a number for which reason.

    states: of entanglement and purity, by training
    series: of Fourier coefficients, by training and frequency
    reasons: labels by reason
    """

    states: list[dict[str, object]] = field(default_factory=list)
    series: list[dict[str, object]] = field(default_factory=list)
    reasons: dict[str, dict[str, None]] = field(default_factory=dict)

    def excuse(self, subject: Subject, reason: str) -> None:
        """Note why a row lacks a number."""
        self.reasons.setdefault(reason, {})[subject.row] = None


def measure_circuits(
    view: View, scene: Scene, chosen: dict[str, list[Subject]], items: int, lines: int, seed: int
) -> None:
    """Read numbers of each training's circuit, and name the rows that lack some in a note.

    items: whose states are simulated; of copies side by side so many together
    lines: along each input, on which the Fourier series is taken
    seed: of the lines
    """
    records = Records()
    for label, subjects in chosen.items():
        for number, subject in enumerate(subjects):
            scene.monitor.step(f"{label}, circuit", number + 1, len(subjects))
            if not has_inner_circuit(subject.head):
                records.excuse(
                    subject, "no circuit between two layers, so no states and no Fourier series"
                )
                break
            _entangle(view, subject, items, records)
            _transform(view, subject, lines, seed, records)
    states = pd.DataFrame(records.states)
    series = pd.DataFrame(records.series)
    view.frames |= {
        name: each for name, each in (("states", states), ("fourier", series)) if len(each)
    }
    if len(states) or len(series):
        view.figures["circuit"] = manifold.circuits(states, series, list(chosen))
    for reason, labels in records.reasons.items():
        view.notes.append(Note(f"{', '.join(labels)}: {reason}."))


def _entangle(view: View, subject: Subject, items: int, records: Records) -> None:
    """Read entanglement and purity of the states of test items."""
    head = subject.head
    reading = head.run.reading
    count = max(1, items // head.circuits)
    if count * head.circuits * 2**reading.qubits > MAX_AMPLITUDES:
        most = MAX_AMPLITUDES // 2**reading.qubits
        fix = f"circuit_items={most} is the most" if most >= head.circuits else "it is too large"
        records.excuse(subject, f"no states, which would have too many amplitudes; {fix}")
        return
    split = take_items(subject, count)
    inputs = head.encode(subject.network.scale(subject.features(split)))
    readings = {CIRCUIT: reading}
    before = state.embedding(reading)
    if before is None:
        records.excuse(subject, "no state before the ansatz, whose gates stand among the inputs'")
    else:
        readings = {EMBEDDING: before} | readings
    for name, each in readings.items():
        states = state.simulate(each, inputs, _weights(subject))
        for quantity, values in _quantities(states).items():
            records.states.append(
                subject.keys
                | {
                    "state": name,
                    "quantity": quantity,
                    "mean": values.mean(),
                    "deviation": values.std(),
                }
            )
            if quantity in (ENTANGLEMENT, HALF):
                view.read(subject, quantity, float(values.mean()), name)


def _quantities(states: States) -> dict[str, PerItem]:
    """Numbers of each item's state by name."""
    qubits = state.count_wires(states)
    values = {ENTANGLEMENT: state.meyer_wallach(states)}
    if qubits > 1:
        values[HALF] = state.purity(states, range(qubits // 2))
    return values | {
        f"purity of wire {wire}": state.purity(states, [wire]) for wire in range(qubits)
    }


def _transform(view: View, subject: Subject, lines: int, seed: int, records: Records) -> None:
    """Read the Fourier spectrum of the outputs in the inputs."""
    run = subject.head.run
    try:
        series = fourier.transform(run, run.reading, _weights(subject), lines, seed)
    except fourier.NoSeries as error:
        records.excuse(subject, f"no Fourier series: {error}")
        return
    view.read(subject, "power above frequency 1", series.beyond_first, "outputs")
    view.read(subject, "highest frequency", series.highest, "outputs")
    for frequency, size in enumerate(series.sizes):
        records.series.append(
            subject.keys
            | {
                "frequency": frequency,
                "size": size,
                "largest": series.largest[frequency],
            }
        )


def _weights(subject: Subject) -> Tensor:
    """Angles of the circuits that run, (circuits, *shape), in float64."""
    return circuit_weights(subject.head).detach().double()
