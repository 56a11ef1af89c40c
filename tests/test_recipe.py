import math

import pytest
import torch
from composition import compose_plan, part
from sklearn.utils.class_weight import compute_sample_weight
from torch import nn

from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.recipe import Recipe


def recipe(**values):
    return Recipe(**{"epochs": 3, "batch_size": 8, "lr": 0.01, "backbone_lr": 0.001} | values)


def rates(given):
    return [given.lr * given.rate(epoch) for epoch in range(given.epochs)]


def test_the_step_schedule_falls_after_its_epochs():
    mari = recipe(epochs=30, lr=4e-4, schedule="step", step_size=10, gamma=0.1)
    assert rates(mari) == pytest.approx([4e-4] * 10 + [4e-5] * 10 + [4e-6] * 10, rel=1e-12)


def test_stepped_at_the_start_it_falls_one_epoch_early_as_published():
    mari = recipe(
        epochs=30, lr=4e-4, schedule="step", step_size=10, gamma=0.1, schedule_step="start"
    )
    assert rates(mari) == pytest.approx([4e-4] * 9 + [4e-5] * 10 + [4e-6] * 10 + [4e-7], rel=1e-12)


def test_three_epochs_stepped_at_the_start_fall_in_the_last():
    plane_car = recipe(
        epochs=3, lr=7e-4, schedule="step", step_size=3, gamma=0.1, schedule_step="start"
    )
    assert rates(plane_car) == pytest.approx([7e-4, 7e-4, 7e-5], rel=1e-12)


def test_the_cosine_schedule_is_torch_s():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=7)
    expected = []
    for _ in range(7):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates(recipe(epochs=7, lr=0.3, schedule="cosine")) == pytest.approx(expected, rel=1e-12)


def test_without_a_schedule_the_rate_stays():
    assert rates(recipe(epochs=4, schedule_step="start")) == [0.01] * 4


def by_torch(gamma, patience, losses, lr):
    """The rate of every epoch under torch's schedule, which without `eps` would skip steps of less
    than 1e-8.
    """
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule, used = (
        torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=gamma, patience=patience, eps=0.0
        ),
        [],
    )
    for loss in losses:
        used.append(optimizer.param_groups[0]["lr"])
        schedule.step(loss)
    return used


@pytest.mark.parametrize("patience", [0, 1, 5])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5])
def test_the_plateau_schedule_is_torch_s(patience, gamma):
    """Over losses that fall and waver, some by about the share that counts as a gain, some of them
    no numbers.
    """
    draw, steps = torch.Generator().manual_seed(0), 0
    for slope in (0.0, 0.3, 1.0):
        for size in (1e-4, 0.1):
            walk = (
                (size * (torch.randn(60, generator=draw, dtype=torch.float64) - slope))
                .cumsum(0)
                .exp()
            )
            walk[torch.rand(60, generator=draw) < 0.05] = math.nan
            walk[torch.rand(60, generator=draw) < 0.05] = math.inf
            losses, given = (
                walk.tolist(),
                recipe(epochs=60, lr=0.3, schedule="plateau", gamma=gamma, patience=patience),
            )
            mine = [0.3 * given.rate(epoch, losses[:epoch]) for epoch in range(60)]
            assert mine == pytest.approx(by_torch(gamma, patience, losses, 0.3), rel=1e-12, abs=0)
            steps += len(set(mine)) - 1
    assert steps  # there were plateaus


def test_a_loss_of_exactly_the_share_less_is_no_gain():
    given = recipe(schedule="plateau", patience=0, gamma=0.5)
    assert given.rate(2, [1.0, 1 - 1e-4]) == 0.5 and given.rate(2, [1.0, 1 - 1.0001e-4]) == 1


def test_quantum_train_halves_its_rate_after_the_sixth_epoch_without_a_gain():
    given = build("recipe", compose_plan("recipe=quantum_train").model.recipe)
    losses = [2.0, 1.0] + [1.0] * 12
    rates = [given.lr * given.rate(epoch, losses[:epoch]) for epoch in range(15)]
    assert rates == [1e-4] * 8 + [5e-5] * 6 + [2.5e-5]
    assert (given.optimizer, given.eps, given.weight_decay, given.batch_size, given.epochs) == (
        "adam",
        1e-6,
        1e-5,
        128,
        50,
    )


def test_a_plateau_waits_for_its_losses_whenever_the_schedule_is_stepped():
    losses = [1.0] * 4
    for step in ("end", "start"):
        given = recipe(schedule="plateau", patience=1, gamma=0.5, schedule_step=step)
        assert [given.rate(epoch, losses[:epoch]) for epoch in range(5)] == [1, 1, 1, 0.5, 0.5]


