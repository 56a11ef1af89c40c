"""Quantum-Train: gate angles generate the weights of a classical network."""

import functools
import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Literal

import torch

from qtlrun import memory
from qtlrun.circuit.chain import Chain
from qtlrun.circuit.ring import Ring
from qtlrun.error import BadValue, check_finite, nearest
from qtlrun.layer import Start
from qtlrun.parametrization.generator import Generator
from qtlrun.parametrization.mapping import Mapping
from qtlrun.parametrization.rival import Hashed, LowRank
from qtlrun.plan import facts

ANSATZ: dict[str, Callable[[int, int], Chain | Ring]] = {"ring": Ring, "chain": Chain}
BYTES_PER_GATE = 40_000  # of a block on each wire, with its gradient; measured


@facts(
    title=(
        "{weights} from ",
        ("source", "circuit", "a circuit"),
        ("source", "frozen", "a frozen circuit"),
        ("source", "constant", "their places alone"),
        ("source", "hashing", "hashing"),
        ("source", "low_rank", "a low rank"),
    ),
    defects={"activation": "none", "inputs": "published"},
    idle={
        "activation": {"source": ("hashing", "low_rank")},
        "inputs": {"source": ("hashing", "low_rank")},
    },
)
class QuantumTrain:
    """Generation of M weights by the probabilities of ceil(log2 M) qubits and a mapping network.

    Each probability enters the network with the bits of its basis state. Source: Liu et al.,
    arXiv:2402.16465. Raises ValueError for patterns without a match, for more weights than this
    machine can simulate probabilities, and for a mapping that does not fit.

    Arguments:
        weights: name patterns of the model's parameters, such as head.* or backbone.conv1.weight;
            they are cut from the M numbers in the order of the state dict.
        depth: blocks of the ansatz.
        mapping: widths of the hidden layers.
        device: what the circuit runs on.
        ansatz: of the circuit.
        activation: after each hidden layer.
        inputs: how bits and probabilities enter the mapping network (see `Mapping`).
        scale: fan_in gives each weight the deviation that torch starts it with, none leaves the
            mapping's own, as published.
        spread: standard deviation of the angles' normal start, in radians; None: uniform on (-pi,
            pi).
        added: add what is generated to the weights that are there, from 0 on.
        source: what generates: the trained circuit; the circuit with angles that are never updated
            (frozen); the same number for every weight (constant); or, instead of circuit and
            mapping, a generator of as many numbers, HashedNets' (hashing, Chen et al.,
            arXiv:1504.04788) or a matrix of low rank.
    """

    def __init__(
        self,
        weights: list[str],
        depth: int,
        mapping: list[int],
        device,
        ansatz: Literal["ring", "chain"] = "ring",
        activation: Literal["none", "tanh", "relu"] = "tanh",
        inputs: Literal["published", "standard"] = "standard",
        scale: Literal["none", "fan_in"] = "fan_in",
        spread: float | None = None,
        added: bool = False,
        source: Literal["circuit", "frozen", "constant", "hashing", "low_rank"] = "circuit",
    ):
        if not weights:
            raise BadValue(
                "weights",
                "[]",
                "name patterns are needed, as [head.*]",
                "parametrization=direct generates none",
            )
        if depth < 1:
            raise BadValue("depth", depth, "blocks of the circuit, from 1 up")
        if not all(1 <= width <= 2**20 for width in mapping):
            raise BadValue(
                "mapping",
                mapping,
                f"widths of hidden layers, each from 1 up to {2**20}",
                "[] is one linear layer",
            )
        if spread is not None:
            check_finite(spread=spread)
        self.weights = weights
        self.depth = depth
        self.widths = mapping
        self.device = device
        # A device compiles a circuit once, by which object it is
        self.ansatz = functools.cache(ANSATZ[ansatz])
        self.activation = activation
        self.standard = inputs == "standard"
        self.scale = scale
        self.spread = spread
        self.added = added
        self.source = source

    def matched(self, names: list[str]) -> list[str]:
        """Those names that a pattern matches, in their order."""
        matched = set()
        for pattern in self.weights:
            matches = [name for name in names if fnmatchcase(name, pattern)]
            if not matches:
                raise BadValue(
                    "weights",
                    f"[{pattern}]",
                    "no weight of this model is called so",
                    nearest(pattern, names),
                )
            matched.update(matches)
        return [name for name in names if name in matched]

    def check(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Refuse weights that are too many for this machine; nothing large is made."""
        count = sum(map(math.prod, shapes.values()))
        if self.simulates and qubits_of(count) > memory.largest():
            raise BadValue(
                "weights",
                f"[{','.join(self.weights)}]",
                f"these are {count:,} weights, whose probabilities take {qubits_of(count)} qubits,"
                f" and this machine simulates {memory.largest()}, which are enough for"
                f" {2 ** memory.largest():,}",
                "generate fewer of them",
            )
        if self.simulates and BYTES_PER_GATE * self.depth * qubits_of(count) > memory.total():
            most = memory.total() // (BYTES_PER_GATE * qubits_of(count))
            raise BadValue(
                "depth",
                self.depth,
                f"this machine holds the gates of {most:,} blocks on {qubits_of(count)} qubits",
                "use fewer",
            )
        # Bytes of values and slopes in float32.
        need = 8 * count * (qubits_of(count) + 1 + 2 * sum(self.widths))
        if self.source not in ("hashing", "low_rank") and need > memory.total():
            raise BadValue(
                "mapping",
                self.widths,
                (
                    f"with {count:,} weights a step takes {need / 2**30:,.1f} GiB,"
                    f" and this machine has {memory.total() / 2**30:,.1f}"
                ),
                "choose narrower layers, or fewer weights",
            )

    @property
    def simulates(self) -> bool:
        """Whether a circuit is simulated."""
        return self.source in ("circuit", "frozen")

    def generator(
        self,
        shapes: dict[str, tuple[int, ...]],
        start: Start,
        model_shapes: dict[str, tuple[int, ...]] | None = None,
    ) -> Generator:
        """Generator of weights of these shapes, by name, for each run.

        `model_shapes` are those of all the model's weights.
        """
        factors = torch.cat(
            [
                torch.full((math.prod(shape),), _deviation(name, model_shapes or shapes))
                for name, shape in shapes.items()
            ]
        )
        count = len(factors)
        qubits = qubits_of(count)
        circuit = self.ansatz(qubits, self.depth)
        raw: Hashed | LowRank | Mapping
        if self.source in ("hashing", "low_rank"):
            numbers = math.prod(circuit.shape) + Mapping.numbers(qubits, self.widths)
            raw = (Hashed if self.source == "hashing" else LowRank)(
                count, numbers, start, float(factors.square().mean().sqrt())
            )
        else:
            run = self.device.run(circuit) if self.simulates else None
            raw = Mapping(
                count,
                qubits,
                self.widths,
                self.activation,
                start,
                circuit,
                run,
                self.spread,
                trained=self.source == "circuit",
                standard=self.standard,
            )
        return Generator(raw, shapes, factors if self.scale == "fan_in" else None, self.added)


def qubits_of(count: int) -> int:
    """Qubits that have as many probabilities as there are weights; two at least, as in a ring."""
    return max(2, (count - 1).bit_length())


def _deviation(name: str, shapes: dict[str, tuple[int, ...]]) -> float:
    """Scale of torch's start values: uniform within 1 / sqrt(inputs), a bias as its weight."""
    shape = shapes[name]
    if len(shape) < 2:
        shape = shapes.get(name.removesuffix("bias") + "weight", shape)
    return 1 / math.sqrt(3 * math.prod(shape[1:]))
