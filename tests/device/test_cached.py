"""A device that reads each circuit once."""

import torch
from composition import train_row, variants

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.cached import CachedDevice
from qtlrun.device.statevector import Statevector
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session

WORDS = (
    "backbone=identity",
    "recipe.epochs=1",
    "dataset.train=6",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=2",
)


class Counting:
    """A device that remembers what it was asked to read."""

    def __init__(self):
        self.asked = []

    def run(self, circuit, entangle=True):
        self.asked.append((circuit, entangle))
        return object()


def test_a_circuit_is_read_once_and_with_and_without_its_entangler_it_is_two():
    device, circuit, other = Counting(), Dressed(2, 1), Dressed(2, 1)
    cached = CachedDevice(device)
    first = [cached.run(circuit, entangle) for entangle in (True, False, True, False)]
    assert first[0] is first[2] and first[1] is first[3] and first[0] is not first[1]
    assert cached.run(circuit) is first[0] and cached.run(other) is not first[0]
    assert device.asked == [(circuit, True), (circuit, False), (other, True)]
    assert cached.asked is device.asked  # and for the rest it is the device


def test_circuits_that_are_gone_are_not_taken_for_new_ones():
    """Python gives the id of what is gone to what comes next."""
    device = Counting()
    cached = CachedDevice(device)
    made = [cached.run(Dressed(2, depth % 2)) for depth in range(20)]
    assert len(device.asked) == len(set(map(id, made))) == 20


def test_it_gives_the_very_values_and_gradients_of_a_device_of_its_own():
    circuit, draw = Dressed(3, 2), torch.Generator().manual_seed(0)
    cached = CachedDevice(Statevector())
    for entangle in (True, False):
        for runs in (1, 3):
            inputs, weights = (
                torch.randn(runs, *shape, generator=draw, dtype=torch.float64)
                for shape in ((5, 3), circuit.shape)
            )
            found = []
            for device in (cached, Statevector(), cached):
                x, w = inputs.clone().requires_grad_(), weights.clone().requires_grad_()
                values = device.run(circuit, entangle)(x, w)
                values.square().sum().backward()
                found.append((values.detach(), x.grad, w.grad))
            for other in found[1:]:
                assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_all_heads_of_a_session_read_their_circuit_once(home, monkeypatch):
    read, run = [], Statevector.run

    def counted(self, circuit, entangle=True):
        read.append(entangle)
        return run(self, circuit, entangle)

    monkeypatch.setattr(Statevector, "run", counted)
    one = Experiment(str(home))
    plan = variants(*WORDS, "compare=[frozen_circuit,unentangled,twin]")
    for name, row in plan.items():
        one.check(row)
        train_row(one, name, row, [0, 1])
        train_row(one, name, row.changed({"recipe.lr": 0.02}), [0, 1])
    assert sorted(read) == [False, True]
    train_row(one, "wide", variants(*WORDS, "circuit.qubits=3")["composed"], [0])
    assert sorted(read) == [False, True, True]
    Parts(plan["composed"], Session(str(home))).head(64, [0])
    assert len(read) == 4  # another session
