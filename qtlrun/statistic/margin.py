"""Margin within which two models count as equivalent, in nats or relative to the reference."""

import math
import re
import sys
from dataclasses import dataclass

from qtlrun.error import BadValue

MAX_MARGIN_NATS = 0.5
MAX_MARGIN_SHARE = 0.5
NUMBER = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
PERCENTAGE = re.compile(r"(\d+\.?\d*|\.\d+)%", re.ASCII)


@dataclass(frozen=True)
class Margin:
    """Margin of verdicts on NLL: so many nats, or a share of the reference's mean test NLL.

    A share is fixed before the run and its nats follow from the reference's NLL, which is known no
    better than the seeds and pictures allow; that noise is not in the verdict.
    """

    nats: float | None = None
    share: float | None = None

    @classmethod
    def of(cls, value: "float | str | Margin") -> "Margin":
        """Margin that a number of nats or a percentage, as `5%`, names.

        Raises ValueError for another text, and for a margin that no two models of use would stay
        within.
        """
        if isinstance(value, Margin):
            return value
        if isinstance(value, str) and not NUMBER.fullmatch(value):
            return _relative(value)
        nats = float(value)
        if not (math.isfinite(nats) and 0 < nats <= MAX_MARGIN_NATS):
            raise _refusal(value)
        return cls(nats=nats)

    def beside(self, nll: float) -> float:
        """Nats of the margin beside a reference of this mean NLL; above 0 also where it is 0."""
        if self.share is None:
            return float(self.nats)
        return max(self.share * nll, sys.float_info.min)

    def words(self, reference: str = "the reference") -> str:
        """Margin in words, as `0.05 nats` or `5 % of the reference's NLL`."""
        if self.share is None:
            return f"{self.nats:g} nats"
        return f"{100 * self.share:g} % of {reference}'s NLL"


def _relative(value: str) -> Margin:
    """Margin of a percentage."""
    percentage = PERCENTAGE.fullmatch(value)
    share = float(percentage[1]) / 100 if percentage else math.nan
    if not 0 < share <= MAX_MARGIN_SHARE:
        raise _refusal(value)
    return Margin(share=share)


def _refusal(value: float | str) -> BadValue:
    """Error of a margin that cannot be."""
    text = str(value)
    squeezed = "".join(text.split())
    hint = " without a space" if squeezed != text and PERCENTAGE.fullmatch(squeezed) else ""
    return BadValue(
        "margin",
        value,
        f"nats of negative log-likelihood, above 0 and at most {MAX_MARGIN_NATS:g}",
        f"or a share of the reference's, above 0% and at most {MAX_MARGIN_SHARE:.0%}, as 5%{hint}",
    )
