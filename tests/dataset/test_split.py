import os
import time

import pytest
import torch

from qtlrun.dataset import split as module
from qtlrun.dataset.picture import Pictures
from qtlrun.dataset.split import Split, fingerprint, pool, sequence_fingerprint


def images(count=12):
    inputs = torch.arange(count * 3 * 2 * 2).reshape(count, 3, 2, 2).to(torch.uint8)
    return Split(inputs, torch.arange(count) % 3, tuple(f"hash {i}" for i in range(count)))


def halved(image):
    return image.float() / 2


def noisy(image, generator):
    return image.float() + torch.rand(image.shape, generator=generator)


def seeded(item):
    return torch.Generator().manual_seed(1000 + item)


def test_a_subset_keeps_its_order_and_what_belongs_to_each_item():
    part = images().subset([5, 2])
    assert len(part) == 2 and part.items == ("hash 5", "hash 2") and part.names == ()
    assert torch.equal(part.inputs, images().inputs[[5, 2]]) and part.labels.tolist() == [2, 2]


def test_a_subset_of_pictures_stays_lazy():
    whole = Split(
        Pictures(["a", "b", "c"]), torch.tensor([0, 1, 0]), ("x", "y", "z"), ("A", "B", "C")
    )
    part = whole.subset(torch.tensor([2, 0]))
    assert part.inputs.paths == ("c", "a") and part.items == ("z", "x") and part.names == ("C", "A")


@pytest.mark.parametrize("index", [[3, 0, 11], torch.tensor([3, 0, 11]), range(4), (7,)])
def test_a_batch_equals_its_items_one_by_one(index):
    data = images()
    together = data.batch(index, halved)
    assert torch.equal(together, torch.stack([halved(data.inputs[int(i)]) for i in index]))
    apart = data.batch(index, lambda image, generator: halved(image), seeded)
    assert torch.equal(together, apart)


def test_images_of_one_size_are_transformed_in_one_call():
    calls = []

    def transform(image):
        calls.append(image.shape)
        return image

    images().batch([1, 2, 3], transform)
    assert calls == [(3, 3, 2, 2)]


def test_vectors_are_batched_like_images():
    data = Split(torch.eye(4), torch.arange(4), tuple("abcd"))
    assert torch.equal(data.batch([2, 1], torch.neg), -torch.eye(4)[[2, 1]])


def test_threads_keep_the_order_of_the_index():
    def slow_first(image, generator):
        time.sleep(0.02 if image[0, 0, 0] == 0 else 0)
        return image

    data = images()
    index = [0, 4, 3, 2, 1, 5, 0]
    assert torch.equal(data.batch(index, slow_first, seeded), data.inputs[index])


def test_the_chances_of_an_item_do_not_depend_on_its_batch():
    data = images()
    alone = data.batch([4], noisy, seeded)[0]
    assert torch.equal(data.batch([9, 4, 1], noisy, seeded)[1], alone)
    assert torch.equal(data.batch(range(12), noisy, seeded)[4], alone)
    assert not torch.equal(data.batch([4], noisy, lambda item: seeded(item + 1))[0], alone)


def test_an_error_in_a_thread_reaches_the_caller():
    def refuse(image, generator):
        raise ValueError("no")

    with pytest.raises(ValueError, match="^no$"):
        images().batch([1, 2], refuse, seeded)


def test_a_forked_process_gets_threads_of_its_own(monkeypatch):
    mine = pool()
    assert pool() is mine
    monkeypatch.setattr(module.os, "getpid", lambda: -1)
    assert pool() is not mine
    assert mine._max_workers == min(4, os.cpu_count())


def test_the_fingerprint_tells_part_name_and_content():
    data = images(4)
    named = Split(data.inputs, data.labels, data.items, ("a", "b", "c", "d"))
    parts = [
        {"train": data.subset([0, 1]), "test": data.subset([2, 3])},
        {"train": data.subset([0, 1, 2]), "test": data.subset([3])},
        {"train": named.subset([0, 1]), "test": named.subset([2, 3])},
    ]
    assert len({fingerprint(part) for part in parts}) == 3


def test_items_in_another_order_are_the_same_data_in_another_sequence():
    data = images(4)
    parts = {"train": data.subset([0, 1]), "test": data.subset([2, 3])}
    turned = {"train": data.subset([0, 1]), "test": data.subset([3, 2])}
    assert fingerprint(turned) == fingerprint(parts)
    assert sequence_fingerprint(turned) != sequence_fingerprint(parts)
    listed = dict(reversed(parts.items()))
    assert sequence_fingerprint(listed) == sequence_fingerprint(parts)
