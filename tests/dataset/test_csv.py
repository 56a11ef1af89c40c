"""Tables of your own: features or pictures by line, in the dialects that programs write."""

import os
import time

import numpy as np
import pytest
import torch
from divided import all_items, divided
from PIL import Image

from qtlrun.dataset.csv import csv

NUMBERS = np.random.default_rng(0).normal(size=(30, 3))
KINDS = ["cat", "dog", "a, b"]


def lines(delimiter=",", kinds=KINDS):
    """Lines of a table of three features and a label, which is quoted."""
    rows = [
        [*map(repr, row.tolist()), f'"{kinds[number % len(kinds)]}"']
        for number, row in enumerate(NUMBERS)
    ]
    return [delimiter.join(row) for row in [["e1", "e2", "size", "kind"], *rows]]


def write(path, text, encoding="utf-8"):
    path.write_bytes((text if isinstance(text, str) else "\n".join(text)).encode(encoding))
    return str(path)


def make(path, label="kind", **values):
    return divided(csv, str(path), label, **values)


def refusal(path, *given, **values):
    with pytest.raises(ValueError) as error:
        make(path, *given, **values)
    start = f"path={path}: "
    assert str(error.value).startswith(start)
    return str(error.value).removeprefix(start)


def in_order(data):
    """Features before their scaling, and class names, in the order of the file."""
    mean, deviation = (
        torch.tensor(data.scaling[name], dtype=torch.float64) for name in ("mean", "deviation")
    )
    rows = {}
    for split in data.splits.values():
        for name, vector, label in zip(split.names, split.vectors, split.labels, strict=True):
            rows[int(name.split()[1])] = (vector * deviation + mean, data.classes[label])
    return [rows[line] for line in sorted(rows)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_dialect_gives_the_numbers_and_the_labels(tmp_path, delimiter, end, encoding):
    path = write(tmp_path / "t.csv", end.join(lines(delimiter)) + end * 2, encoding)
    data = make(path)
    assert data.classes == ("a, b", "cat", "dog") and data.kind == "vectors" and data.size == 30
    vectors, labels = zip(*in_order(data), strict=True)
    assert np.allclose(torch.stack(vectors), NUMBERS, rtol=1e-12, atol=1e-12)
    assert list(labels) == [KINDS[number % 3] for number in range(30)]


def test_features_are_scaled_by_the_train_split(tmp_path):
    data = make(write(tmp_path / "t.csv", lines()))
    assert torch.allclose(data.train.vectors.mean(0), torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(data.train.vectors.std(0, correction=0), torch.ones(3).double())


def test_columns_are_taken_by_name_and_by_pattern(tmp_path):
    path = write(tmp_path / "t.csv", lines())
    for features, count in ((["e*"], 2), (["size", "e1"], 2), (["size"], 1), (["e*", "s*"], 3)):
        assert make(path, features=features).train.vectors.shape[1] == count
    assert refusal(path, features=["e1", "kind"]) == (
        "features=['e1', 'kind']: kind is the label or the split."
    )
    assert refusal(path, features=["sise"]).startswith(
        "features=sise: there is no such column; did you mean size?"
    )


def test_numbers_are_names_of_classes_in_their_order(tmp_path):
    path = write(tmp_path / "t.csv", lines(kinds=["10", "9", "-1"]))
    assert make(path).classes == ("-1", "9", "10")


@pytest.mark.parametrize("name", ["nan", "None", "NA", "-"])
def test_classes_that_read_as_missing_labels_are_said(tmp_path, name):
    data = make(write(tmp_path / "t.csv", lines(kinds=["cat", name])))
    assert name in data.classes
    assert data.caution == f"Column kind has {name} as a class: are these missing labels?"
    assert make(write(tmp_path / "u.csv", lines())).caution == ""


def test_a_column_divides_the_items(tmp_path):
    rows = lines()
    words = ["train", "Training", "VAL", "testing", "train"]
    rows = [rows[0] + ",split"] + [
        f"{row},{words[number % 5]}" for number, row in enumerate(rows[1:])
    ]
    path = write(tmp_path / "t.csv", rows)
    data = make(path, split="split")
    assert [len(data.train), len(data.validation), len(data.test)] == [18, 6, 6]
    assert data.test.names == tuple(f"line {line}" for line in range(5, 32, 5))
    two = write(tmp_path / "two.csv", [row.replace(",VAL", ",test") for row in rows])
    data = make(two, split="split")
    assert [len(data.train), len(data.validation), len(data.test)] == [15, 3, 12]


def test_a_seed_divides_and_each_item_stands_once(tmp_path):
    path = write(tmp_path / "t.csv", lines())
    first, second = make(path), make(path, split_seed=1)
    assert first.fingerprint != second.fingerprint
    assert (
        sorted(all_items(first)) == sorted(all_items(second)) and len(set(all_items(first))) == 30
    )


def test_a_changed_file_is_read_again(tmp_path):
    path = write(tmp_path / "t.csv", lines())
    before = make(path).fingerprint
    write(tmp_path / "t.csv", [*lines(), "1,2,3,cat"])
    assert make(path).fingerprint != before and make(path).size == 31


def spoilt(number, text):
    rows = lines()
    rows[number] = text
    return rows


@pytest.mark.parametrize(
    "rows, sentence",
    [
        (spoilt(4, "1,abc,3,cat"), "line 5, column e2: abc is no number; mend it, or let features"),
        (spoilt(4, "1,,3,cat"), "line 5, column e2: a number is missing; mend it"),
        (spoilt(4, "1,NaN,3,cat"), "line 5, column e2: a number is missing (NaN); mend it"),
        (spoilt(4, "1,inf,3,cat"), "line 5, column e2: inf is no finite number; mend it"),
        (spoilt(4, "1,1e200,3,cat"), "line 5, column e2: 1e200 is beyond 3.4e+38, float32's end"),
        (spoilt(4, "1,1_000,3,cat"), "line 5, column e2: 1_000 is no finite number; mend it"),
        (
            spoilt(4, '1,"1,5",3,cat'),
            "line 5, column e2: 1,5 is no number; its decimal point has to be a point",
        ),
        (spoilt(4, "1,2,3"), "line 5 has 3 cells, and the first line 4"),
        (spoilt(4, "1,2,3,4,cat"), "line 5 has 5 cells, and the first line 4"),
        (spoilt(4, "1,2,3, "), "line 5, column kind: nothing stands there."),
        (spoilt(4, '1,2,3,"cat'), "line 6 is not read (',' expected after '\"')"),
        (spoilt(4, "1,2,3,owl"), "line 5, column kind: owl stands there alone, and each split"),
        (spoilt(0, "e1,e1,size,kind"), "2 columns are named e1; give each its own name."),
        (spoilt(0, ",e2,size,kind"), "column 1 has no name, as an index that pandas writes"),
        (lines()[:1], "it has no line beneath its first, which names the columns."),
        (lines(kinds=["cat"]), "column kind has one class only, cat; two are needed."),
        (
            lines(kinds=list(map(str, range(29)))),
            "column kind has 29 classes on 30 lines; label has to name a column of classes",
        ),
        ("kind\ncat\n", "its first line names fewer than two columns"),
        ("", "its first line names fewer than two columns"),
        ("kind,x\ncat,1\0\n", "it is no text in UTF-8; save it as CSV in UTF-8."),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path, rows, sentence):
    path = write(tmp_path / "t.csv", rows)
    assert refusal(path).startswith(sentence)


def test_a_foreign_encoding_is_refused_with_its_line(tmp_path):
    path = write(tmp_path / "t.csv", spoilt(3, "1,2,3,forêt"), "latin-1")
    assert refusal(path) == "line 4 is no UTF-8; save it as CSV in UTF-8."


def test_an_absent_file_is_absent(tmp_path):
    assert refusal(tmp_path / "t.csv") == "it cannot be read (No such file or directory)."
    assert refusal(tmp_path) == "it cannot be read (Is a directory)."


def test_columns_that_are_not_there_are_refused_with_the_nearest(tmp_path):
    path = write(tmp_path / "t.csv", lines())
    assert refusal(path, "kinds").startswith(
        "label=kinds: there is no such column; did you mean kind?"
    )
    assert refusal(path, split="part").startswith(
        "split=part: there is no such column; it is one of"
    )


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["train"] * 30, "column split says train alone; train and one of validation and test"),
        (["dev", *["train"] * 29], "line 2, column split: dev names no split; write train,"),
        (["train", "test", "test"] * 10, "class a, b has no item in train."),
    ],
)
def test_a_split_that_cannot_be_is_refused(tmp_path, words, sentence):
    rows = [f"{row},{word}" for row, word in zip(lines(), ["split", *words], strict=True)]
    assert refusal(write(tmp_path / "t.csv", rows), split="split").startswith(sentence)


