"""Verdicts on numbers in a circuit, taken once and repeated whatever the values are later."""

from collections.abc import Callable

from qtlrun.error import UsageError

MOVING_GATES = ("its gates depend on the values of inputs or weights", "only their angles may")


class Checks:
    """Verdicts that rest on numbers, taken at the first call and repeated at all others."""

    def __init__(self, verdicts: tuple[bool, ...] | None = None):
        self.verdicts: list[bool] = []
        self._answers = None if verdicts is None else iter(verdicts)

    def ask(self, question: Callable[[], bool]) -> bool:
        """The answer at the first call, or the verdict taken then.

        Raises ValueError where more is asked than at the first call.
        """
        answer = question() if self._answers is None else next(self._answers, None)
        if answer is None:
            raise UsageError(*MOVING_GATES, key="circuit")
        self.verdicts.append(answer)
        return self.verdicts[-1]

    def repeat(self) -> "Checks":
        """The same verdicts for another call."""
        return Checks(tuple(self.verdicts))
