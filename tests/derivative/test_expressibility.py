import math

import numpy as np
import pytest

from qtlrun.derivative.expressibility import BINS, diverge, haar_fidelities, measure_reach


def haar_states(qubits, count, seed):
    draw = np.random.default_rng(seed)
    states = draw.normal(size=(count, 2**qubits)) + 1j * draw.normal(size=(count, 2**qubits))
    return states / np.linalg.norm(states, axis=1, keepdims=True)


@pytest.mark.parametrize("qubits", [1, 2, 4])
def test_haar_random_states_diverge_by_chance_alone(qubits):
    first, second = haar_states(qubits, 4000, 0), haar_states(qubits, 4000, 1)
    reach = measure_reach(first, second, seed=2)
    # A divergence of k bins is chi-squared over 2 pairs, with a deviation below its mean
    assert 0 < reach.divergence < 3 * reach.chance
    assert reach.chance == pytest.approx(reach.divergence, abs=BINS / 4000)
    assert reach.entanglement == pytest.approx(reach.haar_entanglement, abs=0.01)


@pytest.mark.parametrize("qubits", [1, 3])
def test_an_idle_circuit_diverges_by_the_share_of_the_last_bin(qubits):
    same = haar_states(qubits, 1, 0).repeat(50, axis=0)
    divergence = measure_reach(same, same, seed=0).divergence
    # Haar's share above 74/75 is (1/75)^(side - 1); of one qubit ln 75 = 4.3, as Sim et al. print
    assert divergence == pytest.approx((2**qubits - 1) * math.log(BINS))


def test_the_fidelities_of_haar_random_states_have_their_density():
    states = haar_states(2, 20_000, 0), haar_states(2, 20_000, 1)
    fidelities = np.abs((states[0].conj() * states[1]).sum(1)) ** 2
    drawn = haar_fidelities(np.random.default_rng(2).random(20_000), 4)
    quantiles = np.linspace(0.05, 0.95, 19)
    # The deviation of a quantile is at most sqrt(1/4/20000) over the density, here .8 and more
    assert np.allclose(np.quantile(fidelities, quantiles), np.quantile(drawn, quantiles), atol=0.02)


def test_two_equally_likely_fidelities_have_the_divergence_by_hand():
    # One qubit: Haar's density is 1, so each bin has 1/75
    assert diverge(np.array([0.0, 1.0]), 2) == pytest.approx(math.log(BINS / 2))


def test_product_states_are_not_entangled_and_bell_pairs_wholly():
    product = np.eye(1, 4, dtype=complex).repeat(2, axis=0)
    bell = np.array([[1, 0, 0, 1]], dtype=complex).repeat(2, axis=0) / 2**0.5
    assert measure_reach(product, product, seed=0).entanglement == pytest.approx(0)
    assert measure_reach(bell, bell, seed=0).entanglement == pytest.approx(1)
    assert measure_reach(bell, bell, seed=0).haar_entanglement == pytest.approx(2 / 5)
