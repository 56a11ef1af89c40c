"""Python programs that are written beside an exported network, and run without qtlrun."""

from typing import Literal

PICTURES = '''"""Predict pictures: python network.py PICTURE ... (torch, torchvision, pillow)."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

folder = Path(__file__).parent
about = json.loads((folder / "network.json").read_text())
how = about["preprocessing"]
BITS, PHOTOMETRIC = 258, 262  # tags of TIFF: bits a channel, and 0 where white is 0
TURNS = dict(zip(range(2, 9), (0, 3, 1, 5, 4, 6, 2)))  # of Exif's orientations, by Pillow


def to_rgb(image):
    """Picture in 8-bit RGB: deep gray scaled, transparency on white, as in the training."""
    is_tiff = image.format == "TIFF"
    if image.mode.startswith("F") or (image.mode == "I" and is_tiff):
        sys.exit(f"{image.filename}: its white is unknown; convert it to 8 or 16 bits a channel")
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(float)
        bits = image.tag_v2.get(BITS, (16,))[0] if is_tiff else 16
        gray = np.rint(levels * (255 / (2**bits - 1))).astype("uint8")
        if is_tiff and image.tag_v2.get(PHOTOMETRIC) == 0:
            gray = 255 - gray
        gray[levels == image.info.get("transparency", -1)] = 255
        return Image.fromarray(gray).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def read_pixels(path):
    """Pixels of a picture, upright, gray where the network was trained on gray ones."""
    image = Image.open(path)
    image.load()
    turn = TURNS.get(image.getexif().get(0x0112))
    picture = to_rgb(image)
    picture = picture if turn is None else picture.transpose(turn)
    return functional.pil_to_tensor(picture.convert("L") if about["channels"] == 1 else picture)
'''
PIXELS = '''

def read(path):
    """Item of a file, its pixels in a row, as the network takes them."""
    pixels = read_pixels(path).flatten() / 255
    if len(pixels) != about["input"][1]:
        sys.exit(f"{path}: {len(pixels)} pixels, and the network takes {about['input'][1]}")
    return pixels.unsqueeze(0).to(getattr(torch, about["dtype"]))
'''
PREPROCESSED = '''

def read(path):
    """Item of a file, as the network takes it."""
    pixels = read_pixels(path)
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
    rows = [list(map(float, line.split(","))) for line in lines]
    values = torch.tensor(rows, dtype=torch.float64)
    if about["scaling"]:
        scaling = (about["scaling"][name] for name in ("mean", "deviation"))
        mean, deviation = (torch.tensor(each, dtype=torch.float64) for each in scaling)
        values = (values - mean) / deviation
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


READERS = {"vectors": VECTORS, "pixels": PICTURES + PIXELS, "pictures": PICTURES + PREPROCESSED}


def network_program(items: Literal["vectors", "pixels", "pictures"]) -> str:
    """Program that reads items and predicts them by network.pt2.

    Vectors and pixels in a row go into the network as they are, pictures by `Preprocess`.
    """
    return READERS[items] + PREDICT


def circuit_program(title: str, functions: dict[str, str], qubits: int) -> str:
    """Program that predicts items by circuits in PennyLane, of the sources of their functions."""
    sources = "\n\n\n".join(source.rstrip() for source in functions.values())
    return CIRCUIT.format(title=title, functions=sources, names=", ".join(functions), qubits=qubits)
