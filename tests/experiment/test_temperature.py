"""The temperature of a training is fitted on validation alone, at the epoch that it keeps."""

import dataclasses

import numpy as np
import pytest
import torch
from composition import train_row, variants
from scipy import optimize

from qtlrun import statistic, train
from qtlrun.experiment import Experiment
from qtlrun.experiment.ensemble import Training, build_ensemble, load_weights
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.experiment.training import fit

SHORT = ("backbone=identity", "recipe.epochs=4", "dataset.train=6", "dataset.validation=8")
SMALL = ("circuit.qubits=2", "circuit.depth=1", "compare=[C,logistic]")


@pytest.mark.parametrize("name", ["composed", "C", "logistic"])
def test_it_has_the_least_validation_nll_of_the_weights_that_are_kept(home, name):
    variant = variants(*SHORT, *SMALL)[name]
    row = train_row(Experiment(str(home)), name, variant, [0, 1])
    parts = Parts(variant, Session(str(home)))
    for seed, temperature in zip(row.seeds, row.temperatures, strict=True):
        outcome = row.outcomes[seed]
        ensemble = build_ensemble([Training(parts, seed)])
        load_weights(ensemble, [outcome.weights])
        data = ensemble.data["validation"]
        logits = train.evaluate(ensemble.whole, data, 1)[0].double().numpy()
        labels = data.labels[0].numpy()
        nll = statistic.nll(logits, labels).mean()
        # the validation figure of the best epoch; float32 logits, in another order of the sums
        assert nll == pytest.approx(outcome.validation_nll, rel=1e-5)
        if outcome.figures["validation_separable"]:
            assert temperature == 1.0
            continue
        least = optimize.minimize_scalar(
            lambda log, logits=logits, labels=labels: statistic.nll(
                logits / np.exp(log), labels
            ).mean(),
            bounds=np.log([0.05, 20.0]),
            method="bounded",
            options={"xatol": 1e-9},
        )
        # a flat minimum is known to the root of the rounding, of float32 where logits differ
        assert temperature == pytest.approx(np.exp(least.x), rel=1e-3)
    scaled = statistic.nll(row.logits / row.temperatures[:, None, None], row.labels)
    assert np.array_equal(row.nll_scaled, scaled)


def test_the_test_split_does_not_touch_it(home, tmp_path):
    variant = variants(*SHORT, *SMALL)["C"]
    figures = []
    for number, place in enumerate((home, tmp_path / "elsewhere")):
        parts = Parts(variant, Session(str(place)))
        if number:
            test = parts.dataset.test
            other = dataclasses.replace(test, labels=torch.zeros_like(test.labels))
            vars(parts)["dataset"] = dataclasses.replace(parts.dataset, test=other)
        ((_, outcome),) = next(fit("C", [Training(parts, 0)]))
        figures.append(outcome.figures["temperature"])
    assert figures[0] == figures[1]


def test_a_row_whose_validation_is_the_test_split_has_none(home):
    variant = variants("experiment=spirals_paper", "recipe.epochs=1", "compare=[twin]")["twin"]
    row = train_row(Experiment(str(home)), "twin", variant, [0])
    assert not row.blind
    assert np.isnan(row.temperatures).all() and not row.has("nll_scaled")
    assert "test_nll_scaled" not in row.metrics and "temperature" not in row.metrics
