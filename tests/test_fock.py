import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.special import factorial, gammaln
from torch.autograd import gradcheck

from qtlrun import fock

CUTOFFS = [2, 7, 20]


def d(*values):
    return torch.tensor(values[0] if len(values) == 1 else values, dtype=torch.double)


def random(*shape, seed=0, spread=1.0):
    return spread * torch.randn(
        *shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed)
    )


def items(*modes):
    """One item, six numbers a mode."""
    return d([list(map(float, sum(modes, ())))])


def a(cutoff):
    """The ladder operator that takes a photon."""
    return np.diag(np.sqrt(np.arange(1, cutoff)), 1).astype(complex)


def exponential(generator):
    values, vectors = np.linalg.eigh(1j * generator)
    return (vectors * np.exp(-1j * values)) @ vectors.conj().T


def close(found, expected, atol=1e-12):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=atol)


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("alpha", [0, 0.3, -1.1, 0.7 - 0.9j])
def test_a_displacement_is_that_of_another_library(cutoff, alpha):
    from thewalrus.fock_gradients import displacement

    found = fock.displacement(torch.tensor(alpha, dtype=torch.complex128), cutoff)
    close(
        found, displacement(abs(alpha), np.angle(alpha), cutoff)
    )  # a recurrence there, triangles here


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize("r, phi", [(0, 0), (0, 1.2), (0.4, 0), (-0.4, 0.3), (1, -2.5)])
def test_a_squeezing_is_that_of_another_library(cutoff, r, phi):
    from thewalrus.fock_gradients import squeezing

    close(fock.squeezing(d(r), d(phi), cutoff), squeezing(r, phi, cutoff))


@pytest.mark.parametrize("cutoff", [2, 3, 8])
@pytest.mark.parametrize("theta, phi", [(0, 0), (0.3, 0), (-1.2, 0.4), (5, -2)])
def test_a_beam_splitter_is_that_of_another_library(cutoff, theta, phi):
    from thewalrus.fock_gradients import beamsplitter

    state = torch.complex(random(3, cutoff, cutoff), random(3, cutoff, cutoff, seed=1))
    expected = np.einsum("klmn,bmn->bkl", beamsplitter(theta, phi, cutoff), state.numpy())
    close(fock.beamsplitter(d(theta), d(phi), state), expected)


@pytest.mark.parametrize("make", ["displacement", "squeezing"])
def test_a_gate_is_its_exponential_in_a_space_so_large_that_its_edge_is_not_felt(make):
    """As the conventions are written, for the sign of each phase."""
    z, large, low = 0.4 + 0.3j, a(60), 6
    if make == "displacement":
        found = fock.displacement(torch.tensor(z, dtype=torch.complex128), low)
        exponent = z * large.conj().T - np.conj(z) * large
    else:
        found = fock.squeezing(d(abs(z)), d(np.angle(z)), low)
        exponent = (np.conj(z) * large @ large - z * large.conj().T @ large.conj().T) / 2
    close(found, exponential(exponent)[:low, :low])


def test_a_beam_splitter_is_its_exponential_in_the_space_that_it_needs():
    theta, phi, cutoff = 0.9, 0.4, 4
    full = 2 * cutoff - 1  # three photons in each mode may meet in one
    one = np.kron(a(full), a(full).T)  # a bdag
    matrix = exponential(theta * (np.exp(1j * phi) * one - np.exp(-1j * phi) * one.T)).reshape(
        4 * [full]
    )
    state = torch.complex(random(1, cutoff, cutoff), random(1, cutoff, cutoff, seed=1))
    expected = np.einsum("klmn,mn->kl", matrix[(slice(cutoff),) * 4], state[0].numpy())
    close(fock.beamsplitter(d(theta), d(phi), state)[0], expected)


