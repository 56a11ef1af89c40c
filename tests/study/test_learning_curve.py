"""Nested parts of the training split, beside the same validation and test pictures."""

import itertools

import numpy as np
import pandas as pd
import pytest
from composition import train_row

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.study.learning_curve import LearningCurve

WORDS = ("study=learning_curve", "compare=[twin]", "seeds=2")
HAS = "the training split has 24 items (6 6, 7 6, 8 6, 9 6)"
DIFFERENT = "different numbers of training pictures, from 1 up."


def made(home, plan, sizes=None):
    """The plans of each size."""
    return LearningCurve(sizes, 0.05, 1024)._plans(plan, Experiment(str(home)))


def test_sizes_that_are_not_named_halve_the_split_as_long_as_every_class_keeps_two(home, studied):
    found = studied(*WORDS)
    assert list(dict.fromkeys(found.frame["train_size"])) == [
        12,
        24,
    ]  # 6 would leave four classes one or two each
    larger = [
        plan.model.dataset["train_size"]
        for plan in made(home, found.plan.changed({"dataset.train": 60}))
    ]
    assert larger == [240 // 32 * 1 + 8 if size < 8 else size for size in (15, 30, 60, 120, 240)]


def test_each_size_holds_the_smaller_and_the_other_splits_stay(home, studied):
    plan = studied(*WORDS).plan
    splits = [
        Parts(one.model, Session(str(home))).dataset for one in made(home, plan, [20, 4, 9, 24])
    ]
    assert [len(one.train) for one in splits] == [4, 9, 20, 24]
    for small, large in itertools.pairwise(splits):
        assert set(small.train.items) < set(large.train.items)
        assert (
            small.validation.items == large.validation.items
            and small.test.items == large.test.items
        )
    assert all(len(set(one.train.labels.tolist())) == 4 for one in splits)


def test_a_size_is_what_it_would_be_alone(home, studied, tmp_path):
    found = studied(*WORDS, "study.sizes=[12,24]")
    frame, curve = found.frame, pd.read_csv(found.out / "curve.csv")
    assert (
        found.well
        and list(curve["train_size"]) == [12, 12, 24, 24]
        and list(curve["row"]) == ["composed", "twin"] * 2
    )
    plan = found.plan.model
    alone = train_row(
        Experiment(str(tmp_path / "elsewhere")),
        "composed",
        plan.redrawn({"train_size": 12}),
        [0, 1],
    )
    mine = frame[
        (frame["train_size"] == 12) & (frame["row"] == "composed") & (frame["metric"] == "test_nll")
    ]["value"]
    np.testing.assert_array_equal(mine, alone.metrics["test_nll"])
    assert curve["NLL"][0] == pytest.approx(alone.nll.mean(), rel=1e-12)
    assert curve["NLL low"][0] < curve["NLL"][0] < curve["NLL high"][0]
    written = (found.out / "table.md").read_text()
    assert ": undecided at 12, 24." in found.said  # of two seeds
    assert (
        "train_size=12: composed - twin, " in written
        and "train_size=24: composed - twin, " in written
    )
    assert {"curve.csv", "contrasts.csv", "rows.csv", "figures/learning_curve.png"} <= set(
        found.files
    )
    assert list(pd.read_csv(found.out / "contrasts.csv")["train_size"]) == [12] * 4 + [24] * 4


def test_a_row_that_fails_at_one_size_costs_that_cell(studied, monkeypatch):
    train = Experiment.train

    def sick(self, label, variant, *given, **values):
        if label == "twin" and variant.dataset["train_size"] == 12:
            raise MemoryError("128 GiB")
        return train(self, label, variant, *given, **values)

    monkeypatch.setattr(Experiment, "train", sick)
    found = studied(*WORDS, "study.sizes=[12,24]")
    assert not found.well and "twin at train_size=12: error: MemoryError: 128 GiB." in found.said
    assert list(pd.read_csv(found.out / "curve.csv")["row"]) == ["composed", "composed", "twin"]


def test_splits_are_redrawn_at_every_size(studied):
    found = studied(*WORDS, "study.sizes=[12,24]", "splits=2", "seeds=1")
    counts = (
        found.frame[found.frame["metric"] == "test_nll"]
        .groupby(["train_size", "row", "split"])
        .size()
    )
    assert found.well and len(counts) == 2 * 2 * 2 and (counts == 1).all()


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ("[500]", f"dataset.train_size=500: {HAS}; use 24 or fewer."),
        ("[12,25]", f"dataset.train_size=25: {HAS}; use 24 or fewer."),
        (
            "[3]",
            (
                f"dataset.train_size=3: {HAS}, and 3 would leave a class without any; use 4 items"
                " or more."
            ),
        ),
        ("[0]", f"study.sizes=[0]: {DIFFERENT}"),
        ("[10,10]", f"study.sizes=[10, 10]: {DIFFERENT}"),
        ("[]", f"study.sizes=[]: {DIFFERENT}"),
    ],
)
def test_sizes_that_cannot_be_are_refused(refusal, sizes, said):
    assert refusal("study=learning_curve", f"study.sizes={sizes}") == said


def test_a_dataset_that_cannot_be_cut_is_refused(refusal, tmp_path, monkeypatch):
    (tmp_path / "mine_uncut.py").write_text(
        "from qtlrun.dataset.digits import digits\n\ndef fixed(classes: list[int]):\n    return"
        " digits(classes, [.4, 1.], 10, 20)\n"
    )
    from composition import check, short_plan

    plan = short_plan(
        tmp_path / "home", "study=learning_curve", f"plugins=[{tmp_path}/mine_uncut.py]"
    )
    plan = plan.changed({"dataset": {"_target_": "mine_uncut.fixed", "classes": [6, 7]}})
    with pytest.raises(UsageError) as error:
        check(plan)
    assert str(error.value) == "study=learning_curve: this dataset has no train_size."
