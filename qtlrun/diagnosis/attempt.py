"""Attempts: code of the user's that may raise anything, without ending the examination."""

from collections.abc import Callable
from typing import TypeVar

from pennylane import exceptions

from qtlrun.error import UsageError
from qtlrun.plan import plugin

Result = TypeVar("Result")

# Of PennyLane and torch, where no line of the user's is on the way
PASS_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ImportError,
    ArithmeticError,
    exceptions.QuantumFunctionError,
    exceptions.DeviceError,
    exceptions.WireError,
    exceptions.QueuingError,
    exceptions.TransformError,
    exceptions.DecompositionError,
    exceptions.NonDifferentiableError,
    exceptions.OperatorPropertyUndefined,
)


def attempt(work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """Result of work, or the error that ended it.

    Whatever a file of the user's raises counts, and of the rest what torch and PennyLane raise.
    """
    try:
        with plugin.blamed("module", "the module"):
            return work(), None
    except UsageError as error:
        cause = error.__cause__
        return None, cause if isinstance(cause, Exception) else error
    except PASS_ERRORS as error:
        return None, error
