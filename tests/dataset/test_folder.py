import os
import signal
import sys
import time
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from divided import divided
from PIL import Image

from qtlrun import disk
from qtlrun.dataset import picture
from qtlrun.dataset.folder import folder
from qtlrun.error import UsageError


def paint(path, size=(8, 6)):
    """A small picture with a content of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(os.fsencode(path)))
    Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(
        path, "PNG"
    )


def make(root, **values):
    return divided(folder, root, **values)


def fill(root, **counts):
    """`fill(root, ants=3)` paints root/ants/0.png to 2.png; a double underscore in a name is a
    slash.
    """
    for name, count in counts.items():
        for number in range(count):
            paint(root.joinpath(*name.split("__"), f"{number}.png"))
    return root


def parts_of(root, train=5, test=3):
    return fill(root, train__ants=train, train__bees=train, val__ants=test, val__bees=test)


def refusal(root, **values):
    with pytest.raises(ValueError) as error:
        make(str(root), **values)
    return str(error.value)


def test_a_folder_that_is_not_there_is_absent_and_one_that_is_wrong_is_not(tmp_path):
    """Whatever has words put before it: only what is absent would another day's data mend."""
    with pytest.raises(UsageError) as error:
        make(str(tmp_path / "nowhere"))
    assert error.value.missing
    assert (
        str(error.value)
        == f"root={tmp_path}/nowhere: there is no such folder; give one that holds class folders."
    )
    paint(tmp_path / "one.png")
    for root in (tmp_path, tmp_path / "one.png"):
        with pytest.raises(ValueError) as error:
            make(str(root))
        assert not error.value.missing


def test_class_folders_are_divided_by_class(tmp_path):
    data = make(str(fill(tmp_path, bees=10, ants=20)))
    assert data.classes == ("ants", "bees") and data.size == 30
    assert [len(part) for part in (data.train, data.validation, data.test)] == [18, 6, 6]
    for part, counts in ((data.train, [12, 6]), (data.validation, [4, 2]), (data.test, [4, 2])):
        assert part.labels.bincount().tolist() == counts
        assert all(
            name.startswith(("ants/", "bees/")[label])
            for name, label in zip(part.names, part.labels.tolist(), strict=False)
        )
    items = [set(part.items) for part in (data.train, data.validation, data.test)]
    assert len(set.union(*items)) == sum(map(len, items)) == 30


def test_an_item_is_its_file(tmp_path):
    data = make(str(fill(tmp_path, ants=5, bees=5)))
    for part in (data.train, data.validation, data.test):
        for index, name in enumerate(part.names):
            assert part.items[index] == disk.file_digest(tmp_path / name)
            assert torch.equal(part.inputs[index], picture.read(tmp_path / name))


@pytest.mark.parametrize("second", ["val", "test"])
def test_a_published_second_part_is_the_test_split(tmp_path, second):
    parts_of(tmp_path)
    (tmp_path / "val").rename(tmp_path / second)
    data = make(str(tmp_path), test=0.9)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [8, 2, 6]
    assert {name.split("/")[0] for name in data.test.names} == {second}
    assert {name.split("/")[0] for name in data.train.names + data.validation.names} == {"train"}


def test_three_published_parts_are_what_they_say(tmp_path):
    data = make(str(fill(parts_of(tmp_path), test__ants=2, test__bees=1)))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [10, 6, 3]
    assert {name.split("/")[0] for name in data.validation.names} == {"val"}


def test_validation_may_be_the_test_split_and_then_train_is_all_of_train(tmp_path):
    data = make(str(parts_of(tmp_path)), validation="test")
    assert data.validation is data.test and len(data.train) == 10 and data.size == 16
    whole = make(str(fill(tmp_path / "whole", ants=10, bees=10)), validation="test")
    assert whole.validation is whole.test and [len(whole.train), len(whole.test)] == [16, 4]


def test_the_test_split_stays_the_same_whatever_validation_is(tmp_path):
    fill(tmp_path, ants=20, bees=20)
    names = [make(str(tmp_path), validation=share).test.names for share in (0.1, 0.5, "test")]
    assert names[0] == names[1] == names[2]


