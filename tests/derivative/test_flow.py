"""Flow of the gradient: norms and signal to noise by layer, in closed form."""

import dataclasses
import math
from types import SimpleNamespace

import composition
import pytest
import torch
from torch import nn

from qtlrun.derivative.flow import follow_gradient, trace_flow
from qtlrun.derivative.passage import Passage, list_passages, name_layer
from qtlrun.derivative.specimen import Specimen
from qtlrun.experiment import Experiment
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts


def specimen(home, *words):
    plan = composition.short_plan(home, "recipe.batch_size=3", *words)
    return Specimen(plan, Experiment(str(home)), None, 2.0, 0.0)


class Chain(nn.Module):
    """Two logits from two layers of which the second is the identity with a factor."""

    def __init__(self, factor):
        super().__init__()
        self.first = nn.Linear(1, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        nn.init.zeros_(self.first.weight)
        self.second.weight.data = factor * torch.eye(2)
        self.unused = nn.Linear(1, 1)

    def forward(self, x):
        return self.second(self.first(x)).unsqueeze(0)


def passage(network, items, labels):
    weights = dict(network.named_parameters())
    return Passage(
        "A",
        "start",
        len(labels),
        lambda index: (items[index], labels[index]),
        network,
        {"": network},
        weights,
        frozenset(weights),
    )


def test_the_norm_of_each_layer_is_that_of_the_closed_form():
    network = Chain(3.0)
    found = trace_flow(passage(network, torch.full((8, 1), 2.0), torch.zeros(8, dtype=int)), 4, 0)
    layers = {layer.layer: layer for layer in found.layers}
    assert list(layers) == ["second", "first", "unused"]  # from the loss on
    # Logits are 0: the slope by them is (-1/2, 1/2), by the first layer's weights 3 x 2 times that
    assert math.isclose(layers["first"].norm, 6 * math.sqrt(0.5), rel_tol=1e-6)
    assert layers["second"].norm == 0.0  # its inputs are 0
    assert layers["unused"].norm == 0.0 and math.isnan(layers["unused"].signal)
    assert found.batches == 2
    assert layers["first"].signal > 1e3  # the batches are alike


def test_labels_without_a_pattern_give_noise_alone():
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (3200,), generator=draw)
    network = Chain(1.0)
    items = torch.randn(3200, 1, generator=draw)
    found = trace_flow(passage(network, items, labels), 200, 0)
    (first,) = [layer for layer in found.layers if layer.layer == "first"]
    assert found.batches == 16
    # The mean of 16 batches is 1/4 of a deviation, give or take: it is a chi of one direction
    assert first.signal < 1.0


@pytest.mark.parametrize(
    "weight, layer",
    [
        ("head.angles", "circuit"),
        ("angles", "circuit"),
        ("head.pre.weight", "pre"),
        ("backbone.network.layer1.conv1.weight", "layer1.conv1"),
    ],
)
def test_a_layer_has_the_name_of_its_module(weight, layer):
    assert name_layer(weight) == layer


def test_frozen_weights_have_a_gradient_and_are_not_called_trained(home):
    model = specimen(home, "compare=[frozen_circuit,logistic]")
    found = {each.row: each for each in list_passages(model)}
    assert list(found) == ["composed", "frozen_circuit"]  # a head that is solved for has none
    flows = {row: trace_flow(each, 3, 0, 0.0) for row, each in found.items()}
    circuits = {
        row: next(layer for layer in flow.layers if layer.layer == "circuit")
        for row, flow in flows.items()
    }
    assert circuits["composed"].trained and not circuits["frozen_circuit"].trained
    # One start, one batch: the same gradient
    assert math.isclose(circuits["composed"].norm, circuits["frozen_circuit"].norm, rel_tol=1e-5)


def test_saturated_angles_are_counted(home):
    model = specimen(home, "compare=[]", "head.product=false")
    (each,) = list_passages(model)
    each.weights["head.pre.bias"].data.fill_(100.0)
    flow = trace_flow(each, 3, 0, 0.0)
    (units,) = [units for units in flow.activity.units.values() if units.kind == "saturated"]
    assert units.share == 1.0
    silent = {layer.layer: layer.norm for layer in flow.layers}
    assert silent["pre"] < 1e-6 < silent["post"]


def test_the_network_of_a_finished_run_asks_for_no_gradient_afterwards(home):
    model = specimen(home, "compare=[]")
    parts = Parts(model.plan.model, model.experiment.session)
    network = Network(parts.backbone, parts.head(parts.backbone.features, [0]))
    network.requires_grad_(False)
    subject = SimpleNamespace(
        row="composed",
        seed=0,
        training=SimpleNamespace(parts=parts),
        dataset=parts.dataset,
        network=network,
    )
    model.experiment.subjects = lambda plan: [subject]
    finished = dataclasses.replace(model, plan=model.plan.changed({"run": "a folder"}))
    start, trained = list_passages(finished)
    for each in (start, trained):
        assert each.weights and all(weight.requires_grad for weight in each.weights.values())
    assert not any(weight.requires_grad for weight in network.parameters())
    items, _ = trained.batch([0, 1])
    assert torch.equal(trained.forward(items), network(items))


def test_the_parts_of_a_finished_run_stay_as_they_are(home):
    """The session gives them to whoever asks for the run next."""
    model = specimen(home, "compare=[]")
    parts = Parts(model.plan.model, model.experiment.session)
    before = parts.dataset
    items = dataclasses.replace(before, train=before.validation)
    subject = SimpleNamespace(
        row="composed", seed=0, training=SimpleNamespace(parts=parts), dataset=items
    )
    model.experiment.subjects = lambda plan: [subject]
    finished = dataclasses.replace(model, plan=model.plan.changed({"run": "a folder"}))
    assert next(list_passages(finished)).items == len(items.train) != len(before.train)
    assert parts.dataset is before


def test_the_section_has_numbers_words_and_a_figure(home):
    (section,) = follow_gradient(specimen(home, "compare=[twin]"))
    assert set(section.frames) == {"flow", "activity"} and set(section.figures) == {"flow"}
    assert section.table["row"].tolist() == ["composed, start", "twin, start"]
    assert section.frames["flow"]["rms"].gt(0).any()
