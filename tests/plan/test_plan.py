import copy
import math
from dataclasses import replace

import pytest
from torch import nn

from qtlrun import plan as plans
from qtlrun.compose import compose
from qtlrun.error import UsageError, check_finite, nearest
from qtlrun.plan import Plan, Variant, build, check_plan
from qtlrun.plan.description import differences
from qtlrun.plan.letter import letter_of
from qtlrun.plan.override import parse
from qtlrun.plan.part import parameters
from qtlrun.plan.reference import References

HEAD = """
from dataclasses import dataclass
from torch import nn
from qtlrun.layer import Linear, Start


class Scaled(nn.Module):
    def __init__(self, features: int, classes: int, start: Start, factor: float = 2.):
        super().__init__()
        self.factor = factor
        self.linear = Linear(start, "post", features, classes)


@dataclass
class Looked:  # a dataclass looks up the module of an annotation that is a text
    up: "list[int]"
"""


@pytest.fixture(scope="module")
def composed():
    """The default plan, and one with every reference."""
    everything = (
        "compare=[A,B,C,D,twin,frozen_circuit,random_circuit,zeroed,unentangled,untrained,scratch]"
    )
    return {"default": compose([])[0].values, "every": compose([everything])[0].values}


def check(values):
    check_plan(Plan(values))


def references(values):
    """The references of a composed point by name, and why others do not apply."""
    made = References(
        Variant.of(values),
        values.get("compare") or {},
        tuple(parse(values.get("overrides", ()))),
    )
    return made.variants, made.notes


@pytest.fixture
def plan(composed):
    return copy.deepcopy(composed["default"])


@pytest.fixture
def every(composed):
    return copy.deepcopy(composed["every"])


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "scaled.py"
    path.write_text(HEAD)
    return str(path)


def refusal(plan):
    with pytest.raises(UsageError) as error:
        check(plan)
    return str(error.value)


def test_the_default_plan_is_accepted(plan, every):
    check(plan)
    check(every)


def test_an_unknown_key_is_refused_with_the_nearest_right_one(plan):
    plan["circuit"]["qbits"] = 3
    assert (
        refusal(plan)
        == "circuit.qbits: there is no such key; did you mean qubits? It is one of qubits, depth,"
        " readout, copies."
    )


def test_an_unknown_key_that_resembles_none_is_refused_with_the_list(plan):
    plan["circuit"]["x"] = 3
    assert (
        refusal(plan)
        == "circuit.x: there is no such key; it is one of qubits, depth, readout, copies."
    )


def test_a_part_without_keys_says_so(plan):
    plan["head"] = {"_target_": "qtlrun.head.classical.Classical", "spread": 1}
    assert refusal(plan) == "head.spread: there is no such key; it takes none."


def test_what_is_offered_to_a_part_cannot_be_given(plan):
    plan["head"]["features"] = 3
    assert refusal(plan).startswith(
        "head.features: there is no such key; it is one of angles, entangle, spread, state,"
        " product, layout, pre, post."
    )


def test_an_unknown_key_at_the_top_is_refused(plan):
    plan["sed"] = 3
    assert refusal(plan).startswith(
        "sed: there is no such key; did you mean seeds? It is one of seeds, splits, folds, tune,"
        " dtype, home,"
    )


@pytest.mark.parametrize("name", ["head", "device", "study", "seeds", "home", "plugins"])
def test_what_every_run_needs_cannot_be_taken_away(plan, name):
    del plan[name]
    assert refusal(plan) == f"{name}: every run needs it, and it is taken away."


def test_a_part_is_a_group_of_values(plan):
    plan["head"] = None
    assert (
        refusal(plan) == "head=null: a group of values stands here, each given as head.KEY=VALUE."
    )


def test_a_missing_value_is_named_with_the_class_that_needs_it(plan):
    del plan["circuit"]["depth"]
    assert (
        refusal(plan)
        == "circuit.depth: qtlrun.circuit.dressed.Dressed needs it and it is not given."
    )


def test_a_value_with_a_default_may_be_missing(plan):
    del plan["recipe"]["momentum"], plan["head"]["state"], plan["freeze"]["every"]
    check(plan)
    assert letter_of(Variant.of(plan)) == ("A", "") and "frozen" in plans.describe(Variant.of(plan))


