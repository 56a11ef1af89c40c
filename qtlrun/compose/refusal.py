"""What Hydra and OmegaConf raise, in the user's words: what was given, why it cannot be, what would be right."""
import contextlib
import re
from pathlib import Path

import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from qtlrun.plan import Refused, nearest

KNOWN = (HydraException, OmegaConfBaseException, yaml.YAMLError)
FORM = "an override is KEY=VALUE, its brackets and quotes closed, in quotes for the shell where it has brackets or spaces."


def word(error: Exception, flags: list[str], overrides: list[str]) -> str:
    """An error of composing as a sentence."""
    said = str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override or 'an empty word'}: this is no override; {FORM}"
    if found := re.search(r"Ambiguous value for argument '([^=]+)=(.+)'", said):
        return f"{found[1]}={found[2]}: several values are a sweep and need the flag -m; a list is written {found[1]}=[{found[2]}]."
    if isinstance(error, yaml.MarkedYAMLError):
        return f"{error.problem_mark.name}: line {error.problem_mark.line + 1}: {error.problem}."
    if found := re.search(r"Could not override '([^']+)'", said):
        return _no_key(found[1], flags, overrides)
    if found := re.search(r"(?:In '([^']+)': )?Could not (?:find|load) '([\w/]+)/([^'/]*)'", said):
        return _no_option(*found.groups(), flags)
    if found := re.search(r"(?:An item is already at '([^']+)'|Multiple values for ([\w/]+))", said):
        key = found[1] or found[2]
        return f"{key}: it is there already; {key}=VALUE, without the +, changes it."
    if found := re.search(r"@?(\w+)\.(\w+)\S* appears more than once", said):
        return f"{found[1]}: {found[2]} is named twice."
    if found := re.search(r"Could not delete (?:from config\. )?'([^'=]+)", said):
        return _no_removal(found[1])
    if found := re.search(r"Additional config directory '([^']+)'", said):
        return f"--config-dir {found[1]}: there is no such folder."
    if found := re.search(r"Missing mandatory value[^$]*full_key: (\S+)", said):
        return f"{found[1]}: it has no default; give it, as {found[1]}=VALUE."
    said = re.sub(r"^.* raised while resolving interpolation: ", "", said)
    lines = [line.strip() for line in said.splitlines() if line.strip() and "hydra.cc" not in line]
    key = getattr(error, "full_key", None)
    words = (lines[0] if key or lines[0].endswith(".") else " ".join(lines[:2])).strip('."')
    return f"{key}: {words}." if key else f"{words}."


def check_overrides(flags: list[str], overrides: list[str]) -> None:
    """Refuse what Hydra does not word: an override without a key, and a group that is given no name of an option."""
    for given in overrides:
        group, _, value = given.partition("=")
        if not group.lstrip("+~"):
            raise Refused(f"{given or 'an empty word'}: this is no override; {FORM}")
        if group in _groups(flags) and re.fullmatch(r"null|nan|inf|true|false|[-+.\de]*\d[-+.\de]*", value, re.IGNORECASE):
            nothing = " Leave it out for none." if group == "experiment" else ""
            raise Refused(f"{given}: a group takes the name of an option; {nearest(value, _options(group, flags))}{nothing}")


def added(flags: list[str]) -> list[Path]:
    """The folders of options that the command line adds."""
    pairs = [*zip(flags, flags[1:], strict=False), *(flag.split("=", 1) for flag in flags if "=" in flag)]
    return [Path(value) for flag, value in pairs if flag in ("--config-dir", "-cd")]


def conf() -> Path:
    """The folder of the shipped options, of a checkout or of an installed wheel."""
    from importlib.resources import files
    return Path(str(files("qtlrun.conf")))


