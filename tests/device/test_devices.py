import math
from importlib import metadata

import pennylane as qml
import pytest
import torch
from composition import options, part

from qtlrun import memory
from qtlrun.circuit.dressed import Dressed
from qtlrun.device import place
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build

PLUGINS = {plugin.name for plugin in metadata.entry_points(group="pennylane.plugins")}
# Qiskit's one has a test of its own: it takes a tape at a time.
EXACT = ["statevector", *sorted(set(options("device")) & PLUGINS - {"qiskit.aer"})]

# <Z>, dL/dx and the rows of dL/dw of the dressed circuit by (qubits, depth), for x_i = sin(i + 1),
# w_ki = .1 cos(3 k + i) and L = sum of (j + 1) <Z_j>. Made with PennyLane's default.qubit by
# backpropagation; its adjoint
# and parameter-shift methods agree within 4e-15, an independent state vector in NumPy within 8e-16.
GOLDEN = {
    (
        4,
        6,
    ): (
        """
        -0.708355021542 -0.467303493765 0.097627035673 0.154035683391
        1.089329286609 -0.291350181125 2.091858782884 -1.479311842544
        0.355050060555 1.467281778815 0.915231101377 0.204647072819
        -0.569308967600 -1.425395317350 -2.994965718608 -3.188141557816
        0.124675162614 -0.159794928659 -0.358846299760 -0.475822541778
        0.996053166550 -0.076470539650 2.098801928564 -1.052951888488
        0.380884471464 1.345788842727 0.778092182950 0.124252418323
        -0.526707913464 -1.417224848933 -2.950400650494 -3.314176108767"""
    ),
    (
        5,
        5,
    ): (
        """
        -0.741544371713 0.318201911676 -0.042268605894 -0.025355279251 0.093589455977
        0.319276635476 1.050780553348 -2.094882597411 -0.113573561130 0.350208654123
        -0.403665128888 -1.154138676713 -2.323429385830 -1.651601973589 1.988112162099
        0.209758211977 0.291529382995 2.210915840150 -0.301197100566 1.129296478277
        -0.206448717930 -1.553853046246 1.155031888176 0.896463148550 0.109165524553
        0.125307197373 1.215234692710 -1.745737164383 0.056688617983 -0.228948576639
        -0.194411120400 -1.281028224131 -2.418128467896 -1.715274260736 -2.724281482596"""
    ),
    (
        4,
        5,
    ): (
        """
        -0.746286841637 0.281416433311 -0.034438051034 0.020491367525
        0.292331149643 0.931147080078 -3.619613188267 0.451838085833
        -0.377221999947 -1.097399430583 -1.727354110770 -3.280934088010
        0.297284805692 0.618152263744 3.694479263300 0.053062132749
        -0.360740474600 -1.402374105618 1.393477511429 2.156737880117
        0.259680560620 1.282801049882 -3.287990994245 0.495947918802
        -0.371799785363 -1.309811469342 -2.429833415672 -3.266298153897"""
    ),
    (
        2,
        1,
    ): (
        """
        -0.782765863882 0.554318181274
        0.432778252003 1.052457040769
        -0.332866032746 -1.290354288286"""
    ),
}


def golden(size):
    values, by_x, *by_w = (
        [float(word) for word in line.split()] for line in GOLDEN[size].strip().splitlines()
    )
    return (torch.tensor(one, dtype=torch.float64) for one in (values, by_x, by_w))


def inputs_and_weights(qubits, depth, dtype=torch.float64):
    x = torch.tensor([[math.sin(i + 1) for i in range(qubits)]], dtype=dtype)
    w = torch.tensor(
        [[0.1 * math.cos(3 * k + i) for i in range(qubits)] for k in range(depth)], dtype=dtype
    )
    return x.requires_grad_(), w.requires_grad_()


