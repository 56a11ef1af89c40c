import torch

from qtlrun.layer import generator
from qtlrun.tape.angle import Affine, Chosen


def test_chosen_angles_are_the_affine_map_without_its_zeros():
    chosen = Chosen(
        torch.tensor([2, 0, 2, 1]),
        torch.tensor([0.5, -1, 2, 0]).double(),
        torch.tensor([0, 1, 2, 3.0]).double(),
        4,
    )
    affine = Affine(chosen.by_input, chosen.by_weight, chosen.rest)
    x, w = (
        torch.zeros(3, 2, 0).double(),
        torch.rand(3, 2, 2, generator=generator(0), dtype=torch.float64),
    )
    torch.testing.assert_close(chosen(x, w), affine(x, w), rtol=0, atol=1e-15)
    for mine, its in zip(chosen.entries(), affine.entries(), strict=True):
        assert torch.equal(mine, its)
    assert chosen.weights == affine.weights == 4
