"""What stands in the circuit's place without being one, all references at once, and published start
values.
"""

import math

import numpy as np
import pytest
import torch
from composition import compose_plan
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from qtlrun import plan as plans
from qtlrun.circuit.amplitude import Amplitude
from qtlrun.circuit.dressed import Dressed
from qtlrun.circuit.readout import Register
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.head.dressed import Quantum, Twin
from qtlrun.head.sine import Sine
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.plan.letter import letter_of

EVERY = [
    "B",
    "C",
    "twin",
    "frozen_circuit",
    "random_circuit",
    "zeroed",
    "unentangled",
    "identity_circuit",
    "product",
    "untrained",
    "scratch",
    "logistic",
    "svm",
    "mlp",
]


def features(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_sine_head_is_minus_the_sine_of_an_angle_between_two_linear_layers():
    head, x = Sine(8, 3, 4, Start([0, 5], torch.float64)), features(2, 5, 8)
    for run in range(2):
        weights = {name: value[run] for name, value in head.state_dict().items()}
        q = math.pi / 2 * torch.tanh(x[run] @ weights["pre.weight"].T + weights["pre.bias"])
        expected = -torch.sin(q) @ weights["post.weight"].T + weights["post.bias"]
        torch.testing.assert_close(head(x)[run], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "qubits, depth", [(4, 4), (3, 8), (2, 2), (5, 0)]
)  # multiples of the entangler's order
def test_the_sine_head_is_the_quantum_head_whose_entangler_returns(qubits, depth):
    start = [Start([3], torch.float64) for _ in range(2)]
    quantum = Quantum(8, 2, Dressed(qubits, depth), Statevector(), start[0], angles="zero")
    torch.testing.assert_close(
        Sine(8, 2, qubits, start[1])(features(1, 5, 8)),
        quantum(features(1, 5, 8)),
        rtol=0,
        atol=1e-13,
    )


def test_of_the_circuit_the_sine_head_has_its_qubits_alone_in_its_key():
    made = compose_plan("compare=[identity_circuit]").references["identity_circuit"]
    said = made.identity
    assert said["circuit"] == {"qubits": 4} and "device" not in said
    assert plans.describe(made) == "frozen small ResNet + sine"
    assert letter_of(made) == ("", "its head is neither one linear layer nor a circuit")


@pytest.mark.parametrize("word", ["compare=full", "compare=[full]"])
def test_full_names_every_reference(word):
    plan = compose_plan(word)
    plans.check_plan(plan)
    assert list(plan.references) == EVERY and plan.notes == []
    alone = compose_plan(f"compare=[{','.join(EVERY)}]")
    assert plan.changes == alone.changes
    words = {"overrides": None, "command": None}
    assert plan.values | words == alone.values | words


def test_full_takes_one_more_reference():
    assert list(compose_plan("compare=[full,A]").changes) == [*EVERY, "A"]


def test_what_does_not_apply_is_left_out_of_full_with_a_line():
    plan = compose_plan("compare=full", "head=classical")
    lacking = {
        "frozen_circuit": "angles",
        "random_circuit": "angles",
        "zeroed": "angles",
        "unentangled": "entangle",
        "product": "product",
    }
    assert plan.notes == [
        f"compare={name}: it changes head.{key}, which the composed model does not have."
        for name, key in lacking.items()
    ]
    assert list(plan.references) == [name for name in EVERY if name not in lacking]
    with pytest.raises(UsageError) as error:
        _ = compose_plan("compare=[product]", "head=classical").references
    assert (
        str(error.value)
        == "compare=product: it changes head.product, which the composed model does not have; leave"
        " it out."
    )


def test_every_row_of_full_can_be_built(home):
    plan, experiment = compose_plan("compare=full", "backbone.width=4"), Experiment(str(home))
    for row in plan.references.values():
        experiment.check(row)


def spirals(turns=1.52, items=10):
    """The first training points of the published spirals, and their labels."""
    r = np.random.RandomState(21)
    t = np.sqrt(r.rand(2200, 1)) * turns * 2 * math.pi
    x = -np.cos(t) * t + r.rand(2200, 1) * 0.7
    y = np.sin(t) * t + r.rand(2200, 1) * 0.7
    points = np.vstack([np.hstack([x, y]), np.hstack([-x, -y])])
    labels = np.repeat([0, 1], 2200)
    known, _, answers, _ = train_test_split(
        StandardScaler().fit_transform(points), labels, test_size=200, random_state=42
    )
    np.testing.assert_allclose(
        known[0], [0.3415181989, 0.9587653243], rtol=0, atol=1e-10
    )  # as the notebook has it
    return torch.from_numpy(known[:items]), torch.from_numpy(answers[:items])


def published(kind, seeds=(55,), features=2, classes=2, qubits=5, depth=5, **values):
    target = {"_target_": f"qtlrun.head.dressed.{kind}", "layout": "mari2019"} | values
    circuit = Dressed(qubits, depth)
    return build(
        "head",
        target,
        features=features,
        classes=classes,
        circuit=circuit,
        device=Statevector(),
        circuit_inputs=qubits,
        start=Start(list(seeds), torch.float64),
    )


@pytest.mark.parametrize(
    "kind, values, loss, printed",
    [("Twin", {"reach": 1.0}, 6.931544, 6), ("Quantum", {}, 6.9315534, 7)],
)
def test_from_the_published_start_values_the_spirals_have_the_published_loss(
    kind, values, loss, printed
):
    known, labels = spirals()
    logits = published(kind, **values)(known.unsqueeze(0))[0]
    found = torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
    assert found == pytest.approx(loss, abs=0.6 * 10**-printed)  # to the places that are printed


def test_the_first_published_start_values_are_those_printed():
    for kind in ("Quantum", "Twin"):
        pre = published(kind).pre
        first = [*pre.weight[0, 0].tolist(), pre.bias[0, 0].item()]
        assert first == pytest.approx([-0.0016237311, -0.0001017839, -0.0018097911], abs=5e-11)


def test_the_published_start_values_lie_one_block_behind_the_other_for_any_sizes():
    features, classes, qubits, depth = 7, 3, 4, 2
    for run, seed in enumerate((0, 9)):
        flat = 0.001 * np.random.RandomState(seed).randn(4 * 8 + 15 * 4 + 4 * 5 + 3 * 5)
        pre, angles, middle, post = np.split(flat, np.cumsum([4 * 8, 15 * 4, 4 * 5]))
        for kind in ("Quantum", "Twin"):
            state = {
                name: value[run].numpy()
                for name, value in (
                    published(kind, (0, 9), features, classes, qubits, depth).state_dict().items()
                )
            }
            blocks = {"pre": pre.reshape(4, 8), "post": post.reshape(3, 5)} | (
                {"middle": middle.reshape(4, 5)} if kind == "Twin" else {}
            )
            for name, block in blocks.items():
                assert np.array_equal(
                    np.column_stack([state[f"{name}.weight"], state[f"{name}.bias"]]), block
                )
            assert kind == "Twin" or np.array_equal(state["angles"], angles.reshape(15, 4)[1:3])


@pytest.mark.parametrize("values", [{"angles": "random"}, {"angles": "zero"}, {"product": True}])
def test_angles_that_no_publication_started_so_are_not_drawn_as_published(values):
    with_layout, without = (
        published("Quantum", **values),
        published("Quantum", **values, layout=None),
    )
    assert torch.equal(with_layout.angles, without.angles)
    assert torch.equal(with_layout.pre.weight, published("Quantum").pre.weight)


def test_a_frozen_circuit_stays_at_the_published_start():
    frozen = published("Quantum", angles="frozen")
    assert (
        torch.equal(frozen.angles, published("Quantum").angles) and not frozen.angles.requires_grad
    )


class Flat:
    """A circuit whose weights are no rows."""

    qubits, shape = 2, (4,)

    def __call__(self, inputs, weights):
        return Dressed(2, 2)(inputs, weights.reshape(2, 2))


@pytest.mark.parametrize("circuit, shape, wires", [(Dressed(4, 15), "15 x 4", 4), (Flat(), "4", 2)])
def test_a_circuit_that_the_published_rows_do_not_fit_is_refused(circuit, shape, wires):
    with pytest.raises(UsageError) as error:
        build(
            "head",
            {"_target_": "qtlrun.head.dressed.Quantum", "layout": "mari2019"},
            features=3,
            classes=2,
            circuit=circuit,
            device=Statevector(),
            start=Start([0]),
        )
    assert (
        str(error.value)
        == f"head.layout=mari2019: it has 14 layers of {wires} angles, one an input, and this"
        f" circuit's weights are {shape}; use circuit=dressed up to depth 14, or null."
    )


def test_two_sources_of_start_values_are_refused(tmp_path):
    with pytest.raises(UsageError) as error:
        published("Quantum", state=str(tmp_path / "weights.pt"))
    assert (
        str(error.value)
        == "head.layout=mari2019: state gives the start values already; leave one of the two null."
    )


@pytest.mark.parametrize("reach", [0.0, -1.0, math.inf, math.nan])
def test_a_reach_that_is_no_size_is_refused(reach):
    with pytest.raises(UsageError) as error:
        published("Twin", reach=reach)
    assert (
        str(error.value)
        == f"head.reach={reach}: the largest value that the squashing gives, above 0; pi/2 is the"
        " quantum head's."
    )


def test_reach_is_the_twin_s_largest_value():
    wide, narrow = (Twin(8, 2, 4, Start([0], torch.float64), reach) for reach in (math.pi / 2, 1.0))
    state = wide.state_dict()
    state["middle.weight"] = state["middle.weight"] * math.pi / 2  # what the reach multiplies
    narrow.load_state_dict(state)
    x = features(1, 5, 8)
    torch.testing.assert_close(wide(x), narrow(x), rtol=0, atol=1e-14)


REGISTER = Register(copies=3)


@pytest.mark.parametrize(
    "make, widths",
    [
        (lambda start: Quantum(8, 3, Dressed(4, 6), Statevector(), start), (4, 4)),
        (lambda start: Quantum(8, 3, Dressed(2, 1, REGISTER), Statevector(), start), (6, 6)),
        (lambda start: Quantum(8, 3, Amplitude(3, 1), Statevector(), start), (8, 3)),
        (lambda start: Twin(8, 3, 4, start, circuit_outputs=5), (4, 5)),
        (lambda start: Sine(8, 3, 4, start), (4, 4)),
    ],
    ids=["quantum", "copies", "direct", "twin", "sine"],
)
def test_activations_are_what_goes_in_and_comes_out_of_the_circuit_and_the_logits(make, widths):
    head, x = make(Start([0, 5], torch.float64)), features(2, 5, 8)
    layers = head.activations(x)
    assert [*layers] == ["inputs", "outputs", "logits"]
    assert (layers["inputs"].shape, layers["outputs"].shape) == tuple((2, 5, n) for n in widths)
    assert torch.allclose(layers["logits"], head(x), atol=1e-12)
    assert torch.allclose(head.post(layers["outputs"]), head(x), atol=1e-12)
