"""The contract of every option: it is found here by itself when its YAML is added."""
import functools
import re
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from PIL import Image

from qtlrun import plan as plans
from qtlrun.compose import compose as command
from qtlrun.compose.check import check
from qtlrun.experiment import Experiment
from qtlrun.plan.kind import accepts
from qtlrun.plan.part import OFFERED

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "conf").glob("*/*.yaml") if path.parent.name != "hydra")
OPTIONS = [(path.parent.name, path.stem if path.suffix == ".yaml" else path.name) for path in FILES]
PARTS = [pair for pair in OPTIONS if pair[0] not in ("compare", "experiment")]
PRESETS = [option for group, option in OPTIONS if group == "experiment"]
REFERENCES = [option for group, option in OPTIONS if group == "compare"]
NEEDED = {("backbone", "torchvision"): ["backbone.name=resnet18", "backbone.weights=none"]}  # what has no default


def values(group, option):
    """What an option's own file holds."""
    return yaml.safe_load((ROOT / f"conf/{group}/{option}.yaml").read_text())


def name(value):
    return "=".join(value) if isinstance(value, tuple) else str(getattr(value, "stem", value))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for number in range(20):
        path = root / ("ants", "bees")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return root


@pytest.fixture(scope="module")
def job(pictures):
    """The plan of a choice of options, as if nothing of it had been typed."""
    needed = NEEDED | {("dataset", "folder"): [f"dataset.root={pictures}"]}

    @functools.cache
    def make(*chosen, words=()):
        words = [*map("=".join, chosen), *words, *(word for pair in chosen for word in needed.get(pair, ()))]
        with initialize_config_module("qtlrun.conf", version_base="1.3"):
            made = OmegaConf.to_container(compose("config", words), resolve=True, throw_on_missing=True)
        return made | {"name": "test", "overrides": []}
    return make


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_an_option_opens_with_what_it_is(path):
    lines = path.read_text().splitlines()
    package = path.parent.name in ("compare", "experiment")
    if path.parent.name == "study" and lines[0] == "# @package _global_":  # it chooses references too
        lines.pop(0)
    if package:
        assert lines.pop(0) == f"# @package {'_global_' if path.parent.name == 'experiment' else f'compare.{path.stem}'}"
    assert re.match(r"# \S.{10,}", lines[0])
    if path.parent.name == "experiment":
        assert lines[0] == f"# qtlrun experiment={path.stem}" and lines[1].startswith("# ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_an_option_takes_nothing_from_another_group(path):
    assert "${" not in path.read_text()


@pytest.mark.parametrize("pair", PARTS, ids=name)
def test_a_part_is_its_constructors_values(job, pair):
    group, option = pair
    part = job(pair, words=("compare=[]",))[group]
    known = plans.parameters(group, part["_target_"])
    mine = [key for key in known if key not in OFFERED.get(group, ())]
    assert [key for key in part if key not in ("_target_", "pretrain", "space")] == mine  # every one, in its order
    assert all(accepts(known[key][0], part[key]) for key in mine)
    assert set(part.get("space") or {}) <= set(mine)
    said = values(group, option)
    if group == "study" and "study" in said:  # one that chooses references of its own
        assert set(said) == {"defaults", "study"} and said["defaults"][0].keys() == {"override /compare"}
        said = said["study"]
    told = [key for key in said if key in mine]
    assert told == sorted(told, key=mine.index) and set(said) <= {*mine, "_target_", "pretrain", "defaults", "space"}


@pytest.mark.parametrize("pair", [pair for pair in PARTS if values(*pair).get("space")], ids=name)
def test_a_space_holds_the_default_and_more_than_it(job, pair):
    """What is tuned may end where it began, unless that is no decay at all, which no logarithm reaches."""
    group, _ = pair
    plan = job(pair, words=("compare=[]", "tune=4"))
    plans.check(plan)
    part = plan[group]
    assert part["space"]
    for key, given in part["space"].items():
        assert len(set(given)) > 1
        if isinstance(given[0], str):
            assert part[key] in given
        else:
            assert given[0] <= part[key] <= given[1] or (key == "weight_decay" and part[key] == 0)


@pytest.mark.parametrize("pair", [pair for pair in PARTS if pair != ("dataset", "hymenoptera")], ids=name)
def test_a_part_can_be_built(job, tmp_path, pair):
    plan = job(pair, words=("compare=[]",))
    plans.check(plan)
    Experiment(str(tmp_path)).check(plans.row_plan(plan))


def test_ants_and_bees_can_be_built(job, tmp_path, data, monkeypatch):
    monkeypatch.setenv("QTLRUN_DATA", str(data))
    plan = job(("dataset", "hymenoptera"), words=("compare=[]",))
    plans.check(plan)
    Experiment(str(tmp_path)).check(plans.row_plan(plan))


GRIDS = {"multiverse", "power", "learning_curve", "calibrate"}  # studies of one point, which make a grid of their own


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "study"])
def test_a_study_is_checked_before_it_starts_and_says_whether_it_takes_a_sweep(tmp_path, option):
    """With the references that it chooses itself; a study that would sweep a plan of its own takes one point."""
    def points(*words):
        made = []
        for more in words:
            with initialize_config_module("qtlrun.conf", version_base="1.3"):
                plan = OmegaConf.to_container(compose("config", [f"study={option}", f"home={tmp_path}", "backbone.width=4", "backbone.pretrain.recipe.epochs=1", more]), resolve=True)
            made.append(plan | {"name": "test", "overrides": [more]})
        return made
    single = points("seeds=3")
    assert check(single) and single[0]["study"]["margin"] == .05 and hasattr(plans.build("study", single[0]["study"], []), "run")
    sweep = points("circuit.qubits=2", "circuit.qubits=3")
    if option not in GRIDS:
        assert check(sweep)
        return
    with pytest.raises(plans.Refused) as error:
        check(sweep)
    assert str(error.value) == f"study={option}: it takes one point, and this sweep has 2; leave out -m."


