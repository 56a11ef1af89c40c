"""Circuits of all trainings under several noises at once, as many as memory holds."""

import pytest
import torch
from noises import angles

from qtlrun import memory
from qtlrun.circuit.dressed import Dressed
from qtlrun.experiment.subject import Subject
from qtlrun.robustness import exposure
from qtlrun.robustness.exposure import CircuitRow
from qtlrun.simulator.noise import Noise
from qtlrun.tape import reader

NOISES = [Noise(depolarizing=0.01 * number) for number in range(1, 7)]


@pytest.fixture
def row():
    """Two trainings with three circuits each of three wires and a layer."""
    circuit = Dressed(3, 1)
    subjects = CircuitRow([object.__new__(Subject), object.__new__(Subject)])
    values = [[each.detach() for each in angles(circuit, 3, 5, seed)] for seed in range(2)]
    vars(subjects).update(reading=reader.read(circuit))
    vars(subjects).update(zip(("inputs", "weights"), zip(*values, strict=True), strict=True))
    return subjects


def test_the_circuits_of_all_copies_and_the_gates_tables_fit_into_the_share_of_memory(
    row, monkeypatch
):
    words = 4**3
    right = row.under(NOISES)
    constant = sum(gate.angle is None for gate in row.reading.gates)
    tables = 16 * words * constant
    state = 8 * words * 6  # of all circuits of both trainings under one noise
    sizes = []
    compile_density = exposure.compile_density

    def watch(reading, noises):
        sizes.append(len(noises))
        return compile_density(reading, noises)

    monkeypatch.setattr(exposure, "compile_density", watch)
    share = exposure.MEMORY_PARTS * (tables + 2 * state)
    for total, counts in ((share, [12, 12, 12]), (share - 1, [6] * 6), (0, [6] * 6)):
        sizes.clear()
        monkeypatch.setattr(memory, "total", lambda total=total: total)
        values = row.under(NOISES)
        assert sizes == counts
        for each, other in zip(values, right, strict=True):
            assert all(map(torch.equal, each, other))
