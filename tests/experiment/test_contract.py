"""Parts of the user's: what they must have, what they may leave out, and what becomes of them in a
run.
"""

import re
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch
from composition import train_row, variants
from torch import nn

from qtlrun.dataset.moons import moons
from qtlrun.dataset.splitting import Splitting
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.check import verify_items
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

SMALL = (
    "backbone=identity",
    "recipe.epochs=2",
    "recipe.batch_size=8",
    "dataset.train=6",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=1",
)

HEADS = """
import torch
from torch import nn
from qtlrun.layer import Linear

class Plain(nn.Module):
    def __init__(self, features: int, classes: int):
        super().__init__()
        self.last = nn.Linear(features, classes)

    def forward(self, x):
        return self.last(x)

class Ignores(Plain):  # takes `start`, and draws from torch's own generator
    def __init__(self, features: int, classes: int, start):
        super().__init__(features, classes)

class Normed(nn.Module):
    def __init__(self, features: int, classes: int, start=None):
        super().__init__()
        self.norm, self.last = nn.BatchNorm1d(features), nn.Linear(features, classes)

    def forward(self, x):
        return self.last(self.norm(x))

class Tied(nn.Module):
    def __init__(self, features: int, classes: int):
        super().__init__()
        self.one, self.two = nn.Linear(features, features), nn.Linear(features, features)
        self.two.weight = self.one.weight
        self.last = nn.Linear(features, classes)

    def forward(self, x):
        return self.last(self.two(self.one(x).tanh()))

class Dropped(Plain):
    def forward(self, x):
        return self.last(nn.functional.dropout(x, .5, self.training))

class Stacked(nn.Module):  # an axis of runs, drawn as `start` draws
    def __init__(self, features: int, classes: int, start):
        super().__init__()
        self.last = Linear(start, "post", features, classes)

    def forward(self, x):
        return self.last(x)

class Shared(Stacked):  # one buffer for all runs
    def __init__(self, features: int, classes: int, start):
        super().__init__(features, classes, start)
        self.register_buffer("scale", torch.full((features,), .5))

    def forward(self, x):
        return self.last(x * self.scale)

class Unseeded(nn.Module):  # an axis of runs, drawn at once from torch's own generator
    def __init__(self, features: int, classes: int, start):
        super().__init__()
        self.weight = nn.Parameter(.1 * torch.randn(len(start.seeds), features, classes))

    def forward(self, x):
        return x @ self.weight

class Chancy(Stacked):  # one mask for all runs
    def forward(self, x):
        return self.last(nn.functional.dropout(x, .5, self.training))

class Still(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.classes = classes

    def forward(self, x):
        return x[:, :self.classes]

class Solving(nn.Module):
    def __init__(self, features: int, classes: int):
        super().__init__()
        self.last = nn.Linear(features, classes)

    def solve(self, train, validation):
        inputs, labels = train
        target = nn.functional.one_hot(labels, len(self.last.bias)).to(inputs)
        self.last.weight.copy_((torch.linalg.pinv(inputs) @ target).T)
        self.last.bias.zero_()

    def forward(self, x):
        return self.last(x)

class Wide(Plain):
    def forward(self, x):
        return self.last(x).repeat(1, 2)

class Flat(Plain):
    def forward(self, x):
        return self.last(x).argmax(-1)

class Detached(Plain):
    def forward(self, x):
        return self.last(x).detach()

class Pair(Plain):
    def forward(self, x):
        return self.last(x), x

class Wrong(Plain):
    def forward(self, x):
        return self.last(x.T)

class Silent(nn.Module):
    def __init__(self, features: int, classes: int): super().__init__()

class Sequence(nn.Sequential):
    def __init__(self, features: int, classes: int):
        super().__init__(nn.Linear(features + 1, classes))

class Guessing(Plain):  # predicts by chance
    def forward(self, x):
        return super().forward(x) + torch.rand(())

class Counted(Stacked):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) / self.calls

class Lazy(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.last = nn.LazyLinear(classes)

    def forward(self, x):
        return self.last(x)

class Trained(Plain):  # it counts its batches, and no others
    def __init__(self, features: int, classes: int):
        super().__init__(features, classes)
        self.batches = 0

    def forward(self, x):
        self.batches += self.training
        return super().forward(x) / (1 + self.batches / 4)

class Swapped(Unseeded):  # right for two runs of two items alone
    def forward(self, x):
        return torch.einsum("brf,rfc->brc", x, self.weight)

class Begun(Still):
    def __init__(self, classes: int, start):
        super().__init__(classes)

class Counting(Solving):
    def __init__(self, features: int, classes: int):
        super().__init__(features, classes)
        self.register_buffer("third", torch.ones(()) / 3, persistent=False)

    def solve(self, train, validation):
        assert self.last.weight.dtype == train[0].dtype
        super().solve(train, validation)

class StackedWide(Stacked):
    def forward(self, x):
        return self.last(x)[..., :1]
"""


