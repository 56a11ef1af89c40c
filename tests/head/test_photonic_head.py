import math

import numpy as np
import pytest
import torch
from composition import part

from qtlrun import fock
from qtlrun.backbone.photonic import Photonic
from qtlrun.error import UsageError
from qtlrun.head.photonic import MIN_PROBABILITY
from qtlrun.layer import Start
from qtlrun.plan import build

LOST = ("halved", "first", "discarded")


def made(features=20, classes=2, seeds=(0,), dtype=torch.double, **values):
    said = part("head", "photonic") | values
    return build("head", said, features=features, classes=classes, start=Start(list(seeds), dtype))


def amplitudes(runs, batch, cutoff, seed=0):
    """States that are normalised, as real and imaginary parts."""
    x = torch.randn(
        runs, batch, 2 * cutoff, dtype=torch.double, generator=torch.Generator().manual_seed(seed)
    )
    return x / x.norm(dim=-1, keepdim=True)


def with_layers(head, seed=2, spread=0.3):
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.layers.copy_(
            spread * torch.randn(head.layers.shape, dtype=torch.double, generator=draw)
        )
    return head


@pytest.mark.parametrize(
    "lost, factor, more", [("halved", 1, 0.18), ("first", 1, 0), ("discarded", 1 / 0.64, 0)]
)
def test_without_layers_the_logits_are_the_logarithms_of_no_photon_and_some(lost, factor, more):
    x = amplitudes(2, 5, 10) * 0.8  # and a norm of .64 kept
    none = (x[..., 0] ** 2 + x[..., 10] ** 2) * factor + more
    expected = torch.stack([(1 - none + 1e-7).log(), (none + 1e-7).log()], -1)
    head = made(seeds=(0, 1), layers=0, lost=lost)
    torch.testing.assert_close(head(x), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        head.retention(x)["norm_kept"], torch.full((2, 5), 0.64).double(), rtol=1e-6, atol=0
    )


def test_cross_entropy_of_the_logits_is_the_published_loss():
    head, x, labels = (
        with_layers(made(lost="first")),
        amplitudes(1, 6, 10),
        torch.tensor([0, 1, 1, 0, 1, 0]),
    )
    state = torch.complex(*x[0].chunk(2, 1))
    for layer in fock.one_mode(head.layers[0], 10):
        state = state @ layer.mT
    none = fock.probability(state)[:, 0]
    published = -(labels * (none + 1e-7).log() + (1 - labels) * (1 - none + 1e-7).log()).mean()
    # its two probabilities add up to 1 + 2e-7, which the softmax divides by
    assert torch.nn.functional.cross_entropy(head(x)[0], labels).item() == pytest.approx(
        published.item(), abs=1e-6
    )


def test_layers_act_in_their_order_a_run_each():
    head, x = with_layers(made(seeds=(0, 1))), amplitudes(2, 4, 10)
    for run in range(2):
        state = torch.complex(*x[run].chunk(2, 1))
        for layer in fock.one_mode(head.layers[run], 10):
            state = state @ layer.mT
        torch.testing.assert_close(
            head.retention(x)["norm_kept"][run], fock.probability(state).sum(1), rtol=1e-12, atol=0
        )
        none = fock.probability(state)[:, 0] + (1 - fock.probability(state).sum(1)) / 2
        torch.testing.assert_close(head(x)[run, :, 1], (none + 1e-7).log(), rtol=1e-10, atol=0)


def test_a_displacement_that_undoes_a_coherent_state_leaves_no_photon():
    head = made(features=60, layers=1)
    with torch.no_grad():
        head.layers.zero_()[0, 0, 1] = -0.7
    state = fock.prepare(torch.tensor([[0, 0.7, 0, 0, 0, 0]], dtype=torch.double), 30)
    x = torch.cat([state.real, state.imag], 1).unsqueeze(0)
    assert head(x)[0, 0, 1].item() == pytest.approx(math.log(1 + MIN_PROBABILITY), abs=1e-9)
    assert head(x)[0, 0, 0].item() == pytest.approx(
        math.log(MIN_PROBABILITY), abs=1e-2
    )  # of 1 - 1, but for rounding


@pytest.mark.parametrize("dtype", [torch.float32, torch.double])
def test_rounding_gives_no_infinite_logit(dtype):
    """The vacuum, and amplitudes whose norm rounding has raised above 1."""
    x = torch.zeros(1, 3, 8, dtype=dtype)
    x[0, :, 0] = torch.tensor([1.0, 1 + 1e-6, 0.0])
    head = made(features=8, layers=1, spread=0.0, dtype=dtype)
    for lost in LOST:
        head.lost = lost
        logits = head(x)
        logits.sum().backward()
        assert torch.isfinite(logits).all() and torch.isfinite(head.layers.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.double])
