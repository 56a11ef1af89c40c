"""The contract of every option: it is found here by itself when its YAML is added."""

import functools
import importlib
import re
from pathlib import Path

import pytest
import yaml
from composition import check
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from PIL import Image

from qtlrun import plan as plans
from qtlrun.compose import compose as command
from qtlrun.contract.part import build_part
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.check import check_loaded, check_parts
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.lens import build_lenses
from qtlrun.plan import Plan, check_plan
from qtlrun.plan.annotation import accepts
from qtlrun.plan.claim import CLAIMS, claim
from qtlrun.plan.letter import letter_of
from qtlrun.plan.part import OFFERED, parameters

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "conf").glob("*/*.yaml"))
OPTIONS = [(path.parent.name, path.stem if path.suffix == ".yaml" else path.name) for path in FILES]
PARTS = [pair for pair in OPTIONS if pair[0] not in ("compare", "experiment")]
PRESETS = [option for group, option in OPTIONS if group == "experiment"]
NEEDED = {
    ("backbone", "torchvision"): ["backbone.name=resnet18", "backbone.weights=none"],
    ("device", "pennylane"): ["device.name=default.qubit"],
    ("backbone", "timm"): ["backbone.name=resnet10t", "backbone.weights=none", "backbone.size=32"],
}  # what has no default
# Libraries of the extras, without which an option cannot be built.
EXTRAS = {
    ("backbone", "timm"): "timm",
    ("dataset", "textures"): "skimage",
    ("device", "lightning.gpu"): "pennylane_lightning.lightning_gpu_ops",
    ("device", "lightning.kokkos"): "pennylane_lightning.lightning_kokkos_ops",
    ("device", "qiskit.aer"): "pennylane_qiskit",
}
NETWORK = """from torch import nn


class Net(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 4, 3)
"""
ANSATZ = """
import pennylane as qml

def ansatz(inputs, weights, wires):
    qml.AngleEmbedding(inputs, wires)
    qml.AngleEmbedding(weights, wires, rotation="Y")
    qml.CNOT(wires)
    return [qml.expval(qml.Z(wire)) for wire in wires]
"""
# datasets that are downloaded, and where they lie then
FETCHED = {
    "hymenoptera": "hymenoptera_data",
    "cifar10": "cifar-10-batches-py",
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
}
STATE = [
    "dataset=gaussian",
    "backbone=photonic",
    "backbone.modes=1",
    "backbone.layers=1",
    "backbone.output=state",
]
# What a part is built beside, where that is no default: one that takes or gives what it does.
BESIDE = {
    "vectors": ["backbone=identity"],
    "states": ["backbone=heterodyne", "head=classical"],
    ("head", "photonic"): STATE,
    ("head", "photonic_paper"): STATE,
    # A head with a circuit of its own is not generated
    ("parametrization", "quantum_train"): ["head=classical"],
    ("parametrization", "quantum_train_adapter"): ["head=adapter"],
    **{
        ("parametrization", f"quantum_train_{name}"): [
            "backbone=convolution",
            "freeze=none",
            "head=classical",
        ]
        for name in ("network", "small", "paper", "cifar10_paper")
    },
}


@functools.cache
def values(group, option):
    """What an option's own file holds."""
    return yaml.safe_load((ROOT / f"conf/{group}/{option}.yaml").read_text())


def many(option):
    """Whether a reference is a list of others."""
    said = values("compare", option)
    return set(said) == {"defaults"} and all(isinstance(entry, str) for entry in said["defaults"])


NAMED = [option for group, option in OPTIONS if group == "compare"]
REFERENCES = [option for option in NAMED if not many(option)]


def presets(option):
    """What a preset's file holds, that of those that it builds on before it."""
    said = values("experiment", option)
    return [one for entry in parents(said) for one in presets(entry)] + [said]


def parents(said):
    """The options of its own group that an option builds on."""
    return [
        entry for entry in said.get("defaults", []) if isinstance(entry, str) and entry != "_self_"
    ]


@functools.cache
def chosen(option):
    """The option of each group that a preset has."""
    files = [yaml.safe_load((ROOT / "conf/config.yaml").read_text()), *presets(option)]
    places = [entry for said in files for entry in said["defaults"] if isinstance(entry, dict)]
    return {key.removeprefix("override /"): one for entry in places for key, one in entry.items()}


