import torch

from qtlrun.dataset.moons import moons
from qtlrun.dataset.splitting import Splitting


def test_without_noise_the_moons_are_two_half_circles():
    """Radius 1 about (0, 0), upper half, and about (1, 1/2), lower half; the scaling is undone by
    its ends.
    """
    data = moons(400, 0.0, 3, Splitting(validation="test"), test=0.25)
    inputs = torch.cat([data.train.inputs, data.test.inputs])
    labels = torch.cat([data.train.labels, data.test.labels])
    low, high = inputs.amin(0), inputs.amax(0)
    # Both moons together reach from -1 to 2 and from -1/2 to 1; 200 points a moon reach the summits
    # to 1e-4.
    points = (inputs - low) / (high - low) * torch.tensor([3.0, 1.5]) + torch.tensor([-1.0, -0.5])
    centre = torch.tensor([[0.0, 0.0], [1.0, 0.5]], dtype=torch.float64)[labels]
    torch.testing.assert_close(
        (points - centre).norm(dim=1), torch.ones(400, dtype=torch.float64), rtol=0, atol=2e-4
    )
    side = (points - centre)[:, 1]
    assert data.classes == ("upper", "lower")
    assert (side[labels == 0] > -1e-3).all() and (side[labels == 1] < 1e-3).all()
