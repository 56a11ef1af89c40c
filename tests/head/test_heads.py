import math

import pennylane as qml
import pytest
import torch
from composition import part

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.head.classical import Classical
from qtlrun.head.dressed import Quantum, Twin
from qtlrun.head.squashing import squash
from qtlrun.layer import Start
from qtlrun.plan import build
from qtlrun.tape import reader

EXACT = ("default.qubit", "lightning.qubit", "statevector")  # those of the extras have their own


def quantum(
    features=8, classes=2, qubits=4, depth=6, seeds=(0,), device=None, dtype=torch.float64, **values
):
    return build(
        "head",
        {"_target_": "qtlrun.head.dressed.Quantum"} | values,
        features=features,
        classes=classes,
        circuit=Dressed(qubits, depth),
        device=device or Statevector(),
        start=Start(list(seeds), dtype),
    )


def random_features(*shape, seed=0, dtype=torch.float64):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).to(dtype)


def table(rows, columns, of):
    return torch.tensor(
        [[of(i, j) for j in range(columns)] for i in range(rows)], dtype=torch.float64
    )


def closed_form(device, runs):
    """The head whose every weight is a cosine, its features and its labels; every run the same."""
    head = quantum(seeds=range(runs), device=device)
    values = {
        "pre.weight": table(4, 8, lambda i, j: 0.3 * math.sin(i + 2 * j + 1)),
        "pre.bias": table(1, 4, lambda _, i: 0.1 * math.cos(i))[0],
        "angles": table(6, 4, lambda k, i: 0.1 * math.cos(3 * k + i)),
        "post.weight": table(2, 4, lambda c, i: 0.5 * math.cos(2 * c + i)),
        "post.bias": torch.tensor([0.05, 0.1], dtype=torch.float64),
    }
    head.load_state_dict({name: value.expand(runs, *value.shape) for name, value in values.items()})
    features = torch.stack(
        [
            table(1, 8, lambda _, j: math.cos(j + 1))[0],
            table(1, 8, lambda _, j: math.sin(2 * j + 1))[0],
        ]
    )
    return head, features.expand(runs, 2, 8).clone().requires_grad_(), torch.tensor([1, 0])


# Made with PennyLane's default.qubit by backpropagation, as the circuit's golden values.
GRADIENTS = {
    "pre.weight": (0.168571024203, 0.924549028295, -0.056848818202),
    "pre.bias": (-0.144791466468, 0.210932831881, -0.136360461579),
    "angles": (-0.962180341254, 0.495563973900, -0.173844483543),
    "post.weight": (0, 0.815024889038, 0.329885542216),
    "post.bias": (0, 0.267795728994, -0.189360175945),
    "features": (0.005291967211, 0.343373126018, -0.117468892187),
}


@pytest.mark.parametrize("option", EXACT)
@pytest.mark.parametrize("runs", [1, 3])
def test_the_whole_head_in_closed_form_has_the_published_loss_and_gradients(option, runs):
    head, features, labels = closed_form(build("device", part("device", option)), runs)
    logits = head(features)
    expected = torch.tensor(
        [[-0.027016150646, 0.131564824895], [-0.757452739703, 0.894523622648]], dtype=torch.float64
    )
    losses = torch.stack([torch.nn.functional.cross_entropy(one, labels) for one in logits])
    losses.sum().backward()
    gradients = {name: parameter.grad for name, parameter in head.named_parameters()} | {
        "features": features.grad
    }
    for run in range(runs):
        # printed to 12 places, float64
        torch.testing.assert_close(logits[run], expected, rtol=0, atol=1e-10)
        assert losses[run].item() == pytest.approx(1.222164774561, abs=1e-10)
        for name, (total, norm, first) in GRADIENTS.items():
            one = gradients[name][run]
            assert one.sum().item() == pytest.approx(total, abs=1e-10), name
            assert one.norm().item() == pytest.approx(norm, abs=1e-10), name
            assert one.flatten()[0].item() == pytest.approx(first, abs=1e-10), name


