"""Circuit that runs in a model, as it is drawn; read from the model's values alone."""

import math
from typing import Any

from qtlrun.contract.part import build_part
from qtlrun.plan import Variant
from qtlrun.tape.tape import inputs_of


def readable_circuit(model: Variant) -> Any:
    """Circuit that runs in a model; None where a drawing would show another."""
    from qtlrun.circuit import product  # which loads PennyLane

    circuit = build_part("circuit", model.circuit, model.plugins)
    if model.head.get("product"):
        return product.sized(circuit.qubits, inputs_of(circuit), math.prod(circuit.shape))
    # The drawing would have the entanglers that are dropped
    return circuit if model.head.get("entangle", True) else None
