"""Planted faults: each check finds its own by its code, and few others are triggered."""

import importlib.util
from pathlib import Path

import pytest

from qtlrun import run
from qtlrun.diagnosis import CHECKS, examine, load_case
from qtlrun.diagnosis.finding import Severity

FOLDER = Path(__file__).parent / "plants"
MAX_OTHERS = 2  # codes that a plant may trigger beside its own
# A source task of a second, on which no check depends
QUICK = (
    "dataset=moons",
    "backbone=identity",
    "recipe.epochs=5",
)


def load(path):
    spec = importlib.util.spec_from_file_location(f"plants_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULES = {path: load(path) for path in sorted(FOLDER.glob("*.py"))}
# Functions of a user's, by a name that begins with the code: q102, q102_b ...
PLANTS = [
    (name, f"{path}:{name}")
    for path, module in MODULES.items()
    for name in vars(module)
    if name[0] == "q" and name[1:4].isdigit()
]
# Words of composed models
COMPOSED = [
    (name, [word.replace("FILE", str(path)) for word in words])
    for path, module in MODULES.items()
    for name, words in getattr(module, "COMPOSED", {}).items()
]


@pytest.mark.filterwarnings("ignore")  # PennyLane's, on what is planted
@pytest.mark.parametrize("name, path", PLANTS, ids=[name for name, _ in PLANTS])
def test_a_planted_fault_is_found_by_its_code(name, path):
    code = name[:4].upper()
    findings = examine(load_case(path), CHECKS).findings
    codes = [finding.check.code for finding in findings]
    assert code in codes
    grave = {each.check.code for each in findings if each.check.severity is not Severity.NOTE}
    assert len(grave - {code}) <= MAX_OTHERS, codes
    finding = findings[codes.index(code)]
    assert finding.evidence.sentence and finding.evidence.fix and finding.check.reason


@pytest.mark.parametrize("name, words", COMPOSED, ids=[name for name, _ in COMPOSED])
def test_a_fault_of_a_composed_model_is_found_by_its_code(home, tmp_path, name, words):
    code = name[:4].upper()
    text = " ".join(words)
    quick = [word for word in QUICK if word.partition("=")[0] not in text]
    quick = [] if "experiment=" in text else quick
    result = run("study=diagnose", f"outputs={tmp_path}", *quick, *words)
    codes = list(result.frame["code"])
    assert code in codes
    others = result.frame[(result.frame["code"] != code) & (result.frame["severity"] != "note")]
    assert len(others) <= MAX_OTHERS, codes
    line = result.frame.set_index("code").loc[code]
    assert line["finding"] and line["fix"] and line["reason"]
