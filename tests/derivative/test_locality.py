import math

import numpy as np
import pytest
import torch
from composition import compose_plan

from qtlrun.derivative.family import Family
from qtlrun.derivative.locality import (
    ANGLES,
    DOUBLE,
    OUTPUTS,
    SINGLE,
    Sets,
    classify,
    measure_locality,
    select_words,
)
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts


def compose_family(home, *words):
    plan = compose_plan(
        "head=quantum", "backbone=identity", "dataset=moons", f"home={home}", *words
    )
    parts = Parts(plan.model, Experiment(str(home)).session)
    return Family(parts, parts.head(2, [0]))


def test_the_words_of_embedded_items_are_those_of_their_product_state(home):
    """H then RY(x): <X> = cos x, <Y> = 0, <Z> = -sin x of each wire, products of two wires."""
    family = compose_family(home, "circuit.qubits=2", "circuit.depth=3")
    x = torch.tensor([[[0.3, -1.1], [0.7, 0.2]]], dtype=torch.float64)
    (words,) = select_words(family, x)[DOUBLE]
    for row, (first, second) in zip(words, x[0].numpy(), strict=True):
        wires = [[np.cos(angle), 0, -np.sin(angle)] for angle in (first, second)]
        assert np.allclose(row, [*wires[0], *wires[1], *np.outer(*wires).flatten()], atol=1e-9)


def test_words_on_one_wire_are_the_first_ones(home):
    family = compose_family(home, "circuit.qubits=3")
    x = torch.rand(1, 4, 3, dtype=torch.float64)
    words = select_words(family, x)
    assert words[SINGLE][0].shape == (4, 9) and words[DOUBLE][0].shape == (4, 9 + 27)
    assert np.array_equal(words[DOUBLE][0][:, :9], words[SINGLE][0])


def test_weights_among_the_inputs_are_zero_where_no_state_is_before_them(home):
    """Two rotations of a wire by inputs a and b at weights of 0: RY(a), RZ(b)."""
    family = compose_family(home, "circuit=reupload", "circuit.qubits=1", "circuit.depth=1")
    x = torch.tensor([[[0.4], [1.2]]], dtype=torch.float64)
    (words,) = select_words(family, x)[SINGLE]
    expected = [[np.sin(a), 0, np.cos(a)] for a in (0.4, 1.2)]
    assert np.allclose(words, expected, atol=1e-9)


def test_a_planted_label_of_one_qubit_is_read_by_local_words(home):
    family = compose_family(home, "circuit.qubits=2")
    draw = np.random.default_rng(0)
    angles = torch.from_numpy(draw.uniform(-1.5, 1.5, (1, 200, 2)))
    # <X> of wire 0 is cos x, which no linear map of x tells
    labels = (angles[0, :, 0].abs() < math.pi / 4).long().numpy()
    (words,) = select_words(family, angles)[SINGLE]
    right = classify((words[:120], labels[:120]), (words[120:], labels[120:]))
    plain = angles[0].numpy()
    wrong = classify((plain[:120], labels[:120]), (plain[120:], labels[120:]))
    assert right.mean() > 0.93
    # Chance, within three deviations of 80 items
    assert wrong.mean() < 0.5 + 3 * 0.5 / math.sqrt(80)


def test_a_single_class_is_answered_as_it_is():
    numbers = np.zeros((3, 2))
    right = classify((numbers, np.array([1, 1, 1])), (numbers, np.array([1, 0, 1])))
    assert right.tolist() == [1, 0, 1]


def test_labels_by_chance_are_read_by_nothing(home):
    family = compose_family(home, "circuit.qubits=2", "circuit.depth=1")
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(2, 200, 2, generator=draw, dtype=torch.float64)
    labels = torch.randint(2, (2, 200), generator=draw).numpy()
    sets = Sets(features[0], labels[0], features[1], labels[1])
    correct = measure_locality(family, sets)
    assert set(correct) == {ANGLES, SINGLE, DOUBLE, OUTPUTS}
    for values in correct.values():
        # Four deviations of 200 items, which the seeds share
        assert values.mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(200))
