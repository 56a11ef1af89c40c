"""The ledger of readings, against counts by sets of its entries."""

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from qtlrun import ledger
from qtlrun.ledger import Items, Ledger, Readings


def names(numbers):
    return [sha256(str(number).encode()).hexdigest() for number in numbers]


def items(numbers):
    return Items.of(names(numbers))


def counted(entries, test, pool):
    """The same from the definition: plans by item, and plans that have read any of the pool."""
    by_item = {number: {plan for plan, read in entries if number in read} for number in test}
    of_pool = {plan for plan, read in entries if set(read) & set(pool)}
    return Readings(max(map(len, by_item.values()), default=0), len(of_pool))


def entered(home, entries):
    book = Ledger(home)
    for plan, read in entries:
        book.enter(items(read), [plan])
    return book


def test_a_plan_is_counted_once_by_item_and_in_however_many_splits_it_reads_it(tmp_path):
    book = Ledger(tmp_path)
    for first in range(10):
        book.enter(items(range(first, first + 20)), ["plan"])
    assert book.count(items(range(9, 20)), items(range(40))) == Readings(1, 1)


def test_four_plans_on_overlapping_splits_are_not_one_each(tmp_path):
    """Four redraws of half of a pool, a plan each: some item is in several of them."""
    generator = np.random.default_rng(0)
    entries = [(f"plan {n}", generator.permutation(40)[:20].tolist()) for n in range(4)]
    book = entered(tmp_path, entries)
    for _, read in entries:
        count = book.count(items(read), items(range(40)))
        assert count == counted(entries, read, range(40)) and count.items > 1 and count.pool == 4


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_sets_whatever_was_read_by_whom(tmp_path, seed):
    generator = np.random.default_rng(seed)
    entries = [
        (f"plan {generator.integers(9)}", generator.integers(0, 60, generator.integers(1, 20)))
        for _ in range(60)
    ]
    entries = [(plan, read.tolist()) for plan, read in entries]
    book = entered(tmp_path, entries)
    for pool in (range(60), range(10), range(55, 70)):
        test = generator.choice(list(pool), 5).tolist()
        expected = counted(entries, test, pool)
        assert book.count(items(test), items(pool)) == expected
        assert Ledger(tmp_path).count(items(test), items(pool)) == expected  # another command


def test_order_repeats_and_labels_do_not_matter(tmp_path):
    book = entered(tmp_path, [("one", [3, 1, 2]), ("two", [2, 3, 1, 1])])
    assert len(list(book.folder.glob("items-*"))) == 1
    assert book.count(items([1]), items([1])) == Readings(2, 2)


def test_what_nobody_has_read_and_what_is_another_pool_s_counts_nothing(tmp_path):
    assert Ledger(tmp_path).count(items([1]), items([1, 2])) == Readings()
    assert not (tmp_path / "store").exists()  # to count leaves nothing
    book = entered(tmp_path, [("one", [1, 2])])
    assert book.count(items([7]), items([7, 8])) == Readings(0, 0)
    assert book.count(items([3]), items([2, 3])) == Readings(0, 1)


def test_items_of_any_names_are_told_apart():
    """Those of a user's dataset may be numbers, or begin alike."""
    for alike in (["1", "01"], ["0" * 20 + "1", "0" * 20 + "2"], ["a" * 63, "a" * 64]):
        assert len(Items.of(alike).codes) == 2
    hashed = Items.of(names(range(2000)))
    assert len(hashed.codes) == 2000 and hashed.codes[0] == min(
        int(name[:16], 16) for name in names(range(2000))
    )


def test_many_entries_are_few_files_and_none_is_lost(tmp_path):
    entries = [(f"plan {n}", [n % 7, 7 + n % 3]) for n in range(150)]
    book = entered(tmp_path, entries)
    assert len(list(book.folder.glob("pairs-*"))) <= ledger.MAX_FILES
    assert Ledger(tmp_path).count(items([0]), items(range(10))) == counted(entries, [0], range(10))


def test_an_entry_that_is_there_is_not_written_again(tmp_path):
    book = entered(tmp_path, [("one", [1, 2])])
    before = sorted(book.folder.iterdir())
    for again in (book, Ledger(tmp_path)):
        again.enter(items([1, 2]), ["one"])
    assert sorted(book.folder.iterdir()) == before


def test_a_file_that_another_command_merged_meanwhile_is_read_where_it_went(tmp_path, monkeypatch):
    book = entered(tmp_path, [(f"plan {n}", [n]) for n in range(5)])
    late, listed = Ledger(tmp_path), Ledger._list

    def merge(self):
        names = listed(self)
        monkeypatch.setattr(Ledger, "_list", listed)
        book._merge()  # between this listing and the reading of what it names
        return names

    monkeypatch.setattr(Ledger, "_list", merge)
    assert late.count(items(range(5)), items(range(5))).pool == 5


def test_a_damaged_file_is_left_out_and_the_others_count(tmp_path):
    book = entered(tmp_path, [("one", [1]), ("two", [1, 2])])
    next(book.folder.glob("pairs-*")).write_bytes(b"\0" * 32)
    assert Ledger(tmp_path).count(items([1]), items([1, 2])).pool == 1
    for path in book.folder.glob("items-*"):
        path.write_bytes(path.read_bytes()[:-1])
    assert Ledger(tmp_path).count(items([1]), items([1, 2])) == Readings()


ENTER = """
import sys
from qtlrun.ledger import Items, Ledger
home, writer, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(count):
    Ledger(home).enter(Items.of([str(number), "all"]), [f"{writer} {number}"])
"""


def test_commands_that_write_at_once_lose_no_entry(tmp_path):
    """Four of them, each merging what the others add."""
    count, writers = 60, 4
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ENTER, str(tmp_path), str(writer), str(count)], env=os.environ
        )
        for writer in range(writers)
    ]
    assert [process.wait() for process in running] == [0] * writers
    book = Ledger(tmp_path)
    for number in range(count):
        found = book.count(Items.of([str(number)]), Items.of(["all"]))
        assert found == Readings(writers, writers * count)


def test_thousands_of_plans_on_ten_thousand_pictures_are_few_operations(tmp_path, monkeypatch):
    """Ten splits that all plans share are one pattern: each split is searched once."""
    book, searched, among = Ledger(tmp_path), [], Items.among
    splits = [items(range(first, first + 10_000)) for first in range(0, 2000, 200)]
    for split in splits:
        book.enter(split, (f"plan {n}" for n in range(3000)))
    assert len(list(book.folder.iterdir())) <= len(splits) + ledger.MAX_FILES

    def watched(self, others):
        searched.append(len(others))
        return among(self, others)

    monkeypatch.setattr(Items, "among", watched)
    late, pool = Ledger(tmp_path), items(range(12_000))
    for _ in range(5):
        assert late.count(splits[0], pool) == Readings(3000, 3000)
    assert len(searched) == 2 * len(splits)