@pytest.mark.parametrize("theta, phi", [(0.3, 0.0), (-2.0, 1.0), (40.0, 0.2)])
def test_a_beam_splitter_loses_nothing_while_all_photons_fit_into_one_mode(theta, phi):
    cutoff = 9
    state = torch.complex(random(2, cutoff, cutoff), random(2, cutoff, cutoff, seed=1))
    level = torch.arange(cutoff)
    state[:, level[:, None] + level >= cutoff] = 0
    mixed = fock.beamsplitter(d(theta), d(phi), state)
    close(mixed.abs().square().sum((1, 2)), state.abs().square().sum((1, 2)))
    close(fock.beamsplitter(d(-theta), d(phi), mixed), state)


def test_two_photons_at_a_balanced_beam_splitter_leave_together():
    """Hong, Ou and Mandel."""
    state = torch.zeros(1, 3, 3, dtype=torch.complex128)
    state[0, 1, 1] = 1
    mixed = fock.beamsplitter(d(math.pi / 4), d(0.7), state).abs()[0]
    close(mixed, [[0, 0, 0.5**0.5], [0, 0, 0], [0.5**0.5, 0, 0]])


def test_a_beam_splitter_divides_a_coherent_state():
    """BS |alpha, beta> is coherent in both modes, as light waves are divided."""
    alpha, beta, theta, phi = 0.8, 0.5j, 0.6, 0.3
    mixed = fock.beamsplitter(
        d(theta), d(phi), fock.prepare(items((0, 0.8, 0, 0, 0, 0), (0, 0, 0.5, 0, 0, 0)), 25)
    )
    one = alpha * math.cos(theta) - np.exp(-1j * phi) * beta * math.sin(theta)
    other = np.exp(1j * phi) * alpha * math.sin(theta) + beta * math.cos(theta)
    expected = fock.prepare(
        items((0, one.real, one.imag, 0, 0, 0), (0, other.real, other.imag, 0, 0, 0)), 25
    )
    close(mixed[0, :8, :8], expected[0, :8, :8])  # 25 levels hold all but 1e-20 of either


def test_a_rotation_and_a_kerr_gate_turn_each_level_by_its_photons_and_their_square():
    n = np.arange(7)
    close(fock.rotation(d([0.3, -1]), 7), np.exp(1j * np.outer([0.3, -1], n)))
    close(fock.kerr(d(0.2), 7), np.exp(0.2j * n**2))


@pytest.mark.parametrize("cutoff", [2, 15])
def test_a_cubic_phase_is_the_exponential_of_the_cube_of_the_truncated_position(cutoff):
    x = a(cutoff) + a(cutoff).T
    gamma = 0.4
    close(
        fock.cubic_phase(d(gamma), cutoff),
        exponential(1j * gamma * np.linalg.matrix_power(x, 3) / 6),
    )  # 3 hbar = 6


@pytest.mark.parametrize(
    "gate",
    [
        lambda: fock.displacement(torch.tensor(0.8 - 0.5j, dtype=torch.complex128), 60),
        lambda: fock.squeezing(d(0.5), d(0.9), 60),
    ],
    ids=["displacement", "squeezing"],
)
def test_a_gate_is_unitary_on_the_levels_that_it_does_not_move_above_the_cutoff(gate):
    matrix = gate().numpy()
    low = (matrix.conj().T @ matrix)[:8, :8]
    assert (
        abs(low - np.eye(8)).max() < 1e-9
    )  # what level 7 of these has above level 60 is below 1e-10
    assert abs(matrix.conj().T @ matrix - np.eye(60)).max() > 0.1  # and cut it is


