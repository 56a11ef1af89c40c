"""Attribution on networks whose answer is known, and beside captum."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from qtlrun.backbone.identity import Identity
from qtlrun.circuit.dressed import Dressed
from qtlrun.contract.check import complete_part
from qtlrun.contract.completion import complete_backbone
from qtlrun.device.statevector import Statevector
from qtlrun.experiment.network import Network
from qtlrun.head.dressed import Quantum
from qtlrun.layer import Linear, Start
from qtlrun.lens.map import attribution
from qtlrun.lens.map.attribution import NotApplicable, Question, build_model, check_rules
from qtlrun.lens.map.rectifier import Rectifiers

START = Start([0], torch.float64)
SPELLINGS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "module up to 6": nn.ReLU6(),
    "module up to 6, in place": nn.ReLU6(inplace=True),
    "function": functional.relu,
    "function in place": lambda x: functional.relu(x, True),
    "function up to 6": functional.relu6,
    "hard tanh from 0": lambda x: functional.hardtanh(x, 0.0, 6.0),
    "of torch": torch.relu,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
}


class Layers(nn.Module):
    """Backbone of any function of vectors or pictures."""

    def __init__(self, features, *layers):
        super().__init__()
        self.features = features
        self.layers = nn.Sequential(*layers).double()

    def preprocess(self, item, generator=None):
        return item

    def forward(self, items):
        out = self.layers(items)
        return out.mean((2, 3)) if out.dim() == 4 else out


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def model_of(backbone, head):
    backbone = complete_backbone(complete_part("backbone", backbone), "Layers")
    network = Network(backbone, head).eval().requires_grad_(False)
    return build_model(network, 4)


def linear_model(numbers=5, classes=3):
    head = Linear(START, "post", numbers, classes)
    return model_of(Layers(numbers, nn.Identity()), head), head.weight[0]


def ask(items, classes=3, **values):
    targets = torch.arange(len(items)) % classes
    defaults = {"draws": 3, "noise": 0.1, "steps": 4, "seed": 0}
    return Question(items, targets, torch.full_like(items[0], 0.2), **(defaults | values))


def vectors(count=6, numbers=5):
    return torch.randn(count, numbers, generator=torch.Generator().manual_seed(1)).double()


def test_the_gradient_of_a_linear_model_is_its_weights():
    model, weight = linear_model()
    question = ask(vectors())
    for method in ("gradient", "smoothgrad"):
        values = attribution.METHODS[method](model, question)
        torch.testing.assert_close(values, weight[question.targets])


def test_integrated_gradients_of_a_linear_model_are_weights_times_the_way():
    model, weight = linear_model()
    question = ask(vectors())
    values = attribution.attribute_along_path(model, question)
    way = question.items - question.baseline
    torch.testing.assert_close(values, weight[question.targets] * way)


def quantum_model(numbers=3):
    circuit = Dressed(qubits=2, depth=2)
    head = Quantum(numbers, 2, circuit, Statevector(), START, spread=0.7)
    return model_of(Identity(numbers), head)


def test_integrated_gradients_through_a_circuit_sum_to_the_difference_of_the_logits():
    model = quantum_model()
    question = ask(vectors(4, 3), 2, steps=200)
    values = attribution.attribute_along_path(model, question).sum(1)
    logits = model.network(torch.cat([question.items, question.baseline.unsqueeze(0)]))[0]
    gaps = (logits[:-1] - logits[-1]).gather(1, question.targets.unsqueeze(1)).squeeze(1)
    # The midpoint rule errs by the square of a step of 1/200
    torch.testing.assert_close(values, gaps, rtol=1e-4, atol=1e-4)


def test_the_gradient_through_a_circuit_is_that_of_finite_differences():
    model = quantum_model()
    question = ask(vectors(4, 3), 2)
    values = attribution.attribute_by_gradient(model, question)
    step = 1e-5
    for number in range(3):
        shift = step * torch.eye(3, dtype=torch.float64)[number]
        up, down = (model.network(question.items + sign * shift)[0] for sign in (1, -1))
        slope = ((up - down) / (2 * step)).gather(1, question.targets.unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(values[:, number], slope, rtol=1e-7, atol=1e-8)


def test_smoothgrad_draws_the_same_noise_for_every_network():
    question = ask(vectors(4, 3), 2)
    first, second = (attribution.attribute_smoothly(quantum_model(), question) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_rules_of_rectifiers_hold_however_a_network_calls_them(spelling):
    backbone = Layers(5, Function(SPELLINGS[spelling]))
    head = Linear(START, "post", 5, 3)
    model = model_of(backbone, head)
    question = ask(vectors())
    weight = head.weight[0][question.targets]
    active = question.items > 0
    rules = {
        "gradient": weight * active,
        "guided": weight.clamp_min(0) * active,
        "deconvolution": weight.clamp_min(0),
    }
    for method, expected in rules.items():
        torch.testing.assert_close(attribution.METHODS[method](model, question), expected)
    check_rules(model, question)


def test_a_rule_that_is_switched_off_is_found(monkeypatch):
    model = model_of(Layers(5, nn.ReLU()), Linear(START, "post", 5, 3))
    rule = Rectifiers.pass_back

    def mutated(self, gradient, active):
        rule(self, gradient, active)
        return gradient * active

    monkeypatch.setattr(Rectifiers, "pass_back", mutated)
    with pytest.raises(RuntimeError, match="guided is the gradient's"):
        check_rules(model, ask(vectors()))


@pytest.mark.parametrize("method", ["guided", "deconvolution"])
def test_rules_of_rectifiers_do_not_apply_without_any(method):
    model = model_of(Layers(5, nn.SiLU(), nn.Hardtanh()), Linear(START, "post", 5, 3))
    with pytest.raises(NotApplicable, match="no ReLU"):
        attribution.METHODS[method](model, ask(vectors()))
    check_rules(model, ask(vectors()))


def pictures_model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2), nn.ReLU()]
    return model_of(Layers(6, *layers), Linear(START, "post", 6, 3))


def pictures():
    return torch.randn(5, 2, 9, 9, generator=torch.Generator().manual_seed(2)).double()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of captum, that it sets hooks
def test_methods_agree_with_captum():
    captum = pytest.importorskip("captum.attr")
    model = pictures_model()
    question = ask(pictures(), steps=5)
    items = question.items.clone().requires_grad_()

    class Plain(nn.Module):  # captum takes logits without an axis of runs
        def __init__(self):
            super().__init__()
            self.network = model.network

        def forward(self, items):
            return self.network(items)[0]

    plain = Plain()
    last = model.network.backbone.layers[2]
    theirs = {
        "gradient": captum.Saliency(plain).attribute(items, question.targets, abs=False),
        "guided": captum.GuidedBackprop(plain).attribute(items, question.targets),
        "deconvolution": captum.Deconvolution(plain).attribute(items, question.targets),
        "integrated": captum.IntegratedGradients(plain).attribute(
            items, question.baseline.unsqueeze(0), question.targets, None, 5, "riemann_middle"
        ),
    }
    heat = captum.LayerGradCam(plain, last).attribute(
        items, question.targets, relu_attributions=True
    )
    theirs["gradcam"] = functional.interpolate(heat, (9, 9), mode="bilinear")
    for method, values in theirs.items():
        ours = attribution.METHODS[method](model, question)
        torch.testing.assert_close(ours, values.detach(), rtol=1e-6, atol=1e-9)


def test_gradcam_marks_the_place_of_what_the_logit_looks_for():
    model = pictures_model()
    question = ask(pictures())
    heat = attribution.attribute_by_maps(model, question)
    assert heat.shape == (5, 1, 9, 9)
    assert (heat >= 0).all()


def test_gradcam_does_not_apply_to_vectors_and_to_backbones_without_maps():
    model, _ = linear_model()
    with pytest.raises(NotApplicable, match="no pictures"):
        attribution.attribute_by_maps(model, ask(vectors()))
    flat = model_of(Layers(5, nn.Flatten(), nn.Linear(162, 5)), Linear(START, "post", 5, 3))
    with pytest.raises(NotApplicable, match="no stage"):
        attribution.attribute_by_maps(flat, ask(pictures()))
