import sys
from pathlib import Path

import pytest
import torch
from composition import changed, variants

from qtlrun import source
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment, pretraining
from qtlrun.experiment.check import check_parts
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

SHORT = ("backbone.pretrain.recipe.epochs=2", "backbone.width=4", "recipe.epochs=2")


def parts(home, *words):
    return Parts(variants(*SHORT, *words)["composed"], Session(str(home)))


def items(dataset, *splits):
    return {
        item
        for name in splits or ("train", "validation", "test")
        for item in getattr(dataset, name).items
    }


def test_the_default_source_task_shares_no_scan_with_the_target(home):
    made = parts(home)
    task, target = pretraining.dataset(made), made.dataset
    assert not items(task) & items(target) and not set(task.classes) & set(target.classes)
    assert len(items(task)) > 400 and len(items(target)) > 400


def test_all_ten_digits_may_be_the_target_where_the_shares_do_not_overlap(home):
    made = parts(home, "dataset.classes=[0,1,2,3,4,5,6,7,8,9]")
    assert (
        not items(pretraining.dataset(made)) & items(made.dataset)
        and len(made.dataset.classes) == 10
    )


@pytest.mark.parametrize(
    "words",
    [
        ("dataset.classes=[4,5,6,7]", "dataset.share=[0.2,1.0]"),
        ("backbone.pretrain.dataset.classes=[5,6]", "backbone.pretrain.dataset.share=[0.3,0.7]"),
    ],
)
def test_a_source_task_that_shares_scans_is_refused_with_their_number(home, words):
    made = parts(home, *words)
    with pytest.raises(UsageError) as error:
        check_parts(made)
    task = made.dataset_of(made.variant.backbone["pretrain"]["dataset"], "")
    shared, mine = items(made.dataset) & items(task, "train", "validation"), items(made.dataset)
    assert (
        shared
        and str(error.value)
        == f"dataset: {len(shared)} of its {len(mine)} items are in the source task that the"
        " backbone is pre-trained on; let their classes or shares not overlap."
    )


def test_pre_training_teaches_the_source_task(home):
    said = []
    made = parts(home, "backbone.pretrain.recipe.epochs=8", "backbone.width=16")
    made.session.progress.step = lambda *words: said.append(words)
    state, task = pretraining.state(made), pretraining.dataset(made)
    assert [words for words in said if words[0] == "pre-training, epochs"] == [
        ("pre-training, epochs", epoch, 8) for epoch in range(1, 9)
    ]
    from sklearn.linear_model import LogisticRegression

    scores = {}
    for name in ("pretrain", "none"):
        backbone = Parts(variants(f"backbone.weights={name}")["composed"], made.session)._build(
            "backbone", state=state if name == "pretrain" else None
        )
        with torch.inference_mode():
            train, test = (
                backbone.eval()(backbone.preprocess(split.inputs))
                for split in (task.train, task.test)
            )
        scores[name] = (
            LogisticRegression(max_iter=2000)
            .fit(train.numpy(), task.train.labels.numpy())
            .score(test.numpy(), task.test.labels.numpy())
        )
    assert scores["pretrain"] > 0.95 and scores["pretrain"] > scores["none"]


def test_the_state_is_trained_once_and_the_same_in_every_home(home, tmp_path, monkeypatch):
    first = pretraining.state(parts(home))
    torch.manual_seed(5)
    second = pretraining.state(parts(tmp_path / "elsewhere"))
    assert first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )
    monkeypatch.setattr(pretraining, "_train", None)  # found, not trained
    found = pretraining.state(parts(home))
    assert all(torch.equal(found[name], first[name]) for name in first)


def test_batch_norms_learn_their_statistics_in_pre_training(home):
    state = pretraining.state(parts(home))
    assert state["stem.1.running_mean"].any() and int(state["stem.1.num_batches_tracked"]) > 0


def test_the_source_task_is_augmented_if_asked(home):
    plain, augmented = (
        pretraining.state(parts(home, f"backbone.pretrain.recipe.augment={word}"))
        for word in ("false", "true")
    )
    assert not torch.equal(plain["stem.0.weight"], augmented["stem.0.weight"])


