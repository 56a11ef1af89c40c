"""Scenes: rows side by side, on the same items."""

import dataclasses

from qtlrun.lens.scene import choose_items, find_common


def test_figures_show_the_first_seed_and_split_that_all_rows_have(pictures):
    assert {each.name for each in pictures.firsts.values()} == {(0, 0)}
    trainings = pictures.trainings | {"B": pictures.trainings["B"][1:]}  # whose first seed failed
    scene = dataclasses.replace(pictures, trainings=trainings)
    assert {each.name for each in scene.firsts.values()} == {(1, 1)}
    assert all(each.dataset is scene.dataset for each in scene.firsts.values())
    trainings |= {"A": pictures.trainings["A"][:1]}
    scene = dataclasses.replace(pictures, trainings=trainings)
    assert [scene.firsts[row].name for row in "AB"] == [(0, 0), (1, 1)]


def test_items_are_chosen_of_each_class_in_turn_and_in_their_order(pictures):
    dataset = pictures.dataset
    chosen = choose_items(dataset, 10)
    labels = dataset.test.labels[chosen].tolist()
    assert labels == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1] and len(set(chosen)) == 10
    assert chosen[::4] == sorted(chosen[::4])
    assert sorted(choose_items(dataset, 10**6)) == [*range(len(dataset.test))]


def test_common_items_are_test_items_of_each_training(pictures):
    subjects = [each for row in pictures.trainings.values() for each in row]
    common = find_common(subjects)
    assert common and all(common <= {*each.split("test").items} for each in subjects)
    assert len(common) < len(pictures.dataset.test)  # whose splits are drawn anew
    assert find_common(subjects[:1]) == {*subjects[0].split("test").items}