def test_one_seed_gives_one_split_and_another_seed_another(tmp_path):
    root = str(fill(tmp_path, ants=20, bees=20))
    first, second, other = (make(root, split_seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == second.fingerprint and first.test.names == second.test.names
    assert first.fingerprint != other.fingerprint and first.test.names != other.test.names


def test_the_fingerprint_follows_the_content_and_not_the_place_or_the_date(tmp_path):
    before = make(str(fill(tmp_path / "one", ants=6, bees=6))).fingerprint
    (tmp_path / "one").rename(tmp_path / "two")
    os.utime(tmp_path / "two/ants/0.png", (1, 1))
    assert make(str(tmp_path / "two")).fingerprint == before
    paint(tmp_path / "two/ants/0.png", size=(9, 6))
    changed = make(str(tmp_path / "two")).fingerprint
    assert changed != before
    (tmp_path / "two/ants/0.png").rename(tmp_path / "two/bees/9.png")
    assert make(str(tmp_path / "two")).fingerprint not in (before, changed)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    fill(tmp_path / "pictures", ants=3, bees=3)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make("~/pictures").size == 6


def test_litter_and_other_files_are_left_out(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    for litter in (
        ".ipynb_checkpoints/0.png",
        "__MACOSX/0.png",
        "ants/.ipynb_checkpoints/0.png",
        ".hidden/0.png",
    ):
        paint(tmp_path / litter)
    for litter in (
        "._ants.jpg",
        "ants/._0.png",
        "ants/Thumbs.db",
        "bees/imageNotFound.gif",
        "readme.txt",
    ):
        (tmp_path / litter).write_bytes(b"litter")
    data = make(str(tmp_path))
    assert data.classes == ("ants", "bees") and data.size == 10
    hidden = "._* (2), .ipynb_checkpoints (2), .hidden (1), Thumbs.db (1), __MACOSX (1)"
    assert f"Hidden and left out: {hidden}." in data.caution
    data.verify()


def test_links_in_a_circle_are_not_followed_and_each_file_counts_once(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "ants/round").symlink_to(tmp_path / "ants", target_is_directory=True)
    (tmp_path / "ants/self").symlink_to(tmp_path / "ants/self")
    (tmp_path / "ants/again.png").symlink_to(tmp_path / "ants/0.png")
    os.link(tmp_path / "bees/1.png", tmp_path / "bees/once more.png")
    data = make(str(tmp_path))
    assert data.classes == ("ants", "bees") and data.size == 10


def test_a_linked_class_folder_and_linked_parts_are_read_as_if_they_lay_there(tmp_path):
    """Trees of many gigabytes are put together by links; what is read must not hang on which
    folders are links.
    """
    real = fill(parts_of(tmp_path / "real"), train__moths=4, val__moths=2)
    plain = make(str(real))
    (tmp_path / "classes/val").mkdir(parents=True)
    (tmp_path / "classes/train").symlink_to(real / "train")
    for name in ("ants", "bees", "moths"):
        (tmp_path / "classes/val" / name).symlink_to(real / "val" / name)
    (tmp_path / "all").symlink_to(tmp_path / "classes")
    for root in ("classes", "all"):
        linked = make(str(tmp_path / root))
        assert linked.classes == plain.classes == ("ants", "bees", "moths")
        assert linked.fingerprint == plain.fingerprint and linked.size == plain.size == 22
        linked.verify()


def test_one_folder_linked_to_two_classes_is_refused(tmp_path):
    fill(tmp_path, ants=3, bees=3)
    (tmp_path / "moths").symlink_to(tmp_path / "ants")
    sentence = "ants/0.png and moths/0.png are one file, linked to two places; remove one."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_a_link_to_a_class_folder_that_is_gone_is_refused_by_its_name(tmp_path):
    fill(tmp_path, ants=3, bees=3)
    (tmp_path / "moths").symlink_to("/nowhere/moths")
    sentence = "moths is a link that leads nowhere, to /nowhere/moths; mend or remove it."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_pictures_in_folders_within_a_class_belong_to_it(tmp_path):
    fill(tmp_path, root__ants=3, root__bees=3, elsewhere=2)
    fill(tmp_path, root__ants__2023__May=2, root__ants__2024=1)
    (tmp_path / "root/ants/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/ants/2024/back").symlink_to(tmp_path / "root/ants")
    data = make(str(tmp_path / "root"))
    assert sum(data.counts[part]["ants"] for part in data.splits) == 3 + 2 + 2 + 1
    names = {name for split in data.splits.values() for name in split.names}
    assert {name for name in names if "/20" in name} == {
        "ants/2023/May/0.png",
        "ants/2023/May/1.png",
        "ants/2024/0.png",
    }
    folders = "ants/2023, ants/2024, ants/more, ants/2023/May"
    assert data.caution == f"Folders within classes belong to them: {folders}."


def test_what_is_left_out_is_counted_by_its_ending(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    assert make(str(tmp_path)).caution == ""
    for number in range(3):
        (tmp_path / f"ants/{number}.HEIC").write_bytes(b"x")
    assert make(str(tmp_path)).caution == "3 files left out: .heic."
    for name in ("bees/1.gif", "labels.csv", "1.png", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    sentences = (
        "5 files left out: .heic (3), .csv (1), .gif (1).",
        "1 picture in no class left out: 1.png.",
        "Hidden and left out: .hidden.",
    )
    assert make(str(tmp_path)).caution == " ".join(sentences)


@pytest.mark.parametrize(
    "names",
    [("train", "valid"), ("Train", "Val"), ("training", "validation"), ("train", "testing")],
)
def test_the_usual_names_of_two_parts_are_understood(tmp_path, names):
    train, second = names
    data = make(
        str(
            fill(
                tmp_path,
                **{
                    f"{train}__ants": 5,
                    f"{train}__bees": 5,
                    f"{second}__ants": 3,
                    f"{second}__bees": 2,
                },
            )
        )
    )
    assert [len(part) for part in (data.train, data.validation, data.test)] == [8, 2, 5]
    assert data.caution == ""


def test_the_usual_names_of_three_parts_are_understood_and_what_lies_beside_is_said(tmp_path):
    fill(
        tmp_path,
        train__ants=5,
        train__bees=5,
        valid__ants=2,
        valid__bees=2,
        test__ants=3,
        test__bees=3,
        extra__ants=4,
    )
    data = make(str(tmp_path))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [10, 4, 6]
    assert {name.split("/")[0] for name in data.validation.names} == {"valid"}
    assert data.caution == "Left out beside the parts: extra."


def test_two_folders_for_one_part_are_refused(tmp_path):
    fill(
        tmp_path,
        train__ants=2,
        train__bees=2,
        val__ants=2,
        val__bees=2,
        valid__ants=2,
        valid__bees=2,
    )
    assert (
        refusal(tmp_path)
        == f"root={tmp_path}: val and valid would both be its validation part; keep one."
    )


def test_a_refusal_says_how_many_files_it_is_about(tmp_path):
    fill(tmp_path, ants=9, bees=9)
    for number in range(7):
        pixels = np.full((6, 8), number, np.float32)
        Image.fromarray(pixels).save(tmp_path / f"ants/{number}.tif")
    first = (
        "ants/0.tif has signed, 32-bit or floating-point channels, whose white is unknown;"
        " convert it to 8 or 16 bits a channel."
    )
    more = (
        "7 files cannot be taken; the others are ants/1.tif, ants/2.tif, ants/3.tif, ants/4.tif,"
        " ants/5.tif, ..."
    )
    assert refusal(tmp_path) == f"root={tmp_path}: {first} {more}."


def test_what_is_looked_at_does_not_depend_on_the_division(tmp_path):
    root = str(fill(tmp_path, ants=6, bees=6))
    first, second, smaller = (
        make(root, **values) for values in ({}, {"split_seed": 1}, {"train_size": 4})
    )
    assert first.files == second.files == smaller.files
    assert first.fingerprint != second.fingerprint
    paint(tmp_path / "ants/0.png", (9, 9))
    assert make(root).files != first.files


def test_verify_gives_the_content_of_pictures_that_look_alike_whatever_their_files(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    image = Image.open(tmp_path / "ants/0.png")
    image.save(tmp_path / "bees/copy.bmp")
    image.convert("RGBA").save(tmp_path / "bees/copy.png")
    data = make(str(tmp_path))
    contents = data.verify().contents
    twins = [
        disk.file_digest(tmp_path / name)
        for name in ("ants/0.png", "bees/copy.bmp", "bees/copy.png")
    ]
    assert len(set(twins)) == 3 and contents == dict.fromkeys(
        twins, picture.content(picture.read(tmp_path / "ants/0.png"))
    )


@pytest.mark.parametrize(
    "given, taken",
    [
        ([1, 2], ("1", "2")),
        ([1, "2"], ("1", "2")),
        ([7, 10], ("007", "10")),
        ([1.5, 2], ("1.50", "2")),
        ([True, False], ("False", "True")),
        (["yes", True], ("True", "yes")),
        ([0, 1], ("0", "1")),
    ],
)
def test_a_number_or_a_truth_value_is_the_class_folder_whose_name_reads_as_it(
    tmp_path, given, taken
):
    fill(
        tmp_path,
        **dict.fromkeys(("0", "1", "2", "007", "10", "1.50", "True", "False", "yes"), 3),
    )
    assert make(str(tmp_path), classes=given).classes == taken


def test_a_number_that_may_be_two_class_folders_is_refused_with_their_spellings(tmp_path):
    fill(tmp_path, **{"07": 3, "007": 3, "8": 3})
    sentence = "classes: 7 may be any of '007', '07'; put the one meant in quotes."
    assert refusal(tmp_path, classes=[7, 8]) == f"root={tmp_path}: {sentence}"
    assert make(str(tmp_path), classes=["07", 8]).classes == ("07", "8")
    assert "classes=[3, 8]: there is no class folder 3; there are 007, 07, 8." in refusal(
        tmp_path, classes=[3, 8]
    )


def test_a_file_linked_from_elsewhere_is_a_picture(tmp_path):
    paint(tmp_path / "elsewhere/ant.png")
    root = fill(tmp_path / "root", ants=4, bees=5)
    (root / "ants/link.png").symlink_to(tmp_path / "elsewhere/ant.png")
    assert make(str(root)).size == 10


@pytest.mark.parametrize("twin", ["val/ants/9.png", "train/bees/9.png"])
def test_one_file_in_two_classes_or_parts_is_refused(tmp_path, twin):
    parts_of(tmp_path)
    (tmp_path / twin).symlink_to(tmp_path / "train/ants/0.png")
    sentence = (
        f"root={tmp_path}: train/ants/0.png and {twin} are one file, linked to two places; remove"
        " one."
    )
    assert refusal(tmp_path) == sentence


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes for a name")
def test_strange_names_are_text_and_their_pictures_are_read(tmp_path):
    fill(tmp_path, bees=3)
    strange = ("a\nb.png", 'with, "comma".png', os.fsdecode(b"caf\xe9.png"))
    for name in strange:
        paint(tmp_path / os.fsdecode(b"fourmi\xe9") / name)
    data = make(str(tmp_path))
    assert data.classes == ("bees", r"fourmi\xe9")
    names = data.train.names + data.validation.names + data.test.names
    assert {name for name in names if name[0] == "f"} == {
        r"fourmi\xe9/a\nb.png",
        r'fourmi\xe9/with, "comma".png',
        r"fourmi\xe9/caf\xe9.png",
    }
    "".join(names).encode("utf-8")
    data.verify()


def test_one_class_may_be_spelt_in_two_unicode_forms_in_two_parts(tmp_path):
    composed, apart = (unicodedata.normalize(form, "bébé") for form in ("NFC", "NFD"))
    fill(
        tmp_path, **{"train__ants": 3, f"train__{composed}": 3, "val__ants": 1, f"val__{apart}": 2}
    )
    if not (tmp_path / "val" / apart).exists() or composed == apart:
        pytest.skip("this file system has one Unicode form only")
    data = make(str(tmp_path))
    assert data.classes == ("ants", composed) and data.test.labels.tolist() == [0, 1, 1]


def test_a_folder_that_is_absent_is_refused_with_the_nearest_name(tmp_path):
    fill(tmp_path / "hymenoptera_data", ants=1)
    meant = tmp_path / "hymenoptera_data"
    wrong = tmp_path / "hymenoptera-data"
    assert refusal(wrong) == f"root={wrong}: there is no such folder; is {meant} meant?"
    assert (
        refusal("/nowhere/at/all")
        == "root=/nowhere/at/all: there is no such folder; give one that holds class folders."
    )
    assert refusal("") == "root=: there is no such folder; give one that holds class folders."


def test_a_file_for_root_is_refused(tmp_path):
    path = tmp_path / "data.zip"
    path.write_bytes(b"PK")
    sentence = "this is a file; give a folder that holds class folders (unpack an archive first)."
    assert refusal(path) == f"root={path}: {sentence}"


def test_pictures_without_class_folders_are_refused(tmp_path):
    paint(tmp_path / "one/1.png")
    mend = "give each class a folder of its own, such as root/CLASS/1.jpg."
    assert (
        refusal(tmp_path / "one") == f"root={tmp_path}/one: pictures lie directly in root; {mend}"
    )
    (tmp_path / "two").mkdir()
    assert refusal(tmp_path / "two") == f"root={tmp_path}/two: root holds no class folders; {mend}"
    fill(tmp_path / "three", train=2, val=2)
    sentence = (
        "pictures lie directly in train; give each class a folder of its own, such as"
        " train/CLASS/1.jpg."
    )
    assert refusal(tmp_path / "three") == f"root={tmp_path}/three: {sentence}"


def test_one_class_is_refused_by_its_name(tmp_path):
    fill(tmp_path, ants=5)
    sentence = "it holds one class only, ants; add a folder for a second class."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_an_empty_class_is_refused_with_what_lies_there_and_what_is_taken(tmp_path):
    fill(tmp_path, ants=5)
    (tmp_path / "bees").mkdir()
    mend = (
        "add or convert some, or remove the folder (JPEG, PNG, WebP, BMP, TIFF and PPM are taken)."
    )
    assert (
        refusal(tmp_path)
        == f"root={tmp_path}: class bees holds no pictures and nothing else; {mend}"
    )
    for number in range(6):
        (tmp_path / f"bees/{number}.heic").write_bytes(b"x")
    there = "but 0.heic, 1.heic, 2.heic, 3.heic, 4.heic, ..."
    assert refusal(tmp_path) == f"root={tmp_path}: class bees holds no pictures {there}; {mend}"


def test_parts_with_different_classes_are_refused(tmp_path):
    fill(parts_of(tmp_path), train__moths=2, val__wasps=2)
    lone = "moths only in train, wasps only in val"
    sentence = f"its parts have different classes: {lone}; each part needs the same ones."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_val_and_test_without_train_are_refused(tmp_path):
    fill(tmp_path, val__ants=1, test__ants=1)
    sentence = "it holds val and test but no train; add train, or give one of the two as root."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_a_class_in_two_unicode_forms_is_refused(tmp_path):
    composed, apart = (unicodedata.normalize(form, "bébé") for form in ("NFC", "NFD"))
    fill(tmp_path, **{composed: 2, apart: 2})
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system has one Unicode form only")
    sentence = "two folders are named bébé, in different Unicode forms; put them together."
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_a_class_too_small_to_be_divided_is_refused_with_the_counts(tmp_path):
    fill(tmp_path, ants=9, bees=2)
    sentence = (
        "class bees has 2 items, too few for parts of 1 + 1 + a rest (items a class: ants 9,"
        " bees 2)."
    )
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_a_root_one_level_too_high_is_refused_with_the_right_one(tmp_path):
    parts_of(tmp_path / "download")
    right = f"root={tmp_path}/download is the right one."
    assert (
        refusal(tmp_path)
        == f"root={tmp_path}: download holds train, so root is one level too high; {right}"
    )


def test_one_class_that_holds_folders_may_be_the_root(tmp_path):
    fill(tmp_path, set__ants=3, set__bees=3)
    sentence = (
        "it holds one class only, set; add a folder for a second class, or give"
        f" root={tmp_path}/set if ants, bees are the classes."
    )
    assert refusal(tmp_path) == f"root={tmp_path}: {sentence}"


def test_train_alone_is_refused_as_one_level_too_high(tmp_path):
    fill(tmp_path, train__ants=3, train__bees=3)
    assert f"root={tmp_path}/train divides it, or add a second part." in refusal(tmp_path)


def test_a_class_may_be_called_train(tmp_path):
    assert make(str(fill(tmp_path, plane=3, train=3))).classes == ("plane", "train")


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"validation": 0.0}, "validation=0.0: {} or 'test'."),
        ({"validation": "val"}, "validation=val: {} or 'test'."),
        ({"validation": float("nan")}, "validation=nan: {} or 'test'."),
        ({"test": 1.0}, "test=1.0: {}."),
        ({"test": "test"}, "test=test: {}."),
        ({"validation": "test", "test": -0.1}, "test=-0.1: {}."),
    ],
)
def test_a_share_that_cannot_be_drawn_is_refused_before_the_folder_is_read(values, sentence):
    mend = "give a share of every class between 0 and 1, such as 0.2"
    assert refusal("/nowhere", **values) == sentence.format(mend)


def test_shares_that_leave_nothing_for_train_are_refused(tmp_path):
    fill(tmp_path, ants=10, bees=10)
    sentence = (
        "class ants has 10 items, too few for parts of 5 + 5 + a rest (items a class: ants 10, bees"
        " 10)."
    )
    assert refusal(tmp_path, validation=0.5, test=0.5) == f"root={tmp_path}: {sentence}"


def test_a_bad_header_is_refused_at_once_by_its_relative_path(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    (tmp_path / "bees/9.jpg").write_bytes(b"<html>404</html>")
    mend = "convert it, fetch it again or remove it."
    assert (
        refusal(tmp_path)
        == f"root={tmp_path}: bees/9.jpg is no readable JPEG, PNG, WebP, BMP, TIFF or PPM picture;"
        f" {mend}"
    )
    (tmp_path / "ants/8.jpg").write_bytes(b"")
    first = f"root={tmp_path}: ants/8.jpg holds 0 bytes; fetch it again or remove it."
    assert refusal(tmp_path) == f"{first} 2 files cannot be taken; the others are bees/9.jpg."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_among_the_pictures_is_refused_and_not_waited_for(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    os.mkfifo(tmp_path / "ants/p.jpg")
    signal.alarm(10)  # a pipe that is opened after all would block for ever
    try:
        assert refusal(tmp_path) == f"root={tmp_path}: ants/p.jpg is no regular file; remove it."
    finally:
        signal.alarm(0)


def test_verify_decodes_everything_and_counts(tmp_path):
    steps = []
    data = make(str(parts_of(tmp_path)), validation="test")
    data.verify(lambda done, total: steps.append((done, total)))
    assert steps == [(done, 16) for done in range(1, 17)]


def test_verify_names_the_first_bad_picture_in_path_order(tmp_path):
    fill(tmp_path, ants=5, bees=5)
    for name in ("bees/0.png", "ants/3.png", "ants/4.png"):
        paint(tmp_path / name, size=(200, 200))
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:60_000])
    data = make(str(tmp_path))
    with pytest.raises(ValueError) as error:
        data.verify()
    assert str(error.value).startswith(f"root={tmp_path}: ants/3.png is damaged or cut off (")
    more = "3 files cannot be taken; the others are ants/4.png, bees/0.png."
    assert str(error.value).endswith(f"); fetch it again or remove it. {more}")


def test_a_batch_of_pictures_keeps_the_order_of_the_index(tmp_path):
    data = make(str(fill(tmp_path, ants=20, bees=20)))
    index = [7, 0, 3, 12, 3]
    batch = data.train.batch(index, lambda image: image.float())
    assert torch.equal(
        batch, torch.stack([picture.read(tmp_path / data.train.names[i]).float() for i in index])
    )


def test_twelve_thousand_files_are_indexed_in_seconds(tmp_path):
    paint(tmp_path / "one.png", size=(32, 32))
    content = (tmp_path / "one.png").read_bytes()
    for label in ("ants", "bees"):
        (tmp_path / label).mkdir()
        for number in range(6000):
            (tmp_path / label / f"{number}.png").write_bytes(content)
    start = time.perf_counter()
    assert make(str(tmp_path)).size == 12_000
    # About 1 s on two cores; ten leave room for a shared machine.
    assert time.perf_counter() - start < 10


def test_the_published_ants_and_bees_have_244_and_153_pictures():
    home = Path(os.environ.get("QTLRUN_DATA", Path(__file__).parents[3] / "shared/data"))
    if not (home / "hymenoptera_data").is_dir():
        pytest.skip(
            "the real ants and bees are not here; QTLRUN_DATA names the folder that holds"
            " hymenoptera_data"
        )
    data = make(str(home / "hymenoptera_data"))
    assert data.classes == ("ants", "bees")
    assert [len(data.train) + len(data.validation), len(data.test)] == [244, 153]
    assert not set(data.test.items) & set(data.train.items + data.validation.items)
    data.verify()


def test_classes_take_some_of_the_folders(tmp_path):
    fill(tmp_path, cat=10, dog=10, ship=10)
    pair = make(str(tmp_path), classes=["dog", "cat"])
    assert pair.classes == ("cat", "dog")
    assert {
        name.split("/")[0]
        for split in (pair.train, pair.validation, pair.test)
        for name in split.names
    } == {"cat", "dog"}
    assert pair.size == 20
    assert pair.fingerprint == make(str(tmp_path), classes=["cat", "dog"]).fingerprint


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["cat", "dogs"], "there is no class folder dogs; is dog meant?"),
        (["cat", "xyz"], "there are cat, dog, ship."),
        (["cat"], "name two or more of cat, dog, ship; null takes all."),
        ([], "name two or more of cat, dog, ship; null takes all."),
    ],
)
def test_classes_that_are_not_there_are_refused(tmp_path, classes, words):
    fill(tmp_path, cat=10, dog=10, ship=10)
    assert words in refusal(tmp_path, classes=classes)