CHANGES = {
    "backbone.size": 16,
    "backbone.width": 5,
    "backbone.pretrain.seed": 1,
    "dtype": "float64",
    "accelerator": "mps",
    "backbone.pretrain.dataset.classes": [0, 1, 2],
    "backbone.pretrain.dataset.share": [0.0, 0.3],
    "backbone.pretrain.dataset.train": 0.5,
    "backbone.pretrain.dataset.validation": 0.15,
    "backbone.pretrain.dataset.split_seed": 1,
    "backbone.pretrain.dataset.train_size": 100,
    "backbone.pretrain.dataset.fold": [0, 3],
    **{
        f"backbone.pretrain.recipe.{name}": value
        for name, value in {
            "epochs": 3,
            "batch_size": 16,
            "lr": 0.1,
            "backbone_lr": 0.1,
            "optimizer": "sgd",
            "momentum": 0.5,
            "weight_decay": 0.1,
            "schedule": "none",
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
}


def test_the_state_s_key_has_the_source_of_every_layer(home):
    made = parts(home)
    network = pretraining.prepare(made, pretraining.dataset(made)).network
    classes = {type(layer).__module__ for layer in network.modules()}
    files = {Path(sys.modules[name].__file__) for name in classes if name.startswith("qtlrun.")}
    assert len(files) > 2 and files <= set(source.closure(*pretraining.modules(made.variant)))


def test_the_state_s_key_has_all_that_it_depends_on_and_nothing_of_the_target(home):
    plan, session = variants(*SHORT)["composed"], Session(str(home))
    sub = plan.backbone["pretrain"]
    known = {
        f"backbone.pretrain.{group}.{name}"
        for group in ("dataset", "recipe")
        for name in sub[group]
        if name not in ("_target_", "space")
    }
    assert known | {"backbone.pretrain.seed"} == {
        key for key in CHANGES if "pretrain" in key
    }  # none is forgotten here
    keys = [
        pretraining.key(Parts(plan, session)),
        *(
            pretraining.key(Parts(changed(plan, key, value), session))
            for key, value in CHANGES.items()
        ),
    ]
    assert len(set(keys)) == len(keys)
    for key, value in {
        "backbone.pretrain.recipe.space": {"lr": [0.1, 0.2]},
        "backbone.layer": "layer2",
        "backbone.seed": 1,
        "dataset.train": 3,
        "dataset.classes": [6, 7],
        "recipe.epochs": 9,
        "circuit.qubits": 3,
        "freeze.frozen": 1,
    }.items():
        assert pretraining.key(Parts(changed(plan, key, value), session)) == keys[0]


def test_a_pre_training_that_diverges_says_which_rate_may_be_too_large(home):
    made = parts(
        home, "backbone.pretrain.recipe.backbone_lr=1e30", "backbone.pretrain.recipe.lr=1e30"
    )
    with pytest.raises(FloatingPointError) as error:
        pretraining.state(made)
    assert (
        str(error.value)
        == "pre-training diverged; backbone.pretrain.recipe.lr=1e+30 may be too large"
    )


@pytest.mark.parametrize(
    "word, sentence",
    [
        (
            "backbone.pretrain.dataset.classes=[0]",
            "backbone.pretrain.dataset.classes=[0]: two or more different digits, 0 to 9.",
        ),
        (
            "backbone.pretrain.dataset.share=[0.4,0.2]",
            "backbone.pretrain.dataset.share=[0.4, 0.2]: from and to, 0 <= from < to <= 1.",
        ),
        (
            "backbone.pretrain.recipe.scale=standard",
            (
                "backbone.pretrain.recipe.scale=standard: features that are being learnt have no"
                " fixed scale; use none."
            ),
        ),
        (
            "backbone.pretrain.recipe.epochs=0",
            "backbone.pretrain.recipe.epochs=0: a whole number from 1 up is needed here.",
        ),
    ],
)
def test_a_source_task_that_cannot_be_is_refused_by_its_key_before_anything_is_trained(
    home, word, sentence
):
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(variants(word)["composed"])
    assert str(error.value) == sentence
    assert not (home / "store/backbone").exists()


def test_the_pre_trained_backbone_is_the_one_that_rows_start_from(home):
    made = parts(home)
    state = pretraining.state(made)
    assert all(
        torch.equal(value, state[name]) for name, value in made.backbone.state_dict().items()
    )
    assert not made.backbone.training and not made.backbone.folded
    shallow = parts(home, "backbone.layer=layer1")
    assert all(
        torch.equal(value, state[name]) for name, value in shallow.backbone.state_dict().items()
    )
