import math

import numpy as np
import pytest
import torch
from torch import nn

from qtlrun.circuit.ring import Ring
from qtlrun.device.statevector import Statevector
from qtlrun.layer import Start
from qtlrun.parametrization.mapping import Mapping, scale_probabilities

ACTIVATIONS = {"none": nn.Identity, "tanh": nn.Tanh, "relu": nn.ReLU}
# Probabilities of the ring on 3 wires in 2 layers at the angles of `published`, and what the
# mapping takes for them; computed in
# float64 by another program.
P = [
    0.557711899845,
    0.163999774823,
    0.137365329045,
    0.011238041983,
    0.103429230970,
    0.012314168743,
    0.012946359369,
    0.000995195221,
]
S = [
    0.291583499242,
    0.111073629078,
    0.089746466179,
    -0.116973411854,
    0.057842019632,
    -0.111832962453,
    -0.108958404525,
    -0.212480835299,
]


def published():
    """Angles of the ring (1, layer, kind, wire, angle): u = .3 + .2 b + .1 i + .05 a, c = .5 - .1 b
    + .15 i + .07 a.
    """
    b, i, a = torch.meshgrid(
        *(torch.arange(float(size)).double() for size in (2, 3, 3)), indexing="ij"
    )
    return torch.stack(
        [0.3 + 0.2 * b + 0.1 * i + 0.05 * a, 0.5 - 0.1 * b + 0.15 * i + 0.07 * a], 1
    ).unsqueeze(0)


def mapping(
    count=13,
    qubits=4,
    widths=(5, 3),
    activation="tanh",
    seeds=(0, 1, 2),
    depth=2,
    run=True,
    spread=None,
    dtype=torch.float64,
    standard=False,
):
    circuit = Ring(qubits, depth)
    return Mapping(
        count,
        qubits,
        list(widths),
        activation,
        Start(list(seeds), dtype),
        circuit,
        Statevector().run(circuit) if run else None,
        spread,
        trained=True,
        standard=standard,
    )


def test_the_scaled_probabilities_are_those_of_a_calculation_elsewhere():
    weights = published()
    found = Statevector().run(Ring(3, 2))(weights.new_empty(1, 1, 0), weights).squeeze(1)
    np.testing.assert_allclose(found[0], P, rtol=0, atol=1e-11)
    np.testing.assert_allclose(scale_probabilities(found, 3)[0], S, rtol=0, atol=1e-10)


def test_what_the_mapping_takes_is_a_power_of_a_hyperbolic_tangent_minus_its_mean():
    chances = torch.rand(2, 7, dtype=torch.float64)
    one = [[(0.8 * math.tanh(0.1 * 2**4 * p)) ** 0.3 for p in row] for row in chances.tolist()]
    right = [[value - sum(row) / 7 for value in row] for row in one]
    np.testing.assert_allclose(scale_probabilities(chances, 5), right, rtol=0, atol=1e-14)


def test_a_probability_of_zero_has_a_finite_slope():
    chances = torch.tensor([[1.0, 0.0, 0.0, 1e-30]], requires_grad=True)
    (slope,) = torch.autograd.grad(scale_probabilities(chances, 2)[0, 1], chances)
    assert slope.isfinite().all()


def test_the_bits_are_those_of_the_basis_state_wire_0_first():
    made = mapping(count=6, qubits=3)
    words = ["000", "001", "010", "011", "100", "101"]
    right = [[1.0 if bit == "1" else -1.0 for bit in word] for word in words]
    assert made.bits.tolist() == [right]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(), (5,), (4, 20, 4)])
def test_the_mapping_is_torchs_own_layers_on_bits_and_probabilities(activation, widths):
    made = mapping(count=11, widths=widths, activation=activation)
    chances = torch.rand(3, 16, dtype=torch.float64)
    values = made(chances)
    assert values.shape == (3, 11)
    for run in range(3):
        layers = [
            layer
            for one, other in zip([5, *widths], [*widths, 1], strict=True)
            for layer in (nn.Linear(one, other, dtype=torch.float64), ACTIVATIONS[activation]())
        ][:-1]
        with torch.no_grad():
            for mine, its in zip(
                (one for one in layers if isinstance(one, nn.Linear)), made.layers, strict=True
            ):
                mine.weight.copy_(its.weight[run])
                mine.bias.copy_(its.bias[run])
        bits = torch.tensor(
            [[(number >> 3 - wire & 1) * 2.0 - 1 for wire in range(4)] for number in range(11)],
            dtype=torch.float64,
        )
        powers = (0.8 * torch.tanh(0.1 * 8 * chances[run, :11])) ** 0.3
        out = nn.Sequential(*layers)(
            torch.cat([bits, (powers - powers.mean()).unsqueeze(1)], 1)
        ).squeeze(1)
        torch.testing.assert_close(values[run], out - out.mean(), rtol=0, atol=1e-13)