@pytest.fixture
def heads(tmp_path):
    (tmp_path / "heads.py").write_text(HEADS)
    return lambda name, *words: replace(
        variants(*SMALL, *words)["composed"],
        plugins=[str(tmp_path / "heads.py")],
        head={"_target_": f"heads.{name}"},
    )


def logits(row):
    assert not row.errors, row.errors
    return {seed: entry.arrays["logits"] for seed, entry in row.outcomes.items()}


ALL = [
    "Plain",
    "Ignores",
    "Normed",
    "Tied",
    "Dropped",
    "Stacked",
    "Shared",
    "Unseeded",
    "Chancy",
    "Trained",
]


@pytest.mark.parametrize("name", ALL)
def test_each_seed_of_a_head_of_the_users_is_a_training_of_its_own(heads, home, name):
    """Four seeds and four classes; each has the very bits that it has alone, in another order, and
    in another home.
    """
    plan = heads(name)
    every = logits(train_row(Experiment(str(home / "a")), "A", plan, [0, 1, 2, 3]))
    assert len({one.tobytes() for one in every.values()}) == 4
    some = logits(train_row(Experiment(str(home / "b")), "A", plan, [3, 1]))
    assert {seed: one.tobytes() for seed, one in some.items()} == {
        seed: every[seed].tobytes() for seed in (3, 1)
    }


def test_a_plain_linear_head_is_trained_as_torch_trains_it(heads, home):
    """The same start, order and Adam by torch's own hand give the same logits."""
    from qtlrun.experiment.seedwise import seeded
    from qtlrun.layer import generator

    plan = heads("Plain", "recipe.select=last", "recipe.epochs=3")
    made = logits(train_row(Experiment(str(home)), "A", plan, [5]))[5]
    parts = Parts(plan, Session(str(home)))
    train, test = (
        (split.inputs.flatten(1) / 255, split.labels)
        for split in (parts.dataset.train, parts.dataset.test)
    )
    with seeded(5, "head"):
        layer = nn.Linear(64, 4)
    optimizer, order = torch.optim.Adam(layer.parameters(), parts.recipe.lr), generator(5, "order")
    for _ in range(3):
        for index in torch.randperm(len(train[1]), generator=order).split(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layer(train[0][index]), train[1][index]).backward()
            optimizer.step()
    np.testing.assert_allclose(made, layer(test[0]).detach(), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Plain", ["freeze=none", "backbone=perceptron"]),
        ("Stacked", ["freeze=none", "backbone=perceptron"]),
        ("Plain", ["dtype=float64"]),
        ("Stacked", ["dtype=float64"]),
        ("Still", []),
        ("Solving", []),
        ("Begun", []),
        ("Counting", ["dtype=float64"]),
    ],
)
def test_a_head_of_the_users_runs_on_whole_networks_in_either_dtype_and_without_weights(
    heads, home, name, words
):
    row = train_row(Experiment(str(home)), "A", heads(name, *words), [0, 1])
    assert all(np.isfinite(one).all() for one in logits(row).values())
    if name == "Plain":
        assert {key for key in row.outcomes[0].to_artifact().arrays if "head" in key} == {
            "weights/head.last.weight",
            "weights/head.last.bias",
        }
        assert row.outcomes[0].figures["parameters_head"] > 0


def test_the_weights_of_a_plain_head_can_be_generated(heads, home):
    words = [
        "parametrization=quantum_train",
        "parametrization.weights=[head.*]",
        "parametrization.depth=1",
    ]
    row = train_row(Experiment(str(home)), "A", heads("Plain", *words), [0, 1])
    made = logits(row)
    assert (
        not np.array_equal(made[0], made[1])
        and row.outcomes[0].figures["weights_generated"] == 64 * 4 + 4
    )


