"""TorchLayer with parameter-shift on a batch: github.com/PennyLaneAI/pennylane/issues/6078."""

import pennylane as qml
import torch
from torch import nn

device = qml.device("default.qubit", wires=2)


@qml.qnode(device, diff_method="parameter-shift")
def circuit(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))
    return [qml.expval(qml.PauliZ(wire)) for wire in range(2)]


def build():
    layer = qml.qnn.TorchLayer(circuit, {"weights": (3, 2)})
    items = torch.randn(10, 2)
    return nn.Sequential(nn.Linear(2, 2), layer, nn.Linear(2, 2)), items, (items[:, 0] > 0).long()
