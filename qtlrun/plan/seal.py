"""Seals: plans fixed before they are run, with the contrasts that they declare and a hash."""

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from qtlrun import disk
from qtlrun.error import text
from qtlrun.plan.override import parse

FILE = "seal.yaml"
NAME_DIGITS = 16  # of a hash, which name it
METRIC = "test_nll"  # of declared contrasts; every other figure is exploratory
# Keys of a plan that change no figure of its table
UNSEALED_KEYS = (
    "home",
    "outputs",
    "fresh",
    "seal",
    "plan",
    "runs",
    "study",
    "lens",
    "published",
    "name",
    "overrides",
    "command",
    "line",
    "run",
)
# Keys of words that choose the study or its folders
UNSEALED_WORDS = ("study", "lens", "study.contrasts", "home", "outputs", "fresh", "seal")
# Names of values that may be paths, of which the bytes count
PATH_NAMES = ("root", "state", "weights")
MAX_VALUE = 60  # characters of a value in a message
MAX_DIFFERENCES = 4  # that a message names
HEADING = "# A plan of qtlrun, sealed before it was run. The hash covers all that is below it.\n"


@dataclass(frozen=True)
class SealedPlan:
    """Point of a seal, as its run needs it.

    hash: of the whole seal
    date: when it was sealed, by the clock of that machine
    declared: names of the references whose contrast is declared
    readers: plans that had read its test items, and their pool, when it was sealed
    fingerprints: hashes of data, weights and plugins, by what they are of
    """

    hash: str
    date: str
    declared: list[str]
    readers: dict[str, int]
    fingerprints: dict[str, str]


@dataclass(frozen=True)
class Seal:
    """Plans of a command line, the contrasts that they declare, and the data that they are for.

    date: when it was sealed, by the clock of this machine
    command: words of the command line that composes the plans
    metric: figure of the declared contrasts
    declared: names of the references that the composed model is compared with
    margin: that of the verdicts
    readers: plans that had read the test items, and their pool, when it was sealed
    fingerprints: of each plan, hashes of data, weights and plugins, by what they are of
    plans: composed values of each plan, without those that change no figure
    """

    date: str
    command: list[str]
    metric: str
    declared: list[str]
    margin: float | str
    readers: dict[str, int]
    fingerprints: list[dict[str, str]]
    plans: list[dict[str, Any]]

    @cached_property
    def content(self) -> dict[str, Any]:
        """Plain values of all that is sealed."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of its content."""
        return disk.digest(json.dumps(self.content, sort_keys=True).encode())

    @property
    def name(self) -> str:
        """First digits of its hash."""
        return self.hash[:NAME_DIGITS]

    @property
    def file(self) -> str:
        """Content of its file."""
        values = {"hash": self.hash} | self.content
        return HEADING + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    def point(self, number: int) -> SealedPlan:
        """Point of the seal by its number."""
        return SealedPlan(
            self.hash, self.date, self.declared, self.readers, self.fingerprints[number]
        )


def parse_seal(content: bytes) -> object:
    """Plain values of a seal's file; ValueError where it is no YAML."""
    try:
        return yaml.safe_load(content.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError("its text is no YAML") from error


def load_seal(values: object) -> Seal:
    """Seal of plain values and its hash; ValueError, with the reason, where they do not agree."""
    names = [field.name for field in dataclasses.fields(Seal)]
    if not isinstance(values, dict) or set(values) != {"hash", *names}:
        raise ValueError("it is no seal, or lacks a part of one")
    seal = Seal(**{name: values[name] for name in names})
    try:
        digest = seal.hash
    except (TypeError, ValueError) as error:
        raise ValueError("it has values that no seal has") from error
    if digest != values["hash"]:
        raise ValueError(
            f"it was changed after it was sealed, for its hash is {digest[:NAME_DIGITS]} and it"
            f" names {str(values['hash'])[:NAME_DIGITS]}"
        )
    return seal


def is_hash(word: str) -> bool:
    """Whether a word may be a hash or its beginning."""
    return re.fullmatch("[0-9a-fA-F]{1,64}", word) is not None


def sealed_command(words: list[str]) -> list[str]:
    """Words of a command line that compose the same plans, without its study and its folders."""
    sealed = [word for word in parse(words) if word.key not in UNSEALED_WORDS]
    return [word.text for word in sealed if not word.is_below("lens")]


def sealed_values(values: dict[str, Any]) -> dict[str, Any]:
    """Values of a plan that its figures depend on."""
    return {name: value for name, value in values.items() if name not in UNSEALED_KEYS}


@dataclass(frozen=True)
class Difference:
    """Value that is not as it was sealed; a side that has none is None."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key} is {_clip(self.after)} (sealed: {_clip(self.before)})"


def describe_differences(differences: list[Difference]) -> str:
    """Differences in words: the first few, and how many others."""
    words = [str(difference) for difference in differences[:MAX_DIFFERENCES]]
    if len(differences) > MAX_DIFFERENCES:
        words.append(f"and {len(differences) - MAX_DIFFERENCES} more")
    return ", ".join(words)


def find_differences(sealed: dict[str, Any], values: dict[str, Any]) -> list[Difference]:
    """Values of a plan that are not as they were sealed; `sealed` are those of its point.

    References beside the sealed ones are none: they change no figure of the others. A path may be
    another, for the bytes that it leads to are compared by their hash.
    """
    values = sealed_values(values)
    before = dict(sealed.get("compare") or {})
    after = {name: each for name, each in (values.get("compare") or {}).items() if name in before}
    names = sorted(set(before) - set(after))
    absent = [Difference(f"compare.{name}", "there", "absent") for name in names]
    common = {name: each for name, each in before.items() if name in after}
    rest = _differences("", sealed | {"compare": common}, values | {"compare": after})
    return [*absent, *rest]


def find_changes(original: Seal, values: object) -> list[Difference]:
    """Values of a seal's file that are not as they were sealed."""
    return list(_differences("", {"hash": original.hash} | original.content, values))


def _differences(key: str, before: Any, after: Any) -> Iterator[Difference]:
    """Differences of values below a key; an option in place of another is one."""
    if isinstance(before, dict) and isinstance(after, dict):
        targets = [part.get("_target_") for part in (before, after)]
        if targets[0] != targets[1]:
            yield Difference(key, text(targets[0]), text(targets[1]))
            return
        for name in before | after:
            inner = f"{key}.{name}" if key else str(name)
            sides = [part.get(name, "absent") for part in (before, after)]
            yield from _differences(inner, *sides)
    elif _are_groups(before, after):
        for number, (first, second) in enumerate(zip(before, after, strict=True), 1):
            yield from _differences(f"{key}.{number}", first, second)
    elif _canonical(before) != _canonical(after) and not _are_paths(key, before, after):
        yield Difference(key, text(before), text(after))


def _are_groups(before: object, after: object) -> bool:
    """Whether both values are lists of groups, of one length."""
    if not (isinstance(before, list) and isinstance(after, list) and len(before) == len(after)):
        return False
    return all(isinstance(each, dict) for each in (*before, *after))


def _are_paths(key: str, before: object, after: object) -> bool:
    """Whether both values are paths to what is compared by its bytes."""
    if key == "plugins":
        return True
    texts = [each for each in (before, after) if isinstance(each, str) and "/" in each]
    return key.rpartition(".")[2] in PATH_NAMES and len(texts) == 2


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _clip(words: str) -> str:
    return words if len(words) <= MAX_VALUE else f"{words[: MAX_VALUE - 3]}..."