NEEDED = (
    "a head takes features (batch, features) and gives logits (batch, classes), or has an axis of"
    " runs"
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "Wide",
            "head: heads.Wide gives (3, 8) of features (3, 64), and (3, 4) is needed; " + NEEDED,
        ),
        (
            "Flat",
            "head: heads.Flat gives (3,) of features (3, 64), and (3, 4) is needed; " + NEEDED,
        ),
        (
            "StackedWide",
            "head: heads.StackedWide gives (2, 3, 1) of features (2, 3, 64), and (2, 3, 4) is"
            " needed; " + NEEDED,
        ),
        (
            "Detached",
            (
                "head: heads.Detached gives logits without a gradient, so nothing of it would be"
                " trained; is there a detach"
            ),
        ),
        ("Swapped", "head: heads.Swapped fails in {}, line "),
        (
            "Guessing",
            "head: heads.Guessing gives other logits when it is called again in evaluation; ",
        ),
        (
            "Counted",
            "head: heads.Counted gives other logits when it is called again in evaluation; ",
        ),
        (
            "Lazy",
            "head: heads.Lazy has weights without a size: its layer last is lazy (LazyLinear); ",
        ),
        ("Pair", "head: heads.Pair gives tuple, and a tensor of logits is needed; " + NEEDED),
        (
            "Wrong",
            (
                r"head: heads.Wrong fails in {}, line 129: RuntimeError: mat1 and mat2 shapes"
                r" cannot be multiplied"
            ),
        ),
        (
            "Silent",
            (
                "head: heads.Silent has no forward; a head has forward (features (runs, batch,"
                " features) to logits (runs, batch, classes), or both without the axis of runs)"
            ),
        ),
        (
            "Sequence",
            (
                "head: heads.Sequence does not take features (3, 64) (RuntimeError: mat1 and mat2"
                " shapes cannot be multiplied"
            ),
        ),
    ],
)
def test_a_head_that_gives_no_logits_is_refused_before_training_with_what_it_must_be(
    heads, home, tmp_path, name, words
):
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(heads(name))
    line = next(number for number, text in enumerate(HEADS.splitlines(), 1) if "x.T" in text)
    assert str(error.value).startswith(
        words.format(tmp_path / "heads.py").replace("line 129", f"line {line}")
    )


# Backbones

BACKBONES = """
import torch
from torch import nn

class Good(nn.Module):
    def __init__(self, width: int = 3):
        super().__init__()
        self.body, self.features = nn.Conv2d(1, width, 3), width

    def preprocess(self, picture, generator=None):
        return picture / 255

    def forward(self, x):
        return self.body(x).mean((2, 3))

class Flat(Good):
    def forward(self, x):
        return self.body(x)

class Narrow(Good):
    def forward(self, x):
        return super().forward(x)[:, :2]

class Held(Good):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)

class Lost(Good):
    def forward(self, x):
        return super().forward(x) / torch.zeros(())

class Fails(Good):
    def forward(self, x):
        return self.bodi(x)

class Bare(nn.Module):
    def __init__(self, width: int = 3):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(64, width))

    def preprocess(self, picture, generator=None):
        return picture / 255

    def forward(self, x):
        return self.features(x)

class Staged(Good):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([self.body])

class Taken(Good):
    takes = "pictures"

class Strange(Good):
    takes = ("images",)

class Uncut(Good):
    def preprocess(self, picture):
        return picture / 255

class Without:
    features = 3

class Early(nn.Module):
    def __init__(self):
        self.body = nn.Conv2d(1, 3, 3)
"""


@pytest.fixture
def backbones(tmp_path):
    (tmp_path / "nets.py").write_text(BACKBONES)
    return lambda name, *words: replace(
        variants(*SMALL, *words)["composed"],
        plugins=[str(tmp_path / "nets.py")],
        backbone={"_target_": f"nets.{name}"},
    )


@pytest.mark.parametrize(
    ("name", "freeze"),
    [("Good", "backbone"), ("Good", "none"), ("Taken", "backbone"), ("Held", "backbone")],
)
def test_a_backbone_of_the_users_is_frozen_or_trained_each_run_from_its_own_seed(
    backbones, home, name, freeze
):
    plan = backbones(name, f"freeze={freeze}")
    experiment = Experiment(str(home / "a"))
    experiment.check(plan)
    experiment.load(plan)
    made, again = (
        logits(train_row(Experiment(str(home / place)), "A", plan, seeds))
        for place, seeds in (("b", [0, 1]), ("c", [1]))
    )
    assert np.array_equal(made[1], again[1]) and not np.array_equal(made[0], made[1])
    parts = Parts(plan, Session(str(home)))
    kept = experiment.describe("A", plan).backbone
    if freeze == "none":
        starts = [parts.trained_backbone(seed).body.weight for seed in (0, 1)]
        assert not torch.equal(*starts) and not kept
    else:  # what a prediction needs, and no other file holds
        state = parts.backbone.state_dict()
        assert set(kept) == set(state)
        assert all(np.array_equal(kept[name], value) for name, value in state.items())


FORWARD = "(batch, features) is needed, here (2, 3)."


