import copy
import warnings

import numpy as np
import pytest
import torch

from qtlrun.tape.watch import Source, Watch

NONE, INPUTS, WEIGHTS, BOTH = Source.NONE, Source.INPUTS, Source.WEIGHTS, Source.BOTH


def watched(function):
    """What a function gives under a watch, and the watch."""
    x, w = (
        torch.linspace(0.1, 0.9, size, dtype=torch.float64, requires_grad=True) for size in (4, 3)
    )
    watch = Watch(x, w)
    with warnings.catch_warnings(), watch:
        warnings.simplefilter("ignore")  # torch's, that a number loses its gradient
        return function(x, w), watch


def given_data(x):
    """A new tensor with the same values, and no graph."""
    copied = torch.zeros(4, dtype=torch.float64)
    copied.data = x.detach()
    return copied


@pytest.mark.parametrize(
    "function, source, bent",
    [
        (lambda x, w: x[0], INPUTS, False),
        (lambda x, w: x[0] * w[1], BOTH, False),
        (lambda x, w: torch.tensor(0.3), NONE, False),
        (lambda x, w: list(w)[2], WEIGHTS, False),
        (lambda x, w: x[0] + torch.zeros_like(w)[0], INPUTS, False),
        (lambda x, w: x[0] * (w[0] > 0.2), BOTH, True),
        (lambda x, w: w[0].detach() * 2 + x[0], BOTH, True),
        (lambda x, w: x.data[0], INPUTS, True),
        (lambda x, w: x[0].long() * 0.5, INPUTS, True),
        (lambda x, w: x[0].type(torch.long) * 0.5, INPUTS, True),
        (lambda x, w: given_data(x)[0], INPUTS, True),
        (lambda x, w: w[x[:3].argmax()], BOTH, True),
        (lambda x, w: torch.tensor([float(1), x[0]])[1], INPUTS, True),
        (lambda x, w: torch.where(x[0] > 0, w[0], w[1]), BOTH, True),
    ],
)
def test_what_a_tensor_derives_from_and_whether_its_gradient_tells(function, source, bent):
    value, watch = watched(function)
    assert (watch.source(value), watch.bent(value)) == (source, bent)


@pytest.mark.parametrize("where", ["whole", "view"])
def test_what_is_written_into_a_tensor_is_followed_into_its_views(where):
    def function(x, w):
        buffer = torch.zeros(4, dtype=torch.float64)
        view = buffer[1:3]
        if where == "whole":
            buffer[1] = x[0] > 0.05
        else:
            view[0] = x[0] > 0.05
        return buffer if where == "view" else view

    value, watch = watched(function)
    assert watch.bent(value) and watch.source(value) == INPUTS


@pytest.mark.parametrize(
    "function, asked",
    [
        (lambda x, w: 1 if x[0] > 0 else 2, INPUTS),
        (lambda x, w: float(w[0]), WEIGHTS),
        (lambda x, w: w[0].item(), WEIGHTS),
        (lambda x, w: int(w[0] * 9), WEIGHTS),
        (lambda x, w: x.tolist(), INPUTS),
        (lambda x, w: x.detach().numpy(), INPUTS),
        (lambda x, w: np.asarray(x.detach()), INPUTS),
        (lambda x, w: torch.allclose(x[:3], w), BOTH),
        (lambda x, w: torch.equal(x, x), INPUTS),
        (lambda x, w: [1, 2, 3][(w[0] * 2).long()], WEIGHTS),
        (lambda x, w: w[0] in [1, 2], WEIGHTS),
        (
            lambda x, w: (
                x.shape,
                x.dim(),
                len(x),
                x.dtype,
                x.requires_grad,
                x.numel(),
                x.is_complex(),
            ),
            NONE,
        ),
        (lambda x, w: float(f"{x[0]:.2f}"), INPUTS),
        (lambda x, w: f"{x[0]} {w}", NONE),
        (lambda x, w: bool(torch.tensor(1.0) > 0), NONE),
        (lambda x, w: copy.copy(x[0]), NONE),
    ],
)
def test_whose_values_leave_torch(function, asked):
    _, watch = watched(function)
    assert watch.asked == asked


def test_the_norm_that_pennylane_checks_asks_for_nothing():
    import pennylane as qml

    _, watch = watched(lambda x, w: qml.AmplitudeEmbedding(x, [0, 1], normalize=True))
    assert watch.asked == NONE


def test_what_is_asked_in_silence_is_not_noted():
    def function(x, w):
        with watch.silent():
            return float(x[0])

    x, w = (torch.rand(size, dtype=torch.float64, requires_grad=True) for size in (4, 3))
    watch = Watch(x, w)
    with warnings.catch_warnings(), watch:
        warnings.simplefilter("ignore")
        function(x, w)
        assert watch.asked == NONE
        float(w[0])
    assert watch.asked == WEIGHTS
