import math

import numpy as np
import pytest
import torch
from composition import part
from scipy import stats

from qtlrun import fock
from qtlrun.backbone import heterodyne
from qtlrun.error import UsageError
from qtlrun.plan import build


def made(**values):
    return build("backbone", part("backbone", "heterodyne") | {"shots": 1} | values, numbers=12)


def test_a_hundred_copies_of_a_state_are_measured_where_nothing_else_is_said():
    """One outcome beside a photonic network read without shots would be no rival."""
    assert part("backbone", "heterodyne")["shots"] == 100
    assert build("backbone", part("backbone", "heterodyne"), numbers=12).shots == 100


def outcomes(*item, shots=100_000, seed=0):
    """The outcomes of one mode as complex numbers."""
    found = made(modes=1, shots=shots, seed=seed).outcomes(torch.tensor([item], dtype=torch.double))
    return torch.view_as_complex(found[0, 0].contiguous()).numpy()


def standard_error(values):
    return values.std() / len(values) ** 0.5


def test_a_coherent_state_gives_its_amplitude_and_a_vacuum_of_one_half_a_quadrature():
    alpha = 0.9 - 1.3j
    found = outcomes(0, alpha.real, alpha.imag, 0, 0, 0)
    noise = math.sqrt(2) * np.stack([(found - alpha).real, (found - alpha).imag])
    for quadrature in noise:
        assert stats.kstest(quadrature, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise)[0, 1]) < 4 / len(found) ** 0.5


def test_a_photon_gives_a_ring_of_its_closed_form():
    """|b|^2 has a gamma distribution of shape 2, so a mean of 2, and every phase is as likely."""
    found = outcomes(1, 0, 0, 0, 0, 0)
    assert stats.kstest(abs(found) ** 2, "gamma", args=(2,)).pvalue > 1e-3
    assert stats.kstest(np.angle(found), "uniform", args=(-math.pi, 2 * math.pi)).pvalue > 1e-3
    assert (abs(found) ** 2).mean() == pytest.approx(2, abs=4 * standard_error(abs(found) ** 2))


@pytest.mark.parametrize("s", [-0.5, 0.4])
def test_a_squeezed_vacuum_gives_its_two_variances(s):
    found = outcomes(0, 0, 0, 0, s, 0)
    for values, expected in (
        (found.real, (math.exp(-2 * s) + 1) / 4),
        (found.imag, (math.exp(2 * s) + 1) / 4),
    ):
        assert stats.kstest(values / expected**0.5, "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    "item",
    [
        (0, 0.8, -0.5, 0.7, 0.3, -1.1),
        (1, 0.4, 0.2, 0.9, -0.4, 2.0),
        (1, -0.5, 0.6, -0.3, 0.45, 0.4),
    ],
)
def test_the_outcomes_have_the_moments_of_the_state_in_fock_space(item):
    """Antinormal order: E[b^j b*^k] = <a^j adag^k>, of amplitudes that were made in another way."""
    state, cutoff = fock.prepare(torch.tensor([item], dtype=torch.double), 60)[0].numpy(), 60
    a = np.diag(np.sqrt(np.arange(1, cutoff + 6)), 1)
    state = np.pad(state, (0, 6))  # for photons that are added
    found = outcomes(*item)
    for j in range(4):
        for k in range(4 - j):
            expected = (
                state.conj() @ np.linalg.matrix_power(a, j) @ np.linalg.matrix_power(a.T, k) @ state
            )
            values = found**j * found.conj() ** k
            assert (
                abs(values.mean() - expected) < 5 * standard_error(values) + 1e-9
            )  # what 60 levels lose


@pytest.mark.parametrize("shots, order", [(1, 1), (7, 3)])
def test_an_item_has_the_same_features_alone_and_in_any_batch(monkeypatch, shots, order):
    draw = torch.Generator().manual_seed(0)
    items = torch.randn(9, 2, 6, dtype=torch.double, generator=draw)
    items[..., 0] = torch.randint(0, 2, (9, 2), generator=draw)
    items = items.flatten(1)
    backbone = made(shots=shots, order=order)
    together = backbone(items)
    alone = torch.cat([backbone(item.unsqueeze(0)) for item in items])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    monkeypatch.setattr(heterodyne, "BATCH_OUTCOMES", 2 * shots)  # a few at a time
    torch.testing.assert_close(together.flip(0), backbone(items.flip(0)), rtol=1e-12, atol=1e-12)
    assert len(set(together[:, 0].tolist())) == 9


