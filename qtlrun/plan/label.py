"""Labels of a plan's rows: each model once, under its name, with what it isolates."""

from dataclasses import dataclass

from qtlrun.plan.claim import claim
from qtlrun.plan.description import differences
from qtlrun.plan.letter import LETTERS, letter_of, likeness
from qtlrun.plan.override import Override
from qtlrun.plan.variant import Variant


@dataclass(frozen=True)
class Labels:
    """Labels of variants by name, what each label isolates, and a line for each oddity.

    A variant that equals one before it has no label of its own. A letter that means something else
    in the literature is starred.
    """

    names: dict[str, str]
    isolates: dict[str, str]
    notes: tuple[str, ...]


def label(
    variants: dict[str, Variant], changes: dict[str, dict], overrides: tuple[Override, ...]
) -> Labels:
    """Label variants, the composed model first; `changes` are those of the references."""
    model = next(iter(variants.values()))
    seen: dict[str, str] = {}
    names: dict[str, str] = {}
    isolates: dict[str, str] = {}
    notes: list[str] = []
    for name, variant in variants.items():
        equal = seen.setdefault(variant.identity_key, name)
        if equal != name:
            notes.append(f"{name} is the same model as {equal}: one row.")
            continue
        reason = _misnomer(name, variant)
        names[name] = f"{name}*" if reason else name
        if reason:
            notes.append(f"{name}* is not {name} in the sense of the literature: {reason}.")
        sentence = ""
        if variant != model and (not reason or likeness(variant) == name):
            sentence = _claim(name, changes[name], model, overrides)
        isolates[names[name]] = sentence or differences(model, variant)
    return Labels(names, isolates, tuple(notes))


def _misnomer(name: str, variant: Variant) -> str:
    """Why a variant named by a letter is not what the letter means; empty where it is."""
    if name not in LETTERS.values():
        return ""
    meaning, reason = letter_of(variant)
    if meaning == name:
        return ""
    return reason or f"it is {meaning}"


def _claim(name: str, change: dict, model: Variant, overrides: tuple[Override, ...]) -> str:
    """Claim of a reference; what was typed for it alone is no part of what its name claims."""
    sentence = claim(change, model)
    key = f"compare.{name}"
    typed = [
        override.change.removeprefix(f"{key}.") for override in overrides if override.is_below(key)
    ]
    return f"{sentence}, and {', '.join(typed)}" if sentence and typed else sentence
