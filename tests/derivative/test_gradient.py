"""Gradients by names and by columns, against closed forms."""

import torch

from qtlrun.derivative.gradient import differentiate_columns, find_gradients


def test_a_number_has_a_gradient_by_the_weights_that_it_depends_on_alone():
    weights = {name: torch.ones(2, requires_grad=True) for name in ("first", "second", "idle")}
    value = (weights["first"] * weights["second"]).sum() * 3
    gradients = find_gradients(value, weights)
    assert list(gradients) == ["first", "second"]
    assert all(gradient.equal(torch.full((2,), 3.0)) for gradient in gradients.values())


def test_a_sparse_gradient_is_dense():
    table = torch.nn.Embedding(3, 2, sparse=True)
    gradients = find_gradients(table(torch.tensor([1, 1])).sum(), {"table": table.weight})
    assert gradients["table"].equal(torch.tensor([[0.0, 0.0], [2.0, 2.0], [0.0, 0.0]]))


def test_columns_have_the_derivatives_of_sine_and_product():
    x = torch.tensor([0.1, 0.7, 2.0], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64, requires_grad=True)
    by_x, by_w = differentiate_columns(torch.stack([x.sin(), x * w], 1), [x, w])
    torch.testing.assert_close(by_x, torch.stack([x.cos(), w]).detach())
    torch.testing.assert_close(by_w, torch.stack([torch.zeros_like(w), x]).detach())


def test_columns_of_constants_have_derivatives_of_0():
    (by_x,) = differentiate_columns(torch.ones(3, 2), [torch.ones(3, 4)])
    assert by_x.shape == (2, 3, 4) and not by_x.any()
