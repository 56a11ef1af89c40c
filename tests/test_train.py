import math

import pennylane as qml
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from qtlrun import train
from qtlrun.backbone.stage import Stage
from qtlrun.batch import Data, cached
from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.head.dressed import Quantum, Twin
from qtlrun.layer import Start, generator
from qtlrun.recipe import OWN, Recipe
from qtlrun.train import evaluate, fit, score

FROZEN = Freeze("all")
HEADS = {
    "quantum": lambda features, classes, start: Quantum(
        features, classes, Dressed(4, 2), Statevector(), start
    ),
    "classical": Classical,
    "twin": lambda features, classes, start: Twin(features, classes, 4, start),
}


def recipe(**values):
    return Recipe(**{"epochs": 3, "batch_size": 8, "lr": 0.01, "backbone_lr": 0.001} | values)


def task(items=43, features=6, classes=3, dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(items, features, generator=draw, dtype=torch.float64).to(
        dtype
    ), torch.randint(classes, (items,), generator=draw)


def fitted(model, given, seeds, data=None, validation=None):
    """Records of a training, the model left in its best epochs; of one recipe for all runs, or one
    a run.
    """
    x, labels = data or task()
    train_data = cached(x, labels)
    return list(
        fit(
            model,
            None,
            given if isinstance(given, list) else [given] * len(seeds),
            FROZEN,
            train_data,
            cached(*validation) if validation else train_data,
            seeds,
        )
    )


SETTINGS = [
    {"optimizer": "adam"},
    {"optimizer": "adam", "weight_decay": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    {"optimizer": "adam", "schedule": "step", "step_size": 1, "gamma": 0.5},
    {"optimizer": "sgd", "lr": 0.5, "schedule": "cosine"},
    {"optimizer": "adam", "label_smoothing": 0.2},
    {"optimizer": "adam", "eps": 0.01},
    {"optimizer": "adamw", "eps": 1e-3, "weight_decay": 0.1},
    {
        "optimizer": "sgd",
        "lr": 5.0,
        "schedule": "plateau",
        "patience": 1,
        "gamma": 0.5,
        "epochs": 20,
    },
    {
        "optimizer": "adam",
        "lr": 0.5,
        "eps": 1e-6,
        "schedule": "plateau",
        "patience": 0,
        "gamma": 0.3,
        "epochs": 20,
    },
    {"optimizer": "sgd", "reduction": "sum"},
    {"optimizer": "adam", "reduction": "sum", "weight_decay": 0.1},
]


def by_torch(seed, given, x, labels, start):
    """The weights of one linear layer after the same training, written with torch.nn and
    torch.optim.
    """
    layer = nn.Linear(x.shape[1], 3, dtype=x.dtype)
    layer.load_state_dict(
        {"weight": start.linear.weight[0].detach(), "bias": start.linear.bias[0].detach()}
    )
    chosen = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[
        given.optimizer
    ]
    own = {"momentum": given.momentum} if given.optimizer == "sgd" else {"eps": given.eps}
    optimizer = chosen(layer.parameters(), lr=given.lr, weight_decay=given.weight_decay, **own)
    schedule = {
        "none": lambda: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        "step": lambda: torch.optim.lr_scheduler.StepLR(optimizer, given.step_size, given.gamma),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, given.epochs),
        "plateau": lambda: torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=given.gamma, patience=given.patience, eps=0.0
        ),
    }[given.schedule]()
    order = generator(seed, "order")
    losses, seen, used = [], [], []
    for _ in range(given.epochs):
        total = 0.0
        used.append(optimizer.param_groups[0]["lr"])
        for batch in torch.randperm(len(labels), generator=order).split(given.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(
                layer(x[batch]),
                labels[batch],
                label_smoothing=given.label_smoothing,
                reduction=given.reduction,
            )
            loss.backward()
            optimizer.step()
            total += loss.item() * (len(batch) if given.reduction == "mean" else 1)
        losses.append(total / len(labels))
        schedule.step(*[losses[-1]] * (given.schedule == "plateau"))
        seen.append(cross_entropy(layer(x), labels).item())
    return layer, losses, seen, used


@pytest.mark.parametrize("values", SETTINGS)
def test_every_run_is_trained_as_torch_trains_it_alone(values):
    given, seeds = recipe(select="last", **values), [4, 0, 9]
    x, labels = task()
    model = Classical(6, 3, Start(seeds, torch.float64))
    starts = [Classical(6, 3, Start([seed], torch.float64)) for seed in seeds]
    records = fitted(model, given, seeds, (x, labels))
    for run, seed in enumerate(seeds):
        layer, losses, seen, used = by_torch(seed, given, x, labels, starts[run])
        # 18 steps in float64; a wrong rate, order, decay or mean shows in the second digit
        torch.testing.assert_close(model.linear.weight[run], layer.weight, rtol=0, atol=1e-12)
        torch.testing.assert_close(model.linear.bias[run], layer.bias, rtol=0, atol=1e-12)
        assert [record.loss[run] for record in records] == pytest.approx(losses, rel=1e-12)
        assert [record.nll[run] for record in records] == pytest.approx(seen, rel=1e-12)
        assert [record.lr[run] for record in records] == pytest.approx(used, rel=1e-12)
    if given.schedule == "plateau":  # which each run meets in epochs of its own
        assert len({tuple(record.lr[run] for record in records) for run in range(3)}) == 3


class Both(nn.Module):
    """A backbone and a head of one weight each; the logits' slope is 1 in either."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(1, 1, bias=False), nn.Linear(1, 2, bias=False)
        self.backbone.stages, self.backbone.folded = (
            [Stage(list(self.backbone.parameters()), [self.backbone])],
            False,
        )

    def forward(self, x):
        return self.head(self.backbone(x))


def test_backbone_and_head_have_their_own_rates():
    model = Both()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = cached(torch.ones(1, 1), torch.tensor([0]))
    given = recipe(epochs=1, lr=0.5, backbone_lr=0.001, optimizer="adam", select="last")
    list(fit(model, model.backbone, [given], Freeze(0), data, data, [0]))
    moved = {
        name: (value - before[name]).abs().max().item()
        for name, value in model.state_dict().items()
    }
    # Adam's first step is its rate
    assert moved == {
        "backbone.weight": pytest.approx(0.001, rel=1e-3),
        "head.weight": pytest.approx(0.5, rel=1e-3),
    }


def test_every_item_is_seen_once_an_epoch_in_an_order_of_its_run():
    x, labels = task()
    taken = []

    def take(index, epoch):
        taken.append((epoch, index.clone()))
        return x[index]

    seeds = [4, 0]
    list(
        fit(
            Classical(6, 3, Start(seeds, torch.float64)),
            None,
            [recipe(epochs=2)] * 2,
            FROZEN,
            Data(take, labels, 1000),
            cached(x, labels),
            seeds,
        )
    )
    sizes = [index.shape[1] for epoch, index in taken if epoch == 0]
    assert sizes == [8, 8, 8, 8, 8, 3]
    orders = [torch.cat([index for when, index in taken if when == epoch], 1) for epoch in (0, 1)]
    for order in orders:
        assert torch.equal(order.sort(1).values, torch.arange(43).expand(2, -1))
    assert len({tuple(order[run].tolist()) for order in orders for run in (0, 1)}) == 4
    streams = [generator(seed, "order") for seed in seeds]
    for order in orders:
        assert torch.equal(
            order, torch.stack([torch.randperm(43, generator=stream) for stream in streams])
        )


def test_a_summed_loss_ties_the_rate_to_the_batch_size():
    """Of equal batches a sum is the mean at a rate so many times as large, and what is recorded is
    the mean in both.
    """

    def trained(**values):
        model = Classical(6, 3, Start([0, 1], torch.float64))
        given = recipe(optimizer="sgd", select="last", **values)
        return model, [record.loss for record in fitted(model, given, [0, 1], task(items=40))]

    (summed, losses), (meant, others) = trained(reduction="sum", lr=0.01), trained(lr=0.08)
    torch.testing.assert_close(
        summed.linear.weight, meant.linear.weight, rtol=0, atol=1e-12
    )  # 15 steps in float64
    for mine, other in zip(losses, others, strict=True):
        assert mine == pytest.approx(other, rel=1e-12)
    assert not torch.equal(summed.linear.weight, trained(lr=0.01)[0].linear.weight)


def test_a_given_sequence_is_the_order_of_every_run_in_its_epoch():
    x, labels = task()
    taken = []

    def take(index, epoch):
        taken.append((epoch, index.clone()))
        return x[index]

    given = [
        torch.randperm(43, generator=torch.Generator().manual_seed(epoch))[:40]
        for epoch in range(2)
    ]
    data = Data(take, labels, 1000, lambda epoch: given[epoch])
    model = Classical(6, 3, Start([4, 0], torch.float64))
    list(fit(model, None, [recipe(epochs=2)] * 2, FROZEN, data, cached(x, labels), [4, 0]))
    for epoch, sequence in enumerate(given):  # some items may be left out of it
        order = torch.cat([index for when, index in taken if when == epoch], 1)
        assert torch.equal(order, sequence.expand(2, -1)) and sequence.unique().numel() == 40


def test_runs_that_differ_in_their_order_alone_are_one_under_a_sequence():
    def trained(sequence):
        x, labels = task()
        model = Classical(6, 3, Start([7, 7], torch.float64))  # the same start values
        list(
            fit(
                model,
                None,
                [recipe()] * 2,
                FROZEN,
                cached(x, labels, sequence=sequence),
                cached(x, labels),
                [4, 0],
            )
        )
        return model.linear.weight

    apart, same = trained(None), trained(lambda epoch: torch.arange(43))
    assert torch.equal(same[0], same[1]) and not torch.equal(apart[0], apart[1])


def test_the_loss_of_an_epoch_over_part_of_the_items_is_their_mean():
    """At a rate of 0: the first ten of 43."""
    x, labels = task()
    model = Classical(6, 3, Start([0], torch.float64))
    for reduction in ("mean", "sum"):
        data = cached(x, labels, sequence=lambda epoch: torch.arange(10))
        (record,) = fit(
            model,
            None,
            [recipe(epochs=1, lr=0.0, reduction=reduction)],
            FROZEN,
            data,
            cached(x, labels),
            [0],
        )
        expected = cross_entropy(model(x[:10].unsqueeze(0))[0], labels[:10])
        assert record.loss[0] == pytest.approx(expected.item(), rel=1e-12)


def states(head, features, seeds, **values):
    model = HEADS[head](features, 4, Start(seeds))
    x, labels = task(features=features, classes=4, dtype=torch.float32)
    records = fitted(
        model, recipe(weight_decay=0.01, **values), seeds, (x, labels), (x[:11], labels[:11])
    )
    return model.state_dict(), evaluate(model, cached(x, labels), len(seeds)), records


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("features", [64, 37, 512])
def test_a_run_alone_has_the_very_bits_that_it_has_among_others(head, features):
    alone = {seed: states(head, features, [seed]) for seed in (0, 3)}
    for seeds in ([3, 0], [0, 1, 2, 3, 4], list(range(30))):
        weights, logits, records = states(head, features, seeds)
        for seed, (own, own_logits, own_records) in alone.items():
            run = seeds.index(seed)
            assert all(torch.equal(weights[name][run], value[0]) for name, value in own.items())
            assert torch.equal(logits[run], own_logits[0])
            assert [
                (one.nll[run], one.accuracy[run], one.loss[run], one.best[run]) for one in records
            ] == [(one.nll[0], one.accuracy[0], one.loss[0], one.best[0]) for one in own_records]


class Uploaded:
    """A circuit with complex amplitudes whose inputs enter many angles, some of two of them, one a
    product.
    """

    def __init__(self, qubits, nonlinear):
        self.qubits, self.shape, self.nonlinear = qubits, (3, qubits), nonlinear

    def __call__(self, inputs, weights):
        for layer in range(3):
            for wire in range(self.qubits):
                qml.RY(0.5 * weights[layer, wire] + inputs[wire] + 0.3 * inputs[wire - 1], wire)
                qml.RX(
                    (
                        inputs[wire] * weights[layer, wire]
                        if self.nonlinear
                        else weights[layer, wire] - inputs[wire]
                    ),
                    wire,
                )
            for wire in range(self.qubits - 1):
                qml.CNOT([wire, wire + 1])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]


@pytest.mark.parametrize("qubits", [1, 2, 4])
@pytest.mark.parametrize("nonlinear", [False, True])
def test_the_bits_are_the_same_whatever_the_angles_are_made_of(qubits, nonlinear):
    def state(seeds):
        model = Quantum(20, 3, Uploaded(qubits, nonlinear), Statevector(), Start(seeds), spread=0.5)
        fitted(
            model, recipe(epochs=2, select="last"), seeds, task(features=20, dtype=torch.float32)
        )
        return model.state_dict()

    among = {seeds: state(list(seeds)) for seeds in ((2, 5), tuple(range(30)))}
    alone = state([5])
    for seeds, weights in among.items():
        assert all(
            torch.equal(weights[name][seeds.index(5)], value[0]) for name, value in alone.items()
        )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_run_with_a_recipe_of_its_own_has_the_very_bits_that_it_has_alone(head, optimizer):
    own = [
        dict(zip(OWN, values, strict=True))
        for values in (
            (0.01, 0.1, 0.0, "none", "nll"),
            (0.3, 0.2, 0.1, "standard", "accuracy"),
            (1e-4, 0.1, 1e-3, "none", "last"),
        )
    ]
    recipes = [
        recipe(
            optimizer=optimizer, momentum=0.5 * (optimizer == "sgd"), schedule="cosine", **values
        )
        for values in own
    ]
    x, labels = task(features=37, classes=4, dtype=torch.float32)
    scaled = torch.stack([x, (x - x.mean(0)) / x.std(0, correction=0)])

    def trained(chosen):
        model = HEADS[head](37, 4, Start([3] * len(chosen)))
        mine = [recipes[one] for one in chosen]
        data = cached(scaled, labels, [int(one.scale == "standard") for one in mine])
        records = list(fit(model, None, mine, FROZEN, data, data, [3] * len(chosen)))
        return model.state_dict(), records

    weights, records = trained([0, 1, 2])
    for run in range(3):
        alone, own_records = trained([run])
        assert all(torch.equal(weights[name][run], value[0]) for name, value in alone.items())
        assert [(one.nll[run], one.loss[run], one.best[run], one.lr[run]) for one in records] == [
            (one.nll[0], one.loss[0], one.best[0], one.lr[0]) for one in own_records
        ]
    assert all(
        len({value[run].numpy().tobytes() for run in range(3)}) == 3 for value in weights.values()
    )
    assert records[-1].best[2] == 2  # it keeps its last epoch whatever the others keep


@pytest.mark.parametrize("head", HEADS)
def test_a_run_has_the_very_bits_that_it_has_alone_when_plateaus_come_to_each_at_its_time(head):
    seeds, given = (
        [0, 1, 2],
        {
            "schedule": "plateau",
            "patience": 0,
            "gamma": 0.5,
            "lr": 0.3,
            "epochs": 8,
            "select": "last",
        },
    )
    x, labels = task(features=37, classes=4, dtype=torch.float32)

    def trained(chosen):
        model = HEADS[head](37, 4, Start(chosen))
        records = fitted(model, recipe(**given), chosen, (x, labels))
        return model.state_dict(), [[one.lr[run] for one in records] for run in range(len(chosen))]

    weights, rates = trained(seeds)
    assert len(set(map(tuple, rates))) > 1
    for run in seeds:
        alone, (own_rates,) = trained([run])
        assert own_rates == rates[run] and all(
            torch.equal(weights[name][run], value[0]) for name, value in alone.items()
        )


def test_each_run_sees_the_features_under_its_own_scaling():
    features = torch.arange(24.0).view(2, 4, 3)
    data = cached(features, torch.zeros(4, dtype=torch.int64), [1, 0, 1])
    index = torch.tensor([[0, 3], [1, 1], [2, 0]])
    expected = torch.stack([features[1][[0, 3]], features[0][[1, 1]], features[1][[2, 0]]])
    assert torch.equal(data.take(index, None), expected)
    assert torch.equal(cached(features[0], data.labels).take(index, 5), features[0][index])


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("batch", [1, 3, 4, 7, 10, 16, 32])
@pytest.mark.parametrize(
    "qubits, classes, dtype",
    [
        (1, 2, torch.float32),
        (2, 10, torch.float64),
        (3, 3, torch.float32),
        (5, 4, torch.float64),
        (6, 2, torch.float32),
        (7, 10, torch.float32),
        (8, 3, torch.float64),
    ],
)
def test_the_bits_are_the_same_at_odd_widths_too(head, batch, qubits, classes, dtype):
    def state(seeds):
        start = Start(seeds, dtype)
        model = {
            "quantum": lambda: Quantum(features, classes, Dressed(qubits, 3), Statevector(), start),
            "classical": lambda: Classical(features, classes, start),
            "twin": lambda: Twin(features, classes, qubits, start),
        }[head]()
        fitted(model, recipe(batch_size=batch, epochs=2, select="last"), seeds, data)
        return model.state_dict()

    for features in (1, 13, 256, 1280):
        data = task(features=features, classes=classes, dtype=dtype)
        among = {seeds: state(list(seeds)) for seeds in ((2, 5), tuple(range(30)))}
        alone = state([5])
        for seeds, weights in among.items():
            assert all(
                torch.equal(weights[name][seeds.index(5)], value[0])
                for name, value in alone.items()
            )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_run_that_diverges_leaves_the_others_their_bits(head, poison):
    x, labels = task(features=64, classes=4, dtype=torch.float32)
    seeds, found = [0, 1, 2], []
    for sick in (False, True):
        model = HEADS[head](64, 4, Start(seeds))
        if sick:
            dict(model.named_parameters())[
                "linear.bias" if head == "classical" else "post.bias"
            ].data[1] = poison
        records = fitted(model, recipe(lr=0.05), seeds, (x, labels))
        found.append(model.state_dict())
    healthy, beside = found
    for name, value in healthy.items():
        assert torch.equal(beside[name][[0, 2]], value[[0, 2]])
    assert [record.best[1] for record in records] == [-1, -1, -1] and min(
        record.best[0] for record in records
    ) >= 0
    assert not any(math.isfinite(record.loss[1]) for record in records)


class Level(nn.Module):
    """Gives every item the logits (level, 0); after so many steps as `breaks` says, a run's are no
    numbers any more.
    """

    def __init__(self, levels, breaks=()):
        super().__init__()
        self.level, self.steps = nn.Parameter(torch.tensor(levels, dtype=torch.float64)), 0
        self.breaks = dict(breaks)

    def forward(self, x):
        self.steps += self.training
        after = self.steps - self.training
        broken = torch.tensor(
            [
                math.nan if after >= self.breaks.get(run, math.inf) else 0.0
                for run in range(len(self.level))
            ]
        ).double()
        level = (self.level + broken)[:, None, None].expand(-1, x.shape[1], 1)
        return torch.cat([level, torch.zeros_like(level)], -1)


def levels(starts, select, share, breaks=(), epochs=12):
    """Trains levels upwards on items of class 0; of the validation items `share` are of class 0, so
    that the best level has an odds of share to 1 - share. Gives the model, its records, and its
    levels after each epoch.
    """
    model, after = Level(starts, breaks), []
    data = cached(torch.zeros(1, 1).double(), torch.tensor([0]))
    validation = cached(
        torch.zeros(100, 1).double(), (torch.arange(100) >= round(100 * share)).long()
    )
    records = []
    given = recipe(epochs=epochs, lr=1.0, optimizer="sgd", select=select)
    for record in fit(
        model, None, [given] * len(starts), FROZEN, data, validation, list(range(len(starts)))
    ):
        records.append(record)
        after.append(model.level.detach().clone())
    return model, records, torch.stack(after)


def test_each_run_keeps_its_own_best_epoch():
    model, records, after = levels([-1.5, -4.2], "nll", 0.5)
    # the loss of half and half is least where the odds are even: at the level nearest to 0
    best = after.abs().argmin(0)
    assert records[-1].best == best.tolist() and best[0] != best[1] and best.max() < 11
    assert torch.equal(model.level.detach(), after.gather(0, best.unsqueeze(0))[0])
    expected = [
        cross_entropy(torch.tensor([[level, 0.0]] * 2).double(), torch.tensor([0, 1])).item()
        for level in after[:, 0]
    ]
    assert [record.nll[0] for record in records] == pytest.approx(expected, rel=1e-12)


def test_by_accuracy_the_first_of_the_best_epochs_is_kept():
    model, records, after = levels([-1.5, -4.2], "accuracy", 0.6)
    first = (after > 0).int().argmax(0)  # from there on 60 % are right, before it 40 %
    assert records[-1].best == first.tolist() and 0 < first[0] < first[1]
    assert torch.equal(model.level.detach(), after.gather(0, first.unsqueeze(0))[0])
    assert {record.accuracy[0] for record in records} == {0.4, 0.6}


def test_the_last_epoch_is_kept_if_asked():
    model, records, after = levels([-1.5, -4.2], "last", 0.5)
    assert records[-1].best == [11, 11] and torch.equal(model.level.detach(), after[-1])


def test_the_best_so_far_is_told_while_it_goes():
    _, records, after = levels([-1.5], "nll", 0.5)
    assert [record.best[0] for record in records] == [
        int(after[: epoch + 1, 0].abs().argmin()) for epoch in range(12)
    ]


@pytest.mark.parametrize("select", ["nll", "accuracy", "last"])
def test_a_run_that_diverges_later_keeps_its_best_epoch_so_far(select):
    model, records, after = levels([-4.2, -4.2], select, 0.5, breaks=[(1, 2)])
    # the second epoch ends in weights that are no numbers, though its own loss was one
    assert (
        math.isfinite(records[1].loss[1])
        and math.isnan(records[1].nll[1])
        and math.isnan(records[2].loss[1])
    )
    assert records[-1].best[1] == 0 and model.level[1] == after[0, 1]
    assert (
        records[-1].best[0]
        == {"nll": int(after[:, 0].abs().argmin()), "accuracy": 0, "last": 11}[select]
    )


def test_the_training_loss_is_the_mean_over_items_not_over_batches():
    x, labels = task()
    model = Classical(6, 3, Start([0], torch.float64))
    expected = cross_entropy(model(x.unsqueeze(0))[0], labels).item()
    (record,) = fitted(model, recipe(epochs=1, lr=0.0), [0], (x, labels))
    assert record.loss[0] == pytest.approx(expected, rel=1e-12) and record.nll[0] == pytest.approx(
        expected, rel=1e-12
    )
    assert record.epoch == 0 and record.seconds > 0


def test_the_rates_of_a_training_are_recorded():
    records = fitted(
        Classical(6, 3, Start([0], torch.float64)),
        recipe(schedule="step", step_size=1, gamma=0.5),
        [0],
    )
    assert [record.lr for record in records] == [[0.01], [0.005], [0.0025]]


def test_the_score_is_torch_s_cross_entropy_and_the_share_correct():
    _x, labels = task()
    logits = torch.randn(2, 43, 3, generator=torch.Generator().manual_seed(1))
    nll, accuracy = score(logits, labels)
    for run in range(2):
        assert nll[run].item() == pytest.approx(
            cross_entropy(logits[run].double(), labels).item(), rel=1e-12
        )
        assert accuracy[run].item() == pytest.approx(
            (logits[run].argmax(1) == labels).double().mean().item(), rel=1e-12
        )


def test_logits_that_are_no_numbers_are_never_correct():
    logits = torch.full((1, 4, 2), math.nan)
    assert score(logits, torch.zeros(4, dtype=torch.int64))[1].tolist() == [0]


def test_evaluation_does_not_depend_on_its_chunks():
    x, labels = task()
    model = HEADS["quantum"](6, 3, Start([0, 1], torch.float64))
    whole, pieces = (
        evaluate(model, Data(lambda index, epoch: x[index], labels, chunk), 2)
        for chunk in (1000, 5)
    )
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-14)
    assert whole.shape == (2, 43, 3) and not whole.requires_grad


def test_the_pace_is_measured_on_a_model_that_stays_as_it_is():
    x, labels = task()
    model = HEADS["quantum"](6, 3, Start([0, 1], torch.float64))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert train.pace(model, recipe(), cached(x, labels), 2) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


class Fixed(nn.Module):
    """A head with nothing to train; its weights are of no account."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 0))

    def forward(self, x):
        return x[..., :3]


def test_a_head_with_nothing_to_train_is_judged_as_it_is():
    x, labels = task()
    records = fitted(Fixed(), recipe(), [0, 1])
    nll = cross_entropy(x[:, :3], labels).item()
    for one in records:  # the mean over batches is that over items, to a few roundings
        assert one.loss == pytest.approx([nll] * 2, rel=1e-12) and one.nll == pytest.approx(
            [nll] * 2, rel=1e-12
        )
    assert [one.best for one in records] == [[0, 0]] * 3


def test_the_pace_of_a_head_with_nothing_to_train_is_that_of_its_evaluation():
    x, labels = task()
    assert train.pace(Fixed(), recipe(), cached(x, labels), 2) > 0


class Dropped(Classical):
    """A head with dropout, as it stands in torchvision's classifiers."""

    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, self.training))


