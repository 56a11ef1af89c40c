"""Words of the command line as overrides of Hydra's grammar.

A text that the grammar does not take is quoted.
"""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    Override,
    Quote,
    QuotedString,
    Sweep,
    ValueType,
)
from hydra.errors import HydraException

from qtlrun.compose.point import check_points
from qtlrun.compose.several import word_sweep
from qtlrun.compose.word import show
from qtlrun.error import UsageError
from qtlrun.plan.override import Override as Word

FORM = (
    "an override is KEY=VALUE, its brackets and quotes closed, in quotes for the shell where it has"
    " brackets or spaces."
)
# Keys whose values are files and folders, and last names of such keys. The former may be the last
# name of another, as lens.dream.outputs is a number.
PATH_KEYS = ("outputs", "home", "plan", "run")
PATH_NAMES = ("root", "path", "weights", "state", "plugins", "runs", "images", "module")
# Of these, those whose ~ is replaced here and nowhere else; but for keys of patterns of names.
EXPANDED_KEYS = ("path", "weights", "state", "plugins", "runs", "module")
PATTERN_KEYS = ("parametrization.weights",)
# Keys of a study that are typed without its name
SHORT_KEYS = {
    "diagnose": "study.diagnose",
    "images": "study.images",
    "images_skip": "study.images_skip",
    "module": "study.module",
    "surrogates": "study.surrogates",
}
KEY = re.compile(r"(\+{0,2}|~)\w[\w./@:-]*")
CALL = re.compile(r"\w+(?= while evaluating)|(?<=': ).*", re.DOTALL)
MAX_WORD = 20_000  # characters; parsing takes a second for these
MAX_NESTING = 20  # brackets in one another


@dataclass(frozen=True)
class Words:
    """Overrides as texts for Hydra, and parsed, in the same order."""

    texts: list[str]
    overrides: list[Override]


def read(words: list[str], sweep: bool, options) -> Words:
    """Parse the words of a command line; `options(group)` lists what a glob chooses from.

    Refuses a word that is no override, several values where no sweep is asked for, and a sweep
    without end.
    """
    overrides = [_read(_lengthen(word), sweep) for word in words]
    if sweep:
        check_points(overrides, options)
    return Words([override.input_line for override in overrides], overrides)


def no_override(word: str) -> UsageError:
    """Refusal of a word that is no override."""
    return UsageError("this is no override", FORM, key=show(word) or "an empty word")


def quote(text: str) -> str:
    """Put a text in quotes, for Hydra's grammar.

    What looks like an interpolation, and is none, is escaped.
    """
    text = re.sub(r"\$\{(?![^{}]*\})", r"\\${", text)
    return QuotedString(text, Quote.single).with_quotes()


def _lengthen(word: str) -> str:
    """Word with the full key of one that has a short form."""
    typed = Word.of(word)
    key = SHORT_KEYS.get(typed.key)
    return f"{typed.prefix}{key}{word[len(typed.prefix) + len(typed.key) :]}" if key else word


def _read(word: str, sweep: bool) -> Override:
    """Parse a word, quoted where the grammar does not take it."""
    typed = Word.of(word)
    if not typed.key:
        raise no_override(word)
    _check_size(word)
    try:
        override = _parse(word)
    except (HydraException, ValueError) as error:
        override = _mend(word, str(error), sweep)
    if _is_path(typed.key):
        override = _keep_path(override, typed, sweep)
    if override.is_sweep_override() and not sweep:
        is_plain = override.value_type == ValueType.SIMPLE_CHOICE_SWEEP
        quoted = typed.to(quote(typed.value)) if _is_path(typed.key) else ""
        raise UsageError(word_sweep(typed, quoted=quoted, is_plain=is_plain))
    return override


def _parse(word: str) -> Override:
    return _parser().parse_overrides([word])[0]


@functools.cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def _check_size(word: str) -> None:
    """Refuse a word that parsing would not come to an end with, and a null character."""
    if "\0" in word:
        raise no_override(word.replace("\0", ""))
    if len(word) > MAX_WORD:
        raise UsageError(
            f"{len(word):,} characters", f"a word has {MAX_WORD:,} at most", key=show(word)
        )
    depth = deepest = 0
    for character in word:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise UsageError(
            f"{deepest} brackets in one another",
            f"{MAX_NESTING} at most are read",
            key=show(word),
        )