MODELS = {"A": (), "B": (("head", "classical"), ("freeze", "none")), "C": (("head", "classical"),), "D": (("freeze", "none"),)}


@pytest.mark.parametrize("option", REFERENCES)
def test_a_reference_claims_one_thing_where_it_changes_one_part(job, option):
    """For each model that it makes a claim about; batch norms follow the weights, and are no claim."""
    claims = values("compare", option)["isolates"]
    assert claims and set(claims) <= set(MODELS)
    for letter, words in claims.items():
        plan = job(*MODELS[letter], words=(f"compare=[{option}]",))
        plans.check(plan)
        composed, (row,) = plans.row_plan(plan), plans.references(plan)[0].values()
        assert plans.letter(composed) == (letter, "")
        freeze = [one["freeze"] | {"batch_norm": None} for one in (composed, row)]
        changed = [group for group in plans.PARTS if composed[group] != row[group] and (group != "freeze" or freeze[0] != freeze[1])]
        assert len(changed) > 1 if words.startswith("the whole model") else len(changed) == 1
        assert len(words.split()) > 1 and not words.endswith(".")


@pytest.mark.parametrize("option", REFERENCES)
def test_a_reference_changes_parts_alone(option):
    said = values("compare", option)
    places = {place.partition("@")[2] for entry in said.pop("defaults", []) for place in entry}
    assert set(said) - {"isolates"} | places <= set(plans.PARTS) and len(said) + len(places) > 1


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_with_every_option_of_every_other_group(job, preset):
    """But for the dataset, where the preset sets its values: a protocol belongs to its pictures."""
    plans.check(job(("experiment", preset)))
    said = values("experiment", preset)
    chosen = {key.removeprefix("override /"): option for entries in (yaml.safe_load((ROOT / "conf/config.yaml").read_text()), said)
              for entry in entries["defaults"] if isinstance(entry, dict) for key, option in entry.items()}
    others = [pair for pair in PARTS if pair[1] != chosen[pair[0]] and not (pair[0] == "dataset" and "dataset" in said)]
    assert len(others) > len(PARTS) / 2
    for pair in others:
        plan = job(("experiment", preset), pair)
        plans.check(plan)
        assert plan[pair[0]]["_target_"] == values(*pair).get("_target_", plan[pair[0]]["_target_"])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_with_every_reference(job, preset):
    """Each is a row, or is left out because the preset's model lacks what it changes, and a line says so."""
    plan = job(("experiment", preset), words=(f"compare=[{','.join(REFERENCES)}]",))
    plans.check(plan)
    made, left_out = plans.references(plan)
    missing = [f"compare={option}: it changes head.{key}, which the composed model does not have." for option, key in (
        ("frozen_circuit", "angles"), ("random_circuit", "angles"), ("unentangled", "entangle"), ("zeroed", "angles"))]
    assert sorted(left_out) == (missing if "angles" not in plan["head"] else [])
    assert len(made) + len(left_out) == len(REFERENCES)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_nothing_that_belongs_to_one_option_but_the_datasets(preset):
    said = values("experiment", preset)
    shared = {"freeze": {"batch_norm"}, "recipe": set(plans.parameters("recipe", "qtlrun.train.Recipe")), "dataset": {"validation"}}
    for key, changed in said.items():
        if key in plans.PARTS:
            assert set(changed) <= shared[key]
        else:
            assert key in ("defaults", "seeds", "compare", "dtype")


@pytest.mark.parametrize("pair", OPTIONS, ids=name)
def test_a_misspelt_option_is_refused_with_the_right_one(pair):
    group, option = pair
    middle = len(option) // 2
    wrong = option[:middle] + "x" + option[middle + 1:] if len(option) > 1 else option + "x"
    with pytest.raises(plans.Refused) as error:
        command([f"{group}={wrong}"])
    assert str(error.value).startswith(f"{group}={wrong}: there is no such option; did you mean {option}? It is one of ")


def test_the_readme_names_every_option_once():
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    cells = dict(lines)
    assert len(cells) == len(lines)
    wrong = [f"{group}={option}" for group, option in OPTIONS if cells.get(group, "").count(f"`{option}`") != 1]
    assert not wrong


def test_every_group_has_a_place_in_the_defaults():
    defaults = yaml.safe_load((ROOT / "conf/config.yaml").read_text())["defaults"]
    named = [key for entry in defaults if isinstance(entry, dict) for key in entry]
    assert set(named) - {"override hydra/help"} == {group for group, _ in OPTIONS}
    assert defaults[-2] == {"experiment": None}  # last of the groups, and never optional
