"""Drawing of a circuit by PennyLane, kept in the store: to load it takes seconds."""

import contextlib
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qtlrun import disk, source, store
from qtlrun.plan import Variant, has_circuit
from qtlrun.plan.plugin import identity
from qtlrun.report.figure import style
from qtlrun.store import Entry, Store

MAX_DRAWN_QUBITS = 16  # a drawing of a larger circuit shows nothing
MAX_DRAWN_ANGLES = 500

# Circuit that runs in a model; None where a drawing would show another
Build = Callable[[Variant], Any]


def drawing(model: Variant, build: Build, artifacts: Store) -> dict[str, bytes]:
    """Files of the drawing of a model's circuit, by kind; none where there is nothing to see.

    `build` makes the circuit, where its drawing is not in the store.
    """
    if not has_circuit(model):
        return {}
    modules = __name__, build.__module__, model.target("circuit").rpartition(".")[0]
    key = store.key(
        circuit=model.identity["circuit"],
        head={name: model.head.get(name) for name in ("product", "entangle")},
        plugins=identity(model.plugins),
        versions=source.versions(*modules),
        sources=source.digest(*modules),
    )
    artifact = artifacts.get("drawing", key)
    if artifact is None:
        circuit = build(model)
        files = style.encode(_draw(circuit)) if _is_readable(circuit) else {}
        arrays = {kind: np.frombuffer(data, np.uint8) for kind, data in files.items()}
        artifact = Entry({}, arrays)
        with contextlib.suppress(disk.Unwritable):  # the results of the run come first
            artifacts.put("drawing", key, artifact)
    return {kind: array.tobytes() for kind, array in artifact.arrays.items()}


def _is_readable(circuit: Any) -> bool:
    """Whether there is a circuit, of a size that a drawing shows."""
    if circuit is None:
        return False
    return circuit.qubits <= MAX_DRAWN_QUBITS and math.prod(circuit.shape) <= MAX_DRAWN_ANGLES


def _draw(circuit: Any) -> Figure:
    """Drawing of a circuit."""
    import pennylane as qml
    import torch
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from qtlrun.tape.tape import inputs_of

    node = qml.QNode(circuit, qml.device("default.qubit", wires=circuit.qubits))
    # Not 0, of which an embedding of amplitudes makes no state.
    inputs = torch.full((inputs_of(circuit),), 0.1, dtype=torch.float64)
    weights = torch.full(circuit.shape, 0.1, dtype=torch.float64)
    figure = Figure()
    FigureCanvasAgg(figure)  # the drawer measures texts on it
    with warnings.catch_warnings():
        # PennyLane's names of operations have glyphs that the font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        qml.draw_mpl(node, level="device", style="black_white", fig=figure)(inputs, weights)
    return figure
