"""Rows whose weights are generated."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from composition import train_row, variants
from torch.nn import functional

from qtlrun import train
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, ensemble, feature
from qtlrun.experiment.check import check_parts
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.plan import Redraw

IRIS = (
    "dataset=iris",
    "backbone=perceptron",
    "backbone.widths=[4]",
    "head=classical",
    "freeze=none",
    "recipe.epochs=2",
    "recipe.batch_size=32",
    "parametrization=quantum_train_network",
    "parametrization.depth=2",
    "parametrization.mapping=[4]",
)
SMALL = (
    "backbone.pretrain.recipe.epochs=1",
    "backbone.width=4",
    "recipe.epochs=2",
    "dataset.train=5",
    "dataset.validation=4",
    "head=classical",
    "parametrization=quantum_train",
    "parametrization.depth=2",
    "parametrization.mapping=[4]",
)
WEIGHTS = 4 * 4 + 4 + 4 * 3 + 3  # of a perceptron 4-4-3
QUBITS, ANGLES, MAPPING = 6, 6 * 6 * 2, 7 * 4 + 4 + 4 + 1


def row(home, *words, seeds=(0,), **values):
    return train_row(
        Experiment(str(home), **values), "composed", variants(*words)["composed"], list(seeds)
    )


def parts(home, *words):
    return Parts(variants(*words)["composed"], Session(str(home)))


def start(home, *words, seed=0):
    """The state of a row's model before it is trained."""
    made = ensemble.build_ensemble([Training(parts(home, *words), seed)])
    return {
        f"weights/{place}.{name}": value.clone()
        for place, part in made.modules.items()
        for name, value in part.state_dict().items()
    }


def test_a_row_is_found_again_with_equal_figures(home, monkeypatch):
    first = row(home, *IRIS, seeds=(0, 1))
    monkeypatch.setattr(train, "fit", None)
    second = row(home, *IRIS, seeds=(0, 1))
    assert second.stored and not first.stored and first.errors == {}
    for seed in (0, 1):
        one, other = first.outcomes[seed].to_artifact(), second.outcomes[seed].to_artifact()
        assert one.values == other.values and one.arrays.keys() == other.arrays.keys()
        assert all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())
    assert first.generated and (first.logits[0] != first.logits[1]).any()


def test_an_entry_says_what_its_generator_is(home):
    found = row(home, *IRIS).outcomes[0].to_artifact()
    said, items = found.values, len(parts(home, *IRIS).dataset.train)
    assert (said["weights_generated"], said["generator_qubits"], said["generator_gates"]) == (
        WEIGHTS,
        QUBITS,
        2 * QUBITS * 2,
    )
    assert (said["parameters_circuit"], said["parameters_mapping"]) == (ANGLES, MAPPING)
    assert said["parameters_head"] == said["parameters_backbone"] == 0
    assert said["compression"] == WEIGHTS / (ANGLES + MAPPING)
    # lambda of the first U3s never acts, nor phi of the last controlled ones but the first
    assert said["angles_live"] == ANGLES - (2 * QUBITS - 1)
    assert 0 < said["generator_rank"] <= WEIGHTS - 1  # their mean is 0
    steps, looks = 2 * math.ceil(items / 32), 3
    assert (
        said["evaluations"] == steps + looks
        and said["executions"] == steps * said["executions_step"] + looks
    )
    assert said["executions_step"] % 2 == 1
    assert list(found.arrays["shots"]) == [10**power for power in range(3, 9)]
    exact = (found.arrays["logits"].argmax(-1) == found.arrays["labels"]).mean()
    assert found.arrays["shots_accuracy"].shape == (6,) and found.arrays["shots_accuracy"][
        -1
    ] == pytest.approx(exact, abs=1.01 / len(found.arrays["labels"]))