@pytest.mark.parametrize(
    ("name", "freeze", "words"),
    [
        ("Flat", "backbone", f"backbone: nets.Flat gives (2, 3, 6, 6) of 2 items; {FORWARD}"),
        ("Narrow", "backbone", f"backbone: nets.Narrow gives (2, 2) of 2 items; {FORWARD}"),
        (
            "Held",
            "none",
            (
                "backbone: nets.Held gives features without a gradient, so nothing of it would be"
                " trained; is there a detach or no_grad in its forward? freeze=backbone leaves it"
                " as it is."
            ),
        ),
        ("Lost", "backbone", "backbone: nets.Lost gives features that are not finite."),
        (
            "Fails",
            "backbone",
            (
                "backbone: nets.Fails fails in {}, line 36: AttributeError: 'Fails' object has no"
                " attribute 'bodi'"
            ),
        ),
        (
            "Bare",
            "backbone",
            (
                "backbone: nets.Bare has features=Sequential; the numbers that forward gives of an"
                " item are needed, a whole number from 1 up (call a layer otherwise)."
            ),
        ),
        (
            "Staged",
            "backbone",
            (
                "backbone: nets.Staged has stages that are no list of qtlrun.backbone.stage.Stage;"
                " leave them out"
            ),
        ),
        ("Strange", "backbone", "backbone: nets.Strange has takes=('images',); "),
        (
            "Without",
            "backbone",
            (
                "backbone: nets.Without has no preprocess and no forward and no state_dict; a"
                " backbone has features (numbers that it gives of an item), preprocess (an item,"
            ),
        ),
        (
            "Early",
            "backbone",
            (
                "backbone: nets.Early fails in {}, line 70: AttributeError: cannot assign module"
                " before Module.__init__() call."
            ),
        ),
    ],
)
def test_a_backbone_that_lacks_what_it_needs_is_refused_before_training(
    backbones, home, tmp_path, name, freeze, words
):
    experiment, plan = Experiment(str(home)), backbones(name, f"freeze={freeze}")
    with pytest.raises(UsageError) as error:
        experiment.check(plan)
        experiment.load(plan)
    lines = {
        number: place
        for place, text in enumerate(BACKBONES.splitlines(), 1)
        for number, part in (("36", "self.bodi"), ("70", "        self.body = nn.Conv2d(1, 3, 3)"))
        if text.strip().startswith(part.strip()) or part in text
    }
    words = re.sub(r"line (\d+)", lambda found: f"line {lines[found[1]]}", words)
    assert str(error.value).startswith(words.format(tmp_path / "nets.py"))


def test_augmentation_is_tried_before_training(backbones, home):
    plan = backbones("Uncut", "recipe.augment=true")
    experiment = Experiment(str(home))
    experiment.check(plan)
    with pytest.raises(
        UsageError,
        match="^backbone: nets.Uncut does not take the dataset's items: TypeError: .*preprocess",
    ):
        experiment.load(plan)


# Datasets


def parts_with(tmp_path, home, body):
    """Parts with a dataset whose constructor has this body."""
    text = (
        "import numpy as np\nimport torch\n\nclass Own:\n    def __init__(self):\n        draw ="
        " np.random.default_rng(0)\n"
    )
    (tmp_path / "sets.py").write_text(text + textwrap.indent(textwrap.dedent(body), "        "))
    plan = variants("backbone=identity", "recipe.epochs=1", "head=classical")["composed"]
    return Parts(
        replace(plan, plugins=[str(tmp_path / "sets.py")], dataset={"_target_": "sets.Own"}),
        Session(str(home)),
    )


def dataset(tmp_path, home, body):
    return parts_with(tmp_path, home, body).dataset


FULL = """
self.train, self.validation, self.test = (
    (draw.normal(size=(n, 3)), np.arange(n) % 2) for n in (8, 4, 6))
self.classes = ["no", "yes"]
"""


# The first two splits are pictures.
PICTURES = """
self.train, self.validation = ((np.zeros((n, 8, 8), np.uint8), np.arange(n) % 2) for n in (8, 4))
"""


def test_a_dataset_of_arrays_has_all_that_a_dataset_has(tmp_path, home):
    made = dataset(tmp_path, home, FULL)
    assert made.classes == ("no", "yes") and made.size == 18 and len(made.fingerprint) == 64
    assert [len(split) for split in (made.train, made.validation, made.test)] == [8, 4, 6]
    right = np.random.default_rng(0).normal(size=(8, 3))
    assert np.array_equal(made.train.inputs, right) and made.train.labels.tolist() == [0, 1] * 4
    assert len(set(made.train.items + made.validation.items + made.test.items)) == 18
    other = dataset(tmp_path, home, FULL + "self.test[1][0] = 1\n")
    assert other.fingerprint != made.fingerprint and other.train.items == made.train.items


