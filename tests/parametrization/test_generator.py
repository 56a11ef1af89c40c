import itertools
import math

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev

from qtlrun.circuit.chain import Chain
from qtlrun.circuit.ring import Ring
from qtlrun.device.statevector import Statevector
from qtlrun.layer import Start
from qtlrun.parametrization import generator as generators
from qtlrun.parametrization.generator import live, rank
from qtlrun.parametrization.quantum_train import QuantumTrain


def made(count, depth=2, mapping=(3,), seeds=(0, 1), method="auto", **values):
    """The generator of one matrix of so many weights."""
    part = QuantumTrain(
        weights=["*"], depth=depth, mapping=list(mapping), device=Statevector(method), **values
    )
    return part.generator({"weight": (count,)}, Start(list(seeds), torch.float64))


def slopes(count, run, **values):
    """The Jacobian of a run's weights, by trained number, through a simulator of plain autograd."""
    model = made(count, method="gatewise", **values)
    state = {
        name: one.detach() for name, one in (*model.named_parameters(), *model.named_buffers())
    }
    trained = {name: one.detach() for name, one in model.named_parameters() if one.requires_grad}
    found = jacrev(lambda some: functional_call(model, state | some, ())[run])(trained)
    return {name: one[:, run].flatten(1) for name, one in found.items()}


def dead(qubits, depth):
    """Which angles never act: lambda of every first U3, and phi of the last layer's controlled ones
    but the first.
    """
    place = torch.zeros(depth, 2, qubits, 3, dtype=torch.bool)
    place[0, 0, :, 2] = True
    place[-1, 1, 1:, 1] = True
    return place.flatten()


@pytest.mark.parametrize("qubits, depth", [(2, 2), (3, 1), (3, 2), (4, 3), (5, 1)])
def test_the_angles_that_move_a_weight_are_all_but_twice_the_qubits_less_one(qubits, depth):
    """For random start values and weights of every basis state; in the Jacobian, and as the
    generator counts them.
    """
    model, known = made(2**qubits, depth), slopes(2**qubits, 1, depth=depth)["raw.angles"]
    still = known.abs().amax(0) < 1e-12 * known.abs().max()
    assert torch.equal(still, dead(qubits, depth)) and int(still.sum()) == 2 * qubits - 1
    assert [live(model, run) for run in range(2)] == [6 * qubits * depth - (2 * qubits - 1)] * 2
    assert sorted(Ring(qubits, depth).idle) == still.nonzero().flatten().tolist()


def test_in_a_chain_only_rotations_of_a_last_block_about_z_are_dead():
    assert live(made(8, depth=3, ansatz="chain"), 0) == 9
    assert live(made(8, depth=2, ansatz="chain"), 0) == 3
    assert [sorted(Chain(3, depth).idle) for depth in (3, 2, 0)] == [[], [3, 4, 5], []]


def test_the_count_of_live_angles_does_not_depend_on_how_many_directions_fit_at_once(monkeypatch):
    model = made(16)
    known, ranked = live(model, 0), rank(model, 0)
    monkeypatch.setattr(generators, "BATCH_AMPLITUDES", 16)  # as for 18 qubits
    assert (live(model, 0), rank(model, 0)) == (known, ranked)


@pytest.mark.parametrize(
    "count, values",
    [
        (8, {}),
        (12, {}),
        (12, {"activation": "none"}),
        (40, {"mapping": (3, 2), "depth": 1}),
        (40, {"scale": "none", "inputs": "published"}),
        (40, {"source": "frozen"}),
        (40, {"source": "constant"}),
        (40, {"source": "hashing", "depth": 1}),
        (150, {"depth": 1, "mapping": ()}),
        (200, {"source": "low_rank", "depth": 1, "mapping": ()}),
    ],
)
def test_the_rank_is_that_of_the_jacobian(count, values):
    model = made(count, **values)
    for run in range(2):
        matrix = torch.cat(list(slopes(count, run, **values).values()), 1).numpy()
        singular = np.linalg.svd(matrix, compute_uv=False)
        right = np.linalg.matrix_rank(matrix, tol=1e-9 * singular[0])
        assert rank(model, run) == right <= min(count, model.trained) and matrix.shape == (
            count,
            model.trained,
        )


@pytest.mark.parametrize("widths", [(), (4, 20, 4)])
@pytest.mark.parametrize("count", [40, 64])
def test_without_activations_a_mapping_moves_weights_in_as_many_directions_as_it_has_inputs(
    widths, count
):
    """Each of the bits and the probability is one; the constant is taken away with the mean."""
    qubits = 6
    assert (
        rank(made(count, mapping=widths, activation="none", source="frozen", scale="none"), 0)
        == qubits + 1
    )
    assert (
        rank(made(count, mapping=widths, activation="none", source="constant", scale="none"), 0)
        == qubits
    )
    if widths:
        assert rank(made(count, mapping=widths, source="frozen", scale="none"), 0) > qubits + 1


