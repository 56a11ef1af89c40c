"""Facts that parts tell of themselves, read from source."""

from pathlib import Path

import pytest
import yaml

import qtlrun
from qtlrun.plan.fact import Facts, title
from qtlrun.plan.part import facts_of, parameters

CONF = Path(qtlrun.__file__).parents[1] / "conf"
PART = {"_target_": "mine.Wide", "shots": 1, "layer": None, "weights": ["a", "b"], "mode": "x"}


def parts():
    """Group and values of every option that names a part."""
    for path in sorted(CONF.glob("*/*.yaml")):
        values = yaml.safe_load(path.read_text()) or {}
        if "_target_" in values and path.parent.name != "study":
            yield pytest.param(path.parent.name, values, id=f"{path.parent.name}={path.stem}")


@pytest.mark.parametrize(("group", "values"), list(parts()))
def test_what_a_part_declares_is_of_values_that_it_takes(group, values):
    target = values["_target_"]
    facts = facts_of(group, target)
    takes = parameters(group, target)
    assert set(facts.defects) <= set(takes)
    assert set(facts.idle) <= set(facts.defects)
    assert {name for others in facts.idle.values() for name in others} <= set(takes)
    assert title(facts, values, circuit="a circuit") or target.endswith("Identity")


def test_the_facts_of_a_dataclass_that_a_function_takes_are_its_own(tmp_path):
    facts = facts_of("dataset", "qtlrun.dataset.spirals.spirals")
    assert facts.defects["validation"] == "test" and facts.defects["scaled_by"] == "all"


def test_a_plugin_declares_facts(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from qtlrun.plan import facts\n\n"
        "@facts(title=('wide x {depth}',), linear=True)\n"
        "class Wide:\n    def __init__(self, depth: int): ...\n"
    )
    facts = facts_of("head", "mine.Wide", (str(path),))
    assert facts.linear and title(facts, {"_target_": "mine.Wide", "depth": 3}) == "wide x 3"
    path.write_text(path.read_text().replace("wide", "broad"))
    assert facts_of("head", "mine.Wide", (str(path),)).title == ("broad x {depth}",)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (None, "wide"),
        ((), ""),
        (("net", " up to {layer}"), "net"),
        (("{shots:outcome} of {weights}",), "1 outcome of a,b"),
        ((("mode", "y", "never"), ("mode", "x", "mode x")), "mode x"),
    ],
)
def test_a_title_leaves_out_what_does_not_hold(pieces, words):
    assert title(Facts(title=pieces), PART) == words


def test_a_title_counts_in_the_plural_and_says_all():
    facts = Facts(title=("{shots:outcome}, {weights}",))
    assert title(facts, PART | {"shots": 3, "weights": ["*"]}) == "3 outcomes, all"


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"step": "start", "schedule": "step"}, ["step"]),
        ({"step": "start", "schedule": "none"}, []),
        ({"step": "end", "schedule": "step"}, []),
        ({}, []),
    ],
)
def test_a_defect_is_kept_where_its_value_acts(values, keys):
    facts = Facts(defects={"step": "start"}, idle={"step": {"schedule": ("none",)}})
    assert facts.kept_defects(values) == keys
