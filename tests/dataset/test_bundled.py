import numpy as np
from sklearn import datasets

from qtlrun.dataset.bundled import read_table


def test_the_digits_are_those_that_scikit_learn_reads():
    bunch = datasets.load_digits()
    table = read_table("digits.csv.gz")
    np.testing.assert_array_equal(table[:, :-1].reshape(-1, 8, 8), bunch.images)
    np.testing.assert_array_equal(table[:, -1], bunch.target)


def test_the_flowers_are_those_that_scikit_learn_reads():
    bunch = datasets.load_iris()
    table = read_table("iris.csv", header=1)
    np.testing.assert_array_equal(table[:, :-1], bunch.data)
    np.testing.assert_array_equal(table[:, -1], bunch.target)
