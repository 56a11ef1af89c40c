"""Results of a circuit taken for one tensor, as notebooks of 2019 do.

github.com/XanaduAI/quantum-transfer-learning/issues/17: a circuit that returns a list of
expectation values gives a list of tensors.
"""

import pennylane as qml
import torch
from torch import nn

device = qml.device("default.qubit", wires=2)


@qml.qnode(device, interface="torch")
def circuit(inputs, weights):
    for wire in range(2):
        qml.RY(inputs[wire], wires=wire)
    qml.CNOT(wires=[0, 1])
    for wire in range(2):
        qml.RY(weights[wire], wires=wire)
    return [qml.expval(qml.PauliZ(wire)) for wire in range(2)]


class Dressed(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Linear(2, 2)
        self.weights = nn.Parameter(0.01 * torch.randn(2))
        self.post = nn.Linear(2, 2)

    def forward(self, items):
        angles = torch.tanh(self.pre(items)) * torch.pi / 2
        outputs = torch.Tensor(0, 2)
        for each in angles:
            outputs = torch.cat((outputs, circuit(each, self.weights).float().unsqueeze(0)))
        return self.post(outputs)


def build():
    items = torch.randn(4, 2)
    return Dressed(), items, (items[:, 0] > 0).long()
