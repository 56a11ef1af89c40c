from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from circuits import draw

from qtlrun.simulator import schedule
from qtlrun.simulator.rotation import Rotations
from qtlrun.tape import pauli
from qtlrun.tape.angle import Affine
from qtlrun.tape.tape import Gate

RUNS, BATCH, INPUTS, WEIGHTS = 2, 3, 2, 4
REAL = [
    Gate((0,), "Hadamard", matrix=pauli.H),
    Gate((0, 1), "CNOT", matrix=pauli.CNOT),
    Gate((1, 0), "CZ", matrix=pauli.CZ),
]
S = Gate((1,), "S", matrix=torch.diag(torch.tensor([1, 1j], dtype=torch.complex128)))


def random_affine(r, angles, fed):
    """Every angle of weights, the fed ones of inputs too."""
    by_input, by_weight, rest = (
        torch.from_numpy(r.normal(size=size))
        for size in ((angles, INPUTS), (angles, WEIGHTS), angles)
    )
    return Affine(
        by_input * torch.tensor([[angle in fed] for angle in range(angles)]), by_weight, rest
    )


def commuting(r, qubits, count, odd):
    """Random words that commute, with (odd) an odd number of Y each."""
    words = []
    while len(words) < count:
        word = "".join(r.choice(list("IXYZ"), qubits))
        if (
            (word.count("Y") % 2 or not odd)
            and word != "I" * qubits
            and all(pauli.commute(word, other) for other in words)
        ):
            words.append(word)
    return words


def given():
    return draw(RUNS, BATCH, INPUTS), draw(RUNS, WEIGHTS, seed=1)


def layered(words, *, constants=(), first=0):
    """A layer of constants and of rotations about these words, by angles counted from `first`."""
    layer = schedule.Layer(list(constants))
    for angle, word in enumerate(words, first):
        layer.turns.setdefault(word, []).append(angle)
    return layer


def matrices(layers, qubits, affine, x, w, *, real=False):
    """Of each layer its matrices (runs, batch or 1, side, side), transposed so that they act from
    the left.
    """
    table = Rotations(dict(enumerate(layers)), tuple(range(qubits)), affine, real).on(
        torch.float64, torch.device("cpu"), RUNS
    )
    made = table.matrices(table.sums(x, w.unsqueeze(1)))
    return [made[:, :, table.members.index(number)].mT for number in range(len(layers))]


def right(layer, qubits, angles):
    """A layer as the product of PennyLane's matrices, first what acts first."""
    constants = [qml.QubitUnitary(gate.matrix.numpy(), gate.wires) for gate in layer.constants]
    turns = [
        qml.PauliRot(angles[angle], word, range(qubits))
        for word, every in layer.turns.items()
        for angle in every
    ]
    return reduce(
        lambda done, one: qml.matrix(one, wire_order=range(qubits)) @ done,
        constants + turns,
        np.eye(2**qubits),
    )


def assert_equal_but_for_a_phase(mine, other):
    """By the overlap of two unitary matrices, whose size is their side; rounding of a few products
    is below 1e-13.
    """
    overlap = np.vdot(other, mine) / len(other)
    assert abs(abs(overlap) - 1) < 1e-13
    np.testing.assert_allclose(mine, overlap * other, rtol=0, atol=1e-13)


def assert_right(layers, qubits, affine, real=False):
    x, w = (one.detach() for one in given())
    angles = affine(x, w).tolist()
    for layer, every in zip(layers, matrices(layers, qubits, affine, x, w, real=real), strict=True):
        every = every.expand(-1, BATCH, -1, -1)
        for run in range(RUNS):
            for sample in range(BATCH):
                assert_equal_but_for_a_phase(
                    every[run, sample].numpy(), right(layer, qubits, angles[run][sample])
                )


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("number", range(8))
def test_a_layer_is_the_product_of_its_gates(number, fed):
    r = np.random.default_rng(number)
    qubits, count = 2 + number % 3, 1 + number % 4
    words = commuting(r, qubits, count, odd=False)
    layer = layered([*words, words[0]], constants=[REAL[0], S, *REAL[1:]][: number % 5])
    layer.fed = fed
    assert_right([layer], qubits, random_affine(r, count + 1, {count - 1} if fed else {}))


@pytest.mark.parametrize("number", range(6))
def test_a_real_layer_is_the_product_of_its_gates(number):
    r = np.random.default_rng(number)
    qubits, count = 2 + number % 3, 1 + number % 3
    layer = layered(commuting(r, qubits, count, odd=True), constants=REAL[: number % 4])
    affine = random_affine(r, count, {})
    x, w = given()
    assert all(
        made.dtype == torch.float64 for made in matrices([layer], qubits, affine, x, w, real=True)
    )
    assert_right([layer], qubits, affine, real=True)


