import math

import pytest
import torch
from composition import CONF, compose_plan, variants

from qtlrun import memory
from qtlrun import plan as plans
from qtlrun.circuit.ring import Ring
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.parametrization import quantum_train
from qtlrun.parametrization.mapping import Mapping
from qtlrun.parametrization.quantum_train import QuantumTrain, qubits_of

CLASSES = {"iris": 3}  # else ten
PRESETS = sorted(path.stem for path in (CONF / "experiment").glob("qt_*.yaml"))
COUNTED = [
    preset for preset in PRESETS if "same_count" in compose_plan(f"experiment={preset}").changes
]


def shapes(plan):
    """Of every weight of a plan's network by name, without weights or memory."""
    classes = CLASSES.get(plan.dataset["_target_"].rpartition(".")[2], 10)
    with torch.device("meta"):
        backbone = plans.build("backbone", plan.backbone, [], data=None, state=None, numbers=4)
    head = Classical(backbone.features, classes, Start([0]))
    return {f"backbone.{name}": tuple(one.shape) for name, one in backbone.named_parameters()} | {
        f"head.{name}": tuple(one.shape[1:]) for name, one in head.named_parameters()
    }


def numbers(plan):
    """Weights, qubits, angles and mapping numbers of a plan whose every weight is generated."""
    part, known = plan.parametrization, shapes(plan)
    assert part["weights"] == ["*"] and part["ansatz"] == "ring"
    count = sum(map(math.prod, known.values()))
    qubits = qubits_of(count)
    return (
        count,
        qubits,
        math.prod(Ring(qubits, part["depth"]).shape),
        Mapping.numbers(qubits, part["mapping"]),
    )


@pytest.mark.parametrize(
    "preset, right",
    [
        ("qt_mnist_paper", (6690, 13, 1248, 249)),
        ("qt_fashion_paper", (6690, 13, 1248, 249)),
        ("qt_iris", (67, 7, 168, 225)),
        ("qt_cifar10_paper", (285_226, 19, 10830, 17_121)),
    ],
)
def test_a_preset_has_the_published_counts(preset, right):
    assert numbers(compose_plan(f"experiment={preset}").model) == right


@pytest.mark.parametrize("preset, trained", [("qt_mnist_paper", 1497), ("qt_iris", 393)])
def test_the_generator_of_a_preset_owns_as_many_numbers(preset, trained):
    plan = compose_plan(f"experiment={preset}").model
    made = plans.build("parametrization", plan.parametrization, [], device=Statevector()).generator(
        shapes(plan), Start([0])
    )
    assert made.trained == trained == sum(one.numel() for one in made.parameters())


@pytest.mark.parametrize("preset", COUNTED)
def test_the_network_of_the_same_count_is_within_3_percent_of_the_generator(preset):
    made = variants(f"experiment={preset}")
    other, (_, _, angles, mapping) = made["same_count"], numbers(made["composed"])
    assert (
        other.parametrization["_target_"].endswith("Direct")
        and other.backbone != made["composed"].backbone
    )
    assert sum(map(math.prod, shapes(other).values())) == pytest.approx(angles + mapping, rel=0.03)


def test_presets_of_the_same_count_are_found():
    assert {"qt_mnist", "qt_iris", "qt_cifar10"} <= set(COUNTED)


@pytest.mark.parametrize("source", ["frozen", "constant", "hashing", "low_rank"])
def test_another_source_has_the_numbers_that_it_says(source):
    def trained(source):
        return (
            QuantumTrain(["*"], 2, [4], Statevector(), source=source)
            .generator({"weight": (40, 50)}, Start([0]))
            .trained
        )

    angles, mapping = 6 * 11 * 2, 12 * 4 + 4 + 5
    assert trained("circuit") == angles + mapping
    if source == "low_rank":
        assert angles + mapping - (45 + 45) < trained(source) <= angles + mapping
    else:
        assert (
            trained(source)
            == {"frozen": mapping, "constant": mapping, "hashing": angles + mapping}[source]
        )


@pytest.mark.parametrize(
    "count, qubits", [(1, 2), (3, 2), (4, 2), (5, 3), (8192, 13), (8193, 14), (2**19, 19)]
)
def test_as_many_qubits_as_have_a_probability_for_each_weight(count, qubits):
    assert qubits_of(count) == qubits


