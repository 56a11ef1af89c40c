"""A trained run comes back from its folder alone, and predicts what it predicted when trained."""

import shutil

import numpy as np
import pandas as pd
import pytest
from finished import CLASSES, SMALL, draw_pictures, predict, table, train
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from qtlrun.compose import main

ROWS = "compare=[B,C,twin,logistic,svm]"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Place of a run on pictures whose files and store are gone, and of copies of the pictures."""
    place = tmp_path_factory.mktemp("finished")
    root = draw_pictures(place / "pictures")
    words = ("dataset=folder", f"dataset.root={root}", *SMALL, ROWS, "recipe.scale=standard")
    train(place, *words).rename(place / "run")
    root.rename(place / "copies")
    shutil.rmtree(place / "home")
    return place


@pytest.fixture(scope="module")
def predicted(place):
    return predict(place, f"run={place / 'run'}", f"images={place / 'copies'}")


def probabilities(frame):
    return frame[[f"p({name})" for name in CLASSES]]


def test_every_row_seed_and_split_predicts_what_it_predicted_when_it_was_trained(place, predicted):
    trained = table(place / "run", "predictions", "split", "seed", "picture")
    found = table(predicted, "predictions_by_seed", "split", "seed", "picture").loc[trained.index]
    assert set(trained.index.get_level_values("row")) == {"A", "B", "C", "twin", "logistic", "svm"}
    assert found["predicted"].tolist() == trained["predicted"].tolist()
    difference = probabilities(found) - probabilities(trained)
    # Batches of another size are rounded otherwise, in float32
    assert np.abs(difference.to_numpy()).max() < 2e-6


def test_a_row_has_the_mean_probability_of_its_trainings(predicted):
    seeds = table(predicted, "predictions_by_seed", "picture")
    means = table(predicted, "predictions", "picture")
    expected = probabilities(seeds).groupby(level=[0, 1]).mean()
    assert np.allclose(probabilities(means), expected, atol=1e-12)
    assert np.allclose(probabilities(means).sum(axis=1), 1)
    assert len(means) == 6 * 30 and len(seeds) == 6 * 30 * 2


def test_the_terminal_shows_the_first_pictures_with_their_classes(place, capsys):
    predict(place, f"run={place / 'run'}", f"images={place / 'copies'}")
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("brick/")]
    assert len(lines) == 10 and all(len(line) <= 100 for line in printed.splitlines())
    assert "30 pictures predicted; the first 10 are above" in printed


def test_a_run_whose_plan_was_edited_is_refused_with_the_row_and_the_key(place, tmp_path, capsys):
    run = shutil.copytree(place / "run", tmp_path / "run")
    plan = (run / "plan.yaml").read_text()
    assert "qubits: 2" in plan
    (run / "plan.yaml").write_text(plan.replace("qubits: 2", "qubits: 3"))
    words = ["study=predict", f"run={run}", f"images={place / 'copies'}", f"home={tmp_path}"]
    assert main(words) == 2
    assert "row A was trained with another circuit.qubits: " in capsys.readouterr().err


def test_a_file_a_pattern_and_a_list_name_pictures(place):
    copies = place / "copies"
    for images, count in (
        (copies / "grass" / "3.png", 1),
        (f"{copies}/gr*/*.png", 20),
        (f"[{copies / 'grass'},{copies / 'brick' / '0.png'}]", 11),
    ):
        folder = predict(place, f"run={place / 'run'}", f"images={images}")
        assert len(table(folder, "predictions").loc[["C"]]) == count


def test_last_is_the_newest_run_with_weights(place, predicted):
    shutil.copytree(place / "run", place / "outputs/1999-01-01/00-00-00-old")
    folder = predict(place, "run=last", f"images={place / 'copies'}")
    plan = (folder / "plan.yaml").read_text()
    assert "1999-01-01/00-00-00-old" in plan and "name: predict" in plan
    other = predict(place, "run=00-00-00-old", f"images={place / 'copies'}")
    assert (other / "predictions.csv").read_bytes() == (folder / "predictions.csv").read_bytes()


@pytest.fixture
def broken(place, tmp_path):
    """A folder of thirty good pictures and three that cannot be read."""
    folder = shutil.copytree(place / "copies", tmp_path / "broken")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    good = (folder / "brick/0.png").read_bytes()
    (folder / "brick/cut.png").write_bytes(good[: len(good) // 2])
    return folder


def test_pictures_that_cannot_be_read_end_the_run_and_are_named(place, broken, tmp_path, capsys):
    words = [f"run={place / 'run'}", f"images={broken}", f"outputs={tmp_path / 'outputs'}"]
    assert main(["study=predict", f"home={tmp_path / 'home'}", *words]) == 2
    said = capsys.readouterr().err
    assert "3 of 33 cannot be predicted: empty.jpg holds 0 bytes" in said
    assert "brick/cut.png is damaged" in said and "images_skip=true leaves them out" in said
    assert not list((tmp_path / "outputs").rglob("*.csv"))


def test_skipped_pictures_are_named_and_the_others_stay_as_they_were(
    place, broken, predicted, capsys
):
    folder = predict(place, f"run={place / 'run'}", f"images={broken}", "images_skip=true")
    assert (folder / "predictions.csv").read_bytes() == (predicted / "predictions.csv").read_bytes()
    said = " ".join(capsys.readouterr().out.split())
    assert "Left out: empty.jpg holds 0 bytes" in said and "text.png is no readable" in said


def test_a_name_that_is_no_unicode_and_other_files_leave_the_table_whole(place, tmp_path, capsys):
    folder = tmp_path / "odd"
    folder.mkdir()
    good = (place / "copies/brick/0.png").read_bytes()
    (folder / "notes.txt").write_text("no picture")
    (folder / "gr\udcfcn,\n.png").write_bytes(good)
    found = table(predict(place, f"run={place / 'run'}", f"images={folder}"), "predictions")
    assert found.loc[["C"], "picture"].tolist() == ["gr\\xfcn,\\n.png"]
    assert "1 file beside them without a picture's ending" in capsys.readouterr().out


def test_a_picture_is_turned_upright_and_stripped_of_an_opaque_alpha(place, tmp_path):
    plain = Image.open(place / "copies/grass/1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    folder = tmp_path / "turned"
    folder.mkdir()
    plain.save(folder / "a.png")
    plain.transpose(Image.Transpose.ROTATE_90).save(folder / "b.png", exif=exif)
    plain.convert("RGBA").save(folder / "c.png")
    found = table(predict(place, f"run={place / 'run'}", f"images={folder}"), "predictions")
    rows = probabilities(found.loc[["A"]]).to_numpy()
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[0], rows[2])


def test_pixels_that_are_features_take_grey_pictures_of_the_same_size_alone(tmp_path, capsys):
    words = ("backbone=identity", "head=logistic", "compare=[]", "seeds=1")
    run = train(tmp_path, *words)
    trained = table(run, "predictions", "picture")
    scans, labels = load_digits(return_X_y=True)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in np.flatnonzero(labels >= 6)[-40:]:
        pixels = np.rint(scans[number].reshape(8, 8) * 255 / 16).astype("uint8")
        Image.fromarray(pixels).convert("RGB").save(pictures / f"{number}.png")
    found = probabilities_of(predict(tmp_path, f"run={run}", f"images={pictures}"))
    expected = trained[[f"p({digit})" for digit in (6, 7, 8, 9)]].to_numpy()
    gaps = np.abs(found[:, None] - expected[None]).max(-1).min(1)
    assert np.mean(gaps < 1e-6) > 0.5  # the others were trained on
    Image.new("RGB", (10, 9)).save(pictures / "other.png")
    assert main(["study=predict", f"run={run}", f"images={pictures}", f"home={tmp_path}"]) == 2
    assert (
        "other.png has 9 x 10 pixels, and its run takes those of 8 x 8 as they are"
        in capsys.readouterr().err
    )


def probabilities_of(folder):
    return table(folder, "predictions").filter(like="p(").to_numpy()


def test_vectors_are_scaled_as_the_training_scaled_them(tmp_path):
    words = ("dataset=iris", "backbone=perceptron", "freeze=none", "head=classical")
    parts = ("parametrization=quantum_train_small", "parametrization.depth=1", "compare=[C]")
    run = train(tmp_path, *words, *parts, "recipe.epochs=2", "seeds=2", "splits=1")
    trained = table(run, "predictions", "seed")
    measured = load_iris().data
    files = [tmp_path / f"flowers.{kind}" for kind in ("csv", "npy")]
    pd.DataFrame(measured, columns=list("abcd")).to_csv(files[0], index=False)
    np.save(files[1], measured)
    for file in files:
        folder = predict(tmp_path, f"run={run}", f"images={file}")
        found = table(folder, "predictions_by_seed", "seed")
        for cell in trained.index.unique():
            sides = [frame.loc[[cell]].filter(like="p(").to_numpy() for frame in (found, trained)]
            gaps = np.abs(sides[0][:, None] - sides[1][None]).max(-1)
            assert gaps.min(0).max() < 1e-6  # each test flower is among those measured


def test_a_backbone_from_a_file_is_found_where_it_is_named_and_no_other_is_taken(tmp_path, capsys):
    from safetensors.torch import save_file

    from qtlrun.backbone.small import Small

    files = [tmp_path / f"{name}.safetensors" for name in ("a", "b")]
    for seed, file in enumerate(files):
        save_file(Small(weights="none", width=4, seed=seed).state_dict(), file)
    words = (*SMALL, f"backbone.weights={files[0]}", "backbone.pretrain=null", "dataset.train=5")
    run = train(tmp_path, *words, "compare=[B,C]")
    images = draw_pictures(tmp_path / "pictures", 1)
    expected = probabilities_of(predict(tmp_path, f"run={run}", f"images={images}"))
    moved = files[0].rename(tmp_path / "moved.safetensors")
    word = [f"backbone.weights={moved}"]
    found = probabilities_of(predict(tmp_path, f"run={run}", f"images={images}", *word))
    assert np.array_equal(found, expected)
    command = ["study=predict", f"run={run}", f"images={images}", f"home={tmp_path}"]
    assert main(command) == main([*command, f"backbone.weights={files[1]}"]) == 2
    absent, other = capsys.readouterr().err.splitlines()
    assert "name the same file at its place with backbone.weights=FILE" in absent
    assert "the run begins from another file, whose SHA-256 is" in other
