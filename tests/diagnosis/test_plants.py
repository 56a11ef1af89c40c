"""Planted faults: each check finds its own by its code, and few others are triggered."""

import plants
import pytest

from qtlrun import run
from qtlrun.diagnosis import CHECKS, examine, load_case
from qtlrun.report.frame.finding import FINDINGS

MAX_OTHERS = 2  # codes that a plant may trigger beside its own
SHOWN = ("Q103", "Q305", "Q402")  # of each kind of check, one that is planted in both ways
FEWER = "dataset.points=600"  # of 2,200 half moons, where the plant is not in the data


def is_quick(name):
    """Whether no module without composition has the same fault, or it stands for such."""
    modules = {plants.code_of(each) for each, _ in plants.PLANTS if "composed" not in each}
    code = plants.code_of(name)
    return "composed" not in name or code not in modules or code in SHOWN


PLANTS = [
    pytest.param(*plant, id=plant[0], marks=() if is_quick(plant[0]) else pytest.mark.slow)
    for plant in plants.PLANTS
]


@pytest.mark.filterwarnings("ignore")  # PennyLane's, on what is planted
@pytest.mark.parametrize("name, words", PLANTS)
def test_a_planted_fault_is_found_by_its_code(home, undrawn, tmp_path, name, words):
    code = plants.code_of(name)
    key, _, path = words[0].partition("=")
    if key == "module":  # as the study does, without composing
        examination = examine(load_case(path), CHECKS)
        assert not examination.unable
        frame = FINDINGS.frame(examination.lines)
    else:
        fewer = [FEWER] if is_on_moons(words) else []
        frame = run("study=diagnose", f"outputs={tmp_path}", *fewer, *words).frame
    codes = list(frame["code"])
    assert code in codes
    others = frame[(frame["code"] != code) & (frame["severity"] != "note")]
    assert len(others) <= MAX_OTHERS, codes
    line = frame.set_index("code").loc[code]
    assert line["finding"] and line["fix"] and line["reason"]


def is_on_moons(words):
    """Whether half moons are the data, and nothing of them is changed."""
    keys = [word.partition("=")[0] for word in words if word.startswith("dataset")]
    return "dataset=moons" in words and keys == ["dataset"]