def slopes(values, *of):
    """The gradient of L, summed over what stands before the outputs."""
    weights = torch.arange(1, values.shape[-1] + 1, dtype=values.dtype)
    return torch.autograd.grad((values * weights).sum(), of)


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return ((2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * math.pi).to(
        dtype
    )


def device(option, **values):
    return build("device", part("device", option) | values)


def refusal(option, circuit, **values):
    with pytest.raises(ValueError) as error:
        device(option, **values).run(circuit)
    return str(error.value)


@pytest.mark.parametrize("option", EXACT)
@pytest.mark.parametrize("size", GOLDEN)
def test_values_and_gradients_are_the_published_circuit_s(option, size):
    run = device(option).run(Dressed(*size))
    x, w = inputs_and_weights(*size)
    values = run(x, w)
    for mine, right in zip((values, *slopes(values, x, w)), golden(size), strict=True):
        torch.testing.assert_close(
            mine.view_as(right), right, rtol=0, atol=1e-10
        )  # printed to 12 places, float64


@pytest.mark.parametrize("option", EXACT)
@pytest.mark.parametrize("size", GOLDEN)
def test_float32_goes_through_and_loses_no_more_than_its_rounding(option, size):
    run = device(option).run(Dressed(*size))
    x, w = inputs_and_weights(*size, dtype=torch.float32)
    values = run(x, w)
    assert values.dtype == torch.float32
    right, *gradients = golden(size)
    torch.testing.assert_close(
        values[0].double(), right, rtol=0, atol=1e-5
    )  # a hundred roundings of 6e-8, or so
    largest = max(float(one.abs().max()) for one in gradients)
    for mine, one in zip(slopes(values, x, w), gradients, strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine.view_as(one).double(), one, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("method", ["parameter-shift", "adjoint", "finite-diff", "hadamard"])
def test_every_gradient_method_of_default_qubit_finds_the_same_gradient(method):
    run = device("default.qubit", diff_method=method).run(Dressed(2, 1))
    x, w = inputs_and_weights(2, 1)
    # one-sided differences of 1e-7 are wrong by about that
    tolerance = 1e-6 if method == "finite-diff" else 1e-10
    for mine, right in zip((run(x, w), *slopes(run(x, w), x, w)), golden((2, 1)), strict=True):
        torch.testing.assert_close(mine.view_as(right), right, rtol=0, atol=tolerance)


def test_spsa_is_right_on_average():
    run = device("default.qubit", diff_method="spsa").run(Dressed(2, 1))
    x, w = inputs_and_weights(2, 1)
    by_x = torch.stack([slopes(run(x, w), x, w)[0][0] for _ in range(400)])
    _, right, _ = golden((2, 1))
    error = by_x.std(0) / math.sqrt(len(by_x))
    assert ((by_x.mean(0) - right).abs() < 4 * error).all() and error.max() < 0.2


@pytest.mark.parametrize("option", EXACT)
def test_runs_together_are_the_runs_one_by_one(option):
    run = device(option).run(Dressed(3, 2))
    x, w = draw(4, 5, 3).requires_grad_(), draw(4, 2, 3, seed=1).requires_grad_()
    together = run(x, w)
    assert together.shape == (4, 5, 3)
    by_x, by_w = slopes(together, x, w)
    for one in range(4):
        # without the run axis, and as a run of its own
        for mine in (run(x[one], w[one]), run(x[one : one + 1], w[one : one + 1])[0]):
            torch.testing.assert_close(mine, together[one], rtol=0, atol=1e-13)
            alone_x, alone_w = slopes(mine, x, w)
            torch.testing.assert_close(alone_x[one], by_x[one], rtol=0, atol=1e-13)
            torch.testing.assert_close(alone_w[one], by_w[one], rtol=0, atol=1e-13)


@pytest.mark.parametrize("option", EXACT)
def test_a_sample_does_not_feel_its_batch(option):
    run = device(option).run(Dressed(3, 2))
    x, w = draw(1, 5, 3), draw(1, 2, 3, seed=1)
    for one in range(5):
        torch.testing.assert_close(
            run(x[:, one : one + 1], w)[0, 0], run(x, w)[0, one], rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("option", EXACT)
def test_without_its_gates_on_several_wires_a_circuit_is_a_sine_a_wire(option):
    run = device(option).run(Dressed(3, 2), entangle=False)
    x, w = draw(5, 3), draw(2, 3, seed=1)
    torch.testing.assert_close(run(x, w), -(x + w.sum(0)).sin(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("option", EXACT)
def test_a_gradient_by_the_weights_alone_needs_none_by_the_inputs(option):
    run = device(option).run(Dressed(2, 1))
    x, w = inputs_and_weights(2, 1)
    (by_w,) = slopes(run(x.detach(), w), w)
    torch.testing.assert_close(by_w, list(golden((2, 1)))[2], rtol=0, atol=1e-10)
    assert not run(x.detach(), w.detach()).requires_grad


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit"])
def test_shots_are_right_on_average(name):
    exact = Statevector().run(Dressed(2, 1))
    run = device(name, shots=200).run(Dressed(2, 1))
    assert run.method == "parameter-shift"
    # 100 samples of the same angles, as runs so that each has a gradient of its own
    x, w = (
        one.detach().expand(100, *one.shape).clone().requires_grad_()
        for one in inputs_and_weights(2, 1)
    )
    values = run(x, w)
    assert len(values.detach().unique(dim=0)) > 50
    right = exact(x, w)
    seen = [values[:, 0].detach(), *(one.flatten(1) for one in slopes(values, x, w))]
    known = [right[:, 0].detach(), *(one.flatten(1) for one in slopes(right, x, w))]
    # the variance of one shot of a value z is 1 - z**2
    torch.testing.assert_close(seen[0].var(0), (1 - known[0][0] ** 2) / 200, rtol=0.6, atol=0)
    for mine, one in zip(seen, known, strict=True):
        error = mine.std(0) / math.sqrt(
            len(mine)
        )  # 6 numbers a device: 4 standard errors are passed once in 1300 draws
        assert ((mine.mean(0) - one[0]).abs() < 4 * error).all() and error.max() < 0.05


def test_the_shots_of_one_seed_are_drawn_again():
    x, w = (one.detach() for one in inputs_and_weights(2, 1))
    first, again, other = (
        device("default.qubit", shots=50, seed=seed).run(Dressed(2, 1))(x, w) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("option", EXACT)
def test_a_state_beyond_the_memory_is_refused_with_the_largest_that_fits(option, monkeypatch):
    # 24 GiB: a quarter of it holds 6 GiB / 16 bytes = 1.5 * 2**28 amplitudes
    monkeypatch.setattr(memory, "total", lambda device=None: 24 * 2**30)
    assert (
        refusal(option, Dressed(40, 1))
        == "circuit.qubits=40: a state of 2**40 amplitudes needs 16,384 GiB, with its gradient four"
        " times that, and this machine has 24; use 28 or fewer."
    )
    assert refusal(option, Dressed(29, 1)).endswith("use 28 or fewer.")
    memory.fits(28)


@pytest.mark.parametrize("name", ["default.mixed", "cirq.mixedsimulator"])
def test_a_density_matrix_is_as_large_as_a_state_of_twice_the_qubits(name, monkeypatch):
    monkeypatch.setattr(memory, "total", lambda device=None: 24 * 2**30)
    assert (
        refusal("default.qubit", Dressed(20, 1), name=name)
        == "circuit.qubits=20: a state of 2**40 amplitudes needs 16,384 GiB, with its gradient four"
        " times that, and this machine has 24; use 14 or fewer."
    )


def test_a_density_matrix_gives_the_same_values():
    x, w = inputs_and_weights(2, 1)
    values = device("default.qubit", name="default.mixed").run(Dressed(2, 1))(x, w)
    for mine, right in zip((values, *slopes(values, x, w)), golden((2, 1)), strict=True):
        torch.testing.assert_close(mine.view_as(right), right, rtol=0, atol=1e-10)


def test_a_device_that_pennylane_does_not_know_is_refused_with_those_it_knows():
    words = refusal("default.qubit", Dressed(2, 1), name="lightening.qubit")
    assert words.startswith(
        "device.name=lightening.qubit: PennyLane has no such device here; did you mean"
        " lightning.qubit? It is one of "
    )
    assert "default.qubit" in words


def test_a_device_that_does_not_load_is_refused(monkeypatch):
    def fail(*_, **__):
        raise ImportError("no CUDA here")

    monkeypatch.setattr(qml, "device", fail)
    assert (
        refusal("default.qubit", Dressed(2, 1), name="lightning.gpu")
        == "device.name=lightning.gpu: PennyLane knows this device, but it does not load: no CUDA"
        " here."
    )


@pytest.mark.parametrize(
    "values, cannot, would",
    [
        (
            {"name": "lightning.qubit", "diff_method": "backprop"},
            "lightning.qubit",
            "best, adjoint, parameter-shift, ",
        ),
        (
            {"shots": 100, "diff_method": "backprop"},
            "default.qubit with shots=100",
            "best, parameter-shift, ",
        ),
        (
            {"shots": 100, "diff_method": "adjoint"},
            "default.qubit with shots=100",
            "best, parameter-shift, ",
        ),
        (
            {"name": "lightning.qubit", "shots": 1, "diff_method": "adjoint"},
            "lightning.qubit with shots=1",
            "best, parameter-shift, ",
        ),
    ],
)
def test_a_gradient_method_that_a_device_has_not_is_refused(values, cannot, would):
    assert (
        refusal("default.qubit", Dressed(2, 1), **values)
        == f"device.diff_method={values['diff_method']}: {cannot} cannot differentiate this circuit"
        f" so; use {would}finite-diff, spsa, hadamard."
    )


@pytest.mark.parametrize(
    "values, words",
    [
        ({"shots": 0}, "device.shots=0: at least one, or null for exact expectation values."),
        ({"seed": -1}, "device.seed=-1: a whole number from 0 up."),
        ({"shots": -5}, "device.shots=-5: at least one, or null for exact expectation values."),
        (
            {"diff_method": "ajoint"},
            (
                "device.diff_method=ajoint: did you mean adjoint? It is one of best, backprop,"
                " adjoint, parameter-shift, finite-diff, spsa, hadamard."
            ),
        ),
    ],
)
def test_settings_that_no_device_has_are_refused(values, words):
    with pytest.raises(UsageError) as error:
        device("default.qubit", **values)
    assert str(error.value) == words


@pytest.mark.parametrize(
    "name, shots, method",
    [
        ("default.qubit", None, "backprop"),
        ("lightning.qubit", None, "adjoint"),
        ("default.qubit", 10, "parameter-shift"),
        ("lightning.qubit", 10, "parameter-shift"),
        ("default.mixed", None, "backprop"),
    ],
)
def test_best_is_backprop_then_adjoint_and_parameter_shift_with_shots(name, shots, method):
    assert PennyLane(name, shots=shots).run(Dressed(2, 1)).method == method


def test_qiskit_s_simulator_gives_exact_values_and_gradients_without_shots():
    pytest.importorskip("pennylane_qiskit")
    run = device("qiskit.aer").run(Dressed(2, 1))
    x, w = inputs_and_weights(2, 1)
    values = run(x, w)
    for mine, right in zip((values, *slopes(values, x, w)), golden((2, 1)), strict=True):
        torch.testing.assert_close(mine.view_as(right), right, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:The analytic calculation of expectations")
def test_a_device_that_draws_shots_unasked_is_not_taken_for_exact():
    pytest.importorskip("pennylane_qiskit")
    words = refusal("qiskit.aer", Dressed(2, 1), options=None)
    assert words.startswith("device.shots=null: qiskit.aer draws shots also where none are asked")
    run = device("qiskit.aer", options=None, shots=400).run(Dressed(2, 1))
    x, w = inputs_and_weights(2, 1)
    right, *_ = golden((2, 1))
    # the deviation of the mean of 400 outcomes of +-1 is at most .05
    assert ((run(x, w)[0].detach() - right).abs() < 5 * 0.05).all()
    assert device("qiskit.aer", shots=400).exactly().name == "default.qubit"


@pytest.mark.parametrize(
    "name, package",
    [
        ("lightning.amdgpu", "pennylane-lightning-amdgpu"),
        ("ionq.qpu", "pennylane-ionq"),
        ("braket.aws.qubit", "amazon-braket-pennylane-plugin"),
    ],
)
def test_a_device_of_an_absent_plug_in_is_refused_with_what_brings_it(name, package):
    assert (
        refusal("pennylane", Dressed(2, 1), name=name)
        == f"device.name={name}: PennyLane has no such device here; pip install {package} brings"
        " it."
    )


@pytest.mark.parametrize(
    "options, words_of_them",
    [
        ({"nope": 1}, "{nope: 1}"),
        ({"batch_obs": True, "wat": 2}, "{batch_obs: true, wat: 2}"),
    ],
)
def test_options_go_to_the_device_and_those_that_it_lacks_are_refused(options, words_of_them):
    words = refusal("lightning.qubit", Dressed(2, 1), options=options)
    assert words.startswith(f"device.options={words_of_them}: lightning.qubit does not take them (")
    device("lightning.qubit", options={"batch_obs": True}).run(Dressed(2, 1))


@pytest.mark.parametrize("key, other", [("shots", "device.shots"), ("wires", "circuit.qubits")])
def test_an_option_that_has_its_own_key_is_refused_with_it(key, other):
    with pytest.raises(UsageError) as error:
        device("default.qubit", options={key: 1})
    assert error.value.key == "device.options" and error.value.fix == f"use {other}"


@pytest.mark.parametrize(
    "name, remote", [("default.mixed", False), ("qiskit.aer", False), ("qiskit.remote", True)]
)
def test_a_device_is_elsewhere_unless_it_is_known_to_be_here(monkeypatch, name, remote):
    monkeypatch.setattr(place, "installed_names", lambda: [name, "unheard.of"])
    assert PennyLane(name).remote is remote
    assert PennyLane("unheard.of").remote is True
    assert PennyLane("unheard.of", remote=False).remote is False
    assert PennyLane("absent").remote is False