def class_of(part):
    """The class of a part."""
    module, _, name = part["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def gives(option):
    """Whether a dataset has pictures, vectors or states."""
    made = class_of(values("dataset", option))
    module = vars(importlib.import_module(made.__module__))
    return (
        "states"
        if "Sampling" in module
        else "vectors"
        if {"vector", "scaled"} & set(module)
        else "pictures"
    )


def beside(pair, part):
    """Words that go with a part, so that it can be built."""
    group, option = pair
    if group == "dataset":
        modes = {"coherent": 2, "gaussian": 1}
        more = [f"backbone.modes={modes[option]}"] if gives(option) == "states" else []
        return [*BESIDE.get(gives(option), []), *more]
    if group == "backbone":
        if "pictures" in getattr(class_of(part), "takes", ("pictures",)):
            return []
        return [f"dataset={'gaussian' if part['modes'] == 1 else 'coherent'}", "head=classical"]
    return BESIDE.get(pair, [])


def name(value):
    return "=".join(value) if isinstance(value, tuple) else str(getattr(value, "stem", value))


def skip_without_extra(pair):
    if pair in EXTRAS:
        pytest.importorskip(EXTRAS[pair])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for number in range(20):
        path = root / ("ants", "bees")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return root


@pytest.fixture(scope="module")
def point(pictures):
    """The plan of a choice of options, as if nothing of it had been typed."""
    network = pictures.with_name("nets.py")
    network.write_text(NETWORK)
    ansatz = pictures.with_name("ansatz.py")
    ansatz.write_text(ANSATZ)
    table = pictures / "table.csv"
    lines = [f"{number},{number % 2}\n" for number in range(20)]
    table.write_text("size,kind\n" + "".join(lines))
    needed = NEEDED | {
        ("dataset", "folder"): [f"dataset.root={pictures}"],
        ("dataset", "csv"): [f"dataset.path={table}", "dataset.label=kind"],
        ("backbone", "file"): [f"backbone.path={network}:Net", "backbone.size=32"],
        ("circuit", "file"): [
            f"circuit.path={ansatz}:ansatz",
            "circuit.qubits=2",
            "circuit.shape=[2]",
        ],
    }

    @functools.cache
    def make(*chosen, words=()):
        words = [
            *map("=".join, chosen),
            *words,
            *(word for pair in chosen for word in needed.get(pair, ())),
        ]
        with initialize_config_module("qtlrun.conf", version_base="1.3"):
            made = OmegaConf.to_container(
                compose("config", words), resolve=True, throw_on_missing=True
            )
        return Plan(made | {"name": "test", "overrides": []})

    return make


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_an_option_opens_with_what_it_is(path):
    lines = path.read_text().splitlines()
    package = path.parent.name in ("compare", "lens", "experiment")
    several = path.parent.name == "experiment" or (
        path.stem in NAMED and path.stem not in REFERENCES
    )
    group = "_global_" if several else f"{path.parent.name}.{path.stem}"
    if (
        path.parent.name == "study" and lines[0] == "# @package _global_"
    ):  # it chooses references too
        lines.pop(0)
    if package:
        assert lines.pop(0) == f"# @package {group}"
    assert re.match(r"# \S.{10,}", lines[0])
    if path.parent.name == "experiment":
        assert lines[0] == f"# qtlrun experiment={path.stem}" and lines[1].startswith("# ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_an_option_takes_nothing_from_another_group(path):
    assert "${" not in path.read_text()


@pytest.mark.parametrize("pair", PARTS, ids=name)
def test_a_part_is_its_constructors_values(point, pair):
    group, option = pair
    part = point(pair, words=("compare=[]",)).values[group]
    part = part[option] if group == "lens" else part  # of which several are chosen
    known = parameters(group, part["_target_"])
    mine = [key for key in known if key not in OFFERED.get(group, ())]
    assert [
        key for key in part if key not in ("_target_", "pretrain", "space")
    ] == mine  # every one, in its order
    assert all(accepts(known[key][0], part[key]) for key in mine)
    assert set(part.get("space") or {}) <= set(mine)
    said = values(group, option)
    if group == "study" and "study" in said:  # one that chooses references of its own
        assert set(said) <= {"defaults", "study"}
        assert all(entry.keys() == {"override /compare"} for entry in said.get("defaults", []))
        said = said["study"]
    told = [key for key in said if key in mine]
    assert told == sorted(told, key=mine.index) and set(said) <= {
        *mine,
        "_target_",
        "pretrain",
        "defaults",
        "space",
    }


@pytest.mark.parametrize("pair", [pair for pair in PARTS if values(*pair).get("space")], ids=name)
def test_a_space_holds_the_default_and_more_than_it(point, pair):
    """What is tuned may end where it began, unless that is no decay at all, which no logarithm
    reaches.

    A single option takes back the several that the default recipe tunes over: scaled amplitudes are
    no state.
    """
    group, option = pair
    shared = (
        values("recipe", "default")["space"] if group == "recipe" and option != "default" else {}
    )
    plan = point(pair, words=("compare=[]", "tune=4"))
    check_plan(plan)
    part = plan.values[group]
    assert part["space"]
    for key, given in part["space"].items():
        assert len(set(given)) > 1 or (given == [part[key]] and len(set(shared.get(key, ()))) > 1)
        if isinstance(given[0], str):
            assert part[key] in given or part[key] == "auto"  # which stands for one of them
        else:
            assert given[0] <= part[key] <= given[1] or (key == "weight_decay" and part[key] == 0)


def built(point, home, pair):
    skip_without_extra(pair)
    words = beside(pair, point(pair, words=("compare=[]",)).values.get(pair[0], {}))
    plan = point(pair, words=("compare=[]", *words))
    check_plan(plan)
    build_lenses(plan)
    Experiment(str(home)).check(plan.model)


@pytest.mark.parametrize(
    "pair", [pair for pair in PARTS if pair[0] != "dataset" or pair[1] not in FETCHED], ids=name
)
def test_a_part_can_be_built(point, tmp_path, pair):
    built(point, tmp_path, pair)


@pytest.mark.parametrize("option", FETCHED)
def test_a_dataset_that_is_fetched_can_be_built(point, tmp_path, data, monkeypatch, option):
    if not (data / FETCHED[option]).is_dir():
        pytest.skip(f"{FETCHED[option]} is not here")
    monkeypatch.setenv("QTLRUN_DATA", str(data))
    built(point, tmp_path, ("dataset", option))


@pytest.mark.parametrize("backbone", [option for group, option in OPTIONS if group == "backbone"])
@pytest.mark.parametrize("dataset", ["digits", "iris", "coherent"])
def test_a_backbone_is_built_beside_the_kinds_of_items_that_it_takes_and_refused_beside_others(
    point, tmp_path, backbone, dataset
):
    skip_without_extra(("backbone", backbone))
    plan = point(
        ("backbone", backbone), ("dataset", dataset), words=("compare=[]", "head=classical")
    )
    takes = getattr(class_of(plan.values["backbone"]), "takes", ("pictures",))
    made, one_mode = (
        Parts(plan.model, Session(str(tmp_path))),
        plan.values["backbone"].get("modes") == 1,
    )

    def look():
        check_parts(made)
        check_loaded(made)

    if gives(dataset) in takes and not one_mode:
        look()
        return
    with pytest.raises(UsageError) as error:
        look()
    others = {
        "pictures": "small or efficientnet_lite0",
        "vectors": "identity or perceptron",
        "states": "photonic or heterodyne",
    }[gives(dataset)]
    said = (
        f"backbone: it takes {' or '.join(takes)}, and the dataset's items are {gives(dataset)};"
        f" use backbone={others}."
    )
    assert str(error.value) == said if gives(dataset) not in takes else "modes" in str(error.value)


@pytest.mark.parametrize("option", [option for option in NAMED if option not in REFERENCES])
def test_a_list_of_references_has_each_of_them_once(point, option):
    listed = values("compare", option)["defaults"]
    assert set(listed) <= set(REFERENCES) and len(set(listed)) == len(listed)
    plan = point(words=(f"compare={option}",))
    check_plan(plan)
    assert list(plan.changes) == listed and set(plan.references) <= set(listed)


GRIDS = {
    "diagnose",
    "multiverse",
    "power",
    "learning_curve",
    "calibrate",
    "credit",
    "export",
    "gradients",
    "shots",
}  # studies of one point; all but export, gradients and credit make a grid of their own
# studies of finished runs, which tests/compose/test_finished.py and the studies' own tests have
FINISHED = ("interpret", "join", "predict", "robustness", "robustness_ahmed2025")


TRAINING = [option for group, option in OPTIONS if group == "study" and option not in FINISHED]


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """A home in which the first study pre-trains the backbone for the others."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("option", TRAINING)
def test_a_study_is_checked_before_it_starts_and_says_whether_it_takes_a_sweep(shared_home, option):
    """With the references that it chooses itself; a study that would sweep a plan of its own takes
    one point.
    """
    target = values("study", option).get("study", values("study", option))["_target_"]
    published = (
        {"published": {"accuracy": {"composed": 0.9}}} if target.endswith(".Reproduce") else {}
    )

    def points(*words):
        made = []
        for more in words:
            with initialize_config_module("qtlrun.conf", version_base="1.3"):
                words = [
                    f"study={option}",
                    f"home={shared_home}",
                    "backbone.width=4",
                    "backbone.pretrain.recipe.epochs=1",
                    more,
                ]
                plan = OmegaConf.to_container(compose("config", words), resolve=True)
            made.append(Plan(plan | published | {"name": "test", "overrides": [more]}))
        return made

    single, sweep = points("seeds=3"), points("circuit.qubits=2", "circuit.qubits=3")
    assert single[0].study.get("margin", 0.05) == 0.05 and hasattr(
        build_part("study", single[0].study, []), "run"
    )
    if target.endswith(".Trend"):
        with pytest.raises(UsageError) as error:
            check(*single)
        assert str(error.value).startswith("study=trend follows one number; sweep it, ")
    else:
        assert check(*single)
    if option not in GRIDS:
        assert check(*sweep)
        return
    with pytest.raises(UsageError) as error:
        check(*sweep)
    assert (
        str(error.value)
        == f"study={option}: it takes one point, and this sweep has 2; leave out -m."
    )


MODELS = {
    "A": (),
    "B": (("head", "classical"), ("freeze", "none")),
    "C": (("head", "classical"),),
    "D": (("freeze", "none"),),
}
PLAIN = (("backbone", "identity"), ("dataset", "spirals"))  # a circuit without a letter
PHOTONIC = (("backbone", "photonic"), ("dataset", "coherent"), ("head", "classical"))
GENERATED = (("head", "classical"), ("parametrization", "quantum_train"))


def claimed(option):
    """The models that a reference makes a claim about, with the claim."""
    said = values("compare", option)
    for letter, words in said.get("by_letter", {}).items():
        yield MODELS[letter], letter, words
    if "isolates" not in said:
        return
    if said.get("of") == "circuit":
        subjects = [((), "A"), (MODELS["D"], "D")] + [(PLAIN, "")] * (option != "scratch")
    elif "parametrization" in changed(option):
        subjects = [(GENERATED, "")]
    else:
        subjects = [((), "A")] if option == "untrained" else [(PHOTONIC, "")]
    yield from ((parts, letter, said["isolates"]) for parts, letter in subjects)


@pytest.mark.parametrize("option", REFERENCES)
def test_a_reference_claims_one_thing_where_it_changes_one_part(point, option):
    """For each model that it makes a claim about; batch norms follow the weights."""
    claims = list(claimed(option))
    assert claims
    for parts, letter, words in claims:
        plan = point(*parts, words=(f"compare=[{option}]",))
        check_plan(plan)
        composed, (row,) = plan.model, plan.references.values()
        assert letter_of(composed)[0] == letter
        assert claim(plan.changes[option], composed) == words
        freeze = [one.freeze | {"batch_norm": None} for one in (composed, row)]
        other = [
            group
            for group in plans.GROUPS
            if composed.part(group) != row.part(group)
            and (group != "freeze" or freeze[0] != freeze[1])
        ]
        assert len(other) > 1 if words.startswith("the whole model") else len(other) == 1
        assert len(words.split()) > 1 and not words.endswith(".")


@pytest.mark.parametrize("option", ["twin", "frozen_circuit", "unentangled", "zeroed"])
@pytest.mark.parametrize("words", ["head=adapter", "head.angles=random", "circuit=product"])
def test_a_claim_about_a_trained_circuit_is_made_of_no_other_head(point, option, words):
    plan = point(words=(f"compare=[{option}]", words))
    assert claim(plan.changes[option], plan.model) == ""


@pytest.mark.parametrize("option", REFERENCES)
def test_a_reference_changes_parts_alone(option):
    assert changed(option) and changed(option) <= set(plans.GROUPS)


def changed(option):
    """The groups of which a reference says anything."""
    said = values("compare", option)
    return set(said) - {*CLAIMS, "defaults"} | {
        place.partition("@")[2] for entry in said.get("defaults", []) for place in entry
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_preset_sets_is_a_value_of_every_option_of_its_group(preset):
    """So it composes with each of them; a protocol belongs to its dataset and study alone."""
    for said in presets(preset):
        for group, option in PARTS:
            if group in said and group not in ("dataset", "study"):
                assert set(said[group]) <= keys(group, option), option


def keys(group, option):
    """Keys of an option, with those of the options that it builds on."""
    said = values(group, option)
    return set(said).union(*(keys(group, parent) for parent in parents(said)))


TURNS = 3


def rotation(preset, turn=0):
    """Another option in every other group at once; the next ones for the next preset, and others a
    third of the longest group further for each turn.

    The dataset and the study stay where the preset sets their values: a protocol belongs to its
    items.
    """
    kept = {"dataset", "study"} & set().union(*presets(preset))
    others = {}
    for group, option in PARTS:
        if option != chosen(preset)[group] and group not in kept:
            others.setdefault(group, []).append(option)
    most = max(map(len, others.values()))
    start = PRESETS.index(preset) + turn * most // TURNS
    return [(group, options[start % len(options)]) for group, options in others.items()]


@pytest.mark.parametrize(
    "turn", [0, *(pytest.param(turn, marks=pytest.mark.slow) for turn in range(1, TURNS))]
)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_with_other_options_of_every_group(point, preset, turn):
    check_plan(point(("experiment", preset)))
    pairs = rotation(preset, turn)
    plan = point(("experiment", preset), *pairs)
    check_plan(plan)
    for group, option in pairs:
        part = plan.lenses[option] if group == "lens" else plan.values[group]
        target = part["_target_"]
        assert target == values(group, option).get("_target_", target)


def test_every_option_is_composed_with_a_preset():
    turned = {pair for preset in PRESETS for pair in rotation(preset)}
    missing = [pair for pair in PARTS if pair not in turned]
    assert all(
        any(chosen(preset)[group] == option for preset in PRESETS) for group, option in missing
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_with_every_reference(point, preset):
    """Each is a row, or is left out because the preset's model lacks what it changes, and a line
    says so.
    """
    plan = point(("experiment", preset), words=(f"compare=[{','.join(REFERENCES)}]",))
    check_plan(plan)
    left_out = [note for note in plan.notes if note.startswith("compare=")]
    missing = []
    for option in REFERENCES:
        said = values("compare", option)
        whole = {place.partition("@")[2] for entry in said.get("defaults", []) for place in entry}
        lacking = [
            f"{group}.{key}"
            for group in plans.GROUPS
            if group not in whole
            for key in said.get(group, {})
            if key not in plan.values[group]
        ]
        if lacking:
            words = (
                f"compare={option}: it changes {', '.join(lacking)}, which the composed model does"
                " not have."
            )
            missing.append(words)
    assert sorted(left_out) == sorted(missing)
    assert len(plan.references) + len(left_out) == len(REFERENCES)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_nothing_that_belongs_to_one_option_but_the_datasets(preset):
    """And its study's, and a circuit's size, which every circuit has."""
    said = values("experiment", preset)
    own = {
        group: parameters(group, _target(group, chosen(preset)[group]))
        for group in ("dataset", "study", "recipe")
    }
    shared = {
        group: {*names, *(["space"] if group == "recipe" else [])} for group, names in own.items()
    } | {"freeze": {"batch_norm"}, "circuit": {"qubits", "depth"}}
    for key, changed in said.items():
        if key in (*plans.GROUPS, "study"):
            assert set(changed) <= shared[key]
        else:
            assert key in ("defaults", "seeds", "compare", "dtype", "published")
    for name, change in said.get("compare", {}).items():
        assert name in chosen(preset)["compare"] and set(change) <= set(plans.GROUPS)


def _target(group, option):
    """The class of an option, of one that builds on others theirs."""
    said = values(group, option)
    return said.get("study", said).get("_target_") or _target(group, parents(said)[0])


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "circuit"])
def test_every_circuit_has_a_size(option):
    assert {"qubits", "depth"} <= set(values("circuit", option))


@pytest.mark.parametrize(
    "preset", [preset for preset in PRESETS if "published" in values("experiment", preset)]
)
def test_published_figures_are_accuracies_of_rows_and_stand_in_the_first_lines_with_their_source(
    point, preset
):
    plan = point(("experiment", preset))
    assert {"source", "accuracy"} <= set(plan.values["published"]) <= {
        "source",
        "accuracy",
        "items",
    } and len(plan.values["published"]["source"]) > 10
    assert set(plan.values["published"]["accuracy"]) <= {"composed", *plan.changes}
    text = (ROOT / f"conf/experiment/{preset}.yaml").read_text()
    opening, figures = text.partition("defaults:")[0], re.findall(r"accuracy: (.*)", text)
    shown = [
        (float(one), len(one) - 1) for one in re.findall(r"\.\d+", opening)
    ]  # to as many places as there are
    for figure in map(float, re.findall(r"\b0\.\d+", figures[0])):
        assert 0.5 < figure < 1 and any(
            round(figure, places) == one and places >= 3 for one, places in shown
        )


@pytest.mark.parametrize(
    "option", [option for group, option in OPTIONS if group == "study" and "reproduce" in option]
)
def test_runs_of_a_reproduction_are_presets_with_published_figures_or_the_sound_form_of_one(option):
    lines = values("study", option)["study"]["runs"]
    runs = [re.match(r"experiment=(\w+)", run)[1] for run in lines]
    assert set(runs) <= set(PRESETS) and len(set(lines)) == len(
        lines
    )  # a preset may stand there with other words too
    for run in runs:
        assert any("published" in said for said in presets(run)) or f"{run}_paper" in runs


def test_every_preset_with_published_figures_is_in_a_reproduction_or_named_as_too_long():
    options = [option for group, option in OPTIONS if group == "study" and "reproduce" in option]
    runs = {
        re.match(r"experiment=(\w+)", run)[1]
        for option in options
        for run in values("study", option)["study"]["runs"]
    }
    left = {"qt_mnist_paper", "qt_fashion_paper", "qt_cifar10_paper"}
    assert {preset for preset in PRESETS if "published" in values("experiment", preset)} == {
        run for run in runs if "published" in values("experiment", run)
    } | left
    opening = (ROOT / "conf/study/reproduce.yaml").read_text().partition("study:")[0]
    assert not left & runs and all(preset in opening for preset in left)


@pytest.mark.parametrize("pair", dict(OPTIONS).items(), ids=name)  # the last of each group
def test_a_misspelt_option_is_refused_with_the_right_one(pair):
    group, option = pair
    middle = len(option) // 2
    wrong = option[:middle] + "x" + option[middle + 1 :] if len(option) > 1 else option + "x"
    with pytest.raises(UsageError) as error:
        command([f"{group}={wrong}"])
    assert str(error.value).startswith(
        f"{group}={wrong}: there is no such option; did you mean {option}? It is one of "
    )


def test_every_group_has_a_place_in_the_defaults():
    defaults = yaml.safe_load((ROOT / "conf/config.yaml").read_text())["defaults"]
    named = [key for entry in defaults if isinstance(entry, dict) for key in entry]
    assert set(named) == {group for group, _ in OPTIONS}
    assert defaults[-1] == {"experiment": None}  # last of all, and never optional