@pytest.mark.parametrize("cutoff, batch", [(15, 8), (7, 5), (20, 64)])
def test_a_run_has_the_same_bits_alone_and_among_others(dtype, cutoff, batch):
    seeds, x = (0, 1, 2), amplitudes(3, batch, cutoff).to(dtype)
    together = made(2 * cutoff, seeds=seeds, dtype=dtype, spread=0.1)
    logits = together(x)
    logits.sum().backward()
    for run, seed in enumerate(seeds):
        alone = made(2 * cutoff, seeds=(seed,), dtype=dtype, spread=0.1)
        mine = alone(x[run : run + 1])
        mine.sum().backward()
        assert torch.equal(mine[0], logits[run]) and torch.equal(
            alone.layers.grad[0], together.layers.grad[run]
        )


@pytest.mark.parametrize("lost", LOST)
def test_its_slopes_are_those_of_its_differences(lost):
    head, x = (
        with_layers(made(features=10, layers=2, lost=lost)),
        amplitudes(1, 3, 5).requires_grad_(),
    )

    def logits(layers, x):
        return torch.func.functional_call(head, {"layers": layers}, (x,))

    assert torch.autograd.gradcheck(logits, (head.layers, x))


def test_its_start_is_its_seeds_of_the_spread_asked_for():
    head = made(layers=2000, spread=0.05, seeds=(3, 4))
    assert head.layers.shape == (2, 2000, 6)
    assert head.layers.std().item() == pytest.approx(0.05, rel=0.02)  # of 24000: .5 %
    assert torch.equal(head.layers[1], made(layers=2000, spread=0.05, seeds=(4,)).layers[0])


def published_batches(count):
    """Items and labels of the published task of one mode, in the order of its generator."""
    draw, items, labels = (
        np.random.RandomState(1),
        np.zeros((count, 8, 6)),
        np.zeros((count, 8), int),
    )
    for batch in range(count):
        label = draw.randint(2, size=8)
        squeeze = draw.uniform(-0.5, 0.5, 8)
        first, last, _ = (
            draw.uniform(-2 * math.pi, 2 * math.pi, 8) for _ in range(3)
        )  # the third was never used
        items[batch] = np.stack([label, 1 - label, np.zeros(8), first, squeeze, last], 1)
        labels[batch] = label
    return torch.from_numpy(items), torch.from_numpy(labels)


# Accuracy and norm kept, by squeezing and cutoff: a missing gate and a small cutoff made the
# published .8755.
FOUND = {(False, 15): (0.874, 0.73), (False, 20): (0.349, 0.95), (True, 15): (0.965, 0.87)}


@pytest.mark.slow
@pytest.mark.parametrize("squeezing, cutoff", FOUND)
def test_the_published_task_is_learnt_as_it_was_at_the_published_cutoff_and_not_at_another(
    data, squeezing, cutoff
):
    backbone = Photonic(1, cutoff, 1, "mari2019", "state", squeezing, data=data)
    items, labels = published_batches(1000)
    with torch.no_grad():
        x = backbone(items.flatten(0, 1)).unflatten(0, (1000, 8))
    head = made(2 * cutoff, seeds=(0, 1, 2), normalize=False)
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    for batch in range(500):
        optimizer.zero_grad()
        logits = head(x[batch].expand(3, -1, -1))
        (
            3 * torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[batch].repeat(3))
        ).backward()
        optimizer.step()
    with torch.no_grad():
        tested = x[500:].flatten(0, 1).expand(3, -1, -1)
        accuracy = (head(tested).argmax(-1) == labels[500:].flatten()).double().mean()
        kept = head.retention(tested)["norm_kept"].mean()
    assert accuracy.item() == pytest.approx(
        FOUND[squeezing, cutoff][0], abs=0.02
    )  # 4000 states and starts of their own
    assert kept.item() == pytest.approx(FOUND[squeezing, cutoff][1], abs=0.02)


NEEDED = (
    "real and imaginary parts of amplitudes, 2 to 60 levels; use backbone=photonic with"
    " backbone.modes=1 and backbone.output=state."
)


@pytest.mark.parametrize(
    "values, words",
    [
        ({"features": 17}, f"head: features=17: {NEEDED}"),
        ({"features": 512}, f"head: features=512: {NEEDED}"),
        ({"classes": 4}, "head: classes=4: no photon or some, which tells 2 classes apart."),
        ({"layers": -1}, "head.layers=-1: trained layers, from 0 up."),
        ({"spread": -0.1}, "head.spread=-0.1: a standard deviation, 0 or more."),
        ({"spread": math.inf}, "head.spread=inf: a standard deviation, 0 or more."),
    ],
)
def test_values_that_cannot_be_are_refused(values, words):
    with pytest.raises(UsageError) as error:
        made(**values)
    assert str(error.value) == words
