"""Equal items of a dataset: counted by what they show, whatever the split, the file and the format
they stand in.
"""

import json
import random
import zlib

import numpy as np
import pytest
import torch
from archives import archive
from composition import options, variants
from PIL import Image

from qtlrun import source
from qtlrun.comparison.row import Duplicates
from qtlrun.dataset import file
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.duplicate import count_duplicates

OFFLINE = ("digits", "iris", "moons", "spirals", "square", "coherent", "gaussian")


def paint(path, number, mode="RGB"):
    """A picture of noise that its number fixes, whatever the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def tree(root, **numbers):
    """Class folders, `ants=range(12)`; a double underscore is a slash."""
    for folder, own in numbers.items():
        for number in own:
            paint(
                root.joinpath(*folder.split("__"), f"{number:03}.png"),
                zlib.crc32(folder[-4:].encode()) + number,
            )
    return root


def described(home, root, *words):
    """The row of class folders, looked at as a run does before it starts."""
    plan = variants(
        "dataset=folder",
        f"dataset.root={root}",
        "backbone.weights=none",
        "backbone.pretrain=null",
        *words,
    )["composed"]
    experiment = Experiment(str(home))
    experiment.load(plan)
    return experiment.describe("A", plan)


def dataset_of(train, validation, test):
    return Dataset(train, validation, test, classes=("0", "1"), size=0, fingerprint="")


@pytest.mark.parametrize("seed", range(20))
def test_the_counts_are_those_of_comparing_every_item_with_every_other(seed):
    draw = random.Random(seed)
    sizes = [draw.randint(1, 12) for _ in range(3)]
    splits = [
        [(draw.choice("abcdefghij"), draw.randint(0, 1)) for _ in range(size)] for size in sizes
    ]
    made = [
        Split(
            torch.zeros(len(own), 1),
            torch.tensor([label for _, label in own]),
            tuple(item for item, _ in own),
        )
        for own in splits
    ]
    train, validation, test = splits
    every = [pair for own in splits for pair in own]
    found = count_duplicates(dataset_of(*made), {})
    assert found == Duplicates(
        distinct=len({item for item, _ in every}),
        repeated=len(
            {
                item
                for place, (item, _) in enumerate(every)
                for other, _ in every[place + 1 :]
                if item == other
            }
        ),
        contradictory=len(
            {
                item
                for item, label in every
                for other, second in every
                if item == other and label != second
            }
        ),
        test=len(test),
        test_in_train=len([item for item, _ in test if any(item == other for other, _ in train)]),
        test_in_validation=len(
            [item for item, _ in test if any(item == other for other, _ in validation)]
        ),
        validation=len(validation),
        validation_in_train=len(
            [item for item, _ in validation if any(item == other for other, _ in train)]
        ),
    )


def test_a_validation_split_that_is_the_test_split_counts_no_item_twice():
    test = Split(torch.zeros(2, 1), torch.tensor([0, 1]), ("a", "b"))
    train = Split(torch.zeros(2, 1), torch.tensor([1, 0]), ("b", "c"))
    found = count_duplicates(dataset_of(train, test, test), {})
    assert found == Duplicates(
        3, 1, 0, test=2, test_in_train=1, test_in_validation=0, validation=0, validation_in_train=0
    )


@pytest.mark.parametrize("dataset", OFFLINE)
def test_no_dataset_that_is_bundled_or_drawn_has_an_item_twice(home, dataset):
    assert dataset in options("dataset")
    plan = variants(f"dataset={dataset}", "backbone=identity", "compare=[]")["composed"]
    found = Experiment(str(home)).describe("A", plan).duplicates
    assert (
        found.repeated == found.test_in_train == found.validation_in_train == 0
        and found.distinct > 50
    )


def test_test_pictures_that_are_train_pictures_are_counted_and_so_are_their_copies_in_validation(
    home, tmp_path
):
    root = tree(
        tmp_path / "d",
        train__cats=range(12),
        train__dogs=range(12),
        test__cats=range(12),
        test__dogs=range(12),
    )
    row = described(home, root)
    held = row.counts["validation"]["cats"] + row.counts["validation"]["dogs"]
    assert row.duplicates == Duplicates(
        distinct=24,
        repeated=24,
        contradictory=0,
        test=24,
        test_in_train=24 - held,
        test_in_validation=held,
        validation=held,
        validation_in_train=0,
    )
    shared = described(home, root, "dataset.validation=test").duplicates
    assert shared.test_in_train == shared.test == 24 and shared.validation == 0


def test_a_picture_in_another_file_format_or_mode_is_the_same_picture(home, tmp_path):
    root = tree(
        tmp_path / "d", train__cats=range(12), train__dogs=range(12), test__dogs=range(50, 53)
    )
    for number, (ending, mode) in enumerate(
        (("bmp", "RGB"), ("tif", "RGB"), ("ppm", "RGB"), ("png", "RGBA"))
    ):
        paint(root / f"test/cats/copy-{number}.{ending}", zlib.crc32(b"cats") + number, mode)
    paint(root / "test/cats/other.bmp", 7)
    found = described(home, root, "dataset.validation=0.1").duplicates
    assert (found.test, found.distinct, found.repeated) == (8, 28, 4)
    assert found.test_in_train + found.test_in_validation == 4
    again = described(
        home, root, "dataset.validation=0.1"
    ).duplicates  # from the store, without decoding
    assert again == found


@pytest.mark.parametrize(
    "words", [(), ("dataset.fold=[0,4]",), ("dataset.train_size=0.5",), ("dataset.split_seed=3",)]
)
def test_two_copies_in_one_tree_are_found_wherever_the_draw_puts_them(home, tmp_path, words):
    root = tree(tmp_path / "d", cats=range(12), dogs=range(12))
    for number in range(12):
        paint(root / f"cats/again-{number}.png", zlib.crc32(b"cats") + number)
    row = described(home, root, *words)
    plan = variants("dataset=folder", f"dataset.root={root}", *words)["composed"]
    dataset = Experiment(str(home)).dataset(plan)
    train, test = (set(getattr(dataset, name).items) for name in ("train", "test"))
    assert row.duplicates.test_in_train == sum(item in train for item in dataset.test.items) > 0
    assert row.duplicates.repeated > 0 and test


def test_a_picture_of_two_classes_is_counted_and_a_dataset_mostly_of_such_is_refused(
    home, tmp_path
):
    root = tree(tmp_path / "d", cats=range(12), dogs=range(12))
    for number in range(6):
        paint(root / f"dogs/cat-{number}.png", zlib.crc32(b"cats") + number)
    found = described(home, root).duplicates
    assert (found.distinct, found.repeated, found.contradictory) == (24, 6, 6)
    for number in range(12):
        paint(root / f"dogs/cat-{number}.png", zlib.crc32(b"cats") + number)
    paint(root / "cats/dog.png", zlib.crc32(b"dogs"))
    with pytest.raises(UsageError) as error:
        described(home, root)
    assert (
        str(error.value)
        == "dataset: 13 of its 24 different pictures stand in two classes or more; leave each in"
        " one."
    )


def shade(path, number, size=(64, 64)):
    """A smooth scene that its number fixes, in a size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).resize(size).save(path)


