"""Circuit of which a local and a global observable are measured in place of its readout."""

import math

import pennylane as qml


class Observed:
    """Circuit of which Z of the first wire and Z of all wires together are measured.

    Where its inputs are angles, they stand before its weights in one vector: each run has an item,
    and its state is simulated once. Amplitudes stay inputs.
    """

    def __init__(self, circuit, inputs: int, direct: bool):
        self.circuit = circuit
        self.qubits = circuit.qubits
        self.inputs = inputs if direct else 0
        self.fed = inputs - self.inputs
        self.shape = (self.fed + math.prod(circuit.shape),)

    def __call__(self, inputs, weights):
        items = weights[: self.fed] if self.fed else inputs
        self.circuit(items, weights[self.fed :].reshape(tuple(self.circuit.shape)))
        wires = [qml.Z(wire) for wire in range(self.qubits)]
        product = wires[0] if self.qubits == 1 else qml.prod(*wires)
        return [qml.expval(wires[0]), qml.expval(product)]