def test_standard_inputs_have_a_deviation_of_1_and_all_bits_together_too():
    chances = torch.rand(3, 16, dtype=torch.float64)
    seen, made = [], mapping(count=16, standard=True)
    made.layers[0].register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    made(chances)
    bits, given = seen[0].split([4, 1], -1)
    torch.testing.assert_close(
        bits.square().sum(-1), torch.ones(3, 16).double(), rtol=0, atol=1e-14
    )
    torch.testing.assert_close(bits.sign(), mapping(count=16).bits.expand(3, 16, 4), rtol=0, atol=0)
    torch.testing.assert_close(
        given.std(1, correction=0), torch.ones(3, 1).double(), rtol=0, atol=1e-14
    )
    scaled = scale_probabilities(chances, 4)
    # The mean of 16 values below 1 is off by at most 16 roundings, and is divided by the deviation.
    rounding = 16 * torch.finfo(torch.float64).eps / scaled.std(1, correction=0)
    assert (given.mean(1).squeeze(-1).abs() < rounding).all()
    ratio = given.squeeze(-1) / scaled
    torch.testing.assert_close(
        ratio, ratio[:, :1].expand(3, 16), rtol=1e-10, atol=0
    )  # the same, but for a factor


def test_equal_probabilities_are_no_number_that_is_not_finite():
    assert mapping(standard=True)(torch.full((3, 16), 1 / 16).double()).isfinite().all()


def test_without_given_probabilities_it_takes_the_circuits_own():
    made = mapping()
    right = (
        Statevector("gatewise")
        .run(Ring(4, 2))(torch.empty(3, 1, 0).double(), made.angles)
        .squeeze(1)
    )
    torch.testing.assert_close(made.probabilities(), right, rtol=0, atol=1e-13)
    torch.testing.assert_close(made(), made(right), rtol=0, atol=1e-12)


def test_the_numbers_of_a_run_have_mean_0():
    assert mapping()().mean(-1).abs().max() < 1e-15
    assert mapping(run=False)().mean(-1).abs().max() < 1e-15


def test_without_a_circuit_there_are_no_angles_and_every_probability_is_the_same():
    with_one, without = mapping(), mapping(run=False)
    assert {name for name, _ in with_one.named_parameters()} - {
        name for name, _ in without.named_parameters()
    } == {"angles"}
    alike = torch.full((3, 16), 0.25, dtype=torch.float64)
    torch.testing.assert_close(without(), with_one(alike), rtol=0, atol=1e-13)


def test_the_start_values_are_a_uniform_circle_or_as_narrow_as_asked():
    wide = mapping(qubits=6, depth=10, seeds=(0,)).angles.detach().flatten()  # 360 angles
    assert math.pi * 0.95 < wide.abs().max() <= math.pi
    assert float(wide.std()) == pytest.approx(math.pi / math.sqrt(3), rel=5 / math.sqrt(360))
    narrow = mapping(qubits=6, depth=10, seeds=(0,), spread=0.01).angles.detach().flatten()
    assert float(narrow.std()) == pytest.approx(0.01, rel=5 / math.sqrt(2 * 360))


def test_how_many_numbers_a_mapping_has_is_what_it_owns():
    for widths in ((), (5,), (4, 20, 4)):
        owned = sum(one[0].numel() for one in mapping(widths=widths, run=False).parameters())
        assert Mapping.numbers(4, list(widths)) == owned


def test_quiet_begins_at_0_and_moves():
    made = mapping()
    made.quiet()
    values = made()
    assert not values.any()
    slopes = torch.autograd.grad((values * torch.rand_like(values)).sum(), made.layers[-1].weight)
    assert slopes[0].abs().max() > 0


def test_each_run_is_as_it_is_alone():
    among = mapping(dtype=torch.float32)()
    for seed in range(3):
        assert torch.equal(mapping(seeds=(seed,), dtype=torch.float32)()[0], among[seed])


def test_estimated_probabilities_are_shares_of_the_shots_and_those_of_the_seed():
    made = mapping()
    found = made.estimated(1000, [5, 6, 7])
    torch.testing.assert_close(found * 1000, (found * 1000).round(), rtol=0, atol=1e-9)
    torch.testing.assert_close(found.sum(1), torch.ones(3).double(), rtol=0, atol=1e-12)
    assert torch.equal(found, made.estimated(1000, [5, 6, 7])) and not torch.equal(
        found, made.estimated(1000, [5, 6, 8])
    )
    assert not torch.equal(made.estimated(1000, [8, 6, 7])[0], found[0])
    assert torch.equal(made.estimated(1000, [9, 6, 4])[1], found[1])  # whatever stands beside it


def test_estimated_probabilities_are_unbiased_with_a_multinomials_covariance():
    made, shots, draws = mapping(qubits=2, count=4, seeds=(0,)), 50, 1000
    (exact,) = made.probabilities().detach().numpy()
    found = np.stack([made.estimated(shots, [seed])[0].numpy() for seed in range(draws)])
    covariance = (np.diag(exact) - np.outer(exact, exact)) / shots
    errors = np.sqrt(np.diag(covariance) / draws)
    assert (np.abs(found.mean(0) - exact) < 5 * errors).all()  # five deviations
    # the deviation of an estimated covariance is at most the geometric mean of the variances times
    # sqrt(2 / draws), nearly
    allowed = (
        5 * np.sqrt(2 / draws) * np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))) * 1.5
    )
    assert (np.abs(np.cov(found.T) - covariance) < allowed).all()


def test_the_circuit_has_two_gates_a_wire_and_layer():
    assert mapping(qubits=4, depth=3).gates == 2 * 4 * 3
