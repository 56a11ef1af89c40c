import pytest
import torch

from qtlrun.tape.degree import Degree

C = torch.linspace(-1, 1, 16, dtype=torch.float64).view(4, 4)
INF = float("inf")
DEGREES = {
    "an element": (lambda x, w: x[0], 1),
    "a sum with factors": (lambda x, w: 2 * x[0] - w[1, 2] / 3 + 1, 1),
    "a constant": (lambda x, w: torch.tensor(0.3), 0),
    "a number": (lambda x, w: 0.3, 0),
    "a constant matrix times inputs": (lambda x, w: (C @ x)[2], 1),
    "an einsum": (lambda x, w: torch.einsum("i,ij->j", x, C)[1], 1),
    "a linear layer": (lambda x, w: torch.nn.functional.linear(x, C)[0], 1),
    "a mean": (lambda x, w: w.sum() + x.mean(), 1),
    "views": (lambda x, w: w.T.reshape(-1).flip(0)[3], 1),
    "an imaginary part": (lambda x, w: (1j * x[0]).imag, 1),
    "a product": (lambda x, w: x[0] * w[0, 0], 2),
    "a square": (lambda x, w: x[0] ** 2, 2),
    "a scalar product": (lambda x, w: torch.dot(x, x), 2),
    "a product of sums": (lambda x, w: (x[0] - 1) * (x[1] - 2) + w[0, 0], 2),
    "a cube": (lambda x, w: x[0] ** 3, INF),
    "three factors": (lambda x, w: x[0] * x[1] * x[2], INF),
    "a sine": (lambda x, w: x[0].sin(), INF),
    "an inverse": (lambda x, w: 1 / x[0], INF),
    "a kink": (lambda x, w: torch.relu(x[1] - 1.2), INF),
    "a choice": (lambda x, w: torch.where(x[0] > 0, x[0], w[0, 0]), INF),
    "a rounding": (lambda x, w: x[0].round(), INF),
    "a clamp that never acts": (lambda x, w: x[0].clamp(-9, 9), INF),
    "the largest": (lambda x, w: x.max(), INF),
    "a sorted element": (lambda x, w: x.sort()[0][0], INF),
    "a root": (lambda x, w: x.norm(), INF),
}


@pytest.mark.parametrize("name", DEGREES)
def test_a_degree_follows_from_the_operations(name):
    function, degree = DEGREES[name]
    x, w = (torch.rand(*shape, dtype=torch.float64, requires_grad=True) for shape in ((4,), (2, 3)))
    assert Degree(x, w).of(function(x, w)) == degree


def test_another_tensor_that_is_trained_is_no_constant():
    x, other = (torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert Degree(x).of(x[0] + other[1]) == INF


def test_a_function_of_the_user_s_own_is_not_believed_by_its_name():
    class Add(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, upstream):
            return upstream

    x = torch.rand(2, dtype=torch.float64, requires_grad=True)
    assert Degree(x).of(Add.apply(x)[0]) == INF


def test_a_graph_deeper_than_python_s_stack_is_walked():
    x = torch.rand(2, dtype=torch.float64, requires_grad=True)
    angle = x[0]
    for _ in range(5000):
        angle = angle + 0.1
    assert Degree(x).of(angle) == 1