def test_patterns_match_names_in_their_order():
    names = [
        "backbone.conv1.weight",
        "backbone.conv1.bias",
        "backbone.fc.weight",
        "head.linear.weight",
        "head.linear.bias",
    ]

    def matched(*patterns):
        return QuantumTrain(list(patterns), 1, [], Statevector()).matched(names)

    assert (
        matched("*") == names
        and matched("head.*") == names[3:]
        and matched("head.*", "backbone.conv1.*") == names[:2] + names[3:]
    )
    assert matched("*.bias") == [names[1], names[4]] and matched("backbone.fc.weight") == [names[2]]


@pytest.mark.parametrize(
    "values, said",
    [
        (
            {"weights": []},
            (
                "weights=[]: name patterns are needed, as [head.*]; parametrization=direct"
                " generates none."
            ),
        ),
        ({"depth": 0}, "depth=0: blocks of the circuit, from 1 up."),
        (
            {"mapping": [0]},
            (
                "mapping=[0]: widths of hidden layers, each from 1 up to 1048576; [] is one linear"
                " layer."
            ),
        ),
        (
            {"mapping": [4, -1]},
            (
                "mapping=[4, -1]: widths of hidden layers, each from 1 up to 1048576; [] is one"
                " linear layer."
            ),
        ),
        (
            {"mapping": [2_000_000]},
            (
                "mapping=[2000000]: widths of hidden layers, each from 1 up to 1048576; [] is one"
                " linear layer."
            ),
        ),
        ({"spread": -1.0}, "spread=-1.0: a finite number of 0 or more is needed here."),
        ({"spread": math.nan}, "spread=nan: a finite number of 0 or more is needed here."),
    ],
)
def test_values_that_cannot_be_are_refused(values, said):
    with pytest.raises(ValueError) as error:
        QuantumTrain(
            **{"weights": ["*"], "depth": 1, "mapping": [], "device": Statevector()} | values
        )
    assert str(error.value) == said


def test_weights_that_are_too_many_for_this_machine_are_refused(monkeypatch):
    monkeypatch.setattr(
        memory, "total", lambda device=None: 2**14
    )  # 256 amplitudes with their gradient
    monkeypatch.setattr(quantum_train, "BYTES_PER_GATE", 0)
    part = QuantumTrain(["head.*", "*.bias"], 1, [], Statevector())
    part.check({"weight": (16, 8)})
    with pytest.raises(ValueError) as error:
        part.check({"weight": (16, 16), "bias": (1001,)})
    assert (
        str(error.value)
        == "weights=[head.*,*.bias]: these are 1,257 weights, whose probabilities take 11 qubits,"
        " and this machine simulates 8, which are enough for 256; generate fewer of them."
    )
    with pytest.raises(
        ValueError, match="^mapping="
    ):  # without a circuit there are no probabilities
        QuantumTrain(["*"], 1, [], Statevector(), source="constant").check({"weight": (1257,)})
    QuantumTrain(["*"], 1, [], Statevector(), source="hashing").check({"weight": (1257,)})


def test_a_mapping_that_does_not_fit_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "total", lambda device=None: 2**31)
    with pytest.raises(ValueError) as error:
        QuantumTrain(["*"], 1, [1000, 2**20], Statevector()).check({"weight": (256,)})
    assert (
        str(error.value)
        == "mapping=[1000, 1048576]: with 256 weights a step takes 4.0 GiB, and this machine has"
        " 2.0; "
        "choose narrower layers, or fewer weights."
    )
    QuantumTrain(["*"], 1, [1000, 2**18], Statevector()).check({"weight": (256,)})


@pytest.mark.parametrize(
    "word, said",
    [
        (
            "parametrization.ansatz=rings",
            "parametrization.ansatz=rings: did you mean ring? It is one of ring, chain.",
        ),
        (
            "parametrization.weights=head",
            "parametrization.weights=head: a list of texts is needed here, and this is a text.",
        ),
        (
            "parametrization.source=hash",
            (
                "parametrization.source=hash: did you mean hashing? It is one of circuit, frozen,"
                " constant, hashing, low_rank."
            ),
        ),
        (
            "parametrization.depth=1.5",
            "parametrization.depth=1.5: a whole number is needed here, and this is a number.",
        ),
    ],
)
def test_words_that_cannot_be_are_refused(word, said):
    with pytest.raises(UsageError) as error:
        plans.check_plan(compose_plan("parametrization=quantum_train", word))
    assert str(error.value) == said


def test_a_bias_without_its_weight_has_the_deviation_of_its_layer():
    shapes = {"layer.weight": (8, 16), "layer.bias": (8,)}
    made = QuantumTrain(["*.bias"], 1, [], Statevector()).generator(
        {"layer.bias": (8,)}, Start([0]), shapes
    )
    assert made.factors.unique().item() == pytest.approx(1 / math.sqrt(3 * 16))
