"""Networks with random layers, and those trained on shuffled labels: a draw for each training."""

import torch

from qtlrun.experiment import training
from qtlrun.lens.map.randomisation import ALL, HEAD, randomise, train_on_shuffled_labels


def noise(network):
    """Random values of the layer behind the circuit, without their mean and deviation."""
    weight = network.head.state_dict()["post.weight"]
    return ((weight - weight.mean()) / weight.std()).ravel()


def test_each_seed_has_its_own_random_layers_which_rows_share(pictures):
    networks = {
        (row, each.seed): dict(randomise(each, 0))
        for row in "AD"
        for each in pictures.trainings[row][:2]
    }
    heads = {key: noise(each[HEAD]) for key, each in networks.items()}
    torch.testing.assert_close(heads["A", 0], heads["D", 0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(heads["A", 0], heads["A", 1], atol=0.1)
    blank = {
        key: torch.cat([each.ravel() for each in networks[key][ALL].backbone.parameters()])
        for key in networks
    }
    assert torch.equal(blank["A", 0], blank["D", 0])
    assert not torch.equal(blank["A", 0], blank["A", 1])


def test_each_seed_has_its_own_shuffled_labels_which_rows_share(pictures, monkeypatch):
    orders = {}

    def note(_label, trainings):
        for each in trainings:
            orders[row, each.seed] = each.parts.dataset.train.labels
        return []

    monkeypatch.setattr(training, "fit", note)
    for row in ("A", "twin"):
        subjects = pictures.trainings[row]
        # Where the first training failed, the others have their labels all the same
        assert train_on_shuffled_labels(subjects if row == "A" else subjects[1:], 0)[0] is None
    second = pictures.trainings["A"][1].seed
    assert torch.equal(orders["A", second], orders["twin", second])
    assert not torch.equal(orders["A", 0], orders["A", second])
    train = pictures.trainings["A"][0].split("train").labels
    assert torch.equal(orders["A", 0].bincount(), train.bincount())