def test_the_largest_gates_still_hold_seven_digits():
    """Where half of double precision is said to be left: the worst squeezing, a layer's largest
    displacement.
    """
    from mpmath import mp, mpc, mpf

    top, places = fock.MAX_CUTOFF - 1, [(59, 59), (59, 57), (58, 40)]
    found = fock.squeezing(d(math.asinh(1)), d(0.0), fock.MAX_CUTOFF)
    moved = fock.displacement(torch.tensor(1.0, dtype=torch.complex128), fock.MAX_CUTOFF)
    with mp.workdps(60):
        tanh, sech = mp.sqrt(mpf(1) / 2), mp.sqrt(mpf(1) / 2)
        for m, n in places:
            assert m <= top
            common = mp.sqrt(mp.factorial(m) * mp.factorial(n))
            exact = sum(
                (-tanh / 2) ** ((m - k) // 2)
                * (tanh / 2) ** ((n - k) // 2)
                * sech ** (k + mpf(1) / 2)
                * common
                / (mp.factorial(k) * mp.factorial((m - k) // 2) * mp.factorial((n - k) // 2))
                for k in range(m % 2, min(m, n) + 1, 2)
            )
            assert abs(mpc(complex(found[m, n])) - exact) < 1e-7
            exact = sum(
                (-1) ** (n - k)
                * common
                / (mp.factorial(k) * mp.factorial(m - k) * mp.factorial(n - k))
                for k in range(min(m, n) + 1)
            ) * mp.exp(-mpf(1) / 2)
            assert abs(mpc(complex(moved[m, n])) - exact) < 1e-7


def test_a_coherent_state_has_poissons_amplitudes():
    alpha, n = 1.4 - 0.3j, np.arange(12)
    state = fock.prepare(items((0, alpha.real, alpha.imag, 0, 0, 0)), 12)[0]
    close(state, np.exp(-(abs(alpha) ** 2) / 2) * alpha**n / np.sqrt(factorial(n)))


@pytest.mark.parametrize("s", [-0.5, 0.3])
def test_a_squeezed_vacuum_has_its_closed_form_and_no_odd_photons(s):
    state, k = fock.prepare(items((0, 0, 0, 0, s, 0)), 12)[0], np.arange(6)
    close(state[1::2], np.zeros(6))
    close(
        state[::2],
        (-math.tanh(s) / 2) ** k
        * np.exp(gammaln(2 * k + 1) / 2)
        / factorial(k)
        / math.sqrt(math.cosh(s)),
    )


def test_an_item_is_prepared_in_the_order_of_its_numbers():
    """R(r2) S(s) R(r1) D(alpha) |n>, with gates in a space so large that its edge is not felt."""
    large = 60
    photons, alpha, r1, s, r2 = 2, 0.5 - 0.4j, 0.7, 0.3, -1.1
    x, n = a(large), np.arange(large)
    gates = [
        np.diag(np.exp(1j * r2 * n)),
        exponential(s * (x @ x - x.T @ x.T) / 2),
        np.diag(np.exp(1j * r1 * n)),
        exponential(alpha * x.T - np.conj(alpha) * x),
    ]
    expected = np.linalg.multi_dot(gates)[:, photons]
    found = fock.prepare(items((photons, alpha.real, alpha.imag, r1, s, r2)), 40)
    close(found[0, :12], expected[:12], 1e-10)  # the first gate leaves 1e-11 above level 40


def test_two_modes_are_prepared_apart():
    one, two = (1, 0.2, 0.3, 0.4, 0.1, 0.6), (0, -0.5, 0.1, 0, -0.3, 0.2)
    found = fock.prepare(items(one, two), 6)
    close(found[0], np.outer(fock.prepare(items(one), 6)[0], fock.prepare(items(two), 6)[0]))


def test_photons_that_the_cutoff_does_not_hold_are_lost():
    assert not fock.prepare(items((5, 0, 0, 0, 0, 0)), 5).any()
    assert fock.prepare(items((4, 0, 0, 0, 0, 0)), 5)[0, 4] == 1


def weights(modes, seed=0, spread=0.15):
    """A layer's weights, none of which is clipped, that move nothing of a low state above the
    levels tested.
    """
    return random(fock.LAYER_WEIGHTS[modes], seed=seed, spread=spread).clamp(
        -2 * spread, 2 * spread
    )


def other_library(modes, total, item, gates):
    """Amplitudes of piquasso, which holds all states of fewer than `total` photons: an item, then
    the gates.
    """
    import piquasso as pq

    with pq.Program() as program:
        pq.Q() | pq.NumberState([int(one[0]) for one in item])
        for mode, (_, x, y, r1, s, r2) in enumerate(item):
            pq.Q(mode) | pq.Displacement(math.hypot(x, y), math.atan2(y, x))
            pq.Q(mode) | pq.Phaseshifter(r1)
            pq.Q(mode) | pq.Squeezing(s)
            pq.Q(mode) | pq.Phaseshifter(r2)
        for places, name, *values in gates:
            pq.Q(*places) | getattr(pq, name)(*map(float, values))
    config = pq.Config(cutoff=total, hbar=2)
    state = pq.PureFockSimulator(d=modes, config=config).execute(program).state
    return lambda *levels: complex(state[levels])


@pytest.mark.parametrize("squeezed", [True, False])
def test_a_layer_of_one_mode_is_that_of_another_library(squeezed):
    item = (1, 0.2, -0.1, 0.4, 0.2, -0.7)
    squeeze, displace, r1, r2, r3, cubic = made = weights(1)
    gates = [
        ("Phaseshifter", r1),
        ("Squeezing", squeeze),
        ("Phaseshifter", r2),
        ("Displacement", displace),
        ("Phaseshifter", r3),
        ("CubicPhase", cubic),
    ]
    expected = other_library(
        1, 60, [item], [((0,), *gate) for gate in gates if squeezed or gate[0] != "Squeezing"]
    )
    state = fock.prepare(items(item), 60) @ fock.one_mode(made, 60, squeezed).mT
    assert fock.probability(state).sum() == pytest.approx(1, abs=1e-9)
    close(state[0, :10], [expected(n) for n in range(10)], 1e-8)


def test_a_layer_of_two_modes_is_that_of_another_library():
    item = ((0, 0.3, 0.2, 0, 0.1, 0), (1, -0.2, 0.1, 0.3, 0, 0.5))
    r1, r2, theta1, phi1, theta2, phi2, s1, sphi1, s2, sphi2, d1, dphi1, d2, dphi2, k1, k2 = (
        made
    ) = weights(2, seed=3)
    gates = [
        ((0, 1), "Beamsplitter", theta1, phi1),
        ((0,), "Phaseshifter", r1),
        ((0,), "Squeezing", s1, sphi1),
        ((1,), "Squeezing", s2, sphi2),
        ((0, 1), "Beamsplitter", theta2, phi2),
        ((0,), "Phaseshifter", r2),
        ((0,), "Displacement", d1, dphi1),
        ((1,), "Displacement", d2, dphi2),
        ((0,), "Kerr", k1),
        ((1,), "Kerr", k2),
    ]
    expected = other_library(2, 24, item, gates)
    state = fock.two_modes(made, fock.prepare(items(*item), 20))
    assert fock.probability(state).sum() == pytest.approx(1, abs=1e-9)
    close(state[0, :5, :5], [[expected(n, m) for m in range(5)] for n in range(5)], 1e-7)


@pytest.mark.parametrize("modes", [1, 2])
def test_all_but_the_angles_of_a_layer_is_clipped_to_one(modes):
    """And no angle is."""
    state = fock.prepare(items(*[(0, 0.3, 0.1, 0, 0, 0)] * modes), 5)

    def layer(made):
        return state @ fock.one_mode(made, 5).mT if modes == 1 else fock.two_modes(made, state)

    sizes = [0, 1, 5] if modes == 1 else [6, 8, 10, 12, 14, 15]
    start = weights(modes, spread=0.1)
    for place in range(fock.LAYER_WEIGHTS[modes]):
        for sign in (-1, 1):
            far, edge = start.clone(), start.clone()
            far[place], edge[place] = 1.3 * sign, sign
            assert torch.equal(layer(far), layer(edge)) == (place in sizes)


@pytest.mark.parametrize("at", [0.0, 0.3])
@pytest.mark.parametrize("squeezed", [True, False])
def test_a_layer_of_one_mode_has_the_slopes_of_its_differences(at, squeezed):
    made = (random(2, 6, seed=4) * at).requires_grad_()
    assert gradcheck(lambda x: fock.one_mode(x, 6, squeezed), (made,))


@pytest.mark.parametrize("at", [0.0, 0.3])
def test_a_layer_of_two_modes_has_the_slopes_of_its_differences(at):
    made = (random(16, seed=5) * at).requires_grad_()
    state = fock.prepare(items((0, 0.4, 0.3, 0, 0, 0), (1, 0, 0, 0, 0, 0)), 4)
    assert gradcheck(fock.two_modes, (made, state.requires_grad_()))


@pytest.mark.parametrize("at", [0.0, 0.4])
def test_a_preparation_has_the_slopes_of_its_differences(at):
    one = (
        torch.cat([d([[0.0, 1.0], [1.0, 2.0]]).unsqueeze(2), at * random(2, 2, 5)], 2)
        .flatten(1)
        .requires_grad_()
    )
    free = torch.ones(12, dtype=torch.bool)
    free[::6] = False  # photons are a count

    def prepared(numbers):
        return fock.prepare(torch.where(free, numbers, one.detach()), 4)

    assert gradcheck(prepared, (one,))


@pytest.mark.parametrize("modes", [1, 2])
def test_runs_that_go_together_give_what_each_gives_alone(modes):
    made = torch.stack([weights(modes, seed=seed) for seed in range(3)])
    given = random(3, 4, modes, 6, spread=0.3)
    given[..., 0] = 1
    states = torch.stack([fock.prepare(one.flatten(1), 7) for one in given])
    if modes == 1:
        together = states @ fock.one_mode(made, 7).mT
        alone = [state @ fock.one_mode(one, 7).mT for one, state in zip(made, states, strict=False)]
    else:
        together, alone = (
            fock.two_modes(made, states),
            [fock.two_modes(one, state) for one, state in zip(made, states, strict=False)],
        )
    close(together, torch.stack(alone), 1e-14)


def test_a_layer_keeps_the_precision_of_its_state():
    state = fock.prepare(items((0, 0.4, 0.3, 0, 0, 0), (1, 0, 0, 0, 0, 0)), 6)
    made = weights(2)
    single = fock.two_modes(made, state.to(torch.complex64))
    assert single.dtype == torch.complex64
    close(single, fock.two_modes(made, state), 1e-6)  # single precision


FIRST_USE = """
import torch
from qtlrun import fock
weights = torch.full((16,), .2, dtype=torch.double, requires_grad=True)
item = torch.zeros(1, 12, dtype=torch.double)
with torch.inference_mode():
    fock.two_modes(weights, fock.prepare(item, 5)), fock.one_mode(weights[:6], 5)
with torch.device("meta"):
    fock.two_modes(weights, fock.prepare(item, 6)), fock.one_mode(weights[:6], 6)
for cutoff in (5, 6):
    fock.two_modes(weights, fock.prepare(item, cutoff)).abs().sum().backward()
    fock.one_mode(weights[:6], cutoff).abs().sum().backward()
print(bool(weights.grad.any()), weights.grad.device)
"""


def test_what_is_kept_of_a_gate_does_not_depend_on_its_first_use():
    """Not on a use without gradients, nor on one where torch makes no numbers."""
    done = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True)
    assert done.stdout == "True cpu\n", done.stderr


@pytest.mark.parametrize(
    "modes, shape, given",
    [(2, (3, 6), "6 numbers"), (1, (3, 12), "12 numbers"), (2, (3, 3, 8, 8), "pictures")],
)
def test_items_that_prepare_no_such_state_are_refused(modes, shape, given):
    fock.check(torch.zeros(3, 6 * modes), modes)
    with pytest.raises(ValueError) as error:
        fock.check(torch.zeros(shape), modes)
    assert (
        str(error.value)
        == f"backbone.modes={modes}: an item is {6 * modes} numbers that prepare a state, and "
        f"these are {given}; use dataset=coherent with 2 modes, or dataset=gaussian with 1."
    )
