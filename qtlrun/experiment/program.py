"""Trained networks as programs that run without this one: torch.export and ONNX."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.error import UsageError
from qtlrun.experiment.network import Network, circuit_weights, has_inner_circuit
from qtlrun.tape import reader
from qtlrun.tape.tape import Reading
from qtlrun.tape.transcript import Transcript, parameters, transcribe


class Whole(nn.Module):
    """Network from items to logits (items, classes), its circuit simulated gate by gate.

    In plain torch, without shots: expectation values and probabilities are exact.
    """

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        self.simulate: StatevectorCircuit | None = None
        if has_inner_circuit(network.head):
            reading = _head(network).run.reading
            self.simulate = StatevectorCircuit(reading, "gatewise")

    def forward(self, items: Tensor) -> Tensor:
        if self.simulate is None:
            return self.network(items).squeeze(0)
        head = _head(self.network)
        inputs = head.encode(self.network.features(items))
        return head.decode(self.simulate(inputs, circuit_weights(head))).squeeze(0)


class Front(nn.Module):
    """Network from items to the numbers that its circuits' transcripts take.

    Each circuit takes as many, and they stand in a row, (items, circuits * numbers).
    """

    def __init__(self, network: Network, reading: Reading):
        super().__init__()
        self.network = network
        self.reading = reading

    def forward(self, items: Tensor) -> Tensor:
        head = _head(self.network)
        inputs = head.encode(self.network.features(items))
        numbers = parameters(self.reading, inputs, circuit_weights(head))
        return numbers.transpose(0, 1).flatten(1)


class Back(nn.Module):
    """Network from what its circuits give, (items, circuits * outputs), to logits."""

    head: Any  # a head with `decode`

    def __init__(self, network: Network):
        super().__init__()
        self.head = network.head
        self.circuits = len(circuit_weights(network.head))

    def forward(self, values: Tensor) -> Tensor:
        outputs = values.unflatten(-1, (self.circuits, -1)).transpose(0, 1)
        return self.head.decode(outputs).squeeze(0)


@dataclass(frozen=True)
class Pieces:
    """Circuits of a network as instructions, and the networks before and behind them."""

    front: Front
    transcripts: list[Transcript]
    back: Back


def kind_unprepared(
    preprocess: Callable[[Tensor], Tensor], shape: torch.Size, channels: int | None
) -> Literal["vectors", "pixels"] | None:
    """Kind of items that a backbone passes on as they are; None where it prepares them.

    shape: of an item that the network takes
    channels: of a picture before it is prepared; None of vectors
    """
    if channels is None:
        item = torch.linspace(-1, 1, shape.numel(), dtype=torch.float64).view(1, *shape)
        return "vectors" if _gives(preprocess, item, item) else None
    if len(shape) != 1 or shape[0] % channels:
        return None
    picture = torch.arange(shape[0]).to(torch.uint8).view(1, channels, -1, 1)
    return "pixels" if _gives(preprocess, picture, picture.flatten(1) / 255) else None


def take_apart(network: Network, circuit: Any, entangle: bool) -> Pieces:
    """Pieces of a network with a circuit; UsageError where its gates cannot be written down."""
    head = _head(network)
    # Amplitudes that a device may prepare are gates here
    reading = reader.read(circuit, entangle)
    transcripts = [transcribe(reading, weights) for weights in circuit_weights(head).split(1)]
    return Pieces(Front(network, reading), transcripts, Back(network))


def export_program(module: nn.Module, example: Tensor) -> bytes:
    """File of torch.export's program, which takes any number of items."""
    with _tracing():
        module(example)  # what is made at the first call is none of a trace's
        program = torch.export.export(module, (example,), dynamic_shapes=_any_number())
        packed = io.BytesIO()
        torch.export.save(program, packed)
    return packed.getvalue()


def export_onnx(module: nn.Module, example: Tensor) -> bytes:
    """File of the ONNX model; UsageError where a library for it is absent."""
    try:
        import onnx  # noqa: F401 torch asks for both, and names one
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed", "pip install 'qtlrun[onnx]' brings it"
        ) from error
    with _tracing(), contextlib.redirect_stdout(io.StringIO()):
        module(example)
        program = torch.onnx.export(
            module, (example,), dynamo=True, dynamic_shapes=_any_number(), verbose=False
        )
    return program.model_proto.SerializeToString()


def load_program(path: Path) -> Callable[[Tensor], Tensor]:
    """Function of torch.export's program in a file."""
    return torch.export.load(path).module()


def load_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Function of the ONNX model in a file, by onnx's own evaluator."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(str(path))
    (name,) = session.input_names
    return lambda items: torch.from_numpy(session.run(None, {name: items.cpu().numpy()})[0])


def _any_number() -> tuple[dict[int, Any]]:
    """Shapes of a batch of any number of items."""
    return ({0: torch.export.Dim("items", min=1)},)


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """Trace without gradients; torch warns of its own code. Refuse what torch cannot trace."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            yield
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UsageError(f"torch cannot export this model ({reason})") from error


def _gives(preprocess: Callable[[Tensor], Tensor], item: Tensor, expected: Tensor) -> bool:
    """Whether an item is prepared as expected; not where code of the user's refuses it."""
    try:
        result = preprocess(item)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return result.shape == expected.shape and torch.allclose(result.double(), expected.double())


def _head(network: Network) -> Any:
    return network.head
