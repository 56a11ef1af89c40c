"""Linear, squash, a middle, linear: the dressed quantum network and its classical twin."""
import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.device.reading import inputs_of
from qtlrun.head import published
from qtlrun.layer import Linear, Start


class Quantum(nn.Module):
    """A circuit between two linear layers; its input angles are pi/2 tanh of the first one's values, in radians.

    `angles` says what becomes of the circuit's weights: trained from a normal start of standard deviation `spread`,
    frozen at that start, random (uniform on (-pi, pi), never trained) or zero. `state` is a file of published weights.
    Source: Mari et al., arXiv:1912.08278, eq. 10. Raises ValueError where `state` does not fit.
    """

    def __init__(self, features: int, classes: int, circuit, device, start: Start,
                 angles: Literal["trained", "frozen", "random", "zero"] = "trained", entangle: bool = True,
                 spread: float = .01, state: str | None = None):
        super().__init__()
        if not (math.isfinite(spread) and spread >= 0):
            raise ValueError(f"spread={spread}: a standard deviation in radians, 0 or more.")
        self.run, self.entangle = device.run(circuit, entangle), entangle
        self.pre = Linear(start, "pre", features, inputs_of(circuit))
        self.post = Linear(start, "post", self.run.outputs, classes)
        if angles == "random":
            values = start.uniform("angles", circuit.shape, math.pi)
        else:
            values = start.normal("angles", circuit.shape, spread if angles != "zero" else 0.)
        self.angles = nn.Parameter(values, requires_grad=angles == "trained")
        if state is not None:
            published.load(self, state, circuit.shape, angles=angles in ("trained", "frozen"))

    def forward(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch classes"]:
        return self.post(self.run(squash(self.pre(x)), self.angles))

    def executions(self) -> int:
        """What the gradient of one sample costs a quantum processor under the parameter-shift rule, its value included.

        Two executions for each rotation whose angle depends on the inputs or on trained weights (Schuld et al.,
        arXiv:1811.11184).
        """
        reading = self.run.reading
        return 1 + 2 * len(reading.fed | (reading.trained if self.angles.requires_grad else frozenset()))

    @torch.enable_grad()
    def effective(self, x: Float[Tensor, "runs batch features"], exact=None) -> list[int]:
        """How many directions of the angles move the circuit's outputs, for each run: the rank of dZ/dw over `x`.

        `exact` is the circuit on a device without shots, where the head's own has some.
        """
        simulate = exact or self.run
        inputs = squash(self.pre(x)).detach().cpu().double()
        ranks = []
        for run in range(len(inputs)):
            weights = self.angles[run].detach().cpu().double().expand(inputs.shape[1], *self.angles.shape[1:]).requires_grad_()
            values = simulate(inputs[run].unsqueeze(1), weights)  # each sample as a run of its own
            slopes = [torch.autograd.grad(one.sum(), weights, retain_graph=True)[0] for one in values.unbind(-1)]
            ranks.append(int(torch.linalg.matrix_rank(torch.cat(slopes).flatten(1), rtol=1e-6)))
        return ranks


class Twin(nn.Module):
    """The quantum head with a linear layer and tanh in the circuit's place: same widths, same squashing."""

    def __init__(self, features: int, classes: int, qubits: int, start: Start):
        super().__init__()
        self.pre = Linear(start, "pre", features, qubits)
        self.middle = Linear(start, "middle", qubits, qubits)
        self.post = Linear(start, "post", qubits, classes)

    def forward(self, x: Float[Tensor, "runs batch features"]) -> Float[Tensor, "runs batch classes"]:
        return self.post(self.middle(squash(self.pre(x))).tanh())


def squash(x: Tensor) -> Tensor:
    """Any number to an angle between -pi/2 and pi/2."""
    return math.pi / 2 * x.tanh()
