import pennylane as qml
import pytest
import torch
from circuits import numbers

from qtlrun.circuit.readout import Register
from qtlrun.circuit.template import Template, templates
from qtlrun.device.statevector import Statevector
from qtlrun.error import UsageError
from qtlrun.plan import build

EMBEDDINGS = {
    "AngleEmbedding": qml.AngleEmbedding,
    "IQPEmbedding": qml.IQPEmbedding,
    "AmplitudeEmbedding": lambda inputs, wires: qml.AmplitudeEmbedding(
        inputs, wires, normalize=True
    ),
}
WIRES = range(3)


def test_the_known_templates_of_layers_are_among_them():
    assert {"StronglyEntanglingLayers", "BasicEntanglerLayers", "SimplifiedTwoDesign"} <= set(
        templates()
    )


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("name", ["StronglyEntanglingLayers", "SimplifiedTwoDesign"])
def test_a_template_is_that_of_pennylane(name, embedding):
    circuit = Template(name, 3, 2, embedding, Register("pairs"))
    x, w = numbers(2, circuit.inputs), numbers(*circuit.shape, seed=1)
    shapes = getattr(qml, name).shape(2, 3)
    parts = [w] if isinstance(shapes, tuple) else list(w.split([3, 8]))
    shapes = [shapes] if isinstance(shapes, tuple) else shapes

    @qml.qnode(qml.device("default.qubit", wires=3))
    def node(inputs):
        EMBEDDINGS[embedding](inputs, WIRES)
        getattr(qml, name)(
            *(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)), wires=WIRES
        )
        words = [qml.Z(wire) for wire in WIRES]
        words += [qml.Z(a) @ qml.Z(b) for a in WIRES for b in WIRES if a < b]
        return [qml.expval(word) for word in words]

    expected = torch.stack([torch.stack(node(sample)) for sample in x])
    torch.testing.assert_close(Statevector().run(circuit)(x, w), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(templates()))
def test_a_template_is_trained_on_any_wires(name):
    circuit = Template(name, 2, 1, "AngleEmbedding")
    w = numbers(*circuit.shape, seed=1).requires_grad_()
    values = Statevector().run(circuit)(numbers(2, 2), w)
    assert torch.autograd.grad(values.square().sum(), w)[0].abs().max() > 1e-3


@pytest.mark.parametrize(
    "values, key, words",
    [
        ({"name": "StronglyEntanglingLayer"}, "name", "did you mean StronglyEntanglingLayers?"),
        ({"name": "QFT"}, "name", "it is one of BasicEntanglerLayers"),
        ({"qubits": 0}, "qubits", "at least one qubit"),
        ({"depth": 0}, "depth", "from 1 up"),
        ({"embedding": "Angle"}, "embedding", "did you mean AngleEmbedding?"),
    ],
)
def test_a_value_that_no_template_has_is_refused_by_its_key(values, key, words):
    part = {
        "_target_": "qtlrun.circuit.template.Template",
        "name": "BasicEntanglerLayers",
        "qubits": 2,
        "depth": 1,
        "embedding": "AngleEmbedding",
    }
    with pytest.raises(UsageError) as error:
        build("circuit", part | values)
    assert error.value.key == f"circuit.{key}"
    assert words in f"{error.value.reason}; {error.value.fix}"