def test_chance_comes_from_the_seed_and_the_numbers_of_the_item_and_its_place_among_the_modes():
    item = torch.zeros(1, 12, dtype=torch.double)
    first = made()(item)
    assert torch.equal(made()(item), first) and torch.equal(made()(-item), first)  # -0 is 0
    assert not torch.equal(made(seed=1)(item), first) and not torch.equal(
        first[:, :2], first[:, 2:]
    )
    item[0, 1] = 0.1
    torch.testing.assert_close(
        made()(item.float()), made()(item).float()
    )  # the same outcomes in single precision
    assert abs(made()(item) - first).max() > 0.2


def test_a_turn_at_the_end_turns_the_outcomes():
    """The mean of many items: each item's numbers are another's for the same chances."""
    turned, before = outcomes(0, 1.2, 0, 0, 0.4, 0.8), outcomes(0, 1.2, 0, 0, 0.4, 0)
    back = turned * np.exp(-0.8j)
    assert (
        stats.ks_2samp(back.real, before.real).pvalue > 1e-3
        and stats.ks_2samp(back.imag, before.imag).pvalue > 1e-3
    )


def test_features_are_the_means_of_all_monomials_of_each_mode():
    items = torch.tensor([[0, 0.3, 0.1, 0, 0.2, 0, 1, 0, 0, 0, 0, 0]], dtype=torch.double)
    backbone = made(shots=50, order=2)
    x, y = backbone.outcomes(items)[0].unbind(-1)
    expected = torch.stack([one.mean(1) for one in (x, y, x * x, x * y, y * y)], 1).flatten()
    assert backbone.features == 10
    torch.testing.assert_close(backbone(items)[0], expected, rtol=1e-12, atol=1e-12)
    single = made()
    assert single.features == 4
    torch.testing.assert_close(single(items)[0], single.outcomes(items).flatten(), rtol=0, atol=0)


def test_it_is_a_backbone_that_nothing_is_trained_of():
    with torch.device("meta"):
        backbone = made(modes=2)
    item = torch.zeros(1, 12)
    assert backbone.stages == [] and backbone.fingerprint == "none" and not backbone.folded
    assert backbone.takes == ("states",)
    assert backbone.preprocess(item) is item and torch.isfinite(backbone(item)).all()


@pytest.mark.parametrize(
    "values, words",
    [
        ({"modes": 3}, "modes=3: photonic datasets have 1 mode or 2."),
        ({"shots": 0}, "shots=0: outcomes a state, from 1 to 1000000."),
        ({"shots": 2_000_000}, "shots=2000000: outcomes a state, from 1 to 1000000."),
        ({"order": 0}, "order=0: the highest power of the outcomes, from 1 to 8."),
        ({"order": 9}, "order=9: the highest power of the outcomes, from 1 to 8."),
    ],
)
def test_values_that_cannot_be_are_refused(values, words):
    with pytest.raises(UsageError) as error:
        made(**values)
    assert str(error.value) == f"backbone.{words}"


def test_more_photons_than_one_are_refused():
    with pytest.raises(ValueError) as error:
        outcomes(2, 0, 0, 0, 0, 0)
    assert (
        str(error.value)
        == "dataset: an item begins with 2 photons, and heterodyne outcomes are known here for 0"
        " and 1."
    )


def test_items_of_other_numbers_are_refused():
    with pytest.raises(ValueError) as error:
        made(modes=1)(torch.zeros(1, 64))
    assert (
        str(error.value)
        == "backbone.modes=1: an item is 6 numbers that prepare a state, and these are 64 "
        "numbers; use dataset=coherent with 2 modes, or dataset=gaussian with 1."
    )
