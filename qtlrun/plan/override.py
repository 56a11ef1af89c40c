"""One word of a command line that gives a value to a key, as `+circuit.depth=2`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Override:
    """A word in its parts: the prefix `+`, the key circuit.depth and the value 2, as typed.

    The value is None where the word has no equals sign.
    """

    text: str
    prefix: str
    key: str
    value: str | None

    @classmethod
    def of(cls, word: str) -> "Override":
        """Part a word; any text can be parted."""
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
        """Whether it changes something of what stands at a key."""
        return self.key.startswith(f"{key}.")

    def options(self) -> list[str]:
        """The options that its value names, one or a list of them."""
        return re.findall(r"[\w.-]+", self.value or "")


def parse(words: Iterable[str]) -> list[Override]:
    """Each word in its parts."""
    return [Override.of(word) for word in words]


def swept_values(points: Sequence[Iterable[Override]]) -> list[dict[str, object]]:
    """Keys whose values differ between the points of a sweep, with each point's values."""
    words = [{each.key: each.value for each in point if each.sets} for point in points]
    keys = [key for key in words[0] if len({values.get(key) for values in words}) > 1]
    return [{key: number(values[key]) for key in keys} for values in words]


def number(text: str) -> int | float | str:
    """Number that a text is; else the text, without quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
