"""Trained circuits between two layers, as a surrogate sees them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from qtlrun.device.statevector import StatevectorCircuit
from qtlrun.surrogate.batch import Run, evaluate
from qtlrun.surrogate.reduction import Decoder
from qtlrun.tape.tape import Reading

NOISE_TOLERANCE = 1e-6  # of an output; less is rounding of a device in single precision
AFFINE_TOLERANCE = 1e-3  # relative, of logits in single precision


@dataclass(frozen=True)
class Original:
    """Circuits of all runs at their trained weights, between two layers, in float64.

    copies: of the circuit, in each run; the circuits of a run stand one after another
    run: the circuit on its device, without shots
    train: inputs of training items
    test: those of test items
    outputs: of the circuits on the test items
    """

    run: Run
    reading: Reading
    copies: int
    weights: Float[Tensor, "circuits ..."]
    train: Float[Tensor, "circuits items inputs"]
    test: Float[Tensor, "circuits others inputs"]
    outputs: Float[Tensor, "circuits others outputs"]
    decoder: Decoder

    @classmethod
    def of(cls, head: Any, run: Any, train: Tensor, test: Tensor) -> "Original | None":
        """Circuits of a head, run without shots; None where no linear layer follows them."""
        reading = run.reading
        weights = _exactly(head.angles if head.circuit_weights is None else head.circuit_weights)
        outputs = evaluate(run, reading, _exactly(test), weights)
        decoder = read_decoder(head, test, outputs)
        if decoder is None:
            return None
        return cls(
            run,
            reading,
            head.circuits,
            weights,
            _exactly(train),
            _exactly(test),
            outputs,
            decoder,
        )

    def evaluate(
        self, inputs: Float[Tensor, "circuits items inputs"]
    ) -> Float[Tensor, "circuits items outputs"]:
        """Outputs of the circuits."""
        return evaluate(self.run, self.reading, inputs, self.weights)

    @cached_property
    def is_noisy(self) -> bool:
        """Whether the outputs on the test items are others without the device's noise."""
        if isinstance(self.run, StatevectorCircuit):
            return False
        run = StatevectorCircuit(self.reading, "auto")
        outputs = evaluate(run, self.reading, self.test, self.weights)
        return bool((self.outputs - outputs).abs().max() > NOISE_TOLERANCE)

    @cached_property
    def predicted(self) -> Int[Tensor, "runs others"]:
        """Classes of the test items, by the circuit."""
        return self.decoder(self.outputs).argmax(-1)


def read_decoder(head: Any, inputs: Tensor, outputs: Tensor) -> Decoder | None:
    """The layer after the circuit, by what it makes of units; None where it is not affine."""
    copies = head.circuits
    count = copies * outputs.shape[2]
    units = torch.eye(count).unflatten(1, (copies, -1)).transpose(0, 1)
    units = pad(units, (0, 0, 1, 0)).repeat(len(outputs) // copies, 1, 1)
    values = _exactly(head.decode(units.to(inputs)))
    decoder = Decoder(values[:, 1:] - values[:, :1], values[:, :1])
    direct = _exactly(head.decode(outputs.to(inputs)))
    tolerance = AFFINE_TOLERANCE * float(direct.abs().max())
    return decoder if (decoder(outputs) - direct).abs().max() <= tolerance else None


def _exactly(values: Tensor) -> Tensor:
    """Values on this machine's processor in float64."""
    return values.detach().cpu().double()
