"""Finished runs for the tests of what takes one: small trainings by the command, and pictures."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figures import leave_undrawn
from PIL import Image

from qtlrun.compose import main
from qtlrun.report import figure

CLASSES = ("brick", "grass", "gravel")
SMALL = (
    "backbone=small",
    "backbone.width=4",
    "backbone.pretrain.recipe.epochs=1",
    "recipe.epochs=2",
    "recipe.batch_size=32",
    "circuit.qubits=2",
    "circuit.depth=1",
    "seeds=2",
)


def draw_pictures(root: Path, count: int = 10, side: int = 12) -> Path:
    """Class folders of noise whose brightness tells the classes apart."""
    draw = np.random.default_rng(0)
    for place, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = draw.normal(60 + 70 * place, 30, (side, side + number % 3, 3)).clip(0, 255)
            Image.fromarray(pixels.astype("uint8")).save(root / name / f"{number}.png")
    return root


def train(place: Path, *words: str) -> Path:
    """Folder of the run of a command line, under a home of its own."""
    outputs = place / "outputs"
    before = set(outputs.glob("*/*"))
    with pytest.MonkeyPatch.context() as patch:
        leave_undrawn(patch)
        patch.setattr(figure, "drawing", lambda *_: {})
        assert main([f"home={place / 'home'}", f"outputs={outputs}", *words]) == 0
    (folder,) = set(outputs.glob("*/*")) - before
    return folder


def predict(place: Path, *words: str) -> Path:
    """Folder of the predictions of a command line, under an empty home."""
    home = place / "empty"
    shutil.rmtree(home, ignore_errors=True)
    return train(place, "study=predict", *words, f"home={home}")


def table(folder: Path, name: str, *keys: str) -> pd.DataFrame:
    """Table of a run's folder, its lines by row and these keys."""
    frame = pd.read_csv(folder / f"{name}.csv", dtype={"picture": str})
    return frame.set_index(["row", *keys]).sort_index()
