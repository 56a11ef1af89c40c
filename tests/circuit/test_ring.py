import math

import pennylane as qml
import pytest
import torch

from qtlrun.circuit.ring import Ring
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build
from qtlrun.tape import reader

DEVICES = {
    name: Statevector(name) for name in ("auto", "dense", "grouped", "fused", "gatewise")
} | {"default.qubit": PennyLane("default.qubit")}

# On 3 qubits, 2 layers, at the angles of `published`, by an independent float64 program:
# probabilities p, and the
# derivatives of the sum of (k + 1) p_k by the U3s (layer, wire; theta, phi, lambda) and the
# controlled ones (by control).
CHANCES = [
    0.557711899845,
    0.163999774823,
    0.137365329045,
    0.011238041983,
    0.103429230970,
    0.012314168743,
    0.012946359369,
    0.000995195221,
]
SLOPES = [
    [
        [
            [0.906370262002, -0.231917309267, 0.000000000000],
            [0.426718363238, -0.162574262620, 0.000000000000],
            [0.168484366509, -0.069973215230, 0.000000000000],
        ],
        [
            [-0.003547398986, -0.014382426809, 0.008241726799],
            [0.006483416453, -0.018581079900, 0.008185653012],
            [-0.001792998675, 0.044326977711, 0.012949211024],
        ],
    ],
    [
        [
            [1.174681832401, -0.077840583174, -0.200539542579],
            [0.643364020490, -0.029961426776, -0.185198416228],
            [0.422941388340, -0.020778464223, -0.096739948142],
        ],
        [
            [0.037055732171, -0.006736898696, -0.036698325472],
            [0.007475532152, 0.000000000000, -0.020778464223],
            [0.150223180279, 0.000000000000, -0.077840583174],
        ],
    ],
]


def published():
    """U3 angles .3 + .2 layer + .1 wire + .05 place, controlled ones .5 - .1 layer + .15 control +
    .07 place.
    """
    layer, wire, place = torch.meshgrid(
        *(torch.arange(count, dtype=torch.float64) for count in (2, 3, 3)), indexing="ij"
    )
    angles = torch.stack(
        [
            0.3 + 0.2 * layer + 0.1 * wire + 0.05 * place,
            0.5 - 0.1 * layer + 0.15 * wire + 0.07 * place,
        ],
        1,
    )
    return angles.unsqueeze(0).requires_grad_()


def angles(*shape, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (
        (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1) * math.pi
    ).requires_grad_()


def nothing(runs=1, batch=1):
    return torch.zeros(runs, batch, 0, dtype=torch.float64)


@pytest.mark.parametrize("name", DEVICES)
def test_values_and_gradients_are_those_of_an_independent_program(name):
    weights = published()
    values = DEVICES[name].run(Ring(3, 2))(nothing(), weights)
    torch.testing.assert_close(
        values[0, 0], torch.tensor(CHANCES, dtype=torch.float64), rtol=0, atol=1e-10
    )
    (slopes,) = torch.autograd.grad((values * torch.arange(1, 9)).sum(), weights)
    torch.testing.assert_close(
        slopes[0], torch.tensor(SLOPES, dtype=torch.float64), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("qubits, depth", [(2, 1), (2, 2), (3, 1), (4, 2), (7, 2)])
def test_exactly_the_angles_that_the_docstring_names_never_act(qubits, depth):
    weights = angles(1, depth, 2, qubits, 3)
    values = Statevector().run(Ring(qubits, depth))(nothing(), weights)
    slopes = sum(
        torch.autograd.grad(
            values, weights, angles(*values.shape, seed=seed).detach(), retain_graph=True
        )[0][0].abs()
        for seed in range(3)
    )
    idle = torch.zeros(depth, 2, qubits, 3, dtype=torch.bool)
    idle[0, 0, :, 2] = True
    idle[-1, 1, 1:, 1] = True
    assert idle.sum() == 2 * qubits - 1
    assert slopes[idle].max() < 1e-13 and slopes[~idle].min() > 1e-6


def test_the_gates_stand_in_their_order_and_feel_their_controls():
    weights = angles(2, 2, 3, 3).detach()
    operations, measured = reader.trace(Ring(3, 2), torch.zeros(0), weights)
    layer = ["U30", "U31", "U32", "C(U3)01", "C(U3)12", "C(U3)20"]
    assert [one.name + "".join(map(str, one.wires)) for one in operations] == layer + layer
    assert torch.equal(
        torch.tensor([[float(number) for number in one.data] for one in operations]),
        weights.flatten(0, 2).float(),
    )
    assert [(type(one).__name__, one.wires.tolist()) for one in measured] == [
        ("ProbabilityMP", [0, 1, 2])
    ]


def test_a_u3_is_the_published_matrix():
    theta, phi, twist = 0.7, -1.1, 2.3  # of the code that the circuit comes from
    e, c, s = (
        lambda angle: complex(math.cos(angle), math.sin(angle)),
        math.cos(theta / 2),
        math.sin(theta / 2),
    )
    expected = torch.tensor(
        [[c, -e(twist) * s], [e(phi) * s, e(phi + twist) * c]], dtype=torch.complex128
    )
    made = torch.as_tensor(qml.matrix(qml.U3(theta, phi, twist, 0)), dtype=torch.complex128)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-15)


def test_one_layer_of_turns_about_y_has_the_chances_of_its_wires():
    weights = torch.zeros(1, 1, 2, 4, 3, dtype=torch.float64)
    weights[0, 0, 0, :, 0] = turned = torch.tensor([0.3, 1.2, 2.0, -0.4], dtype=torch.float64)
    found = Statevector().run(Ring(4, 1))(nothing(), weights)[0, 0].view(2, 2, 2, 2)
    one = [torch.stack([(turn / 2).cos() ** 2, (turn / 2).sin() ** 2]) for turn in turned]
    torch.testing.assert_close(found, torch.einsum("a,b,c,d->abcd", *one), rtol=0, atol=1e-15)


def test_every_sample_of_a_run_has_the_same_chances():
    weights = angles(2, 2, 2, 4, 3)
    run = Statevector().run(Ring(4, 2))
    assert torch.equal(run(nothing(2, 5), weights), run(nothing(2), weights).expand(-1, 5, -1))
    assert torch.equal(run(nothing()[0], weights[0]), run(nothing(), weights[:1])[0])


@pytest.mark.parametrize(
    "given, words",
    [
        (
            {"qubits": 1, "depth": 2},
            "circuit.qubits=1: a ring needs at least two qubits, each controls the next.",
        ),
        (
            {"qubits": 3, "depth": 0},
            "circuit.depth=0: at least one layer; without any, the first basis state is certain.",
        ),
    ],
)
def test_sizes_that_no_ring_has_are_refused(given, words):
    with pytest.raises(UsageError) as error:
        build("circuit", {"_target_": "qtlrun.circuit.ring.Ring"} | given)
    assert str(error.value) == words
