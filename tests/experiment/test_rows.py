from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from composition import changed, train_row, variants

from qtlrun import train
from qtlrun.batch import Data
from qtlrun.dataset import digits
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, evaluation, feature, pretraining, training
from qtlrun.experiment import ensemble as ensembles
from qtlrun.experiment import group as grouping
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.key import row_key
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.train import evaluate

SHORT = (
    "backbone.pretrain.recipe.epochs=2",
    "backbone.width=4",
    "recipe.epochs=2",
    "dataset.train=5",
    "dataset.validation=4",
)
NAMES = ("composed", "B", "C", "twin")


def experiment(home, **values):
    return Experiment(str(home), **values)


def made(home, *words, seeds=(0, 1), names=NAMES, **values):
    """The rows of those names, trained in that order."""
    plan, one = variants(*SHORT, *words), experiment(home, **values)
    return {name: train_row(one, name, plan[name], list(seeds)) for name in names}


def assert_same(first, second, seeds):
    """Every number of the entries but the seconds, to the last bit."""
    for seed in seeds:
        one, other = (row.outcomes[seed].to_artifact() for row in (first, second))
        assert one.arrays.keys() == other.arrays.keys()
        for name, array in one.arrays.items():
            assert array.dtype == other.arrays[name].dtype and np.array_equal(
                array, other.arrays[name]
            ), name
        assert said(first.outcomes[seed]) == said(second.outcomes[seed])


def models(parts, seeds):
    """What is trained for a row: one program of all seeds, or one for each."""
    together = [Training(parts, seed) for seed in seeds]
    return [
        ensembles.build_ensemble(group)
        for group in ([together] if grouping.is_stackable(parts) else [[run] for run in together])
    ]


def said(entry):
    values = entry.to_artifact().values
    return {name: value for name, value in values.items() if "seconds" not in name}


