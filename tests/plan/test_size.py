"""Sizes are refused before anything of that size is made, plain values before torch loads."""

import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from composition import compose_plan

from qtlrun.compose import compose, main
from qtlrun.error import UsageError
from qtlrun.layer import MAX_NUMBERS, Start
from qtlrun.plan import Plan, Variant, check_plan
from qtlrun.plan.size import LIMITS, TRAININGS, WEIGHTS, check_trainings

HUGE = [10**9, 10**12, 2**62]


@pytest.fixture(scope="module")
def composed():
    return compose([])[0].values


def refusal(*words):
    with pytest.raises(UsageError) as error:
        check_plan(compose(list(words))[0])
    return str(error.value)


@pytest.mark.parametrize("number", HUGE, ids="{:.0e}".format)
@pytest.mark.parametrize(
    "key",
    [
        "seeds",
        "splits",
        "folds",
        "tune",
        "recipe.epochs",
        "circuit.depth",
        "dataset.train",
        "dataset.validation",
        "backbone.width",
    ],
)
def test_a_huge_size_is_refused_at_once_with_the_largest_that_can_be(key, number):
    began = time.process_time()
    words = refusal(f"{key}={number}")
    assert words.startswith(f"{key}={number}: ") and words.endswith(("or fewer.", "use fewer."))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (
            ["dataset=moons", "backbone=identity", "dataset.points=100000000"],
            "dataset.points=100000000",
        ),
        (["head=mlp", "head.width=1000000000", "compare=[]"], "head.width=1000000000"),
        (
            ["backbone.pretrain.recipe.epochs=1000000000"],
            "backbone.pretrain.recipe.epochs=1000000000",
        ),
        (["+compare.C.recipe.epochs=1000000000"], "compare.C.recipe.epochs=1000000000"),
        (["tune=4", "+recipe.space.epochs=[1,1000000000]"], "recipe.space.epochs=1000000000"),
        (["recipe.batch_size=1000000000000"], "recipe.batch_size=1000000000000"),
    ],
)
def test_a_huge_size_is_refused_wherever_it_stands(words, key):
    assert refusal(*words).startswith(f"{key}: ")


@pytest.mark.parametrize("key", ["seeds", "splits", "tune"])
def test_the_largest_size_is_taken_and_one_more_is_not(composed, key):
    limit = LIMITS[key][0]
    plan = composed | {"compare": {}, "splits": 1}
    check_plan(Plan(plan | {key: limit}))
    with pytest.raises(UsageError, match=f"^{key}={limit + 1}: "):
        check_plan(Plan(plan | {key: limit + 1}))


def test_more_trainings_than_anyone_waits_for_are_refused(composed):
    settings = Plan(composed | {"splits": 1000, "folds": None, "tune": 0}).settings
    check_trainings(settings, 1000, 1)
    with pytest.raises(UsageError) as error:
        check_trainings(settings, 1001, 1)
    assert (
        str(error.value)
        == f"seeds: 1,001 seeds x 1,000 splits are 1,001,000 trainings; use {TRAININGS:,} or fewer."
    )


def test_the_rows_of_a_plan_multiply_its_trainings(composed):
    rows = 1 + len(composed["compare"])
    with pytest.raises(UsageError, match=f" x {rows} rows are {rows},000,000 trainings"):
        check_plan(Plan(composed | {"seeds": 1000, "splits": 1000}))


def test_what_is_not_asked_for_multiplies_no_trainings(composed):
    settings = Plan(composed | {"splits": 1, "folds": None, "tune": 0}).settings
    check_trainings(settings, TRAININGS // 4, 4)
    with pytest.raises(UsageError):
        check_trainings(settings, TRAININGS // 4 + 1, 4)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "circuit.qubits=9223372036854775808",
            "circuit.qubits=9223372036854775808: whole numbers lie below 2**63 here.",
        ),
        (
            "dataset.split_seed=18446744073709551616",
            "dataset.split_seed=18446744073709551616: whole numbers lie below 2**63 here.",
        ),
        (
            f"recipe.lr=1{'0' * 400}",
            "recipe.lr=100000... (401 digits): whole numbers lie below 2**63 here.",
        ),
        (
            "seeds=[18446744073709551616]",
            "seeds=18446744073709551616: whole numbers lie below 2**63 here.",
        ),
    ],
)
def test_a_number_beyond_64_bits_is_refused(word, said):
    assert refusal(word) == said


def test_start_values_that_memory_would_not_hold_are_not_drawn():
    start = Start([0])
    for draw in (
        lambda: start.uniform("pre.weight", (2**14, 2**15), 1.0),
        lambda: start.normal("pre.weight", (2**14, 2**15), 1.0),
    ):
        with pytest.raises(
            ValueError,
            match=(
                f"^pre.weight would have 536,870,912 numbers of start values; use {MAX_NUMBERS:,}"
                " or fewer"
            ),
        ):
            draw()


PLUGIN = """
import torch
from torch import nn

class Wide(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.features, self.layer = 4, nn.Linear(64, width, device="meta")

    def preprocess(self, item, generator=None):
        return item.flatten(-3) / 255

    def forward(self, x):
        return x[:, :4]

class Ring:
    def __init__(self, side: int):
        self.qubits, self.shape = 2, (side, side)

    def __call__(self, inputs, weights):
        raise AssertionError("it was traced")
"""


