"""The contract of the public sets that are fetched, on small stand-ins."""

import hashlib
import importlib
import shutil
import socket
import urllib.error
import urllib.request

import pytest
import torch
from composition import compose_plan
from divided import all_items
from public_sets import SETS, Server, md5

from qtlrun.error import UsageError
from qtlrun.plan import build

SHARE = "give a share of every class between 0 and 1, such as 0.2 or 'test'."


@pytest.fixture(params=SETS)
def public(request, monkeypatch):
    SETS[request.param].install(monkeypatch)
    return SETS[request.param]


@pytest.fixture
def small(public, tmp_path, monkeypatch):
    """The data folder that holds the set; nothing is answered by any server."""
    monkeypatch.setattr(urllib.request, "urlopen", None)
    public.lay(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def served(public, small, monkeypatch):
    """A server of the set, which is not in the data folder."""
    server = Server(public.answers)
    monkeypatch.setattr(urllib.request, "urlopen", server.urlopen)
    shutil.rmtree(small)
    return server


def refusal(make, *given, **values):
    with pytest.raises(ValueError) as error:
        make(*given, **values)
    return str(error.value)


def instruction(public, data, what):
    """The words on the set's first file that is fetched, with its checksum and its place."""
    name, (address, *_) = next(iter(public.answers)), public.addresses
    unpack, place = "", f"{data}/{public.folder}/{name}"
    if name not in public.files:
        unpack, place = " and unpack it", f"{data}/{public.folder}"
    return (
        f"data={data}: {name} {what}; fetch {address} (its md5 is {md5(public.answers[name])})"
        f"{unpack}, so that {place} is there, or let QTLRUN_DATA name the folder that holds"
        f" {public.folder.partition('/')[0]}."
    )


def test_the_official_parts_are_train_and_test(public, small):
    data = public.make(small, validation=0.25)
    train, test = public.counts
    validation = round(0.25 * train)
    assert data.classes == tuple(map(str, public.classes)) and data.size == 10 * (train + test)
    for part, count in (
        (data.train, train - validation),
        (data.validation, validation),
        (data.test, test),
    ):
        assert part.labels.bincount().tolist() == [count] * 10
        assert part.inputs.shape == (10 * count, *public.shape)
        assert part.inputs.dtype == torch.uint8
    assert len(set(all_items(data))) == data.size


def test_an_item_is_the_hash_of_its_pixels(public, small):
    part = public.make(small).train
    for picture, item in zip(part.inputs, part.items, strict=True):
        assert hashlib.sha256(bytes(picture.flatten().tolist())).hexdigest() == item


@pytest.mark.parametrize("places", [[7, 3], [3, 7], [9, 0, 6]])
def test_a_label_is_the_place_of_its_class(public, small, places):
    classes = [public.classes[place] for place in places]
    whole, data = (public.make(small, each, validation="test") for each in (None, classes))
    assert data.classes == tuple(map(str, classes))
    assert data.size == sum(public.counts) * len(places)
    for part in ("train", "test"):
        published = dict(
            zip(whole.splits[part].items, whole.splits[part].labels.tolist(), strict=True)
        )
        mine = data.splits[part]
        assert [places[label] for label in mine.labels.tolist()] == [
            published[item] for item in mine.items
        ]
        assert set(mine.items) == {item for item, label in published.items() if label in places}
    turned = public.make(small, classes[::-1], validation="test")
    assert turned.fingerprint != data.fingerprint and turned.train.items == data.train.items


def test_the_test_split_is_the_official_one_whatever_is_drawn(public, small):
    first = public.make(small)
    for values in (
        {"split_seed": 1},
        {"fold": [1, 4]},
        {"train_size": 20},
        {"validation": 0.5},
        {"validation": "test"},
    ):
        data = public.make(small, **values)
        assert data.test.items == first.test.items and data.fingerprint != first.fingerprint
    assert public.make(small).fingerprint == first.fingerprint


def test_a_folder_that_cannot_be_written_is_read_as_it_is(public, small):
    places = [small, *small.rglob("*")]
    before = {place: place.stat().st_mtime_ns for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    assert public.make(small).size == 10 * sum(public.counts)
    assert {place: place.stat().st_mtime_ns for place in [small, *small.rglob("*")]} == before


def test_a_file_with_a_changed_byte_is_refused_with_its_checksum(public, small):
    for name, content in public.files.items():
        # Of an archive the time of packing, which changes no pixel
        changed = content[:4] + bytes([content[4] ^ 1]) + content[5:]
        (small / public.folder / name).write_bytes(changed)
        what = {
            "cifar10": f"is not the published file, whose md5 is {md5(content)}; remove"
            f" {public.folder}",
        }.get(
            public.name,
            f"has the md5 {md5(changed)}, and the published file has {md5(content)}; remove it",
        )
        assert (
            refusal(public.make, small)
            == f"data={small}: {public.folder}/{name} {what}, and it is fetched again."
        )
        (small / public.folder / name).write_bytes(content)
    assert public.make(small).size == 10 * sum(public.counts)


def test_an_absent_set_is_fetched_once_and_nothing_else_is_left(public, small, served):
    data = public.make(small)
    assert [address for address, _ in served.calls] == public.addresses
    assert {timeout for _, timeout in served.calls} == {20}
    assert socket.getdefaulttimeout() is None
    folder = small / public.folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(public.files)
    assert {path for path in small.rglob("*") if path.is_dir()} == {
        folder,
        *folder.parents[: len(folder.relative_to(small).parts) - 1],
    }
    assert public.make(small).fingerprint == data.fingerprint
    assert len(served.calls) == len(public.addresses)


@pytest.mark.parametrize(
    "error, words",
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (urllib.error.HTTPError("http://x", 404, "Not Found", None, None), "Not Found"),
    ],
)
def test_without_a_network_the_file_and_its_place_are_named(public, small, served, error, words):
    served.answers[next(iter(public.answers))] = error
    with pytest.raises(UsageError) as refused:
        public.make(small)
    assert str(refused.value) == instruction(public, small, f"could not be fetched ({words})")
    assert not small.exists()


def test_a_served_file_with_a_changed_byte_is_not_kept(public, small, served):
    name = next(iter(public.answers))
    served.answers[name] = served.answers[name][:-1]
    small.mkdir()
    what = "could not be fetched (what came is another file)"
    assert refusal(public.make, small) == instruction(public, small, what)
    assert list(small.iterdir()) == []


def test_where_nothing_can_be_written_the_file_and_its_place_are_named(public, small, served):
    small.write_bytes(b"")
    what = "could not be fetched (Not a directory)"
    assert refusal(public.make, small / "data") == instruction(public, small / "data", what)
    assert served.calls == []


def test_a_class_that_is_not_there_or_stands_twice_or_alone_is_refused(
    public, tmp_path, monkeypatch
):
    """Before anything is looked at."""
    module = importlib.import_module(f"qtlrun.dataset.{public.name}")
    monkeypatch.setattr(module, "_read" if public.name == "cifar10" else "read", None)
    first, second, *_ = public.classes
    listed = ", ".join(map(str, public.classes))
    strange = "zebra" if isinstance(first, str) else 12
    for classes, words in (
        ([first, strange], f"there is no class {strange}; it is one of {listed}."),
        ([first, second, first], f"{first} stands there 2 times; name each class once."),
        ([first], f"name two or more of {listed}; null takes all."),
        ([], f"name two or more of {listed}; null takes all."),
    ):
        setting = f"classes=[{','.join(map(str, classes))}]"
        assert refusal(public.make, tmp_path / "data", classes) == f"{setting}: {words}"
    words = "it would be validation, and validation=test is that already; leave out one."
    message = refusal(public.make, tmp_path / "data", fold=[0, 4], validation="test")
    assert message == f"fold=[0, 4]: {words}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, classes, words",
    [
        ("fashion_mnist", ["Bag", "Sneakers"], "no class Sneakers; did you mean Sneaker?"),
        ("cifar10", ["cat", "dgo"], "no class dgo; did you mean dog?"),
    ],
)
def test_a_misspelt_class_is_refused_with_the_nearest_right_one(tmp_path, name, classes, words):
    assert f": there is {words} It is one of " in refusal(SETS[name].make, tmp_path, classes)


