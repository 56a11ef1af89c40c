"""Checks of gates: does a circuit use its wires, its angles and weights of its own?"""

import math

from qtlrun.diagnosis.check.by_circuit import circuit_check, list_numbers
from qtlrun.diagnosis.circuit_use import CircuitUse
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity
from qtlrun.report.sentence import count
from qtlrun.tape.tape import Gate, Reading

MAX_ENTANGLERS = 0
MAX_IDLE_WIRES = 0
MAX_WRAPPED_SHARE = 0.05
MIN_TRAINED_WEIGHTS = 1


@circuit_check(
    "Q110",
    "ENTANGLER_ABSENT",
    Severity.NOTE,
    limit=MAX_ENTANGLERS,
    reason="without gates on two wires a circuit is a product of one-wire functions",
)
def absent_entangler(use: CircuitUse) -> Evidence | None:
    """Count gates on several wires of a circuit of several wires."""
    if use.reading is None or use.reading.qubits < 2 or use.reading.starts:
        return None
    if any(_spans_wires(gate) for gate in use.reading.gates):
        return None
    return Evidence(
        0,
        f"no gate of {use.name} acts on two of its {use.reading.qubits} wires",
        "add an entangler, or compare with a classical product of sines",
        "circuit=basic" if use.takes_items else "",
    )


@circuit_check(
    "Q111",
    "WIRES_IDLE",
    Severity.WARNING,
    limit=MAX_IDLE_WIRES,
    reason="a wire without a gate, or out of reach of what is measured, adds nothing",
)
def idle_wires(use: CircuitUse) -> Evidence | None:
    """Count wires without a gate, and those from which nothing reaches a measurement."""
    if use.reading is None:
        return None
    idle = _find_idle(use.reading)
    # Hadamard's test has an auxiliary wire of its own
    if len(idle) <= (use.method == "hadamard"):
        return None
    return Evidence(
        len(idle),
        f"{len(idle)} of {count(use.reading.qubits, 'wire')} of {use.name} add nothing to what is"
        f" measured (wires {list_numbers(idle)})",
        "leave them out, or entangle them with the measured wires",
    )


@circuit_check(
    "Q112",
    "ANGLES_WRAP",
    Severity.WARNING,
    limit=MAX_WRAPPED_SHARE,
    reason="a normal input of deviation 1 is beyond pi in 0.2 % of items; presets have none",
    need=Requirement.ITEMS,
)
def wrapped_angles(use: CircuitUse) -> Evidence | None:
    """Share of the angles by inputs that are more than pi from their middle over the items."""
    if use.reading is None or not use.reading.fed:
        return None
    angles = use.angles(use.inputs.cpu().double(), use.weights.cpu().double())
    angles = angles[..., sorted(use.reading.fed)].detach()
    # What the weights add moves all items alike
    distances = (angles - angles.median(-2, keepdim=True).values).abs()
    share = float((distances > math.pi).double().mean())
    if share <= MAX_WRAPPED_SHARE:
        return None
    return Evidence(
        share,
        f"{share:.0%} of the angles by inputs of {use.name} are more than pi from their median over"
        f" the items (up to {float(distances.max()):.3g}), where two inputs give the same state",
        "scale the inputs to (-pi, pi), as by pi/2 tanh",
    )


@circuit_check(
    "Q123",
    "WEIGHTS_ABSENT",
    Severity.NOTE,
    limit=MIN_TRAINED_WEIGHTS,
    reason="a circuit without trained weights is a fixed map of its inputs",
    need=Requirement.SLOPES,
)
def absent_weights(use: CircuitUse) -> Evidence | None:
    """Count trained weights that a circuit takes."""
    if use.is_trained:
        return None
    return Evidence(
        0,
        f"no trained weight reaches {use.name}",
        "give it a torch.nn.Parameter itself, without .data, .item() or numpy on the way",
        use.training,
    )


def _spans_wires(gate: Gate) -> bool:
    """Whether a gate acts on several wires."""
    if gate.angle is None:
        return len(gate.wires) > 1
    return len(gate.word.replace("I", "")) > 1


def _find_idle(reading: Reading) -> list[int]:
    """Wires without a gate, or from which nothing reaches a measurement."""
    busy = {wire for start in reading.starts for wire in start.wires}
    busy |= {wire for gate in reading.gates for wire in gate.wires}
    return sorted({*range(reading.qubits)} - (busy & reading.reached))


CHECKS = (absent_entangler, idle_wires, wrapped_angles, absent_weights)
