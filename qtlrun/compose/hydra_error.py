"""Errors of Hydra and OmegaConf in the user's words: what was given, why not, what is right."""

import contextlib
import re
from pathlib import Path

import yaml
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from qtlrun.compose import reserved
from qtlrun.compose.grammar import no_override, quoted
from qtlrun.plan import Refused, nearest, text
from qtlrun.plan.override import parse

KNOWN = (HydraException, OmegaConfBaseException, yaml.YAMLError)
RAISED = (
    *KNOWN,
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
NO_NAME = re.compile(
    r"null|nan|inf|true|false|[-+.\de]*\d[-+.\de]*", re.IGNORECASE
)  # values that are no text


def word(error: Exception, folders: list[Path], words: list[str]) -> str:
    """An error of composing as a sentence."""
    said = str(error)
    if isinstance(error, OverrideParseException):
        return str(no_override(error.override))
    if isinstance(error, yaml.MarkedYAMLError):
        return f"{error.problem_mark.name}: line {error.problem_mark.line + 1}: {error.problem}."
    if found := re.search(r"Could not override '([^']+)'", said):
        return _no_key(found[1], folders, words)
    if found := re.search(r"(?:In '([^']+)': )?Could not (?:find|load) '([\w/]+)/([^'/]*)'", said):
        return _no_option(*found.groups(), folders)
    if found := re.search(r"Multiple values for ([\w/]+)", said):
        return _several(found[1], words)
    if found := re.search(r"An item is already at '([^']+)'", said):
        return f"{found[1]}: it is there already; {found[1]}=VALUE, without the +, changes it."
    if found := re.search(r"@?(\w+)\.(\w+)\S* appears more than once", said):
        return f"{found[1]}: {found[2]} is named twice."
    if found := re.search(r"Could not delete (?:from config\. )?'([^'=]+)", said):
        return _no_removal(found[1])
    if found := re.search(r"package '(.*)' not found in config", said):
        return (
            f"--package {found[1]}: the composed values have no such part; qtlrun --cfg job prints"
            " them all."
        )
    if found := re.search(r"Missing mandatory value[^$]*full_key: (\S+)", said):
        return f"{found[1]}: it has no default; give it, as {found[1]}=VALUE."
    if isinstance(error, KNOWN):
        return _worded(error)
    culprit = _culprit(folders, words)
    return (
        f"{culprit}: Hydra cannot compose it ({type(error).__name__}: {_line(said)})."
        if culprit
        else f"{_line(said)}."
    )


def check(override: Override, folders: list[Path]) -> None:
    """Refuse what Hydra does not word: a group that is given no name of an option, or several that
    take one.
    """
    group = override.key_or_group
    given = override.input_line
    if group not in _groups(folders) or override.package is not None:
        return
    if override.is_delete() and group == "compare":
        raise Refused(_no_removal(group))
    for value in _names(override):
        if isinstance(value, list) and group != "compare":
            raise Refused(
                f"{given}: one option is chosen here, as {group}={options(group, folders)[0]}."
            )
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or NO_NAME.fullmatch(name):
                nothing = " Leave it out for none." if group == "experiment" else ""
                raise Refused(
                    f"{given}: a group takes the name of an option;"
                    f" {nearest(text(name), options(group, folders))}{nothing}"
                )
            if len(name.encode()) > MAX_NAME:
                raise Refused(
                    f"{given}: there is no such option;"
                    f" {nearest(name[:MAX_NAME], options(group, folders))}"
                )


def _names(override: Override) -> list:
    """The values of a word, each of a sweep."""
    value = override.value()
    if override.is_delete() and override.value_type is None:
        return []
    if isinstance(value, ChoiceSweep):
        return [one.text if isinstance(one, QuotedString) else one for one in value.list]
    return [] if override.is_sweep_override() else [value]


def conf() -> Path:
    """The folder of the shipped options, of a checkout or of an installed wheel."""
    from importlib.resources import files

    return Path(str(files("qtlrun.conf")))


def _no_key(key: str, folders: list[Path], words: list[str]) -> str:
    """There is no such key: the keys beside it, and where else one of that name is."""
    if "@" in key:
        return f"{key}: no option stands there; {key.partition('@')[0]}=OPTION chooses one."
    if key.startswith("hydra."):
        return f"{key}: there is no such key; qtlrun --cfg hydra prints those of Hydra."
    config = _composed(folders, words)
    keys = _leaves(config)
    group, _, name = key.rpartition(".")
    beside = sorted(
        {
            one.removeprefix(group + ".").partition(".")[0]
            for one in keys
            if not group or one.startswith(group + ".")
        }
    )
    if not group:
        there = min((one for one in keys if one.endswith("." + key)), key=len, default=None)
        if there:
            return f"{key}: there is no such group or key; did you mean {there}?"
        return (
            f"{key}: there is no such group or key;"
            f" {nearest(key, sorted({*beside, *_groups(folders)} - {'hydra'}))}"
        )
    others = [
        f"{group}={option}"
        for option in options(group, folders)
        if name in _values(group, option, folders)
    ]
    if name in beside and (strange := _strange(key, keys, words)):
        others = [override.text for override in parse(words) if override.key != key]
        return _no_key(strange, folders, others)
    if others and name not in beside and group in _groups(folders):
        return (
            f"{key}: the option chosen has no such key; {', '.join(others)}"
            f" {'has' if len(others) == 1 else 'have'} it."
        )
    if not beside:
        top = key.partition(".")[0]
        return f"{key}: there is no such key; " + (
            f"{group} takes none."
            if top in {*_groups(folders), *config}
            else nearest(top, sorted({*map(str, config), *_groups(folders)}))
        )
    return f"{key}: there is no such key; {nearest(name, beside)}"


def _strange(key: str, keys: list[str], words: list[str]) -> str | None:
    """A key of the values in braces that the command line gives to a key, and that is none below
    it.
    """
    values = [override.value for override in parse(words) if override.key == key and override.sets]
    value = next((value for value in values if value.startswith("{")), "")
    below = [f"{key}.{name}" for name in re.findall(r"[{,]\s*(\w+)\s*:", value)]
    return next(
        (
            one
            for one in below
            if not any(known == one or known.startswith(f"{one}.") for known in keys)
        ),
        None,
    )


def _no_option(where: str | None, group: str, option: str, folders: list[Path]) -> str:
    asked = f", which {where} asks for" if where and not where.endswith("config") else ""
    given = f"{group}={option}{asked}"
    if group == "hydra/sweeper":
        return f"{given}: {reserved.sweeper(option)}"
    if group == "hydra/launcher":
        return f"{given}: {reserved.launcher(option)}"
    if group.startswith("hydra"):
        return f"{given}: Hydra has no such option here."
    for folder in folders:
        if (path := folder / group / f"{option}.yml").is_file():
            return f"{given}: {path} ends in .yml, and Hydra reads .yaml alone; rename it."
    return f"{given}: there is no such option; {nearest(option, options(group, folders))}"


def _several(group: str, words: list[str]) -> str:
    """That a group is chosen twice, or added where it is."""
    chosen = [override.value for override in parse(words) if override.key == group]
    if len(chosen) > 1:
        return f"{group}: it is given twice, {' and '.join(chosen[:2])}; leave one out."
    return f"{group}: it is there already; {group}=VALUE, without the +, changes it."


def _no_removal(key: str) -> str:
    if key == "compare":
        return "~compare: the references cannot be taken away so; compare=[] chooses none."
    return f"~{key}: there is no such key, or it is null and need not be taken away."


def _composed(folders: list[Path], words: list[str]):
    """The composition that the chosen options give, values aside; the default one where they do not
    compose.
    """
    groups = _groups(folders)
    chosen = [
        override.text
        for override in parse(words)
        if override.key in groups and re.fullmatch(r"\w+=[\w.-]+", override.text)
    ]
    return _attempt(folders, chosen) or _attempt([], [])


def _attempt(folders: list[Path], words: list[str]):
    """The composition that words give, or None."""
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    places = ",".join(quoted(f"file://{folder.absolute()}") for folder in folders)
    with initialize_config_module("qtlrun.conf", version_base="1.3"), contextlib.suppress(*RAISED):
        return compose("config", overrides=[f"hydra.searchpath=[{places}]", *words])
    return None


def _culprit(folders: list[Path], words: list[str]) -> str | None:
    """The word without which the others compose, or None."""
    for number, one in enumerate(words):
        if _attempt(folders, words[:number] + words[number + 1 :]) is not None:
            return one
    return None


def _worded(error: Exception) -> str:
    """Text of an error of Hydra's without addresses of its manual; the key first, if any."""
    said = re.sub(r"^.* raised while resolving interpolation: ", "", str(error))
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and "hydra.cc" not in line
    ] or [type(error).__name__]
    key = getattr(error, "full_key", None)
    words = (lines[0] if key or lines[0].endswith(".") else " ".join(lines[:2])).strip('."')
    return f"{key}: {words}." if key else f"{words}."


