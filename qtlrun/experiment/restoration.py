"""Trained networks from their weights; no training item is needed."""

import copy

import numpy as np
import torch

from qtlrun.batch import Data
from qtlrun.experiment import feature
from qtlrun.experiment.ensemble import Ensemble, Training, generate_weights, load_weights
from qtlrun.experiment.network import Network
from qtlrun.experiment.parts import Parts
from qtlrun.parametrization.generated import HEAD


def restore_network(parts: Parts, seed: int, weights: dict[str, np.ndarray]) -> Network:
    """Trained network from items to logits (1, batch, classes), of an outcome's weights.

    All of its weights are its own, those that were generated too; a backbone that never changes is
    that of the parts.
    """
    training = Training(parts, seed)
    scaling = _scaling(parts, weights)
    head = parts.head(parts.backbone.features, [seed])
    backbone = parts.backbone if parts.fixed else parts.trained_backbone(seed)
    network = Network(backbone, head, scaling)
    trained = head if parts.fixed else network
    whole = generate_weights(trained, [training], HEAD if parts.fixed else "")
    ensemble = Ensemble(
        whole, head, None if parts.fixed else backbone, {}, [training], [scaling], scaling.names
    )
    load_weights(ensemble, [weights])
    plain = whole.plain() if ensemble.generator else trained
    return (Network(backbone, plain, scaling) if parts.fixed else plain).eval()


def without_shots(parts: Parts) -> Parts:
    """The same parts, their device without shots or random gradient."""
    if parts.exact:
        return parts
    exact = copy.copy(parts)
    exact.device = parts.device.exactly()
    return exact


def test_data(parts: Parts, network: Network) -> Data:
    """Test items of the parts, as a network of theirs takes them."""
    test = parts.dataset.test
    pictures = feature.pictures(parts, test, network.backbone)
    return Data(pictures, test.labels.unsqueeze(0), feature.chunk(network.backbone))


def _scaling(parts: Parts, weights: dict[str, np.ndarray]) -> feature.Scaling:
    """Scaling of the features, by the statistics that stand beside the weights."""
    if "scaling.mean" not in weights:
        return feature.Scaling(["none"])
    mean, deviation = (
        torch.from_numpy(weights[f"scaling.{name}"]).to(parts.accelerator)
        for name in ("mean", "deviation")
    )
    return feature.Scaling(["standard"], mean, deviation)