DEPENDENT = {
    "a product of two": [["ZI", "IZ", "ZZ"]],
    "a product of two with a sign": [["XX", "YY", "ZZ"]],
    "no letter": [["II", "ZI"]],
    "one of three": [["ZII", "IZI", "IIZ", "ZZZ"]],
    "one layer with a product of three and one without": [
        ["ZII", "IZI", "IIZ"],
        ["ZII", "IZI", "IIZ", "ZZZ"],
    ],
    "products of other threes": [
        ["ZIII", "IZII", "IIZI", "IIIZ", "ZZZI"],
        ["ZIII", "IZII", "IIZI", "IIIZ", "ZZIZ"],
    ],
    "two orders": [["ZI", "IZ", "ZZ"], ["ZZ", "ZI", "IZ"], ["IZ", "ZI", "ZZ"]],
}


@pytest.mark.parametrize("words", DEPENDENT.values(), ids=DEPENDENT.keys())
def test_words_that_depend_on_each_other_are_turned_about_apart(words):
    starts = np.cumsum([0, *map(len, words)]).tolist()
    layers = [layered(own, first=start) for own, start in zip(words, starts, strict=False)]
    assert_right(layers, len(words[0][0]), random_affine(np.random.default_rng(0), starts[-1], {}))


def test_layers_of_the_same_words_and_of_others_are_made_at_once():
    r = np.random.default_rng(0)
    every = [["XI", "IX"], ["YZ"], ["XI", "IX"], ["XX", "ZZ", "YY"], ["YZ"], ["XI", "IX"]]
    layers = [
        layered(words, constants=REAL[1:2], first=2 * number) for number, words in enumerate(every)
    ]
    assert_right(layers, 2, random_affine(r, 2 * len(every) + 1, {}))


def test_of_the_first_layer_only_what_acts_on_zeros_is_made():
    r = np.random.default_rng(0)
    layer, affine = layered(["XY", "YX"], constants=[*REAL, S]), random_affine(r, 2, {})
    x, w = (one.detach() for one in given())
    table = Rotations({0: layer}, (0, 1), affine, False, first=True).on(
        torch.float64, torch.device("cpu"), RUNS
    )
    mine = table.matrices(table.sums(x, w.unsqueeze(1)))[:, 0, 0]
    (whole,) = matrices([layer], 2, affine, x, w)
    torch.testing.assert_close(mine, whole[:, 0, :, :1].mT, rtol=0, atol=1e-15)


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("real", [True, False])
def test_the_gradient_is_that_of_matrix_exponentials(real, fed):
    r = np.random.default_rng(0)
    every = (
        [["YI", "IY"], ["XY", "YZ"], ["YI", "IY"]]
        if real
        else [["ZI", "IZ", "ZZ"], ["XY"], ["IZ", "XZ"]]
    )
    layers = [layered(words, first=3 * number) for number, words in enumerate(every)]
    for layer in layers:
        layer.fed = fed
    affine, (x, w) = random_affine(r, 9, set(range(9)) if fed else {}), given()
    table = Rotations(dict(enumerate(layers)), (0, 1), affine, real).on(
        torch.float64, torch.device("cpu"), RUNS
    )
    sums = table.sums(x.detach(), w.detach().unsqueeze(1))
    made = table.matrices(sums)

    def exponentials():
        angles = affine(x, w)[:, : made.shape[1]]  # runs, batch or 1, angles
        for number in table.members:
            whole = torch.eye(4, dtype=torch.complex128)
            for word, (angle,) in layers[number].turns.items() if number is not None else ():
                generator = -0.5j * torch.from_numpy(
                    reduce(np.kron, [pauli.MATRICES[letter] for letter in word])
                ).to(whole)
                whole = whole @ torch.matrix_exp(angles[..., angle, None, None] * generator).mT
            yield whole.expand(*angles.shape[:2], 4, 4)

    known = torch.stack(list(exponentials()), dim=2)
    upstream = (
        draw(*known.shape).detach() + (0 if real else 1j) * draw(*known.shape, seed=2).detach()
    )
    for place, number in enumerate(table.members):
        if number is None:
            upstream[:, :, place] = 0
        else:
            torch.testing.assert_close(
                made[:, :, place].to(known), known[:, :, place].detach(), rtol=0, atol=1e-14
            )
    expected = torch.autograd.grad(known, (x, w), upstream.to(known), allow_unused=True)
    found = table.pull(upstream, sums, True, True)
    assert (found[0] is not None) == fed
    for mine, other in zip(found, expected, strict=True):
        if mine is not None:
            torch.testing.assert_close(mine, other, rtol=0, atol=1e-13)