def test_dropout_depends_on_the_seed_and_not_on_what_torch_drew_before():
    def weights(seed, drawn):
        torch.manual_seed(drawn)
        model = Dropped(6, 3, Start([0], torch.float64))
        fitted(model, recipe(select="last"), [seed])
        return model.linear.weight.detach()

    assert torch.equal(weights(0, drawn=1), weights(0, drawn=2))
    kept = torch.random.get_rng_state()
    plain = Classical(6, 3, Start([0], torch.float64))
    fitted(plain, recipe(select="last"), [0])
    assert torch.equal(torch.random.get_rng_state(), kept)  # and leaves torch's generator as it was
    assert not torch.equal(weights(0, drawn=1), plain.linear.weight)


def test_dropout_differs_from_epoch_to_epoch():
    torch.manual_seed(0)
    masks = []

    class Watched(Dropped):
        def forward(self, x):
            if self.training:
                masks.append(nn.functional.dropout(torch.ones(20), 0.5))
            return super().forward(x)

    fitted(Watched(6, 3, Start([0], torch.float64)), recipe(batch_size=43), [0])
    assert len({tuple(mask.tolist()) for mask in masks}) == 3


def test_weighted_classes_minimise_the_loss_of_a_set_in_which_rare_items_stand_more_often():
    """Nine items of a class to one of the other: as if the rare one stood nine times."""
    x, _ = task(items=40, classes=2)
    labels = (torch.arange(40) % 10 == 0).long()
    repeated = torch.cat([torch.arange(40), *[labels.nonzero().flatten()] * 8])
    states = {}
    for name, data, weights in (
        ("weighted", (x, labels), "balanced"),
        ("repeated", (x[repeated], labels[repeated]), None),
        ("plain", (x, labels), None),
    ):
        model = Classical(6, 2, Start([0], torch.float64))
        whole = recipe(
            optimizer="sgd", lr=0.5, batch_size=100, epochs=30, select="last", class_weights=weights
        )
        fitted(model, whole, [0], data=data)
        states[name] = torch.cat([each.flatten() for each in model.parameters()])
    # Sums in another order: a few roundings of float64 in each of 30 steps
    assert torch.allclose(states["weighted"], states["repeated"], rtol=0, atol=1e-6)
    assert (states["weighted"] - states["plain"]).abs().max() > 0.1
