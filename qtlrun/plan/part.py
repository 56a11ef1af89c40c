"""A part of a plan: its constructor, read from source before anything heavy loads, is the schema of
its values.
"""

import functools
import importlib
import re

from qtlrun.plan import annotation as annotations
from qtlrun.plan import contract, plugin, schema
from qtlrun.plan.plugin import Module
from qtlrun.plan.refusal import Refused, nearest, text

SPACE = "space"  # key of the values that tuning draws a part's from
OFFERED = {
    "dataset": ("data",),
    "backbone": ("state", "data", "numbers"),
    "parametrization": ("device",),
    "head": (
        "features",
        "classes",
        "circuit",
        "device",
        "start",
        "qubits",
        "depth",
        "circuit_angles",
    ),
}
KEYED = re.compile(
    r"\w+\.[\w.]+=|(dataset|backbone|freeze|recipe|circuit|head|parametrization|device)[=:]"
)  # words that open with a key


def check_part(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse what a part's constructor does not take."""
    key = key or group
    known = parameters(group, part.get("_target_"), tuple(plugins), key)
    offered = OFFERED.get(group, ())
    mine = [name for name in known if name not in offered]
    apart = ("_target_", "space", *(("pretrain",) if group == "backbone" else ()))
    values = {name: value for name, value in part.items() if name not in apart}
    for name in values:
        if name not in mine:
            raise Refused(f"{key}.{name}: there is no such key; {nearest(name, mine)}")
    for name in mine:
        annotation, required = known[name]
        if name in values:
            annotations.check(f"{key}.{name}", values[name], annotation)
        elif required:
            raise Refused(f"{key}.{name}: {part['_target_']} needs it and it is not given.")


def build(group: str, part: dict, plugins: list[str] = (), key: str = "", **offered):
    """Make a part: its class with its values and with those offered objects that its constructor
    names.
    """
    key = key or group
    check_part(group, part, list(plugins), key)
    target = part["_target_"]
    module, _, name = target.rpartition(".")
    takes = parameters(group, target, tuple(plugins), key)
    values = {name: value for name, value in part.items() if name in takes}
    values |= {name: value for name, value in offered.items() if name in takes}
    if not is_own(target):
        return _made(
            getattr(importlib.import_module(module), name), values, key, set(takes) - set(offered)
        )
    made = getattr(plugin.load(module, tuple(plugins)), name)
    with plugin.blamed(f"{key}: {target}"):
        part = _made(made, values, key, set(takes) - set(offered))
        return contract.circuit(part, key, target) if group == "circuit" else part


def check_group(key: str, part: object) -> None:
    """Refuse a value where a group of values stands."""
    if not isinstance(part, dict):
        raise Refused(
            f"{key}={text(part)}: a group of values stands here, each given as {key}.KEY=VALUE."
        )


def bare(part: dict) -> dict:
    """A part without its space."""
    return {name: value for name, value in part.items() if name != SPACE}


def is_own(target: str) -> bool:
    """Whether a class is the user's, of a file named in `plugins`."""
    return not target.startswith("qtlrun.")


def parameters(
    group: str, target: str | None, plugins: tuple[str, ...] = (), key: str = ""
) -> dict:
    """The names that a part's constructor takes, each with its annotation and whether it is
    required, read from source.
    """
    module = (target or "").rpartition(".")[0]
    contents = tuple(plugin.closure(plugins).values()) if plugin.file(module, plugins) else ()
    return _parameters(group, target, plugins, contents, key)


@functools.cache
def _parameters(
    group: str, target: str | None, plugins: tuple[str, ...], _: tuple[bytes, ...], key: str
) -> dict:
    module, _, name = (target or "").rpartition(".")
    source = _source(group, module, plugins)
    reader = schema.Reader(plugins)
    if source is None:
        raise Refused(
            f"{key or group}._target_={text(target)}: a part is a class of qtlrun.{group}, or of a"
            " file named in plugins=[FILE.py]."
        )
    found = reader.find(source, name)
    if found is None or (
        not is_own(target) and found.module != source
    ):  # what a module of ours imports is none of its group's
        raise Refused(
            f"{key or group}._target_={target}: {module} has no class {name};"
            f" {nearest(name, reader.classes(source))}"
        )
    try:
        return reader.parameters(found)
    except schema.Unread as error:
        raise Refused(f"{key or group}: of {target} the values are not known: {error}.") from error


def _keyed(words: str, key: str, names: set[str]) -> str:
    """A constructor's words after the key that the user knows: `qubits=0: ...` is
    `circuit.qubits=0: ...`.
    """
    if KEYED.match(words):
        return words
    first = re.match(r"(\w+)[=:]", words)
    return f"{key}.{words}" if first and first[1] in names else f"{key}: {words}"


def _made(part: type, values: dict, key: str, names: set[str]):
    try:
        return part(**values)
    except ValueError as error:  # what is absent remains that in the cause
        where = plugin.place(error)
        words = _keyed(str(error), key, names)
        raise Refused(f"{words.rstrip('.')} ({where})." if where else words) from error


def _source(group: str, module: str, plugins: tuple[str, ...]) -> Module | None:
    """The module of a part: one of its group's room in the package, or a plugin."""
    room = f"qtlrun.{group}"  # the module or folder of a group
    if (path := plugin.file(module, plugins)) is not None:
        return plugin.begin(path) if path.is_file() else None
    path = plugin.PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    inside = module == room or module.startswith(room + ".")
    return Module(module, path, None) if inside and path.is_file() else None
