"""Matrices of PennyLane operations, and whether they are unitary."""

import numpy as np
import pennylane as qml
import torch
from pennylane.ops import op_math
from torch import Tensor

from qtlrun.tape.pauli import embed
from qtlrun.tape.step import controlled_matrix

TOLERANCE = 1e-6  # of an element: the worth of a float32


def matrix_of(operation) -> Tensor:
    """The matrix of an operation on its own wires, in their order.

    It is complex128 and differentiable. Composite operations are computed from their parts:
    PennyLane 0.45 orders the wires of some products wrongly.
    """
    wires = tuple(operation.wires)
    if operation.pauli_rep is not None:
        return as_complex(operation.pauli_rep.to_mat(wire_order=wires))
    if isinstance(operation, op_math.Prod):
        factors = (_full_matrix(factor, wires) for factor in operation.operands)
        product = next(factors)
        for factor in factors:
            product = product @ factor
        return product
    if isinstance(operation, op_math.Sum):
        terms = (_full_matrix(term, wires) for term in operation.operands)
        return sum(terms, torch.zeros(()))
    if isinstance(operation, op_math.SProd):
        return as_complex(operation.scalar) * matrix_of(operation.base)
    if isinstance(operation, op_math.Exp):
        return torch.matrix_exp(as_complex(operation.coeff) * matrix_of(operation.base))
    if isinstance(operation, op_math.Adjoint):
        return matrix_of(operation.base).mH.resolve_conj()
    if isinstance(operation, op_math.Pow) and is_whole(operation.z):
        return torch.linalg.matrix_power(matrix_of(operation.base), int(operation.z))
    if (
        isinstance(operation, op_math.Controlled)
        and type(operation).compute_matrix is qml.operation.Operator.compute_matrix
    ):
        return controlled_matrix(matrix_of(operation.base), operation.control_values)
    return as_complex(operation.matrix())


def is_unitary(matrix: Tensor) -> bool:
    """Whether a matrix is unitary, up to rounding."""
    identity = torch.eye(len(matrix), dtype=matrix.dtype)
    return torch.allclose(matrix.detach() @ matrix.detach().mH, identity, rtol=0, atol=TOLERANCE)


def is_whole(exponent: object) -> bool:
    """Whether a power is repetition."""
    return isinstance(exponent, (int, float)) and exponent == int(exponent)


def _full_matrix(operation, wires: tuple[int, ...]) -> Tensor:
    return embed(matrix_of(operation), tuple(operation.wires), wires)


def as_complex(values: object) -> Tensor:
    """A number or an array of any library's as a complex128 tensor."""
    values = values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
    return values.to(torch.complex128)
