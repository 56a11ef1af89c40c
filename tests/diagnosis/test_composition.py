"""Margin of the checks that compare a model with a logistic regression."""

import pytest
from composition import compose_plan

from qtlrun.diagnosis import compose_case
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.study.diagnose import Diagnose

TASK = ("dataset=moons", "backbone=identity", "circuit.qubits=2", "circuit.depth=1", "compare=[]")


def test_a_margin_in_per_cent_is_of_the_regression_s_nll(home):
    plan = compose_plan(*TASK, f"home={home}")
    parts = Parts(plan.model, Experiment(str(home)).session)
    for margin in ("5%", 0.05):
        limit = Diagnose(None, margin).limit
        data = compose_case("A", parts, limit).data
        expected = 0.05 * float(data.rival_nll.mean()) if limit.share else 0.05
        assert data.margin_nats == pytest.approx(expected)