def test_the_released_ants_and_bees_weights_give_the_published_logits(data):
    head = quantum(512, 2, state=str(data / "mari2019/quantum_weights.pt"), seeds=[0, 1])
    features = table(1, 512, lambda _, j: abs(math.sin(j + 1))).expand(2, 1, 512)
    angles = squash(head.pre(features))
    expected = {
        "angles": [1.458416878127, -0.207867151171, 0.676146338314, -1.397039154453],
        "Z": [-0.995031233036, 0.206460959189, 0.614883329140, -0.204337141738],
        "logits": [-0.216222385331, 0.161604204876],
    }
    found = {"angles": angles, "Z": head.run(angles, head.angles), "logits": head(features)}
    for name, values in found.items():
        for run in range(2):
            # printed to 12 places from a float32 file computed in float64
            torch.testing.assert_close(
                values[run, 0],
                torch.tensor(expected[name], dtype=torch.float64),
                rtol=0,
                atol=1e-10,
            )


def test_of_the_15_rows_stored_the_second_and_those_that_follow_act(data):
    path = data / "mari2019/quantum_weights.pt"
    stored = torch.load(path, map_location="cpu", weights_only=True)["q_params"].view(15, 4)
    for depth in (1, 6, 14):
        assert torch.equal(
            quantum(512, depth=depth, state=str(path), dtype=torch.float32).angles[0],
            stored[1 : depth + 1],
        )


def released(tmp_path, rows=6, **changes):
    values = {
        "q_params": torch.arange(rows * 4.0),
        "pre_net.weight": torch.ones(4, 8),
        "pre_net.bias": torch.ones(4),
        "post_net.weight": torch.ones(2, 4),
        "post_net.bias": torch.ones(2),
    }
    path = tmp_path / "weights.pt"
    torch.save(values | changes, path)
    return str(path)


def test_exactly_one_row_a_layer_is_taken_as_it_is(tmp_path):
    assert torch.equal(
        quantum(state=released(tmp_path)).angles[0], torch.arange(24.0).double().view(6, 4)
    )


def test_a_file_with_15_rows_for_15_layers_is_taken_as_it_is(tmp_path):
    head = quantum(depth=15, state=released(tmp_path, 15))
    assert torch.equal(head.angles[0], torch.arange(60.0).double().view(15, 4))


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"qubits": 5}, "its 60 angles are neither 6 x 5 nor 15 x 5, as this circuit asks for."),
        (
            {"depth": 16},
            "its 60 angles are neither 16 x 4 nor 15 x 4, as this circuit asks for.",
        ),
        ({"features": 1280}, "pre.weight is (4, 512) in the file and (4, 1280) in this head."),
        ({"classes": 3}, "post.weight is (2, 4) in the file and (3, 4) in this head."),
    ],
)
def test_released_weights_of_another_size_are_refused(data, sizes, words):
    path = str(data / "mari2019/quantum_weights.pt")
    assert refusal(**{"features": 512, "state": path} | sizes) == f"head.state={path}: {words}"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    path = str(tmp_path / "absent.pt")
    assert refusal(state=path) == f"head.state={path}: there is no such file."


