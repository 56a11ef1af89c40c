import pytest
import torch
from composition import compose_plan
from torch import nn
from torchvision import models

from qtlrun.backbone.file import FileNetwork
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.plan import Redraw, build

SOURCE = """from torch import nn
from torchvision import models


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3)
        self.conv2 = nn.Conv2d(width, 2 * width, 3)
        self.spare = nn.Linear(5, 5)

    def forward(self, x):
        return self.conv2(self.conv1(x).relu())


def resnet():
    return models.resnet18()


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(2.0 * __import__("torch").ones(3))

    def forward(self, x):
        return self.scale * x.mean((2, 3))


class Wrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(7, 3)

    def forward(self, x):
        return self.linear(x.flatten(1))


def number():
    return 3


class Unready(nn.Module):
    def __init__(self):
        pass


class Text(nn.Module):
    def forward(self, x):
        return "features"


class Scalar(nn.Module):
    def forward(self, x):
        return x.mean()


class Complex(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) * 1j
"""


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(SOURCE)
    return tmp_path / "nets.py"


def pictures(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_the_features_are_those_of_the_network_with_the_weights_of_a_file(tmp_path):
    torch.manual_seed(3)
    whole = models.resnet18()
    torch.save(whole.state_dict(), tmp_path / "resnet.pt")
    backbone = FileNetwork("nets.py:resnet", weights="resnet.pt", layer="layer2", size=32).eval()
    layers = nn.Sequential(*list(whole.children())[:6]).eval()
    assert backbone.features == 128
    with torch.no_grad():
        expected = layers(pictures(32)).mean((2, 3))
        torch.testing.assert_close(backbone(pictures(32)), expected, rtol=1e-6, atol=1e-6)
    assert sum(weight.numel() for weight in backbone.parameters()) == sum(
        weight.numel() for weight in layers.parameters()
    )  # nothing behind the layer
    assert len(backbone.stages) == 4  # the convolution, its norm, two layers


def test_a_class_takes_options_and_its_maps_are_averaged():
    backbone = FileNetwork("nets.py:Net", options={"width": 3}, size=8)
    assert backbone.features == 6
    with torch.no_grad():
        maps = backbone.network(pictures(8))
        assert torch.equal(backbone(pictures(8)), maps.flatten(2).mean(2))


def test_random_weights_belong_to_their_seed():
    first, again, other = (
        FileNetwork("nets.py:Net", size=8, seed=seed).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["network.conv1.weight"], other["network.conv1.weight"])


def test_weights_that_the_code_fixes_are_known_by_their_values(file):
    first = FileNetwork("nets.py:Fixed", weights="code", size=8)
    file.write_text(SOURCE.replace("2.0 *", "3.0 *"))
    other = FileNetwork("nets.py:Fixed", weights="code", size=8)
    assert len(first.fingerprint) == 64 and first.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "values, words",
    [
        ({"path": "nets.py:Nett"}, "backbone.path=nets.py:Nett: nets.py has no class or function"),
        ({"path": "nets.py:number"}, "backbone.path=nets.py:number: it gives int, "),
        ({"path": "nets.py:Unready"}, "backbone.path=nets.py:Unready: its __init__ has to call"),
        ({"path": "nets.py:Text"}, "backbone.layer: it gives an object of type str, and (batch, "),
        ({"path": "nets.py:Scalar"}, "backbone.layer: it gives a tensor of 0 axes, and (batch, "),
        ({"path": "nets.py:Complex"}, "backbone.layer: it gives complex numbers, and (batch, "),
        ({"path": "nets.py:Wrong"}, "backbone: nets.py:Wrong fails in nets.py, line 35: Runtime"),
        ({"path": "nets.py:Fixed"}, "backbone.weights=none: nets.py:Fixed gives the same weights"),
        ({"options": {"wide": 2}}, "backbone.options={wide: 2}: nets.py:Net: got an unexpected"),
        ({"layer": "conv3"}, "backbone.layer=conv3: did you mean conv2? It is one of conv1, conv"),
        ({"layer": "spare"}, "backbone.layer=spare: no picture passes through this layer."),
        ({"layer": []}, "backbone.layer=[]: one layer or more, each once; null is the last one."),
        ({"weights": "absent.pt"}, "backbone.weights=absent.pt: there is no such file; "),
        ({"size": 0}, "backbone.size=0: pixels, from 1 up."),
    ],
)
def test_what_cannot_be_is_refused_with_its_value_or_its_line(values, words):
    part = {"_target_": "qtlrun.backbone.file.FileNetwork", "path": "nets.py:Net", "size": 8}
    with pytest.raises(UsageError) as error:
        build("backbone", part | values)
    assert str(error.value).startswith(words)


def test_the_key_of_a_row_has_the_content_of_the_file_and_not_its_path(file, tmp_path):
    def identity(path, *words):
        words = ["backbone=file", f"backbone.path={path}:Net", "backbone.size=8", *words]
        variant = compose_plan(*words, "compare=[]").model
        assert variant.runs_any_code and variant.runs_code("backbone")
        return variant.identity

    first = identity("nets.py")
    assert identity(file) == first
    assert identity("nets.py", "+backbone.options={width:3}")["backbone"]["options"] == {"width": 3}
    file.write_text(SOURCE + "\n")
    assert identity("nets.py") != first


def test_a_row_trains_the_network_of_a_file_from_its_own_start_for_each_seed(tmp_path):
    words = ["backbone=file", "backbone.path=nets.py:Net", "backbone.size=8", "freeze=none"]
    parts = Parts(compose_plan(*words, "compare=[]").model, Session(str(tmp_path)))
    starts = [parts.trained_backbone(seed).network.conv1.weight for seed in (0, 0, 1)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


MIDDLE = """import pennylane as qml
from torch import nn


@qml.qnode(qml.device("default.qubit", wires=2))
def circuit(inputs, weights):
    qml.AngleEmbedding(inputs, range(2), rotation="Y")
    qml.BasicEntanglerLayers(weights, range(2), rotation=qml.RY)
    return [qml.expval(qml.Z(wire)) for wire in range(2)]


class Middle(nn.Module):
    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(3, 2, 3)
        self.circuit = qml.qnn.TorchLayer(circuit, {"weights": (1, 2)})
        self.last = nn.Linear(2, 4)

    def forward(self, x):
        return self.last(self.circuit(self.maps(x).mean((2, 3)))).relu()
"""


def test_a_circuit_in_the_middle_of_a_network_is_trained_with_the_layers_around_it(tmp_path):
    (tmp_path / "middle.py").write_text(MIDDLE)
    words = ["backbone=file", "backbone.path=middle.py:Middle", "backbone.size=8", "freeze=none"]
    plan = compose_plan(
        "recipe.epochs=1",
        "dataset.train=6",
        "dataset.validation=4",
        *words,
        "head=classical",
        "compare=[]",
        f"home={tmp_path}",
    )
    experiment = Experiment(str(tmp_path))
    (row,) = experiment.train("composed", plan.model, [Redraw({}, [0], [])])
    before = Parts(plan.model, experiment.session).trained_backbone(0).state_dict()
    after = row.outcomes[0].weights
    assert "network.circuit.weights" in before
    assert all(
        abs(after[f"backbone.{name}"] - start.numpy()).max() > 0 for name, start in before.items()
    )