@pytest.mark.parametrize(
    "values, words",
    [
        *(
            ({name: value}, f"recipe.{name}={value}: a whole number from 1 up is needed here.")
            for name in ("epochs", "batch_size", "step_size")
            for value in (0, -1)
        ),
        *(
            ({name: value}, f"recipe.{name}={value}: a finite number of 0 or more is needed here.")
            for name in ("lr", "backbone_lr", "eps", "weight_decay", "gamma")
            for value in (-0.1, math.nan, math.inf)
        ),
        *(
            ({name: value}, f"recipe.{name}={value}: from 0 up, below 1.")
            for name in ("label_smoothing", "momentum")
            for value in (-0.1, 1.0, math.nan)
        ),
        (
            {"eps": 0.0},
            "recipe.eps=0: a weight whose gradient is 0 would be divided by 0; torch's is 1e-8.",
        ),
        ({"patience": -1}, "recipe.patience=-1: a number of epochs from 0 up."),
        *(
            (
                {"schedule": "plateau", "gamma": value},
                (
                    f"recipe.gamma={value}: a plateau lowers the rates, so that a factor below 1 is"
                    " needed here."
                ),
            )
            for value in (1.0, 2.0)
        ),
    ],
)
def test_numbers_that_no_training_has_are_refused(values, words):
    assert refusal(**values) == words


@pytest.mark.parametrize("name", ["epochs", "batch_size", "step_size", "patience"])
@pytest.mark.parametrize(
    "value, kind",
    [(math.nan, "a number"), (2.5, "a number"), (True, "true or false"), ("3", "a text")],
)
def test_what_is_no_whole_number_is_refused(name, value, kind):
    given = {True: "true"}.get(value, value)
    assert (
        refusal(**{name: value})
        == f"recipe.{name}={given}: a whole number is needed here, and this is {kind}."
    )


@pytest.mark.parametrize(
    "name",
    [
        "lr",
        "backbone_lr",
        "momentum",
        "eps",
        "weight_decay",
        "gamma",
        "label_smoothing",
        "sequential",
    ],
)
@pytest.mark.parametrize(
    "value, kind", [(True, "true or false"), ("fast", "a text"), (None, "nothing (null)")]
)
def test_what_is_no_number_is_refused(name, value, kind):
    words = refusal(**{name: value})
    assert words.startswith(f"recipe.{name}=") and words.endswith(
        f": a number is needed here, and this is {kind}."
    )


@pytest.mark.parametrize(
    "name, value, known",
    [
        ("optimizer", "rmsprop", "pennylane_adam"),
        ("reduction", "average", "mean, sum"),
        ("class_weights", "inverse", "balanced or null"),
        ("schedule", "linear", "plateau"),
        ("schedule_step", "middle", "start"),
        ("scale", "minmax", "standard"),
        ("select", "f1", "accuracy"),
        ("augment", "yes", "true or false"),
    ],
)
def test_an_unknown_choice_is_refused_with_those_there_are(name, value, known):
    words = refusal(**{name: value})
    assert words.startswith(f"recipe.{name}={value}: ") and known in words


def test_every_field_of_a_recipe_is_refused_somewhere_above():
    checked = {
        "epochs",
        "batch_size",
        "step_size",
        "patience",
        "lr",
        "backbone_lr",
        "momentum",
        "eps",
        "weight_decay",
        "gamma",
        "label_smoothing",
        "optimizer",
        "schedule",
        "schedule_step",
        "scale",
        "select",
        "augment",
        "reduction",
        "class_weights",
        "sequential",
    }
    assert set(Recipe.__dataclass_fields__) == checked


def refusal(**values):
    with pytest.raises(UsageError) as error:
        build("recipe", part("recipe", "default") | values)
    return str(error.value)


@pytest.mark.parametrize("optimizer, power", [("adam", 1), ("adamw", 1), ("sgd", 2)])
def test_features_are_standardised_where_one_step_moves_a_linear_layer_by_more_than_one(
    optimizer, power
):
    features = torch.rand(20, 300, generator=torch.Generator().manual_seed(0)) - 0.2
    layer = torch.zeros(
        300, requires_grad=True
    )  # its first step of Adam is lr times the sign of the gradient
    largest = float((features.abs() ** power).sum(1).mean())
    for lr, word in ((0.99 / largest, "none"), (1.01 / largest, "standard")):
        recipe = Recipe(1, 8, lr, lr, optimizer=optimizer, scale="auto")
        assert recipe.scaling(features) == word
        assert Recipe(1, 8, lr, lr, optimizer=optimizer).scaling(features) == "none"
        assert (
            Recipe(1, 8, lr, lr, optimizer=optimizer, scale="standard").scaling(features)
            == "standard"
        )
    step = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
    moved = []
    for item in features:  # a slope of 1 by the value of each item
        layer.data.zero_()
        (-(item @ layer)).backward()
        step([layer], lr=1 / largest).step()
        moved.append(float(item @ layer.detach()))
        layer.grad = None
    assert sum(moved) / len(moved) == pytest.approx(1, rel=1e-4)  # Adam's eps beside gradients


def test_balanced_weights_are_those_of_scikit_learn_and_average_one():
    labels = torch.tensor([[0, 0, 0, 2, 2, 1], [1, 1, 1, 1, 0, 2]])
    weights = recipe(class_weights="balanced").item_weights(labels)
    for each, own in zip(labels.numpy(), weights, strict=True):
        expected = compute_sample_weight("balanced", each)
        torch.testing.assert_close(own.double(), torch.from_numpy(expected), rtol=1e-6, atol=0)
        assert own.mean().item() == pytest.approx(1, rel=1e-6)
    assert recipe().item_weights(labels) is None