@pytest.mark.parametrize(
    ("change", "inputs", "labels"),
    [
        ("self.test = self.test[0].astype(np.float32), self.test[1]", torch.float64, [0, 1] * 3),
        (
            "self.test = torch.tensor(self.test[0]), torch.tensor(self.test[1])",
            torch.float64,
            [0, 1] * 3,
        ),
        (
            "self.test = self.test[0].tolist(), [float(one) for one in self.test[1]]",
            torch.float64,
            [0, 1] * 3,
        ),
        ("self.test = self.test[0], ['yes', 'no'] * 3", torch.float64, [1, 0] * 3),
        ("self.test = [self.test[0] > 0, self.test[1] > 0]", torch.float64, [0, 1] * 3),
        (
            "self.test = torch.tensor(self.test[0], dtype=torch.bfloat16), self.test[1]",
            torch.float64,
            [0, 1] * 3,
        ),
        (
            PICTURES + "self.test = np.zeros((6, 8, 8), np.uint8), self.test[1]",
            torch.uint8,
            [0, 1] * 3,
        ),
        (
            PICTURES + "self.test = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), self.test[1]",
            torch.uint8,
            [0, 1] * 3,
        ),
    ],
)
def test_numbers_and_pictures_come_in_whichever_array(tmp_path, home, change, inputs, labels):
    test = dataset(tmp_path, home, FULL + change + "\n").test
    assert (
        test.inputs.dtype == inputs
        and test.labels.tolist() == labels
        and test.labels.dtype == torch.int64
    )


def test_a_validation_split_that_is_the_test_split_stays_known_as_such(tmp_path, home):
    made = dataset(tmp_path, home, FULL + "self.validation = self.test\n")
    assert made.validation is made.test


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "del self.test, self.classes",
            (
                "dataset: sets.Own has no test and no classes; a dataset has train (a"
                " `qtlrun.dataset.split.Split`, or (inputs, labels)), validation (likewise), test"
                " (likewise), classes (their names, two or more);"
                " qtlrun.contract.DatasetSource says what it may have beside."
            ),
        ),
        (
            "self.test = self.test[0]",
            (
                "dataset: sets.Own.test: it is ndarray; (inputs, labels) is needed, or a"
                " qtlrun.dataset.split.Split."
            ),
        ),
        (
            "self.test = self.test[0], self.test[1][:5]",
            "dataset: sets.Own.test: 6 inputs and 5 labels; each input has one.",
        ),
        (
            "self.test = self.test[0], self.test[1] + 1",
            (
                "dataset: sets.Own.test: its labels run from 1 to 2, and 2 classes are labelled 0"
                " to 1."
            ),
        ),
        (
            "self.test = self.test[0], self.test[1] - 1",
            (
                "dataset: sets.Own.test: its labels run from -1 to 0, and 2 classes are labelled 0"
                " to 1."
            ),
        ),
        (
            "self.test = self.test[0], self.test[1] / 2",
            "dataset: sets.Own.test: its labels are float64 of shape (6,); a whole number an item",
        ),
        (
            "self.test = self.test[0], ['maybe'] * 6",
            "dataset: sets.Own.test: a label is maybe, which is none of the classes no, yes.",
        ),
        (
            "self.test[0][2, 1] = np.nan",
            "dataset: sets.Own.test: its inputs hold a number that is not finite, first in item 2.",
        ),
        (
            "self.test = self.test[0][:, :2], self.test[1]",
            (
                "dataset: sets.Own: its items have 3 numbers in train, 3 numbers in validation, 2 "
                "numbers in test; all need as many."
            ),
        ),
        (
            PICTURES,
            (
                "dataset: sets.Own: its items are pictures in train, pictures in validation,"
                " numbers in test; all are of one kind."
            ),
        ),
        (
            "self.test = self.test[0][0], self.test[1]",
            (
                "dataset: sets.Own.test: its inputs are float64 of shape (3,); numbers (items,"
                " features)"
            ),
        ),
        (
            "self.test = self.test[0][:0], self.test[1][:0]",
            "dataset: sets.Own.test: it has no item.",
        ),
        (
            "self.test = np.zeros((6, 8, 8, 3), np.uint8), self.test[1]",
            "dataset: sets.Own.test: its pictures have the shape (8, 8, 3); (channels",
        ),
        (
            "self.classes = 'yes'",
            "dataset: sets.Own has classes='yes'; a list of their names is needed.",
        ),
        ("self.classes = 2", "dataset: sets.Own has classes=2; a list of their names is needed."),
        (
            "self.classes = ['yes', 'yes']",
            "dataset: sets.Own has classes=['yes', 'yes']; two or more different names are needed.",
        ),
    ],
)
def test_a_dataset_that_lacks_what_it_needs_is_refused_with_what_it_must_have(
    tmp_path, home, change, words
):
    with pytest.raises(UsageError) as error:
        dataset(tmp_path, home, FULL + change + "\n")
    assert str(error.value).startswith(words)