def shaded(root):
    """Four test pictures are small copies of training pictures, one under another class."""
    for number in range(24):
        shade(root / f"train/{'cats' if number < 12 else 'dogs'}/{number:02}.png", number)
    for number in range(12):
        shade(root / f"test/{'cats' if number < 6 else 'dogs'}/{number:02}.png", 100 + number)
    for number, label in ((0, "cats"), (1, "cats"), (12, "dogs"), (2, "dogs")):
        shade(root / f"test/{label}/{number:02}.png", number, (40, 40))
    return root


def test_pictures_that_look_alike_are_counted_and_named_across_splits(home, tmp_path):
    row = described(home, shaded(tmp_path / "d"), "dataset.validation=test")
    assert row.duplicates.repeated == 0
    likeness = row.likeness
    assert (likeness.test_in_train, likeness.conflicting) == (4, 1)
    assert set(likeness.alike) < {
        ("train/cats/00.png", "test/cats/00.png"),
        ("train/cats/01.png", "test/cats/01.png"),
        ("train/dogs/12.png", "test/dogs/12.png"),
        ("train/cats/02.png", "test/dogs/02.png"),
    }
    assert likeness.conflicts == (("train/cats/02.png", "test/dogs/02.png"),)
    assert len(likeness.alike) == 3 and likeness.copies == ()


