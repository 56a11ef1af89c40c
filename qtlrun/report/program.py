"""Python programs that are written beside an exported network, and run without qtlrun."""

PICTURES = '''"""Predict pictures: python network.py PICTURE ... (torch, torchvision, pillow)."""

import json
import sys
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

folder = Path(__file__).parent
about = json.loads((folder / "network.json").read_text())
how = about["preprocessing"]


def read(path):
    """Items of a file, as the network takes them."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if about["channels"] == 1:
        picture = picture.convert("L")
    pixels = functional.pil_to_tensor(picture)
    if min(pixels.shape[-2:]) != how["resize"]:
        kind = InterpolationMode(how["interpolation"])
        pixels = functional.resize(pixels, [how["resize"]], kind, antialias=True)
    if pixels.shape[-2:] != (how["size"], how["size"]):
        pixels = functional.center_crop(pixels, [how["size"], how["size"]])
    if len(how["mean"]) < len(pixels):
        pixels = functional.rgb_to_grayscale(pixels)
    pixels = pixels.expand(len(how["mean"]), -1, -1)
    mean, std = (torch.tensor(how[name]).view(-1, 1, 1) for name in ("mean", "std"))
    return ((pixels / 255 - mean) / std).unsqueeze(0).to(getattr(torch, about["dtype"]))
'''
VECTORS = '''"""Predict vectors: python network.py FILE.csv, numbers without a header (torch)."""

import json
import sys
from pathlib import Path

import torch

folder = Path(__file__).parent
about = json.loads((folder / "network.json").read_text())


def read(path):
    """Items of a file, as the network takes them."""
    lines = Path(path).read_text().split()
    values = torch.tensor([list(map(float, line.split(","))) for line in lines]).double()
    if about["scaling"]:
        mean, deviation = (torch.tensor(about["scaling"][name]) for name in ("mean", "deviation"))
        values = (values - mean.double()) / deviation.double()
    return values.to(getattr(torch, about["dtype"]))
'''
PREDICT = '''

def show(predict):
    """Print the probabilities of the items of each file that the command names."""
    for path in sys.argv[1:]:
        with torch.no_grad():
            probabilities = predict(read(path)).double().softmax(-1)
        for item in probabilities.tolist():
            print(json.dumps({"file": path} | dict(zip(about["classes"], item, strict=True))))


if __name__ == "__main__":
    show(torch.export.load(folder / "network.pt2").module())
'''
CIRCUIT = '''"""{title}: its circuit in PennyLane, between front.pt2 and back.pt2.

Predict: python circuit.py FILE ... (torch, pennylane, and what network.py takes)
"""

from pathlib import Path

import pennylane as qml
import torch

folder = Path(__file__).parent


{functions}


device = qml.device("default.qubit", wires={qubits})
nodes = [qml.QNode(circuit, device) for circuit in [{names}]]


def predict(items):
    """Logits of items: each goes through the circuit by itself."""
    front, back = (torch.export.load(folder / f"{{name}}.pt2") for name in ("front", "back"))
    numbers = front.module()(items)
    values = []
    for item in numbers.double().unflatten(-1, (len(nodes), -1)):
        outputs = [value for node, x in zip(nodes, item) for value in node(x)]
        values.append(torch.cat([torch.as_tensor(value).reshape(-1) for value in outputs]))
    return back.module()(torch.stack(values).to(numbers.dtype))


if __name__ == "__main__":
    from network import show

    show(predict)
'''


def network_program(*, vectors: bool) -> str:
    """Program that reads items and predicts them by network.pt2."""
    return (VECTORS if vectors else PICTURES) + PREDICT


def circuit_program(title: str, functions: dict[str, str], qubits: int) -> str:
    """Program that predicts items by circuits in PennyLane, of the sources of their functions."""
    sources = "\n\n\n".join(source.rstrip() for source in functions.values())
    return CIRCUIT.format(title=title, functions=sources, names=", ".join(functions), qubits=qubits)
