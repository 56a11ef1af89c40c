"""study=robustness by the command line, on a finished run of points in the plane."""

import numpy as np
import pandas as pd
import pytest
from finished import train

from qtlrun.compose import main

GRID = "study.strengths={depolarizing:[0.02,0.75],bit_flip:null,phase_damping:null"
GRID += ",amplitude_damping:null,readout:[0.5],over_rotation:null,shots:[5]}"


@pytest.fixture(scope="module")
def folder(vectors_run, tmp_path_factory):
    """Folder of the study on a run with a circuit, its controls, and rows without a layer."""
    place = tmp_path_factory.mktemp("robustness")
    return train(place, "study=robustness", f"run={vectors_run}", GRID)


@pytest.fixture(scope="module")
def curves(folder):
    return pd.read_csv(folder / "robustness.csv")


def test_without_noise_each_row_has_the_figures_of_its_run(vectors_run, curves):
    rows = pd.read_csv(vectors_run / "rows.csv")
    for metric in ("accuracy", "nll", "ece"):
        right = rows[rows["metric"] == f"test_{metric}"].groupby("row")["value"].mean()
        first = curves[(curves["kind"] == "depolarizing") & (curves["strength"] == 0)]
        found = first.set_index("row")[metric]
        assert set(found.index) == set(right.index)
        # float32 in the run, float64 here
        np.testing.assert_allclose(found[right.index], right, atol=2e-6)


def test_a_wire_that_is_lost_leaves_each_class_its_share(curves):
    """At 3/4 a depolarised wire is fully mixed, and at 1/2 what is read says nothing."""
    for kind, strength in (("depolarizing", 0.75), ("readout", 0.5)):
        lost = curves[(curves["kind"] == kind) & (curves["strength"] == strength)]
        noisy = lost[lost["noisy"]]
        assert len(noisy) == 2 and (noisy["nll"] > 0.6).all()
        assert np.allclose(noisy["accuracy"], 0.5, atol=0.15)


def test_rows_without_a_circuit_do_not_change(curves):
    flat = curves[~curves["noisy"]]
    assert set(flat["row"]) == {"C*", "twin", "logistic", "svm"}
    assert (flat.groupby("row")["nll"].nunique() == 1).all()


def test_each_strength_has_a_contrast_to_the_twin_and_to_itself_without_noise(folder):
    contrasts = pd.read_csv(folder / "robustness_depolarizing_contrasts.csv")
    pairs = contrasts.groupby("reference")["strength"].agg(list)
    assert pairs["twin"] == [0, 0.02, 0.75]
    assert pairs["itself without noise"] == [0.02, 0.75]
    means = pd.read_csv(folder / "robustness_depolarizing.csv").set_index(["row", "strength"])
    composed = contrasts["row"][0]
    for line in contrasts[contrasts["reference"] == "twin"].itertuples():
        gap = means["nll"][composed, line.strength] - means["nll"]["twin", line.strength]
        assert line.difference == pytest.approx(gap, abs=1e-9)


def test_mitigation_names_its_cost_beside_what_it_recovers(folder):
    frame = pd.read_csv(folder / "mitigation.csv")
    exact = frame[np.isinf(frame["shots"])].set_index("method")
    assert exact["circuits"].to_dict() == {
        "none": 1,
        "linear extrapolation": 3,
        "polynomial extrapolation": 3,
        "exponential extrapolation": 3,
        "readout inverted": 1,
        "readout inverted + linear extrapolation": 3,
    }
    assert (exact["gates"] == np.where(exact["circuits"] == 3, 9, 1)).all()
    assert exact["error"]["polynomial extrapolation"] < exact["error"]["none"]
    assert exact["error"]["readout inverted"] < exact["error"]["none"]
    sampled = frame[np.isfinite(frame["shots"])].set_index("method")
    assert sampled["shots_per_item"]["more shots"] == sampled["shots_per_item"].max()


def test_the_row_is_trained_under_the_noise_where_that_is_asked_for(vectors_run, tmp_path):
    words = ["study.train=true", "study.mitigated=null", "study.rows=[composed,twin]"]
    strengths = GRID.replace("depolarizing:[0.02,0.75]", "depolarizing:[0.2]")
    strengths = strengths.replace("readout:[0.5]", "readout:null")
    folder = train(tmp_path, "study=robustness", f"run={vectors_run}", strengths, *words)
    curves = pd.read_csv(folder / "robustness.csv")
    trained = curves[curves["trained"] == "under the noise"]
    assert trained["row"].unique().tolist() == ["composed under noise"]
    by_strength = curves[curves["kind"] == "depolarizing"].set_index(["row", "strength"])["nll"]
    assert by_strength["composed under noise", 0.0] == pytest.approx(by_strength["composed", 0.0])
    assert by_strength["composed under noise", 0.2] != by_strength["composed", 0.2]
    contrasts = pd.read_csv(folder / "robustness_depolarizing_contrasts.csv")
    assert {"composed", "composed under noise"} == set(contrasts["row"])
    text = (folder / "table.md").read_text()
    sentence = "Strengths at which composed, trained anew at each, is worse than twin: "
    said = text.partition(sentence)[2].partition(".\n")[0].split("; ")
    against = contrasts.set_index(["row", "reference"]).loc[("composed under noise", "twin")]
    worse = against[against["verdict"].str.startswith("worse")]["strength"]
    assert said[0] == f"depolarizing {', '.join(f'{each:g}' for each in worse) or 'none'}"
    assert len(said) == trained["kind"].nunique()
    assert "| NLL composed under noise - twin |" in text


@pytest.mark.parametrize(
    "words, reason",
    [
        ([], "study=robustness: it takes a finished run"),
        (["run=RUN", "study.rows=[B]"], "study.rows=B: the run has no such row"),
        (["run=RUN", "study.rows=[twin,svm]"], "has a circuit that noise could act on"),
        (["run=RUN", "study.train=true", "study.rows=[frozen_circuit,twin]"], "study.train=true"),
        (["run=RUN", "study.strengths.bit_flip=[2]"], "study.strengths.bit_flip=2"),
        (["run=RUN", "study.strengths.shots=[0]"], "study.strengths.shots=[0]"),
        (["run=RUN", "study.mitigated={depolarizing:0,readout_0:0,readout_1:0}"], "no noise"),
        (["run=RUN", "study.factors=[1,2]"], "study.factors=[1, 2]: ascending odd"),
        (["run=RUN", "study.mitigated={readout_0:0.5,readout_1:0.5}"], "add up to 1"),
        (["run=RUN", "study.shots=0"], "study.shots=0: at least one"),
        (["run=RUN", f"study.shots={2**62}"], "below 2**63 for all factors together"),
        (["run=RUN", "study.after=gate"], "study.after=gate: did you mean gates"),
        (["run=RUN", "study.margin=0"], "study.margin=0"),
        (["run=RUN", "device=mixed"], "the run has its own plan"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    vectors_run, tmp_path, capsys, words, reason
):
    words = [word.replace("RUN", str(vectors_run)) for word in words]
    places = [f"home={tmp_path / 'home'}", f"outputs={tmp_path / 'out'}"]
    assert main([*places, "study=robustness", *words]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