def _mend(word: str, reason: str, sweep: bool) -> Override:
    """Put the value of a word that the grammar does not take in quotes.

    Refuses a word that quotes would not mend.
    """
    typed = Word.of(word)
    key = typed.key
    value = typed.value
    if not typed.sets or not KEY.fullmatch(typed.prefix + key):
        raise no_override(word)
    if "limit" in reason and "digits" in reason:
        raise UsageError("the number has too many digits", key=show(word))
    if re.match(r"\w+\(.*\)$", value) and not _is_path(key) and "while evaluating" in reason:
        raise UsageError(CALL.findall(reason)[-1].splitlines()[0].rstrip("."), key=show(word))
    if _is_list(value):
        items = [item.strip() for item in value[1:-1].split(",")]
        mended = f"[{','.join(map(_item, items))}]" if all(items) else value
    elif value[:1] in ("[", "{", "'", '"') and not (_is_path(key) and _is_closed(value)):
        raise no_override(word)
    elif sweep and "," in value:
        mended = ",".join(_item(item.strip()) for item in value.split(","))
    else:
        mended = quote(value)
    try:
        return _parse(typed.to(mended))
    except (HydraException, ValueError) as error:
        raise no_override(word) from error


def _item(text: str) -> str:
    """Item of several values, in quotes where the grammar does not take it."""
    try:
        _parse(f"key={text}")
    except (HydraException, ValueError):
        return quote(text)
    return text


def _is_list(value: str) -> bool:
    """Whether a value is a list of plain items."""
    return (
        value.startswith("[")
        and value.endswith("]")
        and not re.search(r"[\[\]{}()'\"]", value[1:-1])
    )


def _is_closed(value: str) -> bool:
    """Whether every bracket is closed, and every quote."""
    pairs = all(value.count(begin) == value.count(end) for begin, end in ("[]", "{}", "()"))
    return pairs and value.count("'") % 2 == 0 and value.count('"') % 2 == 0


def _is_path(key: str) -> bool:
    """Whether the value of a key is a file or folder."""
    return key in PATH_KEYS or re.split(r"[.@]", key)[-1] in PATH_NAMES


def _keep_path(override: Override, word: Word, sweep: bool) -> Override:
    """Keep the path of a file or folder as it was typed, but for ~, which is replaced.

    007 is no number, and a blank at its end is part of it.
    """
    name = word.key.rpartition(".")[2]
    value = word.value or ""
    typed = value
    plain = not re.search(r"['\"\\$\[{]", value)
    parsed: Any = override.value()
    expands = name in EXPANDED_KEYS and word.key not in PATTERN_KEYS
    if expands and not isinstance(parsed, Sweep):
        parsed = _expand(parsed)
        if isinstance(parsed, list) and all(isinstance(item, str) for item in parsed):
            return _parse(word.to(f"[{','.join(map(quote, parsed))}]"))
        typed = str(parsed) if isinstance(parsed, str) else typed
    if expands and sweep and plain and override.value_type == ValueType.SIMPLE_CHOICE_SWEEP:
        items = [_expand_item(item.strip()) for item in value.split(",")]
        return _parse(word.to(",".join(items)))
    several = override.value_type == ValueType.SIMPLE_CHOICE_SWEEP and not sweep
    if several and (name in ("outputs", "home") or os.path.lexists(Path(value).expanduser())):
        return _parse(word.to(quote(value)))
    number = override.value_type == ValueType.ELEMENT and type(parsed) in (int, float, bool)
    if number or (plain and isinstance(parsed, str) and typed != override.value()):
        return _parse(word.to(quote(typed)))
    return override


def _expand(value: object) -> object:
    """Replace the ~ of a path, or of each of a list of them."""
    if isinstance(value, list):
        return [_expand(item) for item in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~") else value


def _expand_item(text: str) -> str:
    """Replace the ~ of one of several values, in quotes where there is one."""
    return quote(os.path.expanduser(text)) if text.startswith("~") else text
