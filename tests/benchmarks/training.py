"""Training heads on cached features: a circuit beside a classical block, thirty seeds beside one, a
sweep beside its processes.
"""

import subprocess
import sys
import time

import torch
from measure import interleaved, machine, table

from qtlrun.batch import Data, cached
from qtlrun.circuit.dressed import Dressed
from qtlrun.device.statevector import Statevector
from qtlrun.freeze import Freeze
from qtlrun.head.dressed import Quantum, Twin
from qtlrun.layer import Start
from qtlrun.recipe import Recipe
from qtlrun.train import fit

FEATURES, TRAIN, VALIDATION = 512, 244, 153  # as of ResNet18 on the pictures of ants and bees
SWEEP = [(qubits, depth) for qubits in range(2, 9) for depth in range(1, 7)]
SAMPLED = [(2, 1), (5, 3), (8, 6)]  # points of the sweep that are trained in a process of their own


def main() -> None:
    torch.set_num_threads(1)
    _steps()
    _seeds()
    _sweep()


def _steps() -> None:
    epochs = {
        name: _epochs(head, batch=32)
        for name, head in (
            ("circuit", _quantum(4, 6, [0])),
            ("classical block", Twin(FEATURES, 2, 4, Start([0]))),
        )
    }
    seconds = interleaved(epochs)
    steps = -(-TRAIN // 32)
    table(
        "step",
        "One training step of a dressed head, 4 qubits, depth 6, batch 32, microseconds;"
        f" {machine()}.",
        ["between the linear layers", "least", "median", "ratio of medians"],
        [
            [
                name,
                f"{least / steps * 1e6:.0f}",
                f"{middle / steps * 1e6:.0f}",
                f"{middle / seconds['classical block'][1]:.2f}",
            ]
            for name, (least, middle) in seconds.items()
        ],
    )


def _seeds() -> None:
    rows = []
    for batch in (4, 32):
        seconds = interleaved(
            {seeds: _epochs(_quantum(4, 6, list(range(seeds))), batch) for seeds in (1, 5, 30)}
        )
        rows += [
            [
                batch,
                seeds,
                f"{least * 1e3:.1f}",
                f"{middle * 1e3:.1f}",
                f"{middle / seconds[1][1]:.2f}",
            ]
            for seeds, (least, middle) in seconds.items()
        ]
    table(
        "seeds",
        f"One epoch of {TRAIN} items, 4 qubits, depth 6, all seeds at once, each in its own order,"
        f" milliseconds; {machine()}.",
        ["batch", "seeds", "least", "median", "in single runs"],
        rows,
    )


def _sweep() -> None:
    began = time.perf_counter()
    for qubits, depth in SWEEP:
        _train(qubits, depth, list(range(5)))
    together = time.perf_counter() - began
    apart = []
    for qubits, depth in SAMPLED:
        began = time.perf_counter()
        subprocess.run([sys.executable, __file__, str(qubits), str(depth)], check=True)
        apart.append(time.perf_counter() - began)
    trainings = 5 * len(SWEEP)
    total = sum(apart) / len(apart) * trainings
    table(
        "sweep",
        f"{trainings} trainings: 2 to 8 qubits, depth 1 to 6, 5 seeds, 30 epochs of {TRAIN} items,"
        f" batch 32; {machine()}.",
        ["way", "seconds", "ratio"],
        [
            ["one process, 5 seeds at once", f"{together:.1f}", 1],
            [
                (
                    f"a process for each training (mean of {len(apart)} processes, {min(apart):.1f}"
                    f" to {max(apart):.1f} s, times {trainings})"
                ),
                f"{total:.0f}",
                f"{total / together:.0f}",
            ],
        ],
    )


def _quantum(qubits: int, depth: int, seeds: list[int]) -> Quantum:
    return Quantum(FEATURES, 2, Dressed(qubits, depth), Statevector(), Start(seeds))


def _data(items: int) -> Data:
    draw = torch.Generator().manual_seed(items)
    return cached(
        torch.randn(items, FEATURES, generator=draw), torch.randint(2, (items,), generator=draw)
    )


def _epochs(head, batch: int):
    """A call that trains one epoch more, without its evaluation."""
    from qtlrun.layer import generator
    from qtlrun.train import _optimizer, _train_epoch  # what `fit` calls for each epoch

    recipe, data = Recipe(epochs=1, batch_size=batch, lr=0.001, backbone_lr=0.001), _data(TRAIN)
    optimizer = _optimizer(head, None, [recipe])
    orders = [generator(seed, "order") for seed in range(head.pre.weight.shape[0])]
    return lambda: _train_epoch(head, optimizer, 1.0, recipe, data, orders, False, 0)


def _train(qubits: int, depth: int, seeds: list[int]) -> None:
    recipe = Recipe(epochs=30, batch_size=32, lr=0.01, backbone_lr=0.01)
    for _ in fit(
        _quantum(qubits, depth, seeds),
        None,
        [recipe] * len(seeds),
        Freeze("all"),
        _data(TRAIN),
        _data(VALIDATION),
        seeds,
    ):
        pass


if __name__ == "__main__":
    if len(sys.argv) > 1:
        torch.set_num_threads(1)
        _train(int(sys.argv[1]), int(sys.argv[2]), [0])
    else:
        main()
