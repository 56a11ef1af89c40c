"""Dressed network with a trained trigonometric polynomial in its circuit's place."""

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun.error import BadValue
from qtlrun.head import dressing
from qtlrun.head.squashing import RIGHT_ANGLE
from qtlrun.layer import Linear, Start, affine, join_copies, part_copies
from qtlrun.plan import facts
from qtlrun.surrogate.frequency import (
    MAX_TERMS,
    Frequencies,
    count_products,
    functions,
    products,
)


@facts(title=("trigonometric polynomial", " of {locality:input} a term at most"))
class Surrogate(nn.Module):
    """Quantum head with a polynomial in sines and cosines of the angles in the circuit's place.

    Its frequencies are the circuit's, and every coefficient is trained: whatever the circuit gives
    at any weights, it can give. Between the same two linear layers, which start as those of the
    quantum head do. Source: Schreiber et al., arXiv:2206.11740, who fit it to a trained circuit;
    here it is trained on the labels.

    Arguments:
        features: numbers of an item.
        classes: logits of an item.
        circuit_inputs: of all copies of the circuit.
        circuit_outputs: likewise.
        circuit_frequencies: of the circuit in its inputs.
        start: where start values come from, for each run.
        locality: inputs that a term depends on at most; None for all.
    """

    reach = RIGHT_ANGLE
    forward = dressing.forward
    activations = dressing.activations
    saturated = dressing.saturated
    index: Tensor
    directions: Tensor

    def __init__(
        self,
        features: int,
        classes: int,
        circuit_inputs: int,
        circuit_outputs: int,
        circuit_frequencies: Frequencies,
        start: Start,
        locality: int | None = None,
    ):
        super().__init__()
        degrees = circuit_frequencies.degrees
        if locality is not None and locality < 1:
            raise BadValue("locality", locality, "inputs of a term, from 1 up", "null for all")
        widest = len(degrees) if locality is None else min(locality, len(degrees))
        terms = count_products(degrees, widest)
        if terms > MAX_TERMS:
            raise BadValue(
                "locality",
                locality,
                f"{terms:,} products of sines and cosines; {MAX_TERMS:,} is the most",
                "use 2 or 1, or fewer qubits",
            )
        self.copies = circuit_inputs // circuit_frequencies.directions.shape[1]
        self.degree = max(degrees, default=0)
        self.register_buffer("index", products(degrees, widest)[1:], persistent=False)
        directions = circuit_frequencies.directions.to(start.dtype)
        self.register_buffer("directions", directions, persistent=False)
        self.pre = Linear(start, "pre", features, circuit_inputs)
        outputs = circuit_outputs // self.copies
        bound = 1 / math.sqrt(terms)
        shapes = {"weight": (outputs, terms - 1), "bias": (outputs,)}
        values = {
            name: start.uniform(f"series.{name}", (self.copies, *shape), bound)
            for name, shape in shapes.items()
        }
        self.weight = nn.Parameter(values["weight"])
        self.bias = nn.Parameter(values["bias"])
        self.post = Linear(start, "post", circuit_outputs, classes)

    def block(
        self, inputs: Float[Tensor, "runs batch inputs"]
    ) -> Float[Tensor, "runs batch outputs"]:
        """Outputs of the polynomials of all copies."""
        copies = part_copies(inputs, self.copies)
        values = affine(self._terms(copies), self.weight.flatten(0, 1), self.bias.flatten(0, 1))
        return join_copies(values, self.copies)

    def _terms(
        self, inputs: Float[Tensor, "circuits batch inputs"]
    ) -> Float[Tensor, "circuits batch terms"]:
        """Values of all terms but the constant."""
        factors = functions(inputs @ self.directions.T, self.degree)
        values = [factors[:, :, number, column] for number, column in enumerate(self.index.T)]
        return functools.reduce(torch.mul, values)