def test_the_figures_from_shots_belong_to_the_seed(home, tmp_path):
    among, alone = (
        row(home, *SMALL, seeds=(0, 1, 2)),
        row(tmp_path / "elsewhere", *SMALL, seeds=(2,)),
    )
    one, other = among.outcomes[2].to_artifact(), alone.outcomes[2].to_artifact()
    assert one.arrays.keys() == other.arrays.keys()
    assert all(
        np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items()
    )  # weights and logits, too
    passing = {
        "seconds",
        "features_seconds",
        "generator_rank",
    }  # the rank is counted for the first seed alone
    assert {name: value for name, value in one.values.items() if name not in passing} == {
        name: value for name, value in other.values.items() if name not in passing
    }
    assert (
        "generator_rank" in among.outcomes[0].figures
        and among.metrics["angles_live"].nunique() == 1
    )


def test_the_rank_is_of_one_training_of_all_splits(home):
    experiment = Experiment(str(home))
    variant = variants(*IRIS)["composed"]
    redraws = [Redraw({"split_seed": number}, [number], []) for number in (0, 1, 2)]
    ranks = [
        "generator_rank" in each.outcomes[split].figures
        for split, each in enumerate(experiment.train("composed", variant, redraws))
    ]
    assert ranks == [True, False, False]


def test_frozen_angles_do_not_move_one_bit_and_trained_ones_do(home):
    for source, moves in (("frozen", False), ("circuit", True)):
        words = (*IRIS, f"parametrization.source={source}")
        found, before = row(home, *words).outcomes[0].to_artifact(), start(home, *words)
        angles = "weights/generator.raw.angles"
        assert np.array_equal(found.arrays[angles], before[angles][0].numpy()) != moves
        assert found.values["parameters_circuit"] == (ANGLES if moves else 0) and found.values[
            "angles_live"
        ] == (ANGLES - 11 if moves else 0)
        layer = "weights/generator.raw.layers.0.weight"
        assert not np.array_equal(found.arrays[layer], before[layer][0].numpy())
        assert ("executions_step" in found.values) == moves and (
            found.values["executions"] == 1
        ) != moves


@pytest.mark.parametrize("source", ["constant", "hashing", "low_rank"])
def test_without_a_circuit_there_are_no_angles_and_nothing_is_executed(home, source):
    found = row(home, *IRIS, f"parametrization.source={source}").outcomes[0].to_artifact()
    assert not any("angles" in name for name in found.arrays) and "shots" not in found.arrays
    assert found.values["parameters_circuit"] == 0 and not {
        "angles_live",
        "generator_qubits",
        "executions",
    } & set(found.values)
    right = {"constant": MAPPING, "hashing": WEIGHTS, "low_rank": 6 * 6 * 2}[
        source
    ]  # of 36 weights in 6 rows no more than rank 6
    assert (
        found.values["parameters_mapping"] == right and found.values["weights_generated"] == WEIGHTS
    )


def test_a_device_is_in_the_key_of_a_row_with_a_circuit_and_of_no_other(home):
    direct = [word for word in IRIS if "parametrization" not in word]
    for words, different in ((IRIS, 2), (direct, 1)):
        assert (
            len(
                {
                    row_key(parts(home, *words, f"device={device}"), 0)
                    for device in ("statevector", "default.qubit")
                }
            )
            == different
        )


@pytest.mark.parametrize("freeze", ["none", "stages", "backbone"])
def test_one_weight_of_a_backbone_may_be_generated(home, freeze):
    """What is frozen keeps every bit, what is not moves, and the features are not the store's."""
    words = (*SMALL, "parametrization.weights=[backbone.layer3.conv2.weight]", f"freeze={freeze}")
    made = parts(home, *words)
    assert not made.fixed and list(made.generated) == ["backbone.layer3.conv2.weight"]
    found, before = row(home, *words), start(home, *words)
    after = found.outcomes[0].to_artifact().arrays
    assert (
        found.errors == {}
        and "weights/backbone.layer3.conv2.weight" not in after
        and set(after) >= set(before)
    )
    names = [name for name, _ in made.backbone.named_parameters() if name != "layer3.conv2.weight"]
    moved = {
        name
        for name in names
        if not np.array_equal(
            after[f"weights/backbone.{name}"], before[f"weights/backbone.{name}"].numpy()
        )
    }
    frozen = made.freeze.count(len(made.backbone.stages), 1)
    still = {
        name
        for stage in made.backbone.stages[:frozen]
        for one in stage.parameters
        for name, own in made.backbone.named_parameters()
        if own is one
    }
    assert moved == set(names) - still
    assert found.outcomes[0].figures["parameters_backbone"] == sum(
        dict(made.backbone.named_parameters())[name].numel() for name in moved
    )
    assert not np.array_equal(
        after["weights/generator.raw.angles"], before["weights/generator.raw.angles"][0].numpy()
    )