WHOLE, NUMBER, FLAG = (
    "a whole number is needed here",
    "a number is needed here",
    "true or false is needed here",
)


@pytest.mark.parametrize(
    "group, name, value, words",
    [
        ("circuit", "qubits", "four", f"circuit.qubits=four: {WHOLE}, and this is a text."),
        ("circuit", "qubits", 2.0, f"circuit.qubits=2.0: {WHOLE}, and this is a number."),
        ("circuit", "qubits", True, f"circuit.qubits=true: {WHOLE}, and this is true or false."),
        ("circuit", "qubits", None, f"circuit.qubits=null: {WHOLE}, and this is nothing (null)."),
        ("circuit", "qubits", [2], f"circuit.qubits=[2]: {WHOLE}, and this is a list."),
        (
            "circuit",
            "qubits",
            {"a": 1},
            f"circuit.qubits={{a: 1}}: {WHOLE}, and this is a group of values.",
        ),
        ("circuit", "qubits", "", f"circuit.qubits=: {WHOLE}, and this is an empty text."),
        ("recipe", "lr", "1e-4x", f"recipe.lr=1e-4x: {NUMBER}, and this is a text."),
        ("recipe", "lr", True, f"recipe.lr=true: {NUMBER}, and this is true or false."),
        ("recipe", "augment", 1, f"recipe.augment=1: {FLAG}, and this is a whole number."),
        (
            "recipe",
            "optimizer",
            "adan",
            (
                "recipe.optimizer=adan: did you mean adam? It is one of adam, adamw, sgd,"
                " pennylane_adam."
            ),
        ),
        (
            "recipe",
            "optimizer",
            3,
            (
                "recipe.optimizer=3: one of adam, adamw, sgd, pennylane_adam is needed here, and"
                " this is a whole number."
            ),
        ),
        (
            "freeze",
            "frozen",
            "half",
            "freeze.frozen=half: a whole number or all is needed here, and this is a text.",
        ),
        (
            "freeze",
            "frozen",
            True,
            "freeze.frozen=true: a whole number or all is needed here, and this is true or false.",
        ),
        (
            "backbone",
            "layer",
            "layer9",
            (
                "backbone.layer=layer9: did you mean layer3? It is one of layer1, layer2, layer3,"
                " null."
            ),
        ),
        (
            "backbone",
            "weights",
            3,
            "backbone.weights=3: a text or null is needed here, and this is a whole number.",
        ),
        ("dataset", "train", "all", f"dataset.train=all: {NUMBER}, and this is a text."),
        (
            "dataset",
            "classes",
            [1, "2"],
            (
                "dataset.classes=[1, '2']: a list of whole numbers is needed here, and this is a"
                " list in which 2 is a text."
            ),
        ),
        (
            "dataset",
            "classes",
            3,
            (
                "dataset.classes=3: a list of whole numbers is needed here, and this is a whole"
                " number."
            ),
        ),
        ("head", "entangle", None, f"head.entangle=null: {FLAG}, and this is nothing (null)."),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(plan, group, name, value, words):
    plan[group][name] = value
    assert refusal(plan) == words


@pytest.mark.parametrize(
    "group, name, value",
    [
        ("recipe", "lr", 1),
        ("freeze", "frozen", 0),
        ("freeze", "frozen", "all"),
        ("backbone", "layer", None),
        ("backbone", "layer", "layer1"),
        ("dataset", "share", [0, 1]),
        ("dataset", "train", 0.5),
        ("head", "state", None),
    ],
)
def test_a_value_of_a_right_type_is_accepted(plan, group, name, value):
    plan[group][name] = value
    check(plan)


@pytest.mark.parametrize(
    "name, value, words",
    [
        (
            "seeds",
            "two",
            (
                "seeds=two: a whole number or a list of whole numbers is needed here, and this is a"
                " text."
            ),
        ),
        ("dtype", "float16", "dtype=float16: did you mean float64? It is one of float32, float64."),
        ("accelerator", "gpu", "accelerator=gpu: did you mean cpu? It is one of cpu, cuda, mps."),
        ("fresh", "yes", "fresh=yes: true or false is needed here, and this is a text."),
        ("home", None, "home=null: a text is needed here, and this is nothing (null)."),
        ("outputs", 3, "outputs=3: a text is needed here, and this is a whole number."),
        (
            "plugins",
            "mine.py",
            "plugins=mine.py: a list of texts is needed here, and this is a text.",
        ),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(plan, name, value, words):
    plan[name] = value
    assert refusal(plan) == words


@pytest.mark.parametrize(
    "given, named", [(1, [0]), (5, [0, 1, 2, 3, 4]), ([3, 7], [3, 7]), ([0], [0])]
)
def test_seeds_are_a_number_or_a_list(composed, given, named):
    assert Plan({**composed["default"], "seeds": given}).seeds == named


@pytest.mark.parametrize("given", [0, -3, [], [1, 1], [-1], [0, -1]])
def test_seeds_that_cannot_be_are_refused(plan, given):
    plan["seeds"] = given
    assert (
        refusal(plan)
        == f"seeds={given}: a number from 1 up (5 is seeds 0 to 4), or a list of different seeds"
        " from 0 up."
    )


def test_seeds_that_numpy_does_not_take_are_refused(plan):
    assert Plan({**plan, "seeds": [2**32 - 1]}).seeds == [2**32 - 1]
    for given in ([2**32], [0, 2**40]):
        plan["seeds"] = given
        assert refusal(plan) == f"seeds={given}: numpy's generators take seeds below 2**32."


TARGETS = [
    "os.system",
    "joblib.load",
    "qtlrun.backbone.small.Small",
    "qtlrun.plan",
    "qtlrun.plan.part.build",
    "qtlrun.headless.Head",
    "qtlrun.head",
    "qtlrun.head.missing.Head",
    "builtins.eval",
    "Classical",
    "",
    None,
    "qtlrun.head.classical",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_class_outside_its_group_is_refused(plan, target):
    plan["head"] = {"_target_": target}
    words = f"head._target_={'null' if target is None else target}: "
    assert refusal(plan) in (
        words
        + "a part is a class or function of qtlrun.head, or of a file named in plugins=[FILE.py].",
        words + "qtlrun.head has no part classical; it takes none.",
    )


def test_a_function_of_the_package_that_gives_no_part_is_refused(plan):
    plan["head"] = {"_target_": "qtlrun.head.dressed.squash"}
    assert (
        refusal(plan)
        == "head._target_=qtlrun.head.dressed.squash: qtlrun.head.dressed has no part squash; "
        "it is one of Quantum, Twin."
    )


def test_a_misspelt_class_is_refused_with_the_nearest_right_one(plan):
    plan["recipe"]["_target_"] = "qtlrun.recipe.Recip"
    assert refusal(plan).startswith(
        "recipe._target_=qtlrun.recipe.Recip: qtlrun.recipe has no part Recip; did you mean Recipe?"
    )


def test_a_class_of_a_plugin_is_found_and_built(plan, plugin):
    from qtlrun.layer import Start

    plan |= {
        "plugins": [plugin],
        "head": {"_target_": "scaled.Scaled", "factor": 3.0},
        "compare": {},
    }
    check(plan)
    head = build(
        "head", plan["head"], [plugin], features=4, classes=2, start=Start([0]), device=None
    )
    assert isinstance(head, nn.Module) and type(head).__name__ == "Scaled" and head.factor == 3.0
    assert head.linear.weight.shape == (1, 2, 4)


def test_the_values_of_a_plugin_are_checked_like_any(plan, plugin):
    plan |= {"plugins": [plugin], "head": {"_target_": "scaled.Scaled", "faktor": 3.0}}
    assert (
        refusal(plan)
        == "head.faktor: there is no such key; did you mean factor? It is one of factor."
    )


def test_a_plugin_that_was_edited_is_read_and_loaded_anew(tmp_path):
    path = tmp_path / "edited.py"
    for number in (1, 2):
        path.write_text(
            f"class Head:\n    def __init__(self, size: int = {number}):\n        self.made ="
            f" {number}, size\n"
        )
        assert build("head", {"_target_": "edited.Head"}, [str(path)]).made == (number, number)
    path.write_text("class Head:\n    def __init__(self, width: int): ...\n")
    with pytest.raises(UsageError, match="^head.width: edited.Head needs it and it is not given"):
        build("head", {"_target_": "edited.Head"}, [str(path)])


def test_a_module_that_is_no_plugin_is_refused(plan, plugin):
    plan["head"] = {"_target_": "scaled.Scaled"}
    assert (
        refusal(plan)
        == "head._target_=scaled.Scaled: a part is a class or function of qtlrun.head, or of a file"
        " named in plugins=[FILE.py]."
    )


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("missing.py", None, "there is no such Python file."),
        ("words.txt", "", "there is no such Python file."),
        ("broken.py", "x = 1\ndef f(:\n", "line 2: invalid syntax."),
        ("torch.py", "", "torch is the name of an installed module; rename the file."),
        ("json.py", "", "json is the name of an installed module; rename the file."),
        ("sys.py", "", "sys is the name of an installed module; rename the file."),
        ("qtlrun.py", "", "qtlrun is the name of an installed module; rename the file."),
        ("my-head.py", "", "my-head is no name of a module; rename the file."),
    ],
)
def test_a_plugin_that_cannot_be_is_refused(plan, tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    plan["plugins"] = [str(tmp_path / name)]
    assert refusal(plan) == f"plugins=[{tmp_path / name}]: {words}"


def test_a_plugin_that_fails_while_it_loads_is_refused(tmp_path):
    path = tmp_path / "stumbles.py"
    path.write_text("import nowhere_at_all\nclass Head: ...\n")
    with pytest.raises(UsageError) as error:
        build("head", {"_target_": "stumbles.Head"}, [str(path)])
    assert (
        str(error.value)
        == f"plugins=[{path}]: it does not load; {path}, line 1: ModuleNotFoundError: No module"
        " named 'nowhere_at_all'."
    )


def test_parameters_are_read_from_the_source_of_a_constructor_or_a_dataclass():
    head = parameters("head", "qtlrun.head.dressed.Quantum")
    assert list(head) == [
        "features",
        "classes",
        "circuit",
        "device",
        "start",
        "angles",
        "entangle",
        "spread",
        "state",
        "product",
        "layout",
        "pre",
        "post",
    ]
    assert [each.required for each in head.values()] == [True] * 5 + [False] * 8
    freeze = parameters("freeze", "qtlrun.freeze.Freeze")
    assert [(name, each.required) for name, each in freeze.items()] == [
        ("frozen", True),
        ("every", False),
        ("batch_norm", False),
    ]
    assert parameters("head", "qtlrun.head.classical.Classical").keys() == {
        "features",
        "classes",
        "start",
    }


def test_a_constructor_gets_its_values_and_what_it_names_of_the_offered_objects():
    circuit = build(
        "circuit",
        {"_target_": "qtlrun.circuit.dressed.Dressed", "qubits": 3, "depth": 2},
        state="not wanted",
    )
    assert circuit.shape == (2, 3)


@pytest.mark.parametrize(
    "group, part, words",
    [
        (
            "circuit",
            {"_target_": "qtlrun.circuit.dressed.Dressed", "qubits": 0, "depth": 2},
            "circuit.qubits=0: a circuit needs at least one qubit; 4 is the published number.",
        ),
        (
            "freeze",
            {"_target_": "qtlrun.freeze.Freeze", "frozen": -1},
            "freeze.frozen=-1: all, or a number of stages from 0 up.",
        ),
    ],
)
def test_the_words_of_a_constructor_follow_its_key(group, part, words):
    with pytest.raises(UsageError) as error:
        build(group, part)
    assert str(error.value) == words


@pytest.mark.parametrize(
    "said, words",
    [
        ("ValueError('too few.')", "head: too few"),
        ("BadValue('one', 3, 'too few')", "head.one=3: too few"),
        ("BadValue('one', 3, 'too few', 'use 4')", "head.one=3: too few; use 4"),
        ("UsageError('too few')", "head: too few"),
        ("UsageError('too many', key='circuit.qubits', value=40)", "circuit.qubits=40: too many"),
    ],
)
def test_an_error_of_a_constructor_has_the_key_of_its_part(tmp_path, said, words):
    """Of a class of the user's they are followed by the line that raised them."""
    path = tmp_path / f"says{abs(hash(said))}.py"
    path.write_text(
        "from qtlrun.error import BadValue, UsageError\n"
        "class Head:\n    def __init__(self, one: int, features: int):\n"
        f"        raise {said}\n"
    )
    with pytest.raises(UsageError) as error:
        build("head", {"_target_": f"{path.stem}.Head", "one": 3}, [str(path)], features=3)
    assert str(error.value) == f"{words} ({path}, line 4)."


def test_a_source_task_is_checked_like_any_part(plan):
    task = plan["backbone"]["pretrain"]
    for change, words in [
        (
            {"sed": 3},
            (
                "backbone.pretrain.sed: there is no such key; did you mean seed? It is one of"
                " dataset, recipe, seed."
            ),
        ),
        (
            {"seed": "x"},
            "backbone.pretrain.seed=x: a whole number is needed here, and this is a text.",
        ),
        (
            {"recipe": task["recipe"] | {"lr": "x"}},
            "backbone.pretrain.recipe.lr=x: a number is needed here, and this is a text.",
        ),
        (
            {"dataset": None},
            (
                "backbone.pretrain.dataset=null: a group of values stands here, each given as "
                "backbone.pretrain.dataset.KEY=VALUE."
            ),
        ),
    ]:
        plan["backbone"]["pretrain"] = task | change
        assert refusal(plan) == words
    plan["backbone"]["pretrain"] = {name: value for name, value in task.items() if name != "recipe"}
    assert (
        refusal(plan) == "backbone.pretrain.recipe: the source task needs it, and it is taken away."
    )


def test_pre_training_needs_a_source_task(plan):
    del plan["backbone"]["pretrain"]
    assert (
        refusal(plan)
        == "backbone.weights=pretrain: this backbone has no source task; name public weights, a"
        " file or none."
    )


def test_a_part_of_a_reference_that_has_a_class_replaces_the_composed_part(plan):
    rows, left_out = references(plan)
    assert list(rows) == ["B", "C", "twin", "frozen_circuit"] and not left_out
    assert rows["C"].head == {"_target_": "qtlrun.head.classical.Classical"}
    assert rows["twin"].head == {
        "_target_": "qtlrun.head.dressed.Twin",
        "reach": pytest.approx(math.pi / 2),
        "layout": None,
        "pre": "trained",
        "middle": "trained",
        "post": "trained",
    }


def test_a_part_of_a_reference_without_a_class_is_merged_into_the_composed_part(plan):
    plan["head"]["spread"] = 0.3
    row = references(plan)[0]["frozen_circuit"]
    assert row.head == plan["head"] | {"angles": "frozen"} and plan["head"]["angles"] == "trained"


def test_what_a_reference_does_not_change_is_the_composed_plans(plan):
    plan["circuit"]["qubits"] = 8
    plan["recipe"]["lr"] = 0.5
    for name, row in references(plan)[0].items():
        kept = {**row.parts, "dtype": row.dtype}.keys() - plan["compare"][name].keys()
        assert {"circuit", "recipe", "dataset", "device", "dtype"} <= kept
        assert all(getattr(row, group) == plan[group] for group in kept)


def test_a_reference_that_lacks_keys_is_refused_where_it_was_typed_and_noted_where_it_was_not(plan):
    plan["head"] = {"_target_": "qtlrun.head.classical.Classical"}
    rows, left_out = references(plan)
    words = "compare=frozen_circuit: it changes head.angles, which the composed model does not have"
    assert list(rows) == ["B", "C", "twin"] and left_out == [words + "."]
    for typed in ("compare=[frozen_circuit]", "+compare=frozen_circuit"):
        with pytest.raises(UsageError) as error:
            references(plan | {"overrides": ["seeds=3", typed]})
        assert str(error.value) == words + "; leave it out."
    assert (
        references(plan | {"overrides": ["experiment=ants_bees", "study.margin=.1"]})[1] == left_out
    )


def test_a_change_to_an_unchosen_reference_is_silent_from_a_preset_and_refused_where_typed(
    plan,
):
    before = references(plan)
    plan["compare"]["untrained"] = {"backbone": {"weights": "none"}}
    check(plan)
    assert references(plan) == before and "untrained" not in before[0] and not before[1]
    plan["overrides"] = ["+compare.untrained.backbone.weights=none"]
    assert (
        refusal(plan)
        == "compare.untrained: it is changed, but not among the references; choose it with "
        "+compare=untrained."
    )


def test_a_reference_of_the_users_own_that_claims_nothing_is_a_row_all_the_same(plan):
    """Chosen by a word or by a preset, which leaves no word: what is dropped without a line was
    asked for.
    """
    plan["compare"] = {"six": {"circuit": {"qubits": 6}}}
    for overrides in ([], ["compare=[six]"], ["+compare=six"], ["experiment=mine"]):
        rows, left_out = references(plan | {"overrides": overrides})
        assert rows["six"].circuit["qubits"] == 6 and not left_out
    check(plan)
    assert Plan(plan | {"overrides": ["compare=[six]"]}).claims == {
        "six": "circuit.qubits 4 against 6"
    }


@pytest.mark.parametrize(
    "change, words",
    [
        (3, "compare.B=3: a reference is a group of values; compare=[B] chooses it."),
        (
            {"isolates": "", "hed": {}},
            (
                "compare.B.hed: there is no such key; did you mean head? It is one of dataset,"
                " backbone, freeze, recipe, circuit, head, parametrization, device."
            ),
        ),
        (
            {"isolates": "", "head": 3},
            (
                "compare.B.head=3: a group of values stands here, each given as"
                " compare.B.head.KEY=VALUE."
            ),
        ),
        (
            {"isolates": "", "head": {"angles": "frosen"}},
            (
                "compare.B.head.angles=frosen: did you mean frozen? It is one of trained, frozen,"
                " random, zero."
            ),
        ),
        (
            {"isolates": "", "head": {"_target_": "os.system"}},
            (
                "compare.B.head._target_=os.system: a part is a class or function of qtlrun.head,"
                " or of a file named in plugins=[FILE.py]."
            ),
        ),
    ],
)
def test_a_reference_that_cannot_be_is_refused(plan, change, words):
    plan["compare"]["B"] = change
    assert refusal(plan) == words


def test_a_reference_whose_validation_is_the_test_split_is_not_tuned():
    """Its draw would be chosen on the test split, though the composed row's is not."""
    plan = compose(["dataset=moons", "backbone=identity", "compare=[twin]", "tune=2"])[0].values
    check(plan)
    words = "dataset.validation=test: the test split would choose the draw; leave one of them out."
    plan["compare"]["twin"]["dataset"] = {"validation": "test"}
    assert refusal(plan) == f"tune=2, compare.twin.{words}"
    plan["dataset"]["validation"] = "test"  # then the references have it from there
    assert refusal(plan) == f"tune=2, {words}"


@pytest.mark.parametrize("name", ["../B", "", "a b", "B/C", "x" * 65])
def test_a_reference_is_named_so_that_files_can_be(plan, name):
    plan["compare"] = {name: {"isolates": "", "head": {"angles": "zero"}}}
    assert (
        refusal(plan)
        == f"compare.{name}: a reference's name is made of letters, digits, - and _, at most 64 of"
        " them."
    )


def test_a_reference_cannot_be_called_as_the_composed_model_is(plan):
    plan["compare"] = {"composed": {"isolates": None, "head": {"angles": "zero"}}}
    assert (
        refusal(plan)
        == "compare.composed: the composed model is called so; name the reference otherwise."
    )


def test_no_references_is_a_plan_too(plan):
    for compare in ({}, None):
        assert references(plan | {"compare": compare}) == ({}, [])
    del plan["compare"]
    check(plan)


def test_the_literatures_rows_have_their_letters(every):
    rows = references(every)[0]
    assert letter_of(Variant.of(every)) == ("A", "")
    assert {name: letter_of(rows[name])[0] for name in "ABCD"} == dict(
        zip("ABCD", "ABCD", strict=True)
    )


RANDOM, HALF = (
    "its backbone is not pre-trained",
    "it freezes neither exactly the backbone nor nothing",
)
IDLE, OTHER = (
    "its circuit is not trained, or has no entangler",
    "its head is neither one linear layer nor a circuit",
)


@pytest.mark.parametrize(
    "name, reason",
    [
        ("twin", OTHER),
        ("frozen_circuit", IDLE),
        ("random_circuit", IDLE),
        ("zeroed", IDLE),
        ("unentangled", IDLE),
        ("untrained", RANDOM),
        ("scratch", RANDOM),
    ],
)
def test_a_control_has_no_letter_and_a_reason(every, name, reason):
    assert letter_of(references(every)[0][name]) == ("", reason)


@pytest.mark.parametrize(
    "group, values, reason",
    [
        ("freeze", {"frozen": 2}, HALF),
        ("freeze", {"every": 5}, HALF),
        ("freeze", {"frozen": 0, "every": 5}, HALF),
        ("backbone", {"weights": None}, RANDOM),
        ("backbone", {"weights": "none"}, RANDOM),
        ("head", {"entangle": False}, IDLE),
        ("head", {"angles": "zero"}, IDLE),
    ],
)
def test_a_row_that_is_none_of_the_four_has_no_letter_of(plan, group, values, reason):
    plan[group] |= values
    assert letter_of(Variant.of(plan)) == ("", reason)


def test_a_backbone_without_weights_to_choose_is_not_pre_trained(plan):
    plan["backbone"] = {"_target_": "qtlrun.backbone.identity.Identity", "features": 64}
    assert letter_of(Variant.of(plan)) == ("", RANDOM)


@pytest.mark.parametrize(
    "overrides, letters",
    [
        ([], "A"),
        (["freeze=none"], "D"),
        (["head=classical", "compare=[]"], "C"),
        (["head=classical", "freeze=none", "compare=[]"], "B"),
    ],
)
def test_a_letter_follows_from_what_is_composed(overrides, letters):
    assert letter_of(Variant.of(compose(overrides)[0].values))[0] == letters


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, "frozen small ResNet + dressed circuit (4 qubits, depth 6)"),
        ({"circuit": {"qubits": 8}}, "frozen small ResNet + dressed circuit (8 qubits, depth 6)"),
        (
            {"head": {"angles": "zero", "entangle": False}},
            "frozen small ResNet + dressed circuit (4 qubits, depth 6), angles zero, unentangled",
        ),
        (
            {"backbone": {"weights": "none", "layer": "layer2"}},
            "frozen small ResNet up to layer2, random weights"
            " + dressed circuit (4 qubits, depth 6)",
        ),
        (
            {"freeze": {"frozen": 0}},
            "fine-tuned small ResNet + dressed circuit (4 qubits, depth 6)",
        ),
        (
            {"freeze": {"frozen": 2}},
            "small ResNet, 2 stages frozen + dressed circuit (4 qubits, depth 6)",
        ),
        (
            {"freeze": {"every": 3}},
            "small ResNet, unfrozen by epoch + dressed circuit (4 qubits, depth 6)",
        ),
    ],
)
def test_a_row_is_described_by_what_it_is(plan, changes, words):
    for group, values in changes.items():
        plan[group] |= values
    assert plans.describe(Variant.of(plan)) == words


def test_a_classical_row_is_described_without_a_circuit(plan):
    rows = references(plan)[0]
    assert plans.describe(rows["B"]) == "fine-tuned small ResNet + one linear layer"
    assert plans.describe(rows["twin"]) == "frozen small ResNet + classical block"


@pytest.mark.parametrize(
    "name, words",
    [
        ("B", "freeze.frozen all against 0, head quantum against classical"),
        ("twin", "head quantum against twin"),
        ("frozen_circuit", "head.angles trained against frozen"),
        ("untrained", "backbone.weights pretrain against none"),
    ],
)
def test_where_two_rows_differ_is_said(every, name, words):
    assert differences(Variant.of(every), references(every)[0][name]) == words


def test_outcomes_of_a_measurement_on_arrival_are_described(plan):
    plan["backbone"] = {
        "_target_": "qtlrun.backbone.heterodyne.Heterodyne",
        "modes": None,
        "shots": 100,
        "order": 1,
        "seed": 0,
    }
    plan["head"] = {"_target_": "qtlrun.head.logistic.Logistic"}
    assert plans.describe(Variant.of(plan)) == "frozen heterodyne, 100 outcomes + logistic"


def test_a_backbone_by_name_is_described_by_it(plan):
    plan["backbone"] = {
        "_target_": "qtlrun.backbone.torchvision.Torchvision",
        "name": "vit_b_16",
        "weights": "DEFAULT",
    }
    assert (
        plans.describe(Variant.of(plan)) == "frozen vit_b_16 + dressed circuit (4 qubits, depth 6)"
    )


def test_equal_rows_have_equal_identities_whatever_they_are_called(every):
    rows = references(every)[0]
    assert (
        rows["A"].identity == Variant.of(every).identity
        and rows["B"].identity != rows["C"].identity
    )


def test_a_row_without_a_circuit_has_none_of_it_in_its_identity(plan):
    classical, twin = (
        replace(Variant.of(plan), head=references(plan)[0][name].head).identity
        for name in ("C", "twin")
    )
    assert classical["circuit"] == {} and "device" not in classical
    widths = {"qubits": 4, "readout": "z", "copies": 1}
    kind = {"kind": "qtlrun.circuit.dressed.Dressed"}
    assert twin["circuit"] == widths | kind and "device" not in twin
    assert Variant.of(plan).identity["circuit"] == plan["circuit"]


def test_twins_of_circuits_that_measure_other_wires_are_other_rows(plan):
    tree = plan["circuit"] | {"_target_": "qtlrun.circuit.tree.Tree"}
    head = references(plan)[0]["twin"].head
    twins = [replace(Variant.of(plan), head=head, circuit=each) for each in (plan["circuit"], tree)]
    assert twins[0].identity != twins[1].identity


def test_what_changes_a_row_changes_its_identity(plan):
    before = Variant.of(plan).identity
    for group, name, value in [
        ("circuit", "depth", 2),
        ("recipe", "lr", 0.5),
        ("head", "spread", 0.5),
        ("backbone", "seed", 1),
        ("freeze", "batch_norm", "train"),
    ]:
        changed = copy.deepcopy(plan)
        changed[group][name] = value
        assert Variant.of(changed).identity != before
    assert Variant.of(plan | {"dtype": "float64"}).identity != before


def test_the_bytes_of_a_plugin_are_in_the_identity(plan, plugin):
    plan["plugins"] = [plugin]
    before = Variant.of(plan).identity
    with open(plugin, "a") as file:
        file.write("# changed\n")
    assert Variant.of(plan).identity != before


@pytest.mark.parametrize(
    "given, known, words",
    [
        ("trian", ["train", "test"], "did you mean train? It is one of train, test"),
        ("zzz", ["train", "test"], "it is one of train, test"),
        (3, [], "it takes none"),
        (
            "n17",
            [f"n{number}" for number in range(40)],
            (
                "did you mean n17? It is one of n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, "
                "28 more"
            ),
        ),
    ],
)
def test_the_nearest_right_name_comes_first(given, known, words):
    assert nearest(given, known) == words


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_number_that_is_not_finite_or_below_zero_is_refused(value):
    with pytest.raises(ValueError, match="a finite number of 0 or more is needed here") as error:
        check_finite(rate=value)
    assert str(error.value).startswith(f"rate={value}: ")
    check_finite(rate=0.0, other=3)


def test_a_reference_of_the_user_needs_no_claim_and_a_changed_shipped_one_is_not_chosen(
    plan,
):
    plan["compare"] = {"twin": {"recipe": {"epochs": 6}}}
    assert references(plan)[0] == {}  # a preset changes it, should it be chosen
    plan["compare"] = {"six": {"circuit": {"qubits": 6}}}
    for words in ([], ["compare=[six]"], ["+compare=six"]):
        rows = references(plan | {"overrides": words})[0]
        assert list(rows) == ["six"] and rows["six"].circuit["qubits"] == 6