def test_too_few_pictures_are_refused_with_the_counts(public, small):
    classes = list(public.classes[3:5])
    train, _ = public.counts
    counts = f"(items a class: {classes[0]} {train}, {classes[1]} {train})"
    first = f"class {classes[0]} has {train} items, too few for"
    assert (
        refusal(public.make, small, classes, fold=[0, train + 1])
        == f"fold=[0, {train + 1}]: {first} {train + 1} folds {counts}."
    )
    assert (
        refusal(public.make, small, classes, validation=0.99)
        == f"validation=0.99: {first} parts of {train} + a rest {counts}."
    )


def test_a_class_is_named_as_it_is_typed(tmp_path, monkeypatch):
    public = SETS["fashion_mnist"]
    public.install(monkeypatch)
    public.lay(tmp_path)
    words = "dataset.classes=[Ankle boot,T-shirt/top]", "dataset.validation=test"
    part = compose_plan("dataset=fashion_mnist", *words).model.dataset
    data, whole = build("dataset", part, data=tmp_path), public.make(tmp_path, validation="test")
    assert data.classes == ("Ankle boot", "T-shirt/top") and data.size == 22
    published = dict(zip(whole.train.items, whole.train.labels.tolist(), strict=True))
    assert [published[item] for item in data.train.items] == [
        [9, 0][label] for label in data.train.labels.tolist()
    ]