def probabilities(row):
    shifted = np.exp(row.logits - row.logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def test_the_same_seeds_give_the_same_numbers_whatever_ran_before_and_in_whichever_order(
    home, tmp_path
):
    first = made(home)
    torch.manual_seed(99)
    torch.rand(1000)
    second = made(tmp_path / "elsewhere", seeds=(1, 0), names=NAMES[::-1])
    for name in NAMES:
        assert_same(first[name], second[name], (0, 1))
    assert len({first[name].logits.tobytes() for name in NAMES}) == len(NAMES)
    assert all((row.logits[0] != row.logits[1]).any() for row in first.values())


@pytest.mark.parametrize(
    "words", [(), ("recipe.scale=standard", "circuit.qubits=5", "dataset.classes=[6,7,9]")]
)
def test_a_seed_alone_has_the_very_bits_that_it_has_among_five(home, tmp_path, words):
    names = (*NAMES, "frozen_circuit")
    among = made(home, *words, seeds=range(5), names=names)
    alone = made(tmp_path / "elsewhere", *words, seeds=[3], names=names)
    for name in names:
        assert_same(among[name], alone[name], [3])


def test_seeds_added_later_are_those_of_one_run(home, tmp_path):
    whole = made(home, seeds=range(4), names=("composed", "C"))
    made(tmp_path / "elsewhere", seeds=[2], names=("composed", "C"))
    later = made(tmp_path / "elsewhere", seeds=range(4), names=("composed", "C"))
    for name, row in later.items():
        assert_same(whole[name], row, range(4))


def test_dropout_in_a_trained_backbone_belongs_to_the_seed(home, tmp_path):
    words = (
        "backbone=torchvision",
        "backbone.name=squeezenet1_0",
        "backbone.weights=none",
        "backbone.size=32",
        "recipe.epochs=1",
        "dataset.classes=[8,9]",
        "dataset.share=[0.95,1.0]",
        "dataset.train=3",
        "dataset.validation=2",
        "freeze=none",
        "head=classical",
    )
    plan, found = variants(*words)["composed"], []
    for drawn in (1, 2):
        torch.manual_seed(drawn)
        found.append(train_row(experiment(tmp_path / str(drawn)), "B", plan, [0]))
    assert_same(*found, [0])
    backbone = Parts(plan, Session(str(home))).backbone
    assert any(
        isinstance(one, torch.nn.Dropout) and one.p > 0 for one in backbone.modules()
    )  # before the features


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
def test_in_float64_every_device_gives_the_same_table(home, device):
    words = (
        "dtype=float64",
        "dataset.classes=[7,9]",
        "dataset.share=[0.85,1.0]",
        "circuit.depth=2",
    )
    tables = [
        made(home, *words, f"device={name}", names=("composed",))["composed"]
        for name in ("statevector", device)
    ]
    # 4 steps of Adam make the 1e-15 between two devices no larger than this in any test picture
    np.testing.assert_allclose(*map(probabilities, tables), rtol=0, atol=1e-4)
    assert not np.array_equal(tables[0].logits, tables[1].logits)
    np.testing.assert_array_equal(*(table.logits.argmax(-1) for table in tables))


def test_a_gradient_through_the_circuit_reaches_the_first_weights_of_a_transformer(home):
    words = (
        "backbone=torchvision",
        "backbone.name=vit_b_16",
        "backbone.weights=none",
        "backbone.size=32",
        "freeze=none",
        "dtype=float64",
        "recipe.epochs=1",
        "head.spread=0.5",
    )
    parts = Parts(variants(*words)["composed"], Session(str(home)))
    (model,) = models(parts, [0])
    assert model.seeds == [0] and model.backbone is not None
    model.whole.train()
    parts.freeze.apply(model.backbone, 0)
    # Dropout has a rate of 0 there; without it both evaluations are the same function
    model.whole.eval()
    items, labels = model.data["train"].take(torch.arange(2).unsqueeze(0), 0), torch.tensor([0, 1])

    def loss():
        return torch.nn.functional.cross_entropy(model.whole(items)[0], labels)

    patches = model.backbone.network.conv_proj.weight
    (slope,) = torch.autograd.grad(loss(), patches)
    assert slope.isfinite().all() and slope.abs().max() > 1e-6
    # along the gradient, the loss changes as the gradient says
    step = 1e-4 * slope / slope.norm()
    with torch.no_grad():
        patches += step
        ahead = loss()
        patches -= 2 * step
        behind = loss()
    assert float(ahead - behind) / 2e-4 == pytest.approx(
        float(slope.norm()), rel=1e-5
    )  # central differences in float64


def test_all_ten_digits_may_be_told_apart_by_every_row(home):
    found = made(
        home,
        "dataset.classes=[0,1,2,3,4,5,6,7,8,9]",
        "dataset.train=2",
        "dataset.validation=1",
        seeds=[0],
    )
    for row in found.values():
        assert row.logits.shape == (1, len(row.labels), 10) and set(row.labels) == set(range(10))
        assert row.errors == {} and np.isfinite(row.logits).all()


def test_b_and_c_start_from_the_same_head(home):
    plan = variants(*SHORT)
    heads = {}
    for name in ("B", "C"):
        for ensemble in models(Parts(plan[name], Session(str(home))), [0, 3]):
            for run, made in enumerate(ensemble.trainings):
                heads[name, made.seed] = {
                    key: value[run].clone() for key, value in ensemble.head.state_dict().items()
                }
    for seed in (0, 3):
        assert all(
            torch.equal(value, heads["C", seed][key]) for key, value in heads["B", seed].items()
        )
    assert not torch.equal(heads["B", 0]["linear.weight"], heads["B", 3]["linear.weight"])


def test_composed_and_frozen_circuit_start_from_the_same_angles(home):
    found = made(home, names=("composed", "frozen_circuit"))
    parts = Parts(variants(*SHORT)["composed"], Session(str(home)))
    start = parts.head(16, [0, 1]).angles
    for run, seed in enumerate((0, 1)):
        frozen = found["frozen_circuit"].outcomes[seed].to_artifact().arrays["weights/head.angles"]
        assert np.array_equal(frozen, start[run].detach().numpy())
        assert not np.array_equal(
            frozen, found["composed"].outcomes[seed].to_artifact().arrays["weights/head.angles"]
        )


def test_features_are_computed_once_and_found_the_second_time(home, computed):
    first = made(home, names=("composed", "C", "twin", "frozen_circuit", "composed"))
    assert len(computed) == 1
    again = made(home, fresh=True, names=("composed",))
    assert len(computed) == 1  # another command finds them in the store, even where it trains anew
    assert_same(first["composed"], again["composed"], (0, 1))
    made(home, "recipe.lr=0.02", "circuit.qubits=3", names=("composed", "C"))
    assert len(computed) == 1
    made(home, names=("B",))
    assert len(computed) == 1  # a network that is trained has no features to keep
    made(home, "dataset.split_seed=1", names=("C",))
    assert len(computed) == 1  # another division of the same pictures
    made(home, "backbone.layer=layer2", names=("C",))
    made(home, "dtype=float64", names=("C",))
    made(home, "backbone.pretrain.seed=1", names=("C",))
    assert len(computed) == 4


def test_features_are_what_the_backbone_gives_its_pictures(home):
    parts = Parts(variants(*SHORT)["composed"], Session(str(home)))
    known = feature.features(parts)
    for name in ("train", "validation", "test"):
        split = getattr(parts.dataset, name)
        with torch.no_grad():
            expected = torch.cat(
                [
                    parts.backbone(parts.backbone.preprocess(one.unsqueeze(0)))
                    for one in split.inputs
                ]
            )
        torch.testing.assert_close(
            known[name], expected, rtol=1e-5, atol=1e-6
        )  # float32, another batch


def test_a_scale_is_that_of_the_training_features_alone(home):
    parts = Parts(variants(*SHORT, "recipe.scale=standard")["composed"], Session(str(home)))
    scaled = feature.scalings(["standard"], lambda: feature.features(parts)["train"])(
        feature.features(parts)["train"].double()
    )[0]
    moving = feature.features(parts)["train"].std(0) > 1e-5
    torch.testing.assert_close(scaled.mean(0), torch.zeros(16).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        scaled.std(0, correction=0)[moving],
        torch.ones(int(moving.sum())).double(),
        rtol=1e-5,
        atol=0,
    )


@pytest.mark.parametrize("name", [*NAMES, "D"])
def test_the_test_split_is_read_once_after_the_training_and_never_by_it(home, name, monkeypatch):
    events, fit = [], train.fit

    def watched(runs):
        model = ensembles.build_ensemble(runs)
        known, seeds = model.data["test"], tuple(run.seed for run in runs)

        def take(index, epoch):
            events.extend(
                ("test", seed, int(one))
                for seed, items in zip(seeds, index, strict=True)
                for one in items
            )
            return known.take(index, epoch)

        model.data["test"] = Data(take, known.labels, known.chunk)
        return model

    def fitted(*given):
        events.append("fit begins")
        assert not any(len(one.labels) == tests for one in given if isinstance(one, Data))
        yield from fit(*given)
        events.append("fit ends")

    for module in (training, evaluation):
        monkeypatch.setattr(module, "build_ensemble", watched)
    monkeypatch.setattr(train, "fit", fitted)
    plan = variants(*SHORT, "compare=[B,C,twin,D]")[name]
    parts = Parts(plan, Session(str(home)))
    tests = len(parts.dataset.test)
    pretraining.state(parts)
    events.clear()
    train_row(experiment(home), name, plan, [0, 1])
    whole = name in ("B", "D")
    expected = []
    for seeds in [(0,), (1,)] if whole else [(0, 1)]:
        expected += [
            "fit begins",
            "fit ends",
            *(("test", seed, item) for seed in seeds for item in range(tests)),
        ]
    assert events == expected


@pytest.mark.parametrize("name", ["composed", "B"])
def test_other_test_pictures_change_nothing_that_is_trained(home, tmp_path, name, monkeypatch):
    words = ("recipe.scale=standard", "recipe.augment=false")
    first = made(home, *words, names=(name,))[name]
    make = digits.digits

    def blank(**values):
        data = make(**values)
        data.test.inputs.zero_()
        return data

    monkeypatch.setattr(digits, "digits", blank)
    second = made(tmp_path / "elsewhere", *words, names=(name,))[name]
    for seed in (0, 1):
        one, other = (row.outcomes[seed].to_artifact() for row in (first, second))
        assert one.values["curves"] == other.values["curves"]
        for key, array in one.arrays.items():
            assert np.array_equal(array, other.arrays[key]) == (key != "logits")


def test_a_row_found_in_the_store_is_the_one_that_was_trained(home, monkeypatch):
    first = made(home)
    monkeypatch.setattr(train, "fit", None)  # nothing is trained now
    second = made(home)
    for name in NAMES:
        assert_same(first[name], second[name], (0, 1))
        assert second[name].stored and not first[name].stored
        assert [one.to_artifact().values for one in first[name].outcomes.values()] == [
            one.to_artifact().values for one in second[name].outcomes.values()
        ]
        assert (first[name].about, first[name].classes, first[name].fingerprints) == (
            second[name].about,
            second[name].classes,
            second[name].fingerprints,
        )


def test_asked_for_afresh_a_row_is_trained_anew_to_the_same_numbers(home):
    first, second = made(home, names=("C",))["C"], made(home, names=("C",), fresh=True)["C"]
    assert_same(first, second, (0, 1))
    assert not second.stored and first.outcomes[0].seconds != second.outcomes[0].seconds


def test_the_weights_kept_are_those_whose_logits_are_kept(home):
    for name, row in made(home, seeds=[3]).items():
        parts = Parts(variants(*SHORT)[name], Session(str(home)))
        learned = row.outcomes[3].to_artifact().arrays
        arrays = {key: torch.from_numpy(value) for key, value in learned.items()}
        (model,) = models(parts, [3])
        model.head.load_state_dict(
            {
                key.removeprefix("weights/head."): value.unsqueeze(0)
                for key, value in arrays.items()
                if "/head." in key
            }
        )
        if model.backbone is not None:
            model.backbone.load_state_dict(
                {
                    key.removeprefix("weights/backbone."): value
                    for key, value in arrays.items()
                    if "/backbone." in key
                }
            )
        logits = evaluate(model.whole, model.data["test"], 1)[0]
        torch.testing.assert_close(
            logits.double(), arrays["logits"], rtol=1e-5, atol=1e-6
        )  # one thread or two
        assert np.array_equal(row.labels, parts.dataset.test.labels.numpy())


def test_rows_with_equal_plans_are_trained_once_whatever_they_are_called(home, monkeypatch):
    plan, one = variants(*SHORT)["composed"], experiment(home)
    first = train_row(one, "A", plan, [0])
    monkeypatch.setattr(train, "fit", None)
    assert_same(first, train_row(one, "composed", plan, [0]), [0])


def state_of(parts):
    return {name: value.clone() for name, value in parts.backbone.state_dict().items()}


def test_no_row_moves_the_backbone_that_they_share(home):
    plan, one = variants(*SHORT, "compare=[B,C,twin,D]"), experiment(home)
    parts = Parts(plan["composed"], one.session)
    before = state_of(parts)
    for name in plan:
        train_row(one, name, plan[name], [0])
    moving = changed(plan["composed"], "freeze.batch_norm", "train")
    train_row(one, "moving", moving, [0])
    after = state_of(parts)
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize(
    "words, name, still",
    [
        (("freeze=stages",), "composed", ("stem.", "layer1.")),
        (("freeze=stages",), "twin", ("stem.", "layer1.")),
        (("freeze.batch_norm=train",), "composed", "weights"),
        (("freeze.batch_norm=train",), "twin", "weights"),
        (("freeze=gradual", "freeze.every=1"), "composed", ("stem.", "layer1.", "layer2.")),
    ],
)
def test_what_a_row_freezes_is_kept_to_the_bit(home, words, name, still):
    row = made(home, *words, names=(name,), seeds=[0])[name]
    known = pretraining.state(Parts(variants(*SHORT)["composed"], Session(str(home))))
    weights = row.outcomes[0].weights
    moved = {
        key
        for key, value in known.items()
        if not np.array_equal(weights[f"backbone.{key}"], value.numpy())
    }
    if still == "weights":
        assert moved == {
            key
            for key in known
            if key.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
        }
    else:
        weights = {key for key in known if key.rpartition(".")[2] in ("weight", "bias")}
        assert moved == {key for key in weights if not key.startswith(still)}


@pytest.mark.parametrize("name", ["composed", "C", "twin", "frozen_circuit"])
def test_a_frozen_row_keeps_no_backbone_and_all_its_head(home, name):
    arrays = made(home, names=(name,), seeds=[0])[name].outcomes[0].to_artifact().arrays
    layers = {"C": ["linear"], "twin": ["pre", "middle", "post"]}.get(name, ["pre", "post"])
    names = {f"weights/head.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert set(arrays) == {"logits", "labels"} | names | (
        {"weights/head.angles"} if "pre" in layers and name != "twin" else set()
    )


def test_more_frozen_stages_than_there_are_are_refused(home):
    with pytest.raises(UsageError) as error:
        experiment(home).check(variants("freeze=stages", "freeze.frozen=5")["composed"])
    assert (
        str(error.value) == "freeze.frozen=5: this backbone has 4 stages; use 4 or fewer, or all."
    )


def test_a_run_that_diverges_is_an_error_and_leaves_the_others_their_bits(
    home, tmp_path, monkeypatch
):
    healthy = made(home, seeds=[0, 1, 2], names=("C",))["C"]
    head = Parts.head

    def poisoned(self, features, seeds, *shots):
        one = head(self, features, seeds, *shots)
        if 1 in seeds:
            one.linear.bias.data[seeds.index(1)] = torch.nan
        return one

    monkeypatch.setattr(Parts, "head", poisoned)
    row = made(tmp_path / "elsewhere", seeds=[0, 1, 2], names=("C",))["C"]
    assert row.errors == {
        1: "the loss is not finite from epoch 1 on; recipe.lr=0.01 may be too large"
    }
    assert row.seeds == [0, 2]
    assert_same(healthy, row, [0, 2])
    monkeypatch.setattr(Parts, "head", head)  # what failed is not kept
    assert_same(
        healthy, made(tmp_path / "elsewhere", seeds=[0, 1, 2], names=("C",))["C"], [0, 1, 2]
    )


@pytest.mark.parametrize("name", ["composed", "B"])
def test_a_rate_that_is_far_too_large_is_named(home, name):
    row = made(
        home, "recipe.lr=1e38", "recipe.backbone_lr=1e38", "recipe.optimizer=sgd", names=(name,)
    )[name]
    assert set(row.errors) == {0, 1} and not row.outcomes
    assert all(
        words.startswith("the loss is not finite from epoch ")
        and words.endswith("; recipe.lr=1e+38 may be too large")
        for words in row.errors.values()
    )


@pytest.mark.parametrize("name", NAMES)
def test_heads_and_small_networks_are_trained_by_one_thread(home, name, monkeypatch):
    threads, fit = [], train.fit

    def fitted(*given):
        for record in fit(*given):
            threads.append(torch.get_num_threads())
            yield record

    monkeypatch.setattr(train, "fit", fitted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        made(home, names=(name,), seeds=[0])
        assert set(threads) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_chance_in_augmentation_belongs_to_seed_epoch_and_picture(home):
    parts = Parts(
        variants(*SHORT, "recipe.augment=true", "backbone.size=16")["composed"], Session(str(home))
    )
    split, index = parts.dataset.train, torch.tensor([[3, 0, 5]])

    def take(seed, epoch, index=index):
        return feature.pictures(parts, split, parts.backbone, seed)(index, epoch)

    first = take(0, 1)
    torch.manual_seed(7)
    assert torch.equal(first, take(0, 1)) and torch.equal(
        first[[1]], take(0, 1, torch.tensor([[0]]))
    )
    assert not torch.equal(first, take(1, 1)) and not torch.equal(first, take(0, 2))
    # evaluation, and training without it, see the pictures as they are
    assert torch.equal(take(0, None), take(None, 1)) and not torch.equal(take(0, None), first)


def test_augmented_rows_have_the_same_numbers_again(home, tmp_path):
    words = ("recipe.augment=true", "backbone.size=16")
    first, second = (
        made(place, *words, names=("composed", "C"), seeds=order)
        for place, order in ((home, [0, 1]), (tmp_path / "elsewhere", [1, 0]))
    )
    for name in first:
        assert_same(first[name], second[name], (0, 1))
        assert (
            "weights/backbone.stem.0.weight" in first[name].outcomes[0].to_artifact().arrays
        )  # features are not shared then


def test_the_counts_of_a_row_are_those_of_its_parts(home):
    found = {
        name: row.outcomes[0].figures
        for name, row in made(
            home,
            "compare=[B,C,twin,frozen_circuit,D]",
            names=(*NAMES, "frozen_circuit", "D"),
            seeds=[0],
        ).items()
    }
    backbone = sum(
        value.numel()
        for key, value in pretraining.state(
            Parts(variants(*SHORT)["composed"], Session(str(home)))
        ).items()
        if key.rpartition(".")[2] in ("weight", "bias")
    )
    dressed, linear, twin = (16 + 1) * 4 + (4 + 1) * 4, (16 + 1) * 4, (16 + 1) * 4 + 2 * (4 + 1) * 4
    assert {
        name: tuple(one[f"parameters_{what}"] for what in ("circuit", "head", "backbone"))
        for name, one in found.items()
    } == {
        "composed": (24, dressed, 0),
        "B": (0, linear, backbone),
        "C": (0, linear, 0),
        "twin": (0, twin, 0),
        "frozen_circuit": (0, dressed, 0),
        "D": (24, dressed, backbone),
    }
    # 2 epochs of 20 training and 16 validation pictures, then the test
    tests = len(Parts(variants(*SHORT)["composed"], Session(str(home))).dataset.test)
    assert found["composed"]["evaluations"] == 2 * (20 + 16) + tests
    assert found["composed"]["executions"] == 2 * 20 * (1 + 2 * 28) + 2 * 16 + tests
    assert found["frozen_circuit"]["executions"] == 2 * 20 * (1 + 2 * 4) + 2 * 16 + tests
    assert "evaluations" not in found["C"]


def test_freeing_by_epoch_counts_all_that_was_ever_trained(home):
    found = (
        made(home, "freeze=gradual", "freeze.every=1", names=("composed",), seeds=[0])["composed"]
        .outcomes[0]
        .figures
    )
    state = pretraining.state(Parts(variants(*SHORT)["composed"], Session(str(home))))
    last = sum(
        value.numel()
        for key, value in state.items()
        if key.startswith("layer3") and key.rpartition(".")[2] in ("weight", "bias")
    )
    assert found["parameters_backbone"] == last


# Another value for every key of every part that a row may have.
OTHER = {
    "dataset.classes": [6, 7, 8],
    "dataset.share": [0.5, 1.0],
    "dataset.train": 6,
    "dataset.validation": 5,
    "dataset.split_seed": 1,
    "dataset.train_size": 15,
    "dataset.fold": [1, 3],
    "backbone.layer": "layer2",
    "backbone.size": 16,
    "backbone.width": 5,
    "backbone.seed": 1,
    "backbone.weights": "none",
    "backbone.pretrain.seed": 1,
    "backbone.pretrain.dataset.classes": [0, 1],
    "backbone.pretrain.recipe.epochs": 1,
    "freeze.frozen": 3,
    "freeze.every": 2,
    "freeze.batch_norm": "train",
    **{
        f"recipe.{name}": value
        for name, value in {
            "epochs": 3,
            "batch_size": 16,
            "lr": 0.1,
            "backbone_lr": 0.1,
            "optimizer": "sgd",
            "momentum": 0.5,
            "weight_decay": 0.1,
            "schedule": "step",
            "step_size": 3,
            "gamma": 0.2,
            "schedule_step": "start",
            "augment": True,
            "scale": "standard",
            "label_smoothing": 0.1,
            "reduction": "sum",
            "select": "last",
            "eps": 1e-6,
            "patience": 3,
            "class_weights": "balanced",
            "sequential": 0.5,
        }.items()
    },
    "head.angles": "frozen",
    "head.entangle": False,
    "head.spread": 0.1,
    "head.state": __file__,
    "head.product": True,
    "head.layout": "mari2019",
    "head.pre": "frozen",
    "head.middle": "frozen",
    "head.post": "frozen",
    "head.reach": 1.0,
    "circuit.qubits": 3,
    "circuit.depth": 2,
    "circuit.readout": "pairs",
    "circuit.copies": 2,
    "device": {"_target_": "qtlrun.device.pennylane.PennyLane", "name": "default.qubit"},
    "dtype": "float64",
    "accelerator": "mps",
}


@pytest.mark.parametrize("name", ["composed", "C", "twin"])
def test_every_value_that_a_row_s_constructors_take_is_in_its_key_and_no_other(home, name):
    plan, session = variants(*SHORT)[name], Session(str(home))
    known = {
        f"{group}.{key}"
        for group in ("dataset", "backbone", "freeze", "recipe", "head", "circuit")
        for key in plan.part(group)
        if key not in ("_target_", "pretrain", "space")
    }
    assert known <= set(OTHER)  # none is forgotten here
    not_taken = {
        "composed": set(),
        "C": {"circuit.qubits", "circuit.depth", "circuit.readout", "circuit.copies", "device"},
        "twin": {"circuit.depth", "device"},
    }[name]
    key, keys = row_key(Parts(plan, session), 0), []
    for where, value in OTHER.items():
        if where.startswith("head.") and where.removeprefix("head.") not in plan.head:
            continue
        other = row_key(Parts(changed(plan, where, value), session), 0)
        assert (other == key) == (where in not_taken), where
        keys += [other] if where not in not_taken else []
    assert len(set(keys)) == len(keys)
    assert (
        row_key(Parts(plan, session), 1) != key
        and row_key(Parts(deepcopy(plan), Session(str(home))), 0) == key
    )
    for group in ("recipe", "head"):  # what tuning may draw is no value of a row
        assert (
            row_key(Parts(replace(plan, **{group: plan.part(group) | {"space": {}}}), session), 0)
            == key
        )


@pytest.mark.parametrize(
    "where, value",
    [("name", "lightning.qubit"), ("shots", 10), ("diff_method", "adjoint"), ("seed", 1)],
)
def test_every_value_of_a_device_is_in_the_key_of_a_row_with_a_circuit(home, where, value):
    plan, session = variants(*SHORT, "device=default.qubit"), Session(str(home))
    for name, differs in (("composed", True), ("C", False)):
        keys = {
            row_key(Parts(one, session), 0)
            for one in (plan[name], changed(plan[name], f"device.{where}", value))
        }
        assert len(keys) == 1 + differs


def test_the_bytes_of_a_plugin_are_in_the_key(home, tmp_path):
    plugin = tmp_path / "mine_of_the_key.py"
    plugin.write_text("'''One.'''")
    plan, keys = variants(*SHORT)["C"], []
    for content in ("'''One.'''", "'''Another.'''"):
        plugin.write_text(content)
        keys.append(row_key(Parts(replace(plan, plugins=[str(plugin)]), Session(str(home))), 0))
    assert len({*keys, row_key(Parts(plan, Session(str(home))), 0)}) == 3


def test_a_sweep_over_qubits_trains_the_row_without_a_circuit_once(home, monkeypatch):
    trained, fit = Counter(), train.fit

    def fitted(*given):
        trained[type(given[0]).__name__] += 1
        return fit(*given)

    pretraining.state(Parts(variants(*SHORT)["composed"], Session(str(home))))
    monkeypatch.setattr(train, "fit", fitted)
    one = experiment(home)
    for qubits in (2, 3):
        plan = variants(*SHORT, f"circuit.qubits={qubits}")
        for name in ("composed", "C", "twin"):
            train_row(one, name, plan[name], [0])
    assert trained == {"Quantum": 2, "Classical": 1, "Twin": 2}


def test_a_row_says_what_it_was_made_from(home):
    row = made(home, names=("C",))["C"]
    parts = Parts(variants(*SHORT)["C"], Session(str(home)))
    assert row.fingerprints == {
        "data": parts.dataset.fingerprint,
        "weights": pretraining.key(parts),
    }
    assert (
        row.classes == ("6", "7", "8", "9")
        and row.about == "frozen small ResNet + one linear layer"
    )
    curves = row.outcomes[0].curves
    assert [one["epoch"] for one in curves] == [1, 2]
    assert row.outcomes[0].best_epoch == 1 + int(curves[1]["nll"] < curves[0]["nll"])


@pytest.mark.parametrize("lr", [0.01, 30.0])
def test_the_saturated_share_is_that_of_the_trained_heads_own_inputs_and_is_kept(home, lr):
    words = (*SHORT, f"recipe.lr={lr}", "recipe.scale=none")
    found = [
        train_row(experiment(home), "A", variants(*words)["composed"], [0, 1]) for _ in range(2)
    ]
    features = (
        feature.features(Parts(variants(*words)["composed"], Session(str(home))))["validation"]
        .double()
        .numpy()
    )
    for seed in (0, 1):
        arrays = found[0].outcomes[seed].to_artifact().arrays
        weight, bias = (
            arrays[f"weights/head.pre.{name}"].astype(float) for name in ("weight", "bias")
        )
        expected = (np.abs(np.tanh(features @ weight.T + bias)) > 0.99).mean()
        assert found[0].metrics.loc[seed, "inputs_saturated"] == pytest.approx(
            expected, abs=1e-6
        )  # one of 100,000 at the edge
        assert (expected > 0.9) == (lr > 1)
    assert found[1].stored and found[1].metrics.equals(found[0].metrics)


@pytest.mark.parametrize("lr, scale", [(0.001, "none"), (3.0, "standard")])
def test_rows_of_one_backbone_are_scaled_alike_where_nothing_is_said(home, lr, scale):
    """C's head squashes nothing, B trains its backbone: a difference between them is none of
    scaling.
    """
    found = made(home, f"recipe.lr={lr}", seeds=(0,))
    assert {row.outcomes[0].scale for row in found.values()} == {scale}
    assert {row.auto_scaled for row in found.values()} == {scale == "standard"}
    same = made(home, f"recipe.lr={lr}", f"recipe.scale={scale}", seeds=(0,))
    for name in NAMES:
        np.testing.assert_array_equal(found[name].logits, same[name].logits)
        assert not same[name].auto_scaled
