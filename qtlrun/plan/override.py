"""Override: a word of a command line that gives a key a value, as `+circuit.depth=2`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Override:
    """Override in its parts: the prefix `+`, the key circuit.depth and the value 2, as typed.

    The value is None where the word has no equals sign.
    """

    text: str
    prefix: str
    key: str
    value: str | None

    @classmethod
    def of(cls, word: str) -> "Override":
        """Split a word into its parts; any text can be split."""
        prefix, key, value = re.fullmatch(r"([+~]*)([^=]*)(?:=(.*))?", word, re.DOTALL).groups()
        return cls(word, prefix, key, value)

    @property
    def sets(self) -> bool:
        """Whether it gives its key a value."""
        return self.value is not None

    @property
    def change(self) -> str:
        """The word without its prefix."""
        return self.text[len(self.prefix) :]

    def to(self, value: str) -> str:
        """The word with another value."""
        return f"{self.prefix}{self.key}={value}"

    def is_below(self, key: str) -> bool:
        """Whether its key lies below a key, as circuit.depth below circuit."""
        return self.key.startswith(f"{key}.")

    def options(self) -> list[str]:
        """Options that its value names, one or a list of them."""
        return re.findall(r"[\w.-]+", self.value or "")


def parse(words: Iterable[str]) -> list[Override]:
    """Split each word into its parts."""
    return [Override.of(word) for word in words]


def swept_values(points: Sequence[Iterable[Override]]) -> list[dict[str, object]]:
    """Keys whose values differ between the points of a sweep, with each point's values."""
    typed = [_values(point) for point in points]
    shared = set.intersection(*(set(values.items()) for values in typed))
    keys = [key for key, value in typed[0].items() if (key, value) not in shared]
    return [_numbers(values, keys) for values in typed]


def _values(point: Iterable[Override]) -> dict[str, str]:
    """Values of a point as typed, by key."""
    return {override.key: override.value for override in point if override.sets}


def _numbers(values: dict[str, str], keys: list[str]) -> dict[str, object]:
    """Values of keys, as numbers where they read as such."""
    return {key: number(values[key]) for key in keys}


def number(text: str) -> int | float | str:
    """Number that a text reads as; else the text, without quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