def test_a_generated_head_is_trained_on_features_that_are_kept(home, monkeypatch, programs):
    calls, extended = Counter(), feature._extend_pool

    def counted(*given):
        calls["extended"] += 1
        return extended(*given)

    monkeypatch.setattr(feature, "_extend_pool", counted)
    found = row(home, *SMALL, seeds=(0, 1, 2))
    assert calls["extended"] == 1 and 3 in programs and found.errors == {}
    assert not any(
        name.startswith("weights/backbone.") for name in found.outcomes[0].to_artifact().arrays
    )
    row(home, *SMALL, "parametrization.weights=[backbone.stem.0.weight]")
    assert calls["extended"] == 1


def test_what_is_kept_gives_the_logits_that_are_kept(home):
    for words in (
        IRIS,
        (*SMALL, "parametrization.weights=[backbone.layer3.conv2.weight,head.*]", "freeze=none"),
    ):
        one = Experiment(str(home))
        plan = variants(*words)["composed"]
        entry = train_row(one, "composed", plan, [3]).outcomes[3]
        network, data, _exact = one.network(plan, 3, entry)
        with torch.no_grad():
            logits = network(data.take(torch.arange(data.count).unsqueeze(0), None))[0]
        torch.testing.assert_close(
            logits.double(), torch.from_numpy(entry.logits), rtol=1e-4, atol=1e-5
        )  # float32


def test_another_simulator_gives_the_same_row(home):
    tables = [
        row(home, *IRIS, "recipe.epochs=1", "dtype=float64", f"device={device}")
        for device in ("statevector", "default.qubit")
    ]
    assert tables[0].logits.dtype == np.float64 and tables[0].errors == {}
    np.testing.assert_allclose(*(table.logits for table in tables), rtol=0, atol=1e-4)
    assert not np.array_equal(*(table.logits for table in tables))


def test_seeds_of_a_whole_network_start_differently_and_each_alike(home):
    direct = [word for word in IRIS if "parametrization" not in word]
    for words, name in (
        (direct, "weights/backbone.hidden1.weight"),
        (IRIS, "weights/generator.raw.angles"),
    ):
        first, again, other = (start(home, *words, seed=seed)[name] for seed in (0, 0, 1))
        assert torch.equal(first, again) and not torch.equal(first, other)


def test_what_is_added_starts_at_the_model_it_is_added_to(home):
    words = (
        *SMALL,
        "parametrization.added=true",
        "parametrization.weights=[head.*,backbone.layer3.conv2.weight]",
        "freeze=none",
    )
    direct = tuple(word for word in SMALL if "parametrization" not in word)
    logits = []
    for some in (words, (*direct, "freeze=none")):
        made = ensemble.build_ensemble([Training(parts(home, *some), 2)])
        logits.append(
            made.whole.eval()(made.data["test"].take(torch.arange(20).unsqueeze(0), None))
        )
    assert torch.equal(*logits)
    assert functional.cross_entropy(logits[0][0], made.data["test"].labels[0, :20]).isfinite()


