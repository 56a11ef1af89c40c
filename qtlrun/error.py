"""Errors of what the user asks for: key, value, reason and fix are fields, worded last."""

import difflib
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

NO_VALUE = object()  # of a key that is not about one value
MAX_LISTED_NAMES = 30


class UsageError(ValueError):
    """Error of what the user asks for.

    reason: why it cannot be
    fix: what would be right
    key: dotted key that it is about; empty where it is about several or none
    value: value of the key
    missing: whether data or weights could not be had
    """

    def __init__(
        self,
        reason: str,
        fix: str = "",
        *,
        key: str = "",
        value: object = NO_VALUE,
        missing: bool = False,
    ):
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.key = key
        self.value = value
        self.missing = missing

    @classmethod
    def of(cls, error: ValueError, key: str) -> "UsageError":
        """The error of a part with this key, whoever raised it."""
        return (
            error.under(key) if isinstance(error, UsageError) else UsageError(str(error), key=key)
        )

    def __str__(self) -> str:
        subject = self.key
        if self.value is not NO_VALUE:
            subject += f"={text(self.value)}"
        sentence = "; ".join(filter(None, map(_without_stop, (self.reason, self.fix))))
        ending = "" if sentence.endswith("?") else "."
        return f"{subject}: {sentence}{ending}" if subject else f"{sentence}{ending}"

    def under(self, prefix: str) -> "UsageError":
        """The error of a part, whose key is the prefix, unless it has a full key."""
        return self if self.key else self.about(prefix)

    def located(self, where: str | None) -> "UsageError":
        """The error with file and line of the user's code that it comes from, at its end."""
        if where is None:
            return self
        pieces = [self.reason, self.fix] if self.fix else [self.reason]
        pieces[-1] = f"{_without_stop(pieces[-1])} ({where})"
        return UsageError(*pieces, key=self.key, value=self.value, missing=self.missing)

    def about(self, key: str, value: object = NO_VALUE) -> "UsageError":
        """The error with its reason and fix, about a key."""
        return UsageError(self.reason, self.fix, key=key, value=value, missing=self.missing)


class BadValue(UsageError):
    """Error of a value that a part's constructor is given, by the name of its parameter."""

    def __init__(
        self,
        name: str,
        value: object,
        reason: str,
        fix: str = "",
        *,
        missing: bool = False,
    ):
        super().__init__(reason, fix, key=name, value=value, missing=missing)

    def under(self, prefix: str) -> UsageError:
        """The error with its full key, under that of its part."""
        return self.about(f"{prefix}.{self.key}", self.value)


def _without_stop(words: str) -> str:
    """Words without a full stop at their end; dots that leave something out stay."""
    is_ellipsis = words.endswith("...") and not words.endswith("....")
    return words if is_ellipsis else words.removesuffix(".")


@contextmanager
def about_values(**values: object) -> Iterator[None]:
    """Let errors that are raised within be about these values, of which the first is named."""
    try:
        yield
    except ValueError as error:
        (name, value), *others = values.items()
        beside = ", ".join(f"{other}={text(each)}" for other, each in others)
        inner = error if isinstance(error, UsageError) else UsageError(str(error))
        reason = str(error) if inner.key else inner.reason
        fix = "" if inner.key else inner.fix
        if beside:
            reason = f"with {beside}, {reason}"
        raise BadValue(name, value, reason, fix, missing=inner.missing) from error


def nearest(value: object, names: Iterable[object]) -> str:
    """Words on the right names, the closest first where one is close."""
    texts = [str(name) for name in names]
    if not texts:
        return "it takes none"
    near = difflib.get_close_matches(str(value), texts, n=1, cutoff=0.5)
    if len(texts) > MAX_LISTED_NAMES:
        texts[12:] = [f"{len(texts) - 12} more"]
    listed = ", ".join(texts)
    return f"did you mean {near[0]}? It is one of {listed}" if near else f"it is one of {listed}"


def text(value: object) -> str:
    """A value as a YAML file has it, in one line."""
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        pairs = (f"{text(key)}: {_inner_text(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inner_text, value))}]"
    return str(value)


def _inner_text(value: object) -> str:
    """A value within another; a text in quotes."""
    return repr(value) if isinstance(value, str) else text(value)


def check_finite(**values: float) -> None:
    """Refuse a value that is no finite number of 0 or more; for constructors."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise BadValue(name, value, "a finite number of 0 or more is needed here")