@pytest.mark.parametrize(
    "content, words",
    [
        (b"not a file of torch's", "no state dict could be read from this file (UnpicklingError)."),
        (
            None,
            (
                "no file of published weights (q_params, pre_net, post_net) could be read from it"
                " (KeyError)."
            ),
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, words):
    path = tmp_path / "other.pt"
    path.write_bytes(content) if content else torch.save({"weight": torch.zeros(3)}, path)
    assert refusal(state=str(path)) == f"head.state={path}: {words}"


def refusal(**values):
    with pytest.raises(UsageError) as error:
        quantum(**values)
    return str(error.value)


@pytest.mark.parametrize("spread", [-0.1, math.inf, math.nan])
def test_a_spread_that_is_no_deviation_is_refused(spread):
    assert (
        refusal(spread=spread)
        == f"head.spread={spread}: a standard deviation in radians, 0 or more."
    )


def test_what_becomes_of_the_angles_is_chosen():
    heads = {
        angles: quantum(angles=angles, depth=50, seeds=[0, 7])
        for angles in ("trained", "frozen", "random", "zero")
    }
    assert {name: head.angles.requires_grad for name, head in heads.items()} == {
        "trained": True,
        "frozen": False,
        "random": False,
        "zero": False,
    }
    assert torch.equal(heads["trained"].angles, heads["frozen"].angles)  # the row's own start
    assert not heads["zero"].angles.any()
    # 400 values: their deviation is known to 1 in 28; that all stay below .95 of the bound has a
    # chance of 1e-9
    assert heads["trained"].angles.std().item() == pytest.approx(0.01, rel=0.12)
    assert heads["random"].angles.std().item() == pytest.approx(math.pi / math.sqrt(3), rel=0.12)
    assert 0.95 * math.pi < heads["random"].angles.abs().max() < math.pi
    for (
        head
    ) in heads.values():  # the linear layers are trained, and start alike, whatever the angles do
        assert head.pre.weight.requires_grad and head.post.bias.requires_grad
        assert torch.equal(head.pre.weight, heads["trained"].pre.weight)


def test_the_spread_is_that_of_the_start_angles():
    wide, narrow = (quantum(depth=50, spread=spread).angles.detach() for spread in (1.0, 0.01))
    torch.testing.assert_close(wide * 0.01, narrow, rtol=1e-15, atol=0)


def test_zeroed_angles_leave_a_product_of_sines():
    head = quantum(angles="zero")
    x = random_features(1, 5, 8)
    q = -squash(head.pre(x)).sin()
    products = torch.stack(
        [q[..., 0], q[..., 1], q[..., 0] * q[..., 2], q[..., 0] * q[..., 1] * q[..., 3]], -1
    )
    torch.testing.assert_close(head(x), head.post(products), rtol=0, atol=1e-13)


def test_without_its_entangler_a_head_is_a_sine_a_qubit():
    head = quantum(entangle=False, spread=1.0)
    x = random_features(1, 5, 8)
    sines = -(squash(head.pre(x)) + head.angles.sum(1, keepdim=True)).sin()
    torch.testing.assert_close(head(x), head.post(sines), rtol=0, atol=1e-13)


def test_the_twin_has_a_linear_layer_and_tanh_in_the_circuit_s_place():
    twin = Twin(8, 3, 4, Start([0, 5], torch.float64))
    x = random_features(2, 5, 8)
    for run in range(2):
        weights = {name: value[run] for name, value in twin.state_dict().items()}
        q = math.pi / 2 * torch.tanh(x[run] @ weights["pre.weight"].T + weights["pre.bias"])
        middle = torch.tanh(q @ weights["middle.weight"].T + weights["middle.bias"])
        torch.testing.assert_close(
            twin(x)[run],
            middle @ weights["post.weight"].T + weights["post.bias"],
            rtol=0,
            atol=1e-14,
        )


def test_the_classical_head_is_one_linear_layer():
    head = Classical(8, 3, Start([0, 5], torch.float64))
    x = random_features(2, 5, 8)
    for run in range(2):
        expected = x[run] @ head.linear.weight[run].T + head.linear.bias[run]
        torch.testing.assert_close(head(x)[run], expected, rtol=0, atol=1e-14)


def test_quantum_head_and_twin_of_a_seed_share_the_start_of_their_linear_layers():
    start = [Start([3]) for _ in range(2)]
    head, twin = Quantum(8, 3, Dressed(4, 6), Statevector(), start[0]), Twin(8, 3, 4, start[1])
    for name in ("pre.weight", "pre.bias", "post.weight", "post.bias"):
        assert torch.equal(head.state_dict()[name], twin.state_dict()[name])


@pytest.mark.parametrize(
    "make, count",
    [
        (lambda start: Quantum(512, 2, Dressed(4, 6), Statevector(), start), 2086),
        (lambda start: Quantum(512, 2, Dressed(4, 5), Statevector(), start), 2082),
        (lambda start: Quantum(512, 2, Dressed(4, 4), Statevector(), start), 2078),
        (lambda start: Twin(512, 2, 4, start), 2082),  # 2052 + 20 + 10
        (lambda start: Classical(512, 2, start), 1026),
    ],
)
def test_a_head_has_as_many_parameters_as_published(make, count):
    assert sum(parameter.numel() for parameter in make(Start([0])).parameters()) == count


def test_any_number_becomes_an_angle_of_at_most_a_right_one():
    x = torch.tensor(
        [-1e6, -math.log(2) / 2, 0.0, math.log(3) / 2, 1e6], dtype=torch.float64
    )  # tanh: -1, -1/3, 0, 1/2, 1
    expected = torch.tensor([-1 / 2, -1 / 6, 0, 1 / 4, 1 / 2], dtype=torch.float64) * math.pi
    torch.testing.assert_close(squash(x), expected, rtol=0, atol=1e-15)


class Controlled:
    """A circuit of gates whose generators have three eigenvalues, which the two-term rule alone
    does not differentiate.
    """

    qubits, shape = 2, (2,)

    def __call__(self, inputs, weights):
        qml.RX(inputs[0], 0)
        qml.RY(0.3, 1)
        qml.CRX(weights[0], [0, 1])
        qml.RZ(weights[1], 1)
        return [qml.expval(qml.PauliZ(1))]


@pytest.mark.parametrize("circuit", [Dressed(4, 6), Dressed(2, 1), Controlled()])
def test_executions_are_those_of_pennylane_s_parameter_shift_rule(circuit):
    inputs, weights = torch.ones(circuit.qubits).double(), torch.ones(circuit.shape).double()
    for angles, trained in (("trained", True), ("frozen", False)):
        tape = qml.tape.QuantumScript(
            *reader.trace(circuit, inputs.requires_grad_(), weights.requires_grad_(trained))
        )
        tape.trainable_params = [
            place
            for place, value in enumerate(tape.get_parameters(trainable_only=False))
            if getattr(value, "requires_grad", False)
        ]
        shifted, _ = qml.gradients.param_shift(tape)
        head = Quantum(3, 2, circuit, Statevector(), Start([0]), angles=angles)
        assert head.executions() == 1 + len(shifted)


@pytest.mark.parametrize(
    "qubits, depth, entangle, rank",
    [
        (4, 6, False, 4),  # rotations of one wire add up to one angle
        (1, 5, True, 1),
        (2, 1, True, 2),
        (3, 1, True, 3),
    ],
)
def test_effective_angles_are_known_where_rotations_merge(qubits, depth, entangle, rank):
    head = quantum(qubits=qubits, depth=depth, entangle=entangle, spread=1.0, seeds=[0, 1])
    assert head.effective(random_features(2, 30, 8)) == [rank, rank]


@pytest.mark.parametrize("qubits, depth", [(3, 4), (4, 2)])
def test_effective_angles_are_the_rank_of_a_jacobian_by_differences(qubits, depth):
    head = quantum(qubits=qubits, depth=depth, spread=1.0)
    x = random_features(1, 6, 8)
    q, weights = squash(head.pre(x)).detach(), head.angles.detach()
    columns = []
    for place in range(weights.numel()):
        step = torch.zeros(weights.numel()).double()
        step[place] = 1e-5
        ahead, behind = (head.run(q, weights + sign * step.view_as(weights)) for sign in (1, -1))
        columns.append(((ahead - behind) / 2e-5).flatten())
    # differences are right to 1e-10; the ranks are full, or lack directions altogether
    rank = int(torch.linalg.matrix_rank(torch.stack(columns), rtol=1e-7))
    assert head.effective(x) == [rank]


def test_counting_effective_angles_leaves_no_gradient():
    head = quantum(spread=1.0)
    head.effective(random_features(1, 5, 8))
    assert all(parameter.grad is None for parameter in head.parameters())