NEAR = "head.linear.weight, head.linear.bias."


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ("parametrization.weights=[heed.linear.weight]",),
            (
                "parametrization.weights=[heed.linear.weight]: no weight of this model is called"
                " so; did you mean head.linear.weight? It is one of backbone.hidden1.weight,"
                f" backbone.hidden1.bias, {NEAR}"
            ),
        ),
        (
            ("parametrization.weights=[layer9.*]",),
            (
                "parametrization.weights=[layer9.*]: no weight of this model is called so; "
                f"it is one of backbone.hidden1.weight, backbone.hidden1.bias, {NEAR}"
            ),
        ),
        (
            ("parametrization.weights=[]",),
            (
                "parametrization.weights=[]: name patterns are needed, as [head.*];"
                " parametrization=direct generates none."
            ),
        ),
        (
            ("parametrization.depth=0",),
            "parametrization.depth=0: blocks of the circuit, from 1 up.",
        ),
        (
            ("parametrization.mapping=[0]",),
            (
                "parametrization.mapping=[0]: widths of hidden layers, each from 1 up to 1048576;"
                " [] is one linear layer."
            ),
        ),
        (("parametrization.mapping=[1048576,1048576]",), None),
        (
            ("device.shots=100",),
            (
                "device.shots: a generator is trained on exact probabilities, and its row has the"
                " accuracy at 1000 to 10^8 shots; leave it null."
            ),
        ),
        (
            (
                "head=logistic",
                "backbone=identity",
                "freeze=backbone",
                "parametrization.weights=[head.*]",
            ),
            "parametrization: this head is solved for, not trained; use parametrization=direct.",
        ),
    ],
)
def test_what_cannot_be_is_refused(home, words, said, monkeypatch):
    chosen = [
        word
        for word in IRIS
        if not any(word.partition("=")[0] == one.partition("=")[0] for one in words)
        and not ("backbone=identity" in words and word.startswith("backbone"))
    ]
    if said is None:
        monkeypatch.setattr("qtlrun.memory.total", lambda device=None: 2**30)
        said = (
            "parametrization.mapping=[1048576, 1048576]: with 35 weights a step takes 1.1 GiB, and"
            " this machine has 1.0; choose narrower layers, or fewer weights."
        )
    with pytest.raises(UsageError) as error:
        check_parts(parts(home, *chosen, *words))
    assert str(error.value) == said


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["freeze=backbone"],
            (
                "parametrization.weights: backbone.layer3.conv2.weight is frozen, and would be"
                " replaced; use freeze=none, or parametrization.added=true, which adds to it."
            ),
        ),
        (
            ["freeze=none", "parametrization.weights=[backbone.layer3.bn2.*]"],
            (
                "parametrization.weights: backbone.layer3.bn2.weight scales a norm and begins at 1,"
                " and what is generated has the mean 0; leave it out, or set"
                " parametrization.added=true."
            ),
        ),
    ],
)
def test_what_a_generator_would_spoil_is_refused(home, words, said):
    with pytest.raises(UsageError) as error:
        check_parts(
            parts(home, *SMALL, "parametrization.weights=[backbone.layer3.conv2.weight]", *words)
        )
    assert str(error.value) == said
    check_parts(
        parts(
            home,
            *SMALL,
            "parametrization.weights=[backbone.layer3.conv2.weight]",
            *words,
            "parametrization.added=true",
        )
    )


def test_more_blocks_than_the_memory_holds_are_refused(home, monkeypatch):
    monkeypatch.setattr("qtlrun.memory.total", lambda device=None: 40_000 * 6 * 50)
    with pytest.raises(UsageError) as error:
        check_parts(parts(home, *IRIS, "parametrization.depth=51"))
    assert (
        str(error.value)
        == "parametrization.depth=51: this machine holds the gates of 50 blocks on 6 qubits; use"
        " fewer."
    )


def test_more_weights_than_this_machine_simulates_are_refused(home, monkeypatch):
    monkeypatch.setattr("qtlrun.memory.total", lambda device=None: 2**12)
    with pytest.raises(UsageError) as error:
        check_parts(parts(home, *IRIS, "backbone.widths=[9]"))
    assert (
        str(error.value)
        == "parametrization.weights=[*]: these are 75 weights, whose probabilities take 7 qubits,"
        " and this machine simulates 6, which are enough for 64; generate fewer of them."
    )


def test_weights_of_a_head_with_a_circuit_are_not_generated(home):
    words = [*SMALL[:-4], "head=quantum", "circuit.qubits=2", "parametrization=quantum_train"]
    with pytest.raises(UsageError) as caught:
        Experiment(str(home)).check(variants(*words)["composed"])
    assert caught.value.key == "parametrization.weights" and "circuit" in caught.value.reason
