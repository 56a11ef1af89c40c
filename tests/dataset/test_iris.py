import numpy as np
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from qtlrun.dataset.iris import iris
from qtlrun.dataset.splitting import Splitting


def test_the_species_are_named():
    assert iris(Splitting(), 0.2).classes == ("setosa", "versicolor", "virginica")


def test_two_equal_flowers_count_once():
    vectors, labels = load_iris(return_X_y=True)
    same = [(i, j) for i in range(150) for j in range(i) if (vectors[i] == vectors[j]).all()]
    assert len(same) == 1 and len(set(labels[list(same[0])])) == 1
    assert iris(Splitting(), 0.2).size == 149


def test_the_discriminant_of_fisher_errs_as_often_as_is_published():
    """3 of the 150 on the data that it was fitted to, whatever the units of the features."""
    data = iris(Splitting("test"), 0.1)
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    labels = np.concatenate([data.train.labels, data.test.labels])
    assert (
        round(149 * (1 - LinearDiscriminantAnalysis().fit(inputs, labels).score(inputs, labels)))
        == 3
    )