def paint(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def listed(tmp_path):
    """A table of 20 pictures in a folder beside it."""
    rows = ["file,kind,age"]
    for number in range(20):
        paint(tmp_path / f"pictures/{number}.png", number)
        rows.append(f"pictures/{number}.png,{('cat', 'dog')[number % 2]},?")
    return tmp_path, write(tmp_path / "t.csv", rows)


def test_pictures_are_found_from_the_table_or_from_a_root(listed):
    folder, path = listed
    data = make(path, picture="file")
    assert data.kind == "pictures" and data.size == 20 and data.classes == ("cat", "dog")
    assert data.train.names[0].startswith("pictures/")
    steps = []
    data.verify(lambda done, total: steps.append((done, total)))
    assert steps[-1] == (20, 20)
    moved = write(folder / "elsewhere.csv", (folder / "t.csv").read_text().replace("pictures/", ""))
    other = make(moved, picture="file", root=str(folder / "pictures"))
    assert sorted(all_items(other)) == sorted(all_items(data)) and other.files == data.files


def test_pictures_that_are_not_there_are_counted_and_the_first_three_named(listed):
    folder, path = listed
    for number in (3, 5, 8, 13):
        (folder / f"pictures/{number}.png").unlink()
    names = "pictures/3.png, pictures/5.png, pictures/8.png, ..."
    assert refusal(path, picture="file") == (
        f"4 of 20 pictures are not in {folder}: {names}; root names the folder that their paths"
        " start from."
    )


def test_a_picture_that_is_none_is_named(listed):
    folder, path = listed
    (folder / "pictures/4.png").write_bytes(b"no picture")
    assert refusal(path, picture="file").startswith("pictures/4.png is no readable JPEG")
    paint(folder / "pictures/4.png", 4)
    content = (folder / "pictures/7.png").read_bytes()
    (folder / "pictures/7.png").write_bytes(content[:-40])
    with pytest.raises(ValueError, match=r"^path=.*pictures/7.png is damaged or cut off"):
        make(path, picture="file").verify()


def test_features_and_pictures_at_once_are_refused(listed):
    _, path = listed
    with pytest.raises(ValueError, match="^picture=file: features are given too"):
        make(path, picture="file", features=["age"])


def test_a_thousand_columns_are_read_in_seconds(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(500, 1000)).astype(np.float32)
    rows = [",".join(map(str, [*row.tolist(), number % 2])) for number, row in enumerate(numbers)]
    head = ",".join([*(f"e{column}" for column in range(1000)), "kind"])
    path = write(tmp_path / "t.csv", [head, *rows])
    start = time.process_time()
    data = make(path)
    # About .3 s on one core; ten leave room for a slow machine.
    assert data.train.vectors.shape[1] == 1000 and time.process_time() - start < 3


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    write(tmp_path / "t.csv", lines())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make(os.path.join("~", "t.csv")).size == 30
