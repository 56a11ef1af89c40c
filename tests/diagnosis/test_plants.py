"""Planted faults: each check finds its own by its code, and few others are triggered."""

import plants
import pytest

from qtlrun import run
from qtlrun.diagnosis import CHECKS, examine, load_case
from qtlrun.report.frame.finding import FINDINGS

MAX_OTHERS = 2  # codes that a plant may trigger beside its own


@pytest.mark.filterwarnings("ignore")  # PennyLane's, on what is planted
@pytest.mark.parametrize("name, words", plants.PLANTS, ids=[name for name, _ in plants.PLANTS])
def test_a_planted_fault_is_found_by_its_code(home, tmp_path, name, words):
    code = plants.code_of(name)
    key, _, path = words[0].partition("=")
    if key == "module":  # as the study does, without composing
        examination = examine(load_case(path), CHECKS)
        assert not examination.unable
        frame = FINDINGS.frame(examination.lines)
    else:
        frame = run("study=diagnose", f"outputs={tmp_path}", *words).frame
    codes = list(frame["code"])
    assert code in codes
    others = frame[(frame["code"] != code) & (frame["severity"] != "note")]
    assert len(others) <= MAX_OTHERS, codes
    line = frame.set_index("code").loc[code]
    assert line["finding"] and line["fix"] and line["reason"]
