"""The circuit of a trained head, as it is examined: without chance."""

from collections.abc import Callable

from torch import Tensor

from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.network import Module


def compile_exact(ensemble: Ensemble) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The head's circuit on its device without shots or random gradient, noise averaged.

    None where that takes a density matrix of too many qubits, or the circuit is not known.
    """
    head = ensemble.head
    parts = ensemble.parts
    if parts.exact:
        return head.run
    most = parts.device.exact_qubits
    if head.circuit is None or (most is not None and head.circuit.qubits > most):
        return None
    return parts.exact_device.run(head.circuit, head.entangle)


def plain_head(ensemble: Ensemble) -> Module:
    """The head with all weights its own, those that were generated too."""
    if ensemble.generator is None:
        return ensemble.head
    plain = ensemble.whole.plain()
    return plain if ensemble.backbone is None else plain.head