def test_a_rank_that_takes_too_long_is_not_counted(monkeypatch):
    model = made(16)
    work = min(16, model.trained) * 16
    monkeypatch.setattr(generators, "MAX_RANK_WORK", work)
    assert rank(model, 0) is not None
    monkeypatch.setattr(generators, "MAX_RANK_WORK", work - 1)
    assert rank(model, 0) is None


def test_neither_count_moves_a_weight_or_leaves_a_gradient():
    model = made(16)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    live(model, 0), rank(model, 1)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert all(one.grad is None and one.shape[0] == 2 for one in model.parameters())


SHAPES = {
    "conv.weight": (6, 4, 3, 3),
    "conv.bias": (6,),
    "hidden.weight": (20, 54),
    "hidden.bias": (20,),
}


@pytest.mark.parametrize("source", ["circuit", "frozen", "constant", "hashing", "low_rank"])
def test_fan_in_gives_weights_the_deviation_that_torchs_layers_start_them_with(source):
    part = QuantumTrain(weights=["*"], depth=2, mapping=[4], device=Statevector(), source=source)
    start = Start([0, 1], torch.float64)
    model, bare = (
        part.generator(SHAPES, start),
        QuantumTrain(
            weights=["*"], depth=2, mapping=[4], device=Statevector(), source=source, scale="none"
        ).generator(SHAPES, start),
    )
    wide = [(torch.nn.Conv2d(4, 4000, 3), "conv"), (torch.nn.Linear(54, 4000), "hidden")]
    torchs = {
        f"{name}.{kind}": float(getattr(layer, kind).detach().std())
        for layer, name in wide
        for kind in ("weight", "bias")
    }
    units = []
    for name, mine, raw in zip(
        SHAPES, model().split(model.sizes, 1), bare().split(bare.sizes, 1), strict=True
    ):
        mine = mine / torchs[name]
        units.append(mine)
        ratio = mine / (raw - 0)
        torch.testing.assert_close(
            ratio, ratio[:, :1].expand_as(ratio), rtol=1e-6, atol=0
        )  # a factor for each layer
    # as a whole they have the deviation asked for; a deviation of 4000 uniform numbers is known to
    # 1 %, five of these are allowed
    torch.testing.assert_close(
        torch.cat(units, 1).std(1, correction=0), torch.ones(2).double(), rtol=0.05, atol=0
    )


def test_a_bias_alone_has_the_deviation_of_weights_of_one_input():
    part = QuantumTrain(weights=["*"], depth=1, mapping=[], device=Statevector())
    values = part.generator({"hidden.bias": (20,)}, Start([0], torch.float64))().detach()
    assert float(values.std(correction=0)) == pytest.approx(
        1 / math.sqrt(3), rel=1e-6
    )  # factors are rounded to float32


def test_the_scale_stays_that_of_the_start_while_the_generator_is_trained():
    model = made(16, seeds=(0,))
    with torch.no_grad():
        before = model()
        model.raw.layers[-1].weight.mul_(3)
        torch.testing.assert_close(model(), 3 * before, rtol=0, atol=1e-13)


@pytest.mark.parametrize("source", ["circuit", "frozen", "constant", "hashing", "low_rank"])
def test_each_run_is_as_it_is_alone_and_none_feels_another(source):
    def values(seeds):
        part = QuantumTrain(
            weights=["*"], depth=2, mapping=[4], device=Statevector(), source=source
        )
        model = part.generator({"weight": (5, 11)}, Start(list(seeds)))
        out = model()
        return out, torch.autograd.grad(
            (out * torch.linspace(-1, 1, 55).sin()).sum(),
            [one for one in model.parameters() if one.requires_grad],
        )

    among, slope = values(range(3))
    for seed in range(3):
        alone, own = values([seed])
        assert torch.equal(alone[0], among[seed])
        assert all(torch.equal(one[0], many[seed]) for one, many in zip(own, slope, strict=True))
    assert not torch.equal(among[0], among[1])


def test_the_time_of_a_rank_is_foretold_by_a_part_of_it(monkeypatch):
    """Of twenty directions a batch; the clock goes on by 2 s with each of its two readings."""
    model = made(200, mapping=(4,))
    monkeypatch.setattr(generators, "BATCH_AMPLITUDES", 20 * max(200, 2**model.raw.qubits))
    clock = itertools.count(0, 2)
    monkeypatch.setattr(generators.time, "perf_counter", lambda: next(clock))
    probes = min(200, model.trained)
    assert generators.time_rank(model) == pytest.approx(2 * probes / 20)
