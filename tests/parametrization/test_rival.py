import math

import numpy as np
import pytest
import torch

from qtlrun.layer import Start
from qtlrun.parametrization.rival import Hashed, LowRank

START = Start([0, 1, 2], torch.float64)


def test_hashing_uses_each_number_equally_often_within_one_and_with_both_signs():
    made = Hashed(1000, 37, START, 1.0)
    assert made.values.shape == (3, 37)
    with torch.no_grad():
        made.values.copy_(torch.arange(1.0, 38).expand(3, 37))
    values = made().detach()
    for run in values:
        found = torch.bincount(run.abs().long(), minlength=38)[1:]
        assert sorted(set(found.tolist())) == [27, 28] and found.sum() == 1000  # 1000 / 37 = 27.03
        assert abs(float(run.sign().sum())) < 5 * math.sqrt(1000)
    assert not torch.equal(values[0].abs(), values[1].abs()) and not torch.equal(
        values[0].sign(), values[1].sign()
    )


def test_hashing_has_no_more_numbers_than_there_are_weights():
    made = Hashed(12, 500, START, 1.0)
    assert made.values.shape == (3, 12)
    torch.testing.assert_close(
        made().abs().sort(1).values, made.values.abs().sort(1).values
    )  # each is one weight


def test_the_places_of_a_run_are_its_seeds_alone():
    among, alone = Hashed(50, 7, START, 1.0), Hashed(50, 7, Start([2], torch.float64), 1.0)
    assert torch.equal(among()[2], alone()[0])


@pytest.mark.parametrize(
    "count, numbers", [(100, 45), (6690, 1497), (67, 393), (67, 5), (1025, 400)]
)
def test_a_low_rank_has_as_many_numbers_or_a_few_fewer(count, numbers):
    made = LowRank(count, numbers, START, 1.0)
    rows, rank = made.left.shape[1:]
    side = made.right.shape[2]
    assert (
        made().shape == (3, count) and count <= rows * side < count + side and 0 <= side - rows <= 1
    )
    owned = sum(one[0].numel() for one in made.parameters())
    if rank == rows:
        assert numbers >= owned  # more rank there is not
    elif numbers >= rows + side:
        assert numbers - (rows + side) < owned <= numbers
    else:
        assert rank == 1  # one at least
    whole = torch.bmm(made.left, made.right).detach().numpy()
    assert all(np.linalg.matrix_rank(one) == rank for one in whole)
    np.testing.assert_allclose(
        made().detach().numpy(), whole.reshape(3, -1)[:, :count], rtol=0, atol=1e-14
    )  # rounded otherwise


@pytest.mark.parametrize("rival", [Hashed, LowRank])
@pytest.mark.parametrize("spread", [0.03, 2.0])
def test_both_start_with_the_deviation_asked_for(rival, spread):
    """Of N numbers a deviation is known to about 1 / sqrt(2 N); products of two normals have longer
    tails.
    """
    numbers = 4000
    values = rival(40_000, numbers, START, spread)().detach()
    assert float(values.pow(2).mean().sqrt()) == pytest.approx(
        spread, rel=5 * 3 / math.sqrt(2 * 3 * numbers)
    )


@pytest.mark.parametrize("rival", [Hashed, LowRank])
def test_both_begin_at_0_where_they_are_added_and_move(rival):
    made = rival(30, 20, START, 1.0)
    made.quiet()
    values = made()
    assert not values.any()
    slopes = torch.autograd.grad((values * torch.rand_like(values)).sum(), list(made.parameters()))
    assert any(slope.abs().max() > 0 for slope in slopes)


@pytest.mark.parametrize("rival", [Hashed, LowRank])
def test_a_seed_alone_has_the_bits_that_it_has_among_others(rival):
    for count in (15, 59, 82, 123, 1026, 2562):
        upstream = torch.randn(count, generator=torch.Generator().manual_seed(count))

        def values(seeds):
            made = rival(count, count // 2, Start(seeds), 0.1)
            weights = made()
            (weights * upstream).sum().backward()
            return [weights[0], *(one.grad[0] for one in made.parameters())]

        assert all(
            torch.equal(one, other)
            for one, other in zip(values([3, 0, 1, 7, 2]), values([3]), strict=True)
        ), count
