"""Several values of a key with commas between them: a sweep, unless a list was meant."""

import ast
from collections.abc import Iterator

from qtlrun.compose.word import show
from qtlrun.error import UsageError
from qtlrun.plan import annotation, option
from qtlrun.plan.check import read_settings
from qtlrun.plan.override import Override
from qtlrun.plan.part import parameters

SWEEP_ADVICE = "are a sweep; add -m to the command"


def word_sweep(word: Override, *, quoted: str, is_plain: bool) -> str:
    """Message that several values need -m, and how else they are written where that can be.

    quoted: the word with its value in quotes, where that is a path; empty where it is none
    is_plain: whether they are values with commas between them, not a range or a choice
    """
    text = show(word.text)
    if not is_plain:
        return f"{text}: these {SWEEP_ADVICE}."
    other = ""
    if quoted:
        other = f", or write a text with a comma as {show(quoted)}"
    elif takes_list(word.key):
        other = f", or write a list as {show(word.to(f'[{word.value}]'))}"
    return f"{text}: several values {SWEEP_ADVICE}{other}."


def takes_list(key: str) -> bool:
    """Whether a key may have a list: some option types it so, or none gives it a type."""
    if key in option.group_names([]):
        return key in option.SEVERAL
    group, _, name = key.rpartition(".")
    types = [read_settings().get(name)] if not group else list(_find_types(group, name))
    typed = [each for each in types if each is not None]
    return not typed or any(annotation.accepts(each, []) for each in typed)


def _find_types(group: str, name: str) -> Iterator[ast.expr | None]:
    """Type of a value in each shipped option of a group that has it."""
    for each in option.options(group, []):
        try:
            taken = parameters(group, option.read_values(group, each, []).get("_target_"))
        except UsageError:
            continue
        if name in taken:
            yield taken[name].annotation
