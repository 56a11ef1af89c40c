"""Planted faults: each check finds its own by its code, and few others are triggered."""

import importlib.util
import re
from pathlib import Path

import pytest

from qtlrun import run

FOLDER = Path(__file__).parent / "plants"
MAX_OTHERS = 2  # codes that a plant may trigger beside its own


def load(path):
    spec = importlib.util.spec_from_file_location(f"plants_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plants():
    """Words of a command by code."""
    for path in sorted(FOLDER.glob("*.py")):
        module = load(path)
        for name in vars(module):
            if re.fullmatch(r"q\d{3}(_\w+)?", name):
                yield name[:4].upper(), [f"module={path}:{name}"]
        for code, words in getattr(module, "COMPOSED", {}).items():
            yield code, [word.replace("FILE", str(path)) for word in words]


PLANTS = list(plants())
# A source task of a second, on which no check depends
QUICK = (
    "dataset=moons",
    "backbone=identity",
    "recipe.epochs=5",
)


@pytest.mark.parametrize("code, words", PLANTS, ids=[code for code, _ in PLANTS])
def test_a_planted_fault_is_found_by_its_code(home, tmp_path, code, words):
    quick = [word for word in QUICK if word.partition("=")[0] not in " ".join(words)]
    result = run("study=diagnose", f"outputs={tmp_path}", *quick, *words)
    codes = list(result.frame["code"])
    assert code in codes
    others = result.frame[(result.frame["code"] != code) & (result.frame["severity"] != "note")]
    assert len(others) <= MAX_OTHERS, codes
    line = result.frame.set_index("code").loc[code]
    assert line["finding"] and line["fix"] and line["reason"]
