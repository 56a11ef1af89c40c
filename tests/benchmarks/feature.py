"""Features of a frozen backbone, and the tutorial's whole experiment beside the published way to
run it.
"""

import time

import pennylane as qml
import torch
from measure import interleaved, machine, table
from torch import nn
from torchvision import models
from training import FEATURES, TRAIN, VALIDATION

from qtlrun.backbone.torchvision import Torchvision
from qtlrun.batch import cached
from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.freeze import Freeze
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Start
from qtlrun.recipe import Recipe
from qtlrun.train import fit

CHUNK = 32  # pictures at once
EPOCHS, BATCH = 30, 4


def main() -> None:
    cores = torch.get_num_threads()
    rows = []
    for threads in sorted({1, cores}):
        torch.set_num_threads(threads)
        for name in ("resnet18", "mobilenet_v2"):
            rows += _pictures(name, threads)
    table(
        "features",
        f"Pictures of 224 x 224 through a backbone with random weights, {CHUNK} at once, float32;"
        f" {machine()}.",
        ["backbone", "threads", "way", "pictures/s", "ratio to eager", "relative difference"],
        rows,
    )
    torch.set_num_threads(1)
    _tutorial()


def _pictures(name: str, threads: int) -> list[list]:
    eager = Torchvision(name, weights="none").eval()
    placed = Torchvision(name, weights="none").to(memory_format=torch.channels_last).eval()
    half = (
        Torchvision(name, weights="none", precision="bfloat16")
        .to(memory_format=torch.channels_last)
        .eval()
        .settled()
    )
    pictures = torch.randn(CHUNK, 3, 224, 224)
    flat = pictures.to(memory_format=torch.channels_last)
    ways = {
        "eager": (eager, pictures),
        "settled (the default)": (placed.settled(), flat),
        "bfloat16, where asked for": (half, flat),
    }
    with torch.inference_mode():
        right = eager(pictures)
        seconds = interleaved(
            {
                way: lambda network=network, given=given: network(given)
                for way, (network, given) in ways.items()
            },
            rounds=5,
        )
        return [
            [
                name,
                threads,
                way,
                f"{CHUNK / seconds[way][1]:.0f}",
                f"{seconds['eager'][1] / seconds[way][1]:.2f}",
                f"{float((network(given) - right).norm() / right.norm()):.0e}",
            ]
            for way, (network, given) in ways.items()
        ]


def _tutorial() -> None:
    """Pictures stand in memory as tensors in either way, so decoding is in neither."""
    pictures, labels = (
        torch.randn(TRAIN + VALIDATION, 3, 224, 224),
        torch.arange(TRAIN + VALIDATION) % 2,
    )
    step, look = _published(pictures, labels)
    looks = -(-VALIDATION // BATCH)
    published = EPOCHS * (TRAIN // BATCH * step + looks * look)
    began = time.perf_counter()
    backbone = (
        Torchvision("resnet18", weights="none")
        .to(memory_format=torch.channels_last)
        .eval()
        .settled()
    )
    with torch.inference_mode():
        features = torch.cat(
            [backbone(some.to(memory_format=torch.channels_last)) for some in pictures.split(CHUNK)]
        )
    extracted = time.perf_counter() - began
    began = time.perf_counter()
    recipe = Recipe(epochs=EPOCHS, batch_size=BATCH, lr=4e-4, backbone_lr=4e-4)
    head = Quantum(FEATURES, 2, Dressed(4, 6), Statevector(), Start([0]))
    splits = [
        cached(features[part].clone(), labels[part]) for part in (slice(TRAIN), slice(TRAIN, None))
    ]
    for _ in fit(head, None, [recipe], Freeze("all"), *splits, [0]):
        pass
    trained = time.perf_counter() - began
    table(
        "tutorial",
        f"The tutorial's experiment: {TRAIN} + {VALIDATION} pictures, {EPOCHS} epochs, batch"
        f" {BATCH}, one seed; {machine()}.",
        ["way", "seconds", "ratio"],
        [
            [
                (
                    f"published loop ({step * 1e3:.0f} ms a step, {look * 1e3:.0f} ms a look,"
                    " median of 8, times their number)"
                ),
                f"{published:.0f}",
                1,
            ],
            [
                "qtlrun, features computed",
                f"{extracted + trained:.1f}",
                f"{published / (extracted + trained):.0f}",
            ],
            ["qtlrun, features from the store", f"{trained:.2f}", f"{published / trained:.0f}"],
        ],
    )


def _published(pictures: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Median seconds of a training step and of a look at a validation batch: the whole network, a
    QNode for each sample.
    """
    circuit = Dressed(4, 6)
    node = qml.QNode(
        circuit,
        qml.device("default.qubit", wires=4),
        interface="torch",
    )
    network = models.resnet18(weights=None)
    network.requires_grad_(False)
    network.fc = nn.Identity()
    before, after, angles = (
        nn.Linear(FEATURES, 4),
        nn.Linear(4, 2),
        nn.Parameter(0.01 * torch.randn(6, 4)),
    )
    optimizer = torch.optim.Adam([*before.parameters(), *after.parameters(), angles], lr=4e-4)

    def logits(some):
        inputs = torch.tanh(before(network(some))) * torch.pi / 2
        return after(torch.stack([torch.stack(node(sample, angles)).float() for sample in inputs]))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits(pictures[:BATCH]), labels[:BATCH]).backward()
        optimizer.step()

    def look():
        with torch.no_grad():
            logits(pictures[:BATCH])

    seconds = interleaved({"step": step, "look": look}, rounds=8)
    return seconds["step"][1], seconds["look"][1]


if __name__ == "__main__":
    main()
