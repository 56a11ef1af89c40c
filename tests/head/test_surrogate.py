"""Head with a trained polynomial in the circuit's place: what it contains, counts and refuses."""

import pytest
import torch
from composition import compose_plan

from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.readout import Register
from qtlrun.circuit.strong import Strong
from qtlrun.device.statevector import Statevector
from qtlrun.error import BadValue, UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.head.dressed import Quantum
from qtlrun.head.surrogate import Surrogate
from qtlrun.layer import Start
from qtlrun.surrogate.frequency import read_frequencies
from qtlrun.surrogate.polynomial import expand
from qtlrun.tape.tape import inputs_of

FEATURES, CLASSES, SEEDS = 5, 3, [0, 7]


def features():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, FEATURES, generator=draw, dtype=torch.float64)


def surrogate(circuit, seeds=SEEDS, **values):
    return Surrogate(
        FEATURES,
        CLASSES,
        circuit.copies * inputs_of(circuit),
        circuit.copies * inputs_of(circuit),  # <Z> of each wire
        read_frequencies(circuit),
        Start(list(seeds), torch.float64),
        **values,
    )


@pytest.mark.parametrize(
    "circuit", [Dressed(3, 4), Strong(2, 3), Dressed(2, 3, Register(copies=3))]
)
def test_with_the_coefficients_of_a_circuit_it_is_the_quantum_head(circuit):
    start = Start(SEEDS, torch.float64)
    quantum = Quantum(FEATURES, CLASSES, circuit, Statevector(), start, spread=1.0)
    head = surrogate(circuit)
    polynomial = expand(quantum.run.reading, quantum.circuit_weights.detach())
    # By the terms' functions: the two list them in orders of their own
    places = {tuple(index): place for place, index in enumerate(polynomial.index.tolist())}
    order = [places[tuple(index)] for index in head.index.tolist()]
    with torch.no_grad():
        head.bias.copy_(polynomial.coefficients[:, 0].view_as(head.bias))
        head.weight.copy_(polynomial.coefficients[:, order].transpose(1, 2).view_as(head.weight))
    torch.testing.assert_close(head(features()), quantum(features()), rtol=0, atol=1e-10)


def test_its_linear_layers_start_as_those_of_the_quantum_head():
    circuit = Dressed(3, 2)
    quantum = Quantum(FEATURES, CLASSES, circuit, Statevector(), Start(SEEDS, torch.float64))
    start = surrogate(circuit).state_dict()
    for name in ("pre.weight", "pre.bias", "post.weight", "post.bias"):
        assert torch.equal(start[name], quantum.state_dict()[name])


@pytest.mark.parametrize(
    ("locality", "terms"), [(None, 81), (4, 81), (2, 1 + 4 * 2 + 6 * 4), (1, 9)]
)
def test_its_numbers_are_the_coefficients_of_the_terms_and_two_linear_layers(locality, terms):
    head = surrogate(Dressed(4, 6), locality=locality)
    linear = (FEATURES + 1) * 4 + (4 + 1) * CLASSES
    assert sum(each[0].numel() for each in head.parameters()) == 4 * terms + linear
    assert head(features()).shape == (2, 6, CLASSES)


def test_a_term_on_one_input_is_the_same_whatever_the_others_are():
    """Of locality 1 the outputs add up over inputs: their mixed differences are 0."""
    head = surrogate(Dressed(2, 2), locality=1)
    corners = torch.tensor([[0.1, 0.2], [0.9, 0.2], [0.1, -0.7], [0.9, -0.7]]).double()
    with torch.no_grad():
        head.pre.weight.zero_()
        head.pre.weight[:, 0, 0] = head.pre.weight[:, 1, 1] = 1.0
        items = torch.nn.functional.pad(corners, (0, FEATURES - 2)).expand(2, -1, -1)
        a, b, c, d = head.activations(items)["outputs"].unbind(1)
    torch.testing.assert_close(a - b - c + d, torch.zeros_like(a), rtol=0, atol=1e-12)


def test_a_run_has_the_same_logits_alone_as_beside_others():
    together = surrogate(Dressed(3, 1))(features())
    alone = surrogate(Dressed(3, 1), seeds=[7])(features()[1:])
    assert torch.equal(together[1:], alone)


@pytest.mark.parametrize("locality", [0, -1])
def test_terms_depend_on_one_input_or_more(locality):
    with pytest.raises(BadValue) as error:
        surrogate(Dressed(2, 1), locality=locality)
    assert error.value.key == "locality"


def test_too_many_terms_are_refused_and_fewer_inputs_a_term_are_not():
    with pytest.raises(BadValue) as error:
        surrogate(Dressed(9, 1))
    assert error.value.key == "locality" and "19,683" in str(error.value)
    assert surrogate(Dressed(9, 1), locality=2).index.shape == (18 + 4 * 36, 9)


@pytest.mark.parametrize("words", [("circuit=reupload",), ("circuit=iqp",), ("circuit=amplitude",)])
def test_a_circuit_whose_frequencies_are_not_fixed_is_refused(home, words):
    plan = compose_plan("compare=[surrogate]", f"home={home}", *words)
    parts = Parts(plan.references["surrogate"], Experiment(str(home)).session)
    with pytest.raises(UsageError) as error:
        parts.head(16, [0])
    assert error.value.key == "circuit"


def test_it_takes_the_frequencies_of_the_composed_circuit_and_no_device(home):
    plan = compose_plan("compare=[surrogate]", "circuit=product", f"home={home}")
    reference = plan.references["surrogate"]
    assert "device" not in reference.identity
    assert reference.identity["circuit"]["depth"] == 6
    head = Parts(reference, Experiment(str(home)).session).head(16, [0])
    assert head.degree == 3 and head.index.shape == (7**4 - 1, 4)
