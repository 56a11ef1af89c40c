"""Errors of Hydra and OmegaConf in the user's words: key, value, why not, what is right."""

import contextlib
import re
from pathlib import Path

import yaml
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from qtlrun.compose import reserved
from qtlrun.compose.grammar import no_override, quote
from qtlrun.error import UsageError, nearest, text
from qtlrun.plan.option import SEVERAL, group_names, options, read_option
from qtlrun.plan.override import parse

HYDRA_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError)
# With what configs make Hydra and OmegaConf raise.
COMPOSING_ERRORS = (
    *HYDRA_ERRORS,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
MAX_NAME = 200  # bytes of an option's name; file systems take no longer ones
# Values that are no text.
NO_TEXT = re.compile(r"null|nan|inf|true|false|[-+.\de]*\d[-+.\de]*", re.IGNORECASE)


def word(error: Exception, folders: list[Path], words: list[str]) -> str:
    """Word an error of composing as a sentence."""
    message = str(error)
    if isinstance(error, OverrideParseException):
        return str(no_override(error.override))
    if isinstance(error, yaml.MarkedYAMLError):
        return f"{error.problem_mark.name}: line {error.problem_mark.line + 1}: {error.problem}."
    if match := re.search(r"Could not override '([^']+)'", message):
        return _no_key(match[1], folders, words)
    if match := re.search(
        r"(?:In '([^']+)': )?Could not (?:find|load) '([\w/]+)/([^'/]*)'", message
    ):
        return _no_option(match[1], match[2], match[3], folders)
    if match := re.search(r"Multiple values for ([\w/]+)", message):
        return _two_choices(match[1], words)
    if match := re.search(r"An item is already at '([^']+)'", message):
        return f"{match[1]}: it is there already; {match[1]}=VALUE, without the +, changes it."
    if match := re.search(r"@?(\w+)\.(\w+)\S* appears more than once", message):
        return f"{match[1]}: {match[2]} is named twice."
    if match := re.search(r"Could not delete (?:from config\. )?'([^'=]+)", message):
        return _no_removal(match[1])
    if match := re.search(r"package '(.*)' not found in config", message):
        return (
            f"--package {match[1]}: the composed values have no such part; qtlrun --cfg job prints"
            " them all."
        )
    if match := re.search(r"Missing mandatory value[^$]*full_key: (\S+)", message):
        return f"{match[1]}: it has no default; give it, as {match[1]}=VALUE."
    if isinstance(error, HYDRA_ERRORS):
        return _clean(error)
    culprit = _culprit(folders, words)
    return (
        f"{culprit}: Hydra cannot compose it ({type(error).__name__}: {_first_line(message)})."
        if culprit
        else f"{_first_line(message)}."
    )


def check(override: Override, folders: list[Path]) -> None:
    """Refuse choices of options that Hydra words badly or not at all.

    A group takes the name of an option, and `compare` and `lens` take several.
    """
    group = override.key_or_group
    typed = override.input_line
    if group not in group_names(folders) or override.package is not None:
        return
    if override.is_delete() and group in SEVERAL:
        raise UsageError(_no_removal(group))
    for value in _names(override):
        if isinstance(value, list) and group not in SEVERAL:
            raise UsageError(
                f"one option is chosen here, as {group}={options(group, folders)[0]}", key=typed
            )
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or NO_TEXT.fullmatch(name):
                nothing = ". Leave it out for none" if group == "experiment" else ""
                raise UsageError(
                    "a group takes the name of an option",
                    f"{nearest(text(name), options(group, folders))}{nothing}",
                    key=typed,
                )
            if len(name.encode()) > MAX_NAME:
                raise UsageError(
                    "there is no such option",
                    nearest(name[:MAX_NAME], options(group, folders)),
                    key=typed,
                )


def _names(override: Override) -> list:
    """Values of a word, each one of a sweep."""
    value = override.value()
    if override.is_delete() and override.value_type is None:
        return []
    if isinstance(value, ChoiceSweep):
        return [item.text if isinstance(item, QuotedString) else item for item in value.list]
    return [] if override.is_sweep_override() else [value]


def _no_key(key: str, folders: list[Path], words: list[str]) -> str:
    """Message that a key does not exist, with those beside it or where its name exists."""
    if "@" in key:
        return f"{key}: no option stands there; {key.partition('@')[0]}=OPTION chooses one."
    if key.startswith("hydra."):
        return f"{key}: there is no such key; qtlrun --cfg hydra prints those of Hydra."
    config = _compose_choices(folders, words)
    keys = _leaves(config)
    group, _, name = key.rpartition(".")
    beside = sorted(
        {
            each.removeprefix(group + ".").partition(".")[0]
            for each in keys
            if not group or each.startswith(group + ".")
        }
    )
    if not group:
        namesake = min((each for each in keys if each.endswith("." + key)), key=len, default=None)
        if namesake:
            return f"{key}: there is no such group or key; did you mean {namesake}?"
        return (
            f"{key}: there is no such group or key;"
            f" {nearest(key, sorted({*beside, *group_names(folders)} - {'hydra'}))}"
        )
    others = [
        f"{group}={option}"
        for option in options(group, folders)
        if name in read_option(group, option, folders)
    ]
    if name in beside and (inner := _unknown_inner_key(key, keys, words)):
        others = [override.text for override in parse(words) if override.key != key]
        return _no_key(inner, folders, others)
    if others and name not in beside and group in group_names(folders):
        return (
            f"{key}: the option chosen has no such key; {', '.join(others)}"
            f" {'has' if len(others) == 1 else 'have'} it."
        )
    top, _, inner_key = key.partition(".")
    chosen = inner_key.partition(".")[0]
    if not beside and top in SEVERAL and chosen in options(top, folders):
        return f"{key}: {chosen} is not chosen; {top}=[{chosen}] chooses it."
    if not beside:
        return f"{key}: there is no such key; " + (
            f"{group} takes none."
            if top in {*group_names(folders), *config}
            else nearest(top, sorted({*map(str, config), *group_names(folders)}))
        )
    return f"{key}: there is no such key; {nearest(name, beside)}"


def _unknown_inner_key(key: str, keys: list[str], words: list[str]) -> str | None:
    """First unknown key among the values in braces that the command line gives a key, or None."""
    values = [override.value for override in parse(words) if override.key == key and override.sets]
    value = next((value for value in values if value.startswith("{")), "")
    below = [f"{key}.{name}" for name in re.findall(r"[{,]\s*(\w+)\s*:", value)]
    return next((inner for inner in below if not _exists(inner, keys)), None)


def _exists(key: str, keys: list[str]) -> bool:
    """Whether a key, or one below it, is among the keys of a composition."""
    return any(each == key or each.startswith(f"{key}.") for each in keys)


def _no_option(where: str | None, group: str, option: str, folders: list[Path]) -> str:
    """Message that an option does not exist; `where` is the config that asks for it."""
    asked = f", which {where} asks for" if where and not where.endswith("config") else ""
    choice = f"{group}={option}{asked}"
    if group == "hydra/sweeper":
        return f"{choice}: {reserved.sweeper(option)}"
    if group == "hydra/launcher":
        return f"{choice}: {reserved.launcher(option)}"
    if group.startswith("hydra"):
        return f"{choice}: Hydra has no such option here."
    for folder in folders:
        if (path := folder / group / f"{option}.yml").is_file():
            return f"{choice}: {path} ends in .yml, and Hydra reads .yaml alone; rename it."
    return f"{choice}: there is no such option; {nearest(option, options(group, folders))}"


def _two_choices(group: str, words: list[str]) -> str:
    """Message that a group is chosen twice, or added where it is."""
    chosen = [override.value for override in parse(words) if override.key == group]
    if len(chosen) > 1:
        return f"{group}: it is given twice, {' and '.join(chosen[:2])}; leave one out."
    return f"{group}: it is there already; {group}=VALUE, without the +, changes it."


def _no_removal(key: str) -> str:
    """Message that a key cannot be taken away."""
    if key in SEVERAL:
        return f"~{key}: its options cannot be taken away so; {key}=[] chooses none."
    return f"~{key}: there is no such key, or it is null and need not be taken away."


def _compose_choices(folders: list[Path], words: list[str]):
    """Compose the options that words choose, without their values.

    The default composition where they do not compose.
    """
    groups = group_names(folders)
    chosen = [
        override.text
        for override in parse(words)
        if override.key in groups and re.fullmatch(r"\w+=([\w.-]+|\[[\w.,-]*\])", override.text)
    ]
    return _try_compose(folders, chosen) or _try_compose([], [])


def _try_compose(folders: list[Path], words: list[str]):
    """Composition of words, or None where they do not compose."""
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    urls = ",".join(quote(f"file://{folder.absolute()}") for folder in folders)
    with (
        initialize_config_module("qtlrun.conf", version_base="1.3"),
        contextlib.suppress(*COMPOSING_ERRORS),
    ):
        return compose("config", overrides=[f"hydra.searchpath=[{urls}]", *words])
    return None


def _culprit(folders: list[Path], words: list[str]) -> str | None:
    """Word without which the others compose, or None."""
    for number, suspect in enumerate(words):
        if _try_compose(folders, words[:number] + words[number + 1 :]) is not None:
            return suspect
    return None


def _clean(error: Exception) -> str:
    """Message of an error of Hydra's without addresses of its manual; the key first, if any."""
    message = re.sub(r"^.* raised while resolving interpolation: ", "", str(error))
    lines = [
        line.strip() for line in message.splitlines() if line.strip() and "hydra.cc" not in line
    ] or [type(error).__name__]
    key = error.full_key if isinstance(error, OmegaConfBaseException) else None
    sentence = (lines[0] if key or lines[0].endswith(".") else " ".join(lines[:2])).strip('."')
    return f"{key}: {sentence}." if key else f"{sentence}."


def _first_line(message: str) -> str:
    """First line of a message."""
    return next(
        (line.strip().rstrip(".") for line in message.splitlines() if line.strip()),
        "no reason is given",
    )


def _leaves(node, prefix: str = "") -> list[str]:
    """Dotted keys of a composition, without `_target_`."""
    from omegaconf import DictConfig

    keys = []
    for name in node:
        inside = node._get_node(name)
        if isinstance(inside, DictConfig) and not inside._is_none() and len(inside):
            keys += _leaves(inside, f"{prefix}{name}.")
        elif name != "_target_":
            keys.append(f"{prefix}{name}")
    return keys
