"""Circuit without entanglement: what its wires can do apart."""

import functools

import pennylane as qml

from qtlrun.circuit.readout import PLAIN, Register
from qtlrun.error import BadValue
from qtlrun.plan import facts


@facts(entangles=False, product={"readout": "z"}, widths=("qubits", "inputs", "readout", "copies"))
class Product:
    """Hadamards, then layers of RY(input) and two rotations per wire, RY and RZ.

    No gate acts on two wires; <Z> of each wire is measured, unless `register` says otherwise. A
    wire has `depth` angles, the first `more` wires one more. The last layer turns by RZ and RY, or
    RY alone where a wire's angles are odd in number, and each layer before it by RY and RZ. So
    every angle acts by itself: the third one of a general rotation would not, for RYs on both sides
    of an upload add up, and <Z> feels but two of the last three. Every layer uploads anew
    (Perez-Salinas et al., arXiv:1907.02085): wire w of layer l the input (l qubits + w) modulo
    `inputs`, in radians; there are as many layers as the angles and the inputs need. `inputs` None
    is one per wire.
    """

    def __init__(
        self,
        qubits: int,
        depth: int,
        more: int = 0,
        inputs: int | None = None,
        register: Register = PLAIN,
    ):
        if qubits < 1:
            raise BadValue(
                "qubits", qubits, "a circuit needs at least one qubit", "the dressed one has 4"
            )
        if depth < 0:
            raise BadValue(
                "depth",
                depth,
                "a wire's angles are counted from 0 up",
                "in the dressed circuit it has 6",
            )
        if not 0 <= more < qubits:
            raise BadValue(
                "more",
                more,
                f"fewer than all {qubits} wires have an angle more",
                f"give every wire one by depth={depth + 1}",
            )
        if inputs is not None and inputs < 1:
            raise BadValue("inputs", inputs, "one or more, or null for one a qubit")
        self.qubits = qubits
        self.depth = depth
        self.inputs = qubits if inputs is None else inputs
        self.counts = [depth + (wire < more) for wire in range(qubits)]
        self.layers = max(1, -(-max(self.counts) // 2), -(-self.inputs // qubits))
        self.register = register
        self.copies = register.copies
        self.ansatz = (sum(self.counts),)
        self.shape = register.shape(self.ansatz, qubits)

    def __call__(self, inputs, weights):
        weights, angles = self.register.split(weights, self.ansatz)
        first = 0
        for wire, count in enumerate(self.counts):
            qml.Hadamard(wire)
            self._turn(wire, inputs, weights[first : first + count])
            first += count
        return self.register.measure(range(self.qubits), angles)

    def _turn(self, wire: int, inputs, angles) -> None:
        """All layers of one wire; its angles lie in the order in which they act."""
        last = 2 - len(angles) % 2 if len(angles) else 0
        for layer in range(self.layers):
            qml.RY(inputs[(layer * self.qubits + wire) % self.inputs], wire)
            # Of the layer's first angle; below 0 it has none
            index = len(angles) - last - 2 * (self.layers - 1 - layer)
            if layer < self.layers - 1 and index >= 0:
                qml.RY(angles[index], wire)
                qml.RZ(angles[index + 1], wire)
        if last == 2:
            qml.RZ(angles[-2], wire)
        if last:
            qml.RY(angles[-1], wire)


@functools.cache
def sized(qubits: int, inputs: int, angles: int) -> Product:
    """The product circuit of so many qubits, inputs and angles.

    One object per size, so that a device traces it once.
    """
    depth, more = divmod(angles, qubits)
    return Product(qubits, depth, more, inputs)