def _no_key(key: str, flags: list[str], overrides: list[str]) -> str:
    """There is no such key: the keys beside it, and where else one of that name is."""
    if "@" in key:
        return f"{key}: no option stands there; {key.partition('@')[0]}=OPTION chooses one."
    if key.startswith("hydra."):
        return f"{key}: there is no such key; qtlrun --cfg hydra prints those of Hydra."
    config = _composed(flags, overrides)
    keys = _leaves(config)
    group, _, name = key.rpartition(".")
    beside = sorted({one.removeprefix(group + ".").partition(".")[0] for one in keys if not group or one.startswith(group + ".")})
    if not group:
        there = min((one for one in keys if one.endswith("." + key)), key=len, default=None)
        if there:
            return f"{key}: there is no such group or key; did you mean {there}?"
        return f"{key}: there is no such group or key; {nearest(key, sorted({*beside, *_groups(flags)} - {'hydra'}))}"
    others = [f"{group}={option}" for option in _options(group, flags) if name in _values(group, option, flags)]
    if others and group in _groups(flags):
        return f"{key}: the option chosen has no such key; {', '.join(others)} {'has' if len(others) == 1 else 'have'} it."
    if not beside:
        top = key.partition(".")[0]
        return f"{key}: there is no such key; " + (f"{group} takes none." if top in {*_groups(flags), *config} else
                                                   nearest(top, sorted({*map(str, config), *_groups(flags)})))
    return f"{key}: there is no such key; {nearest(name, beside)}"


def _no_option(where: str | None, group: str, option: str, flags: list[str]) -> str:
    asked = f", which {where} asks for" if where and not where.endswith("config") else ""
    if group.startswith("hydra"):
        plugin = f"; pip install 'hydra-{option}-{group.partition('/')[2]}' 'hydra-core<1.4' may bring it."
        return f"{group}={option}{asked}: Hydra has no such option here{plugin}"
    return f"{group}={option}{asked}: there is no such option; {nearest(option, _options(group, flags))}"


def _no_removal(key: str) -> str:
    if key == "compare":
        return "~compare: the references cannot be taken away so; compare=[] chooses none."
    return f"~{key}: there is no such key, or it is null and need not be taken away."


def _composed(flags: list[str], overrides: list[str]):
    """The composition that the chosen options give, values aside; the default one where they do not compose."""
    from hydra import compose, initialize_config_module
    groups = _groups(flags)
    chosen = [one for one in overrides if re.fullmatch(r"(\w+)=[\w.-]+", one) and one.partition("=")[0] in groups]
    folders = ",".join(f"file://{folder.absolute()}" for folder in added(flags))
    with initialize_config_module("qtlrun.conf", version_base="1.3"):
        with contextlib.suppress(HydraException):
            return compose("config", overrides=[f"hydra.searchpath=[{folders}]", *chosen])
        return compose("config")


def _leaves(node, prefix: str = "") -> list[str]:
    """The dotted keys of a composition."""
    from omegaconf import DictConfig
    found = []
    for name in node:
        inside = node._get_node(name)
        found += _leaves(inside, f"{prefix}{name}.") if isinstance(inside, DictConfig) and not inside._is_none() and len(inside) else (
            [] if name == "_target_" else [f"{prefix}{name}"])
    return found


def _groups(flags: list[str]) -> set[str]:
    return {path.name for folder in (conf(), *added(flags)) for path in folder.glob("[a-z]*/")} - {"hydra"}


def _options(group: str, flags: list[str]) -> list[str]:
    """The options of a group: those shipped, and those in the folders that the command line adds."""
    return sorted({path.name.removesuffix(".yaml") for folder in (conf(), *added(flags)) for path in (folder / group).glob("*.yaml")})


def _values(group: str, option: str, flags: list[str]) -> dict:
    """What an option's own file holds."""
    for folder in (conf(), *added(flags)):
        path = folder / group / f"{option}.yaml"
        if path.is_file():
            with contextlib.suppress(yaml.YAMLError):
                return yaml.safe_load(path.read_text()) or {}
    return {}
