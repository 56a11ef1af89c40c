"""Circuit of the composed model at other sizes."""

from dataclasses import dataclass

from qtlrun.experiment.network import Module
from qtlrun.experiment.parts import Parts

QUBITS = (2, 4, 6, 8, 10, 12)
DEPTHS = (2, 20)  # beside the composed circuit's
PLAIN_SPREAD = 0.01  # radians, of a head without a spread


@dataclass(frozen=True)
class Family:
    """Circuits of the class of a head's circuit.

    parts: of the composed variant, on the exact simulator
    head: of one run, with a circuit between two layers
    """

    parts: Parts
    head: Module

    @property
    def circuit(self):
        """Circuit that the head runs."""
        return self.head.circuit if self.runs_other else self.parts.circuit

    @property
    def runs_other(self) -> bool:
        """Whether the head runs another circuit than the composed one."""
        return (
            self.parts.variant.has("head.product") and self.head.circuit is not self.parts.circuit
        )

    @property
    def name(self) -> str:
        """Name of the circuit's class, or of the user's code."""
        is_code = self.parts.variant.runs_code("circuit") and not self.runs_other
        return self.parts.variant.code_name("circuit") if is_code else type(self.circuit).__name__

    @property
    def entangle(self) -> bool:
        """Whether the head runs the circuit with its gates on several wires."""
        return self.parts.variant.head.get("entangle", True)

    @property
    def spread(self) -> float:
        """Deviation of the head's start, in radians."""
        return self.parts.variant.head.get("spread", PLAIN_SPREAD)

    @property
    def is_fixed(self) -> bool:
        """Whether the circuit comes in one size alone."""
        variant = self.parts.variant
        in_code = bool(variant.facts("circuit").code)
        return self.runs_other or in_code or not variant.has("circuit.qubits")

    @property
    def qubits(self) -> list[int]:
        """Numbers of qubits at which it is measured, the composed circuit's among them."""
        size = self.circuit.qubits
        return [size] if self.is_fixed else sorted({*QUBITS, min(size, QUBITS[-1])})

    @property
    def depths(self) -> list[int | None]:
        """Depths at which it is measured, the composed circuit's among them."""
        depth = self.circuit.depth
        if self.is_fixed or depth is None or not self.parts.variant.has("circuit.depth"):
            return [depth]
        return sorted({*DEPTHS, depth})

    def build(self, qubits: int, depth: int | None):
        """Circuit of a size; raises UsageError where there is none."""
        if self.is_fixed:
            return self.circuit
        change = {"circuit.qubits": qubits, "circuit.depth": depth}
        return Parts(self.parts.variant.changed(change), self.parts.session).circuit