def test_another_division_of_the_files_is_not_decoded_again(home, tmp_path, monkeypatch):
    root = shaded(tmp_path / "d")
    first = described(home, root)

    def refuse(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr("qtlrun.dataset.file.decode_files", refuse)
    second = described(home, root, "dataset.split_seed=1")
    assert second.items == first.items and second.counts == first.counts
    near = second.likeness
    assert near.test_in_train + near.test_in_validation == 4


def test_names_tell_which_equal_pictures_stand_in_two_splits_and_which_have_two_labels(
    home, tmp_path
):
    root = tree(tmp_path / "d", train__cats=range(12), train__dogs=range(12), test__dogs=[50, 51])
    paint(root / "test/cats/copy.bmp", zlib.crc32(b"cats") + 3)
    paint(root / "test/dogs/cat.tif", zlib.crc32(b"cats") + 4)
    found = described(home, root, "dataset.validation=test").likeness
    assert found.copies == (
        ("train/cats/003.png", "test/cats/copy.bmp"),
        ("train/cats/004.png", "test/dogs/cat.tif"),
    )
    assert found.conflicts == (("train/cats/004.png", "test/dogs/cat.tif"),)
    assert found.conflicting == 1 and found.alike == ()


def test_transparent_pictures_are_counted_in_the_caution(home, tmp_path):
    root = tree(tmp_path / "d", cats=range(12), dogs=range(12))
    for number in range(2):
        layer = Image.fromarray(
            np.random.default_rng(number).integers(0, 256, (16, 16, 4), np.uint8)
        )
        layer.save(root / f"cats/clear-{number}.png")
    assert described(home, root).caution == "2 pictures show white where transparent."


def test_official_parts_of_a_public_set_are_compared(home, tmp_path, monkeypatch):
    """A scan of the stand-in's test part that stands in its train part too."""
    import hashlib

    from torchvision import datasets

    generator = np.random.default_rng(0)
    pictures = {
        "train": generator.integers(0, 256, (80, 28, 28), np.uint8),
        "t10k": generator.integers(0, 256, (30, 28, 28), np.uint8),
    }
    pictures["t10k"][4] = pictures["train"][24]  # both of class 4
    pictures["t10k"][5] = pictures["train"][36]  # of class 5 here, of class 6 there
    resources = []
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    for part in ("train", "t10k"):
        labels = np.tile(np.arange(10, dtype=np.uint8), len(pictures[part]) // 10)
        for name, array in (
            (f"{part}-images-idx3-ubyte.gz", pictures[part]),
            (f"{part}-labels-idx1-ubyte.gz", labels),
        ):
            (tmp_path / "MNIST/raw" / name).write_bytes(archive(array))
            resources.append((name, hashlib.md5(archive(array)).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setenv("QTLRUN_DATA", str(tmp_path))
    plan = variants(
        "dataset=mnist",
        "dataset.classes=null",
        "dataset.validation=test",
        "backbone=identity",
        "compare=[]",
    )["composed"]
    found = Experiment(str(home)).describe("A", plan).duplicates
    assert found == Duplicates(
        distinct=108,
        repeated=2,
        contradictory=1,
        test=30,
        test_in_train=2,
        test_in_validation=0,
        validation=0,
        validation_in_train=0,
    )
    json.dumps(found.__dict__)


def test_looks_that_other_source_took_are_taken_again(home, tmp_path, monkeypatch):
    root = shaded(tmp_path / "d")
    described(home, root)
    steps = []
    decode = file.decode_files
    monkeypatch.setattr(file, "decode_files", lambda *values: steps.append(1) or decode(*values))
    described(home, root)
    assert not steps
    monkeypatch.setattr(source, "digest", lambda *modules: "of another STEPS_PER_DIFFERENCE")
    described(home, root)
    assert steps
    names = {path.name for path in source.closure(file.__name__)}
    assert {"look.py", "colour.py", "picture.py"} <= names


def test_too_many_pictures_are_said_not_to_be_compared(home, tmp_path, monkeypatch):
    root = shaded(tmp_path / "d")
    assert described(home, root).likeness.compared
    for module in ("file", "look"):
        monkeypatch.setattr(f"qtlrun.dataset.{module}.MAX_PICTURES", 35)
    likeness = described(tmp_path / "other", root).likeness
    assert not likeness.compared and not likeness.test_in_train
    again = described(tmp_path / "other", root).likeness  # from the store
    assert not again.compared


@pytest.mark.parametrize("dataset, compared", [("digits", False), ("iris", True)])
def test_pictures_held_as_numbers_are_said_not_to_be_compared(home, dataset, compared):
    plan = variants(f"dataset={dataset}", "backbone=identity")["composed"]
    experiment = Experiment(str(home))
    experiment.load(plan)
    assert experiment.describe("A", plan).likeness.compared == compared