def _line(said: str) -> str:
    """The first line of a message."""
    return next(
        (line.strip().rstrip(".") for line in said.splitlines() if line.strip()),
        "no reason is given",
    )


def _leaves(node, prefix: str = "") -> list[str]:
    """The dotted keys of a composition."""
    from omegaconf import DictConfig

    found = []
    for name in node:
        inside = node._get_node(name)
        found += (
            _leaves(inside, f"{prefix}{name}.")
            if isinstance(inside, DictConfig) and not inside._is_none() and len(inside)
            else ([] if name == "_target_" else [f"{prefix}{name}"])
        )
    return found


def _groups(folders: list[Path]) -> set[str]:
    return {path.name for folder in (conf(), *folders) for path in folder.glob("[a-z]*/")} - {
        "hydra"
    }


def options(group: str, folders: list[Path]) -> list[str]:
    """The options of a group: those shipped, and those in folders that the command line adds."""
    return sorted(
        {
            path.name.removesuffix(".yaml")
            for folder in (conf(), *folders)
            for path in (folder / group).glob("*.yaml")
        }
    )


def _values(group: str, option: str, folders: list[Path]) -> dict:
    """Values of an option's own file."""
    for folder in (conf(), *folders):
        path = folder / group / f"{option}.yaml"
        if path.is_file():
            with contextlib.suppress(yaml.YAMLError):
                return yaml.safe_load(path.read_text()) or {}
    return {}