def test_a_file_whose_items_are_reordered_gives_no_logits_of_the_old_order(tmp_path, home):
    path = tmp_path / "sets.npz"
    variant = parts_with(
        tmp_path,
        home,
        f"""
        file = np.load({str(path)!r})
        self.train = self.validation = file["train"], np.arange(8) % 2
        self.test = file["test"], file["labels"]
        self.classes = ["no", "yes"]
        """,
    ).variant
    draw = np.random.default_rng(0)
    train, test, labels = draw.normal(size=(8, 3)), draw.normal(size=(6, 3)), np.arange(6) // 3

    def train_on(order):
        np.savez(path, train=train, test=test[order], labels=labels[order])
        return train_row(Experiment(str(home)), "row", variant, [0])

    first, turned = (train_on(order) for order in (np.arange(6), np.arange(6)[::-1]))
    assert turned.items == first.items[::-1] and turned.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert np.array_equal(turned.logits, first.logits[:, ::-1])
    assert turned.fingerprints == first.fingerprints


DIVIDED = """
import numpy as np
from types import SimpleNamespace
from qtlrun.dataset import vector
from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.moons import moons
from qtlrun.dataset.splitting import Splitting

def divided(splitting: Splitting, test: float = 0.2) -> Dataset:
    draw = np.random.default_rng(0)
    items = vector.as_split(draw.normal(size=(40, 3)), np.arange(40) % 2)
    return vector.divide(items, ["no", "yes"], splitting, test)

def wrapped(noise: float, splitting: Splitting):
    return moons(60, noise, 21, splitting, 0.2)

def bare(width: int = 3):
    splits = {name: (np.eye(4, width), np.arange(4) % 2) for name in ("train", "validation")}
    return SimpleNamespace(**splits, test=(-np.eye(4, width), [0, 1, 0, 1]), classes=["no", "yes"],
        caution="Mine.", ceiling=.9)
"""


@pytest.fixture
def divided(tmp_path, home):
    """Makes a dataset of a user's function by values of its keys."""
    (tmp_path / "sets.py").write_text(DIVIDED)
    plan = variants("backbone=identity", "recipe.epochs=1", "head=classical")["composed"]
    plugins = [str(tmp_path / "sets.py")]

    def make(name, **values):
        part = {"_target_": f"sets.{name}"} | values
        return Parts(replace(plan, plugins=plugins, dataset=part), Session(str(home))).dataset

    return make


def test_a_function_of_the_users_gives_a_dataset_that_is_divided_as_ours_are(divided):
    data, small = divided("divided"), divided("divided", fold=[0, 4], train_size=8)
    assert [len(split) for split in data.splits.values()] == [24, 8, 8] and data.size == 40
    assert [len(split) for split in small.splits.values()] == [8, 6, 10]
    assert data.scaling and data.kind == "vectors" and data.verify().contents == {}
    assert divided("divided", split_seed=1).fingerprint != data.fingerprint
    with pytest.raises(UsageError, match=r"^dataset.fold=\[0, 1\]: give \[k, K\]"):
        divided("divided", fold=[0, 1])
    with pytest.raises(UsageError, match="^dataset.train_sise: there is no such key; did you mean"):
        divided("divided", train_sise=3)


def test_a_function_of_the_users_may_give_one_of_our_datasets(divided):
    data = divided("wrapped", noise=0.1, validation="test")
    ours = moons(60, 0.1, 21, Splitting(validation="test"), 0.2)
    assert data.fingerprint == ours.fingerprint and data.scaling == ours.scaling
    assert data.validation is data.test and data.classes == ("upper", "lower")


def test_a_function_of_the_users_may_give_the_splits_and_classes_alone(divided):
    data = divided("bare", width=5)
    assert data.train.inputs.shape == (4, 5) and data.size == 8
    assert (data.caution, data.ceiling, data.scaling, data.modes) == ("Mine.", 0.9, None, None)
    assert data.sequence is None and not data.independent


def test_pictures_of_a_dataset_of_the_users_are_decoded_and_compared_before_the_start(
    tmp_path, home
):
    from PIL import Image

    draw = np.random.default_rng(0)
    for name in "abcdef":
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / f"{name}.png")
    Image.open(tmp_path / "a.png").save(tmp_path / "d.bmp")
    body = f"""
    from qtlrun.dataset.picture import Pictures
    from qtlrun.disk import file_digest
    from qtlrun.dataset.split import Split
    for name, files in dict(
        train=["a.png", "b.png"], validation=["c.png", "e.png"], test=["d.bmp", "f.png"]
    ).items():
        paths = ["{tmp_path}/" + file for file in files]
        items = tuple(map(file_digest, paths))
        setattr(self, name, Split(Pictures(paths), torch.tensor([0, 1]), items))
    self.classes = ["no", "yes"]
    """
    made, steps = dataset(tmp_path, home, body), []
    same = made.verify(lambda done, total: steps.append((done, total))).contents
    assert set(same) == {made.train.items[0], made.test.items[0]} and len(set(same.values())) == 1
    assert steps == [(done, 6) for done in range(1, 7)]
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:90])
    with pytest.raises(UsageError, match="^dataset: sets.Own: .*b.png"):
        dataset(tmp_path, home, body).verify(lambda done, total: None)
    with pytest.raises(UsageError, match="^dataset: sets.Own: .*b.png"):
        verify_items(parts_with(tmp_path, home, body))