def test_a_circuit_of_the_users_with_too_many_weights_is_refused_before_it_is_traced(
    composed, home, tmp_path
):
    from qtlrun.experiment import Experiment

    (tmp_path / "wide.py").write_text(PLUGIN)
    plan = Variant.of(
        composed
        | {
            "plugins": [str(tmp_path / "wide.py")],
            "circuit": {"_target_": "wide.Ring", "side": 100},
        }
    )
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan)
    assert (
        str(error.value)
        == "circuit: a circuit of 10,000 weights; it is traced and differentiated weight by weight"
        f" before it is trained, which takes minutes from {WEIGHTS:,} on; use fewer."
    )


@pytest.mark.parametrize(
    "frozen, weights, dtype, gibibytes",
    [
        (0, "none", torch.float32, "20 GiB with gradient and optimiser"),
        (0, "none", torch.float64, "40 GiB with gradient and optimiser"),
        ("all", "none", torch.float32, "4 GiB"),
        (1, "none", torch.float32, "12 GiB with gradient and optimiser"),
        ("all", "pretrain", torch.float32, "20 GiB with gradient and optimiser"),
    ],
)
def test_a_backbone_beyond_the_memory_is_refused_before_it_is_made(
    monkeypatch, frozen, weights, dtype, gibibytes
):
    """Two layers of 2^29 weights; a trained one is held five times, a frozen one once."""
    from qtlrun.backbone import stage
    from qtlrun.experiment import check
    from qtlrun.freeze import Freeze

    with torch.device("meta"):
        layers = [torch.nn.Linear(2**14, 2**15, bias=False) for _ in range(2)]
    network = torch.nn.Sequential(*layers)
    network.stages = stage.split(network)
    parts = SimpleNamespace(
        bare=network,
        freeze=Freeze(frozen),
        recipe=SimpleNamespace(epochs=3),
        dtype=dtype,
        variant=replace(compose_plan().model, backbone={"weights": weights}),
    )
    monkeypatch.setattr(check.memory, "total", lambda: 2**30)
    with pytest.raises(UsageError) as error:
        check._check_size(parts)
    assert error.value.key == "backbone"
    reason = f"its 1,073,741,824 weights take {gibibytes}, and this machine has 1"
    assert error.value.reason == reason
    monkeypatch.setattr(check.memory, "total", lambda: 40 * 2**30)
    check._check_size(parts)


PLAIN = [
    ("recipe.lr=-1", "recipe.lr=-1: a finite number of 0 or more is needed here."),
    ("freeze.frozen=-1", "freeze.frozen=-1: "),
    ("recipe.epochs=0", "recipe.epochs=0: "),
    ("+compare.C.recipe.lr=-1", "compare.C.recipe.lr=-1: "),
    ("backbone.pretrain.recipe.lr=nan", "backbone.pretrain.recipe.lr=nan: "),
    ("recipe.label_smoothing=1", "recipe.label_smoothing=1: "),
    ("circuit.depth=100000", "circuit.depth=100000: "),
    ("seeds=1000000000", "seeds=1000000000: "),
]


def test_a_value_of_recipe_or_freeze_that_cannot_be_is_refused_before_torch_is_loaded():
    code = (
        "import sys\nfrom qtlrun.compose import main\nfor word in sys.argv[1:]:\n    print(word,"
        " main([word]), 'torch' in sys.modules or 'pennylane' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(word for word, _ in PLAIN)], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"{word} 2 False" for word, _ in PLAIN], done.stderr
    said = done.stderr.splitlines()
    assert [
        line.startswith(f"qtlrun: {words}") for line, (_, words) in zip(said, PLAIN, strict=True)
    ] == [True] * len(PLAIN), said


LABELS = "compare=C: it changes dataset.labels, which the composed model does not have; leave"


@pytest.mark.parametrize(
    "word, words",
    [
        ("+compare.C.dataset.labels=shuffled", LABELS),
        ("+compare.C.dataset={labels: shuffled}", LABELS),
        ("+compare.twin.head.wings=3", "compare.twin.head.wings: there is no such key"),
    ],
)
def test_a_typed_change_of_a_reference_that_cannot_be_is_refused_however_it_was_chosen(word, words):
    for choice in ([], ["compare=[C,twin]"]):
        assert refusal(*choice, word).startswith(words)


def test_a_device_of_qutrits_is_refused_in_a_sentence(capsys, tmp_path, monkeypatch, home):
    monkeypatch.chdir(tmp_path)
    for name in ("default.qutrit", "default.qutrit.mixed"):
        assert main(["device=default.qubit", f"device.name={name}", "compare=[]"]) == 2
        assert (
            capsys.readouterr().err
            == f"qtlrun: device.name={name}: it simulates qutrits, and the circuits here are of"
            " qubits; use default.qubit or lightning.qubit.\n"
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["circuit.qubits=1000000000"], "circuit.qubits=1000000000: a state of 2**1000000000"),
        (
            ["circuit.qubits=1000000000", "head=twin"],
            "circuit.qubits=1000000000: it is read to learn what it gives",
        ),
        (["circuit.qubits=8", "circuit.depth=1000"], "circuit.depth=1000: a circuit of 8,000"),
    ],
)
def test_a_circuit_that_cannot_be_is_refused_where_something_takes_it(home, words, said):
    from qtlrun.experiment import Experiment

    plan = compose([*words, "compare=[]", "backbone=identity"])[0]
    check_plan(plan)
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan.model)
    assert str(error.value).startswith(said)


def test_a_circuit_that_nothing_runs_may_have_more_weights_than_are_read(home):
    from qtlrun.experiment import Experiment

    words = [
        "circuit.qubits=8",
        "circuit.depth=1000",
        "head=twin",
        "compare=[]",
        "backbone=identity",
    ]
    Experiment(str(home)).check(compose(words)[0].model)
