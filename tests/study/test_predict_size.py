"""Pictures to predict have the size that every row of the run takes."""

import numpy as np
import pandas as pd
import pytest
from finished import SMALL, predict, train
from PIL import Image

from qtlrun.compose import main

SIDES = {"good": (8, 8), "flat": (4, 16), "large": (20, 20)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run whose backbone resizes, beside a row that takes the pixels as they are."""
    place = tmp_path_factory.mktemp("size")
    draw = np.random.default_rng(0)
    for kind, shade in (("dark", 50), ("light", 200)):
        (place / "pictures" / kind).mkdir(parents=True)
        for number in range(10):
            pixels = draw.normal(shade, 30, (8, 8, 3)).clip(0, 255).astype("uint8")
            Image.fromarray(pixels).save(place / f"pictures/{kind}/{number}.png")
    words = ("dataset=folder", f"dataset.root={place}/pictures", *SMALL, "head=logistic")
    train(place, *words, "compare=[pixels]", "seeds=1", "splits=1").rename(place / "run")
    (place / "new").mkdir()
    for name, (height, width) in SIDES.items():
        Image.new("RGB", (width, height)).save(place / f"new/{name}.png")
    return place


@pytest.mark.parametrize("name, sides", [("flat", "4 x 16"), ("large", "20 x 20")])
def test_a_picture_that_one_row_cannot_take_is_named(place, capsys, name, sides):
    command = [f"run={place}/run", f"images={place}/new/{name}.png", f"home={place}/other"]
    assert main(["study=predict", *command]) == 2
    said = f"{name}.png has {sides} pixels, and its run takes those of 8 x 8 as they are"
    assert said in capsys.readouterr().err


def test_skipped_pictures_of_other_sizes_leave_the_good_one(place):
    folder = predict(place, f"run={place}/run", f"images={place}/new", "images_skip=true")
    found = pd.read_csv(folder / "predictions.csv")
    assert found["picture"].tolist() == ["good.png"] * 2 and set(found["predicted"]) == {"dark"}