# Circuits

CIRCUIT = """
import pennylane as qml

class Own:
    def __init__(self):
        {}

    def __call__(self, inputs, weights):
        {}
"""
TURN = "qml.RY(inputs[0] + {}, 0)\n        return [qml.expval(qml.PauliZ(0))]"


@pytest.mark.parametrize(
    ("shape", "weight", "right"),
    [
        ("3", "weights[2]", (3,)),
        ("(3,)", "weights[2]", (3,)),
        ("[3]", "weights[2]", (3,)),
        ("()", "weights", (1,)),
        ("{'weights': (2, 3)}", "weights[1, 2]", (2, 3)),
        ("{'theta': 3}", "weights[2]", (3,)),
        ("{'theta': ()}", "weights", (1,)),
    ],
)
def test_a_shape_may_be_a_number_or_torchlayers_dict(tmp_path, home, shape, weight, right):
    """<Z> of a qubit that RY turned by x + w is cos(x + w); one weight of several acts."""
    (tmp_path / "rings.py").write_text(
        CIRCUIT.format(f"self.qubits, self.shape = 1, {shape}", TURN.format(weight))
    )
    plan = replace(
        variants(*SMALL)["composed"],
        plugins=[str(tmp_path / "rings.py")],
        circuit={"_target_": "rings.Own"},
    )
    parts = Parts(plan, Session(str(home)))
    assert parts.circuit.shape == right
    run = parts.exact_device.run(parts.circuit)
    x, w = torch.linspace(-1, 1, 4).view(1, 4, 1), torch.zeros(1, *right)
    w.view(-1)[-1] = 0.3
    torch.testing.assert_close(run(x, w), (x + 0.3).cos(), atol=1e-6, rtol=0)
    row = train_row(Experiment(str(home)), "A", plan, [0, 1])
    assert not row.errors and row.outcomes[0].figures["angles_effective"] == 1


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ("self.shape = 3", "circuit: rings.Own has no qubits; a circuit has qubits"),
        ("self.qubits = 1", "circuit: rings.Own has no shape; a circuit has"),
        ("pass", "circuit: rings.Own has no qubits and no shape; a circuit has"),
        (
            "self.qubits, self.shape = 1, 'wide'",
            "circuit: rings.Own has shape='wide'; the sizes of one tensor of weights are needed",
        ),
        (
            "self.qubits, self.shape = 1, (2, .5)",
            "circuit: rings.Own has shape=(2, 0.5); the sizes",
        ),
        ("self.qubits, self.shape = 1, (-2,)", "circuit: rings.Own has shape=(-2,); the sizes"),
        (
            "self.qubits, self.shape = 1, {'a': 2, 'b': 3}",
            "circuit: rings.Own has shape={'a': 2, 'b': 3}; a circuit has one tensor of weights",
        ),
        (
            "self.qubits, self.shape = 1.5, 3",
            "circuit: rings.Own has qubits=1.5; a whole number from 1 up is needed.",
        ),
        ("self.qubits, self.shape = True, 3", "circuit: rings.Own has qubits=True; a whole number"),
        (
            "self.qubits, self.shape, self.inputs = 1, 3, -1",
            "circuit: rings.Own has inputs=-1; a whole number from 0 up is needed.",
        ),
    ],
)
def test_a_circuit_without_plain_sizes_is_refused_with_what_it_has_to_have(
    tmp_path, home, attributes, words
):
    (tmp_path / "rings.py").write_text(CIRCUIT.format(attributes, TURN.format("0")))
    plan = replace(
        variants(*SMALL)["composed"],
        plugins=[str(tmp_path / "rings.py")],
        circuit={"_target_": "rings.Own"},
    )
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("qml.RXX(inputs[0], 0)", "AttributeError: module 'pennylane' has no attribute 'RXX'."),
        (
            "qml.RY(inputs[1], 0)",
            "IndexError: index 1 is out of bounds for dimension 0 with size 1.",
        ),
        ("raise RuntimeError('not finished')", "RuntimeError: not finished."),
        ("raise ValueError('not finished')", "ValueError: not finished."),
        ("qml.RY(inputs[0])", "TypeError: "),
        ("undefined", "NameError: name 'undefined' is not defined."),
        ("assert False", "AssertionError."),
    ],
)
def test_what_a_circuit_raises_is_named_by_class_file_and_line(tmp_path, home, body, words):
    (tmp_path / "rings.py").write_text(CIRCUIT.format("self.qubits, self.shape = 1, 1", body))
    plan = replace(
        variants(*SMALL)["composed"],
        plugins=[str(tmp_path / "rings.py")],
        circuit={"_target_": "rings.Own"},
    )
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(plan)
    assert str(error.value).startswith(
        f"circuit: rings.Own fails in {tmp_path / 'rings.py'}, line 9: {words}"
    )


# Parametrizations, and other groups

OTHERS = """
import torch
from dataclasses import dataclass
from torch import nn
from qtlrun.parametrization.generator import Generator
from qtlrun.recipe import Recipe

class Raw(nn.Module):
    def __init__(self, count, runs):
        super().__init__()
        self.values = nn.Parameter(.1 * torch.randn(runs, count))

    def forward(self):
        return self.values

class Own:
    added = False

    def __init__(self, weights: list[str]):
        self.weights = weights

    def matched(self, names):
        return [name for name in names if name.startswith("head.")]

    def check(self, shapes): ...

    def generator(self, shapes, start, every=None):
        count = sum(torch.Size(shape).numel() for shape in shapes.values())
        return Generator(Raw(count, self.runs(start)), shapes, None, False)

    def runs(self, start):
        return len(start.seeds)

class Single(Own):
    def runs(self, start):
        return 1

class Lacking:
    def __init__(self, weights: list[str]):
        self.weights = weights

class Nothing: ...

@dataclass(frozen=True)
class Short(Recipe):
    share: float = .5

    def rate(self, epoch, losses=()):
        return self.share * super().rate(epoch, losses)
"""


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"_target_": "others.Own", "weights": ["head.*"]}, None),
        (
            {"_target_": "others.Single", "weights": ["head.*"]},
            (
                "parametrization: others.Single: of 2 runs and 260 weights its generator gives (1,"
                " 260), and raw.values is (1, 260); (2, 260) is needed, and an axis of runs in"
                " front of all that it trains or keeps."
            ),
        ),
        (
            {"_target_": "others.Lacking", "weights": ["head.*"]},
            (
                "parametrization: others.Lacking has no added and no matched and no check and no"
                " generator; a parametrization has weights (name patterns of the generated"
                " weights), added (whether what is generated is added to the weights that are"
                " there), matched (names, of the model's weights, that a pattern matches), check"
                " (raises ValueError for shapes that cannot be generated), generator (a"
                " `qtlrun.parametrization.generator.Generator` of weights of these shapes);"
                " qtlrun.contract.Parametrization says what it may have beside."
            ),
        ),
    ],
)
def test_a_parametrization_of_the_users_gives_every_run_its_weights(tmp_path, home, part, words):
    (tmp_path / "others.py").write_text(OTHERS)
    plan = variants(*SMALL, "head=classical")["composed"]
    plan = replace(plan, plugins=[str(tmp_path / "others.py")], parametrization=part)
    experiment = Experiment(str(home))
    if words is None:
        experiment.check(plan)
        made = logits(train_row(experiment, "A", plan, [0, 1]))
        assert not np.array_equal(made[0], made[1])
    else:
        with pytest.raises(UsageError) as error:
            experiment.check(plan)
        assert str(error.value) == words


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (
            "freeze",
            (
                "freeze: others.Nothing has no apply and no check and no count and no fixed and"
                " no normalises; a freeze has apply (sets gradients and modes"
            ),
        ),
        (
            "device",
            (
                "device: others.Nothing has no run; a device has run (a circuit, with or without"
                " its entangling gates, as a function of inputs"
            ),
        ),
        (
            "recipe",
            (
                "recipe: others.Nothing has no epochs and no batch_size and no lr and no"
                " backbone_lr and no"
            ),
        ),
    ],
)
def test_a_part_of_any_group_is_refused_with_what_it_must_have(tmp_path, home, group, words):
    (tmp_path / "others.py").write_text(OTHERS)
    plan = replace(variants(*SMALL)["composed"], plugins=[str(tmp_path / "others.py")])
    with pytest.raises(UsageError) as error:
        Experiment(str(home)).check(replace(plan, **{group: {"_target_": "others.Nothing"}}))
    assert str(error.value).startswith(words)


def test_a_recipe_that_inherits_ours_is_trained_by(tmp_path, home):
    (tmp_path / "others.py").write_text(OTHERS)
    plan = replace(variants(*SMALL)["composed"], plugins=[str(tmp_path / "others.py")])
    plan = replace(plan, recipe=plan.recipe | {"_target_": "others.Short", "lr": 0.1})
    Experiment(str(home)).check(plan)
    row = train_row(Experiment(str(home)), "A", plan, [0])
    assert {one["lr"] for one in row.outcomes[0].curves} == {0.05}
