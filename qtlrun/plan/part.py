"""Parts of a plan: values checked against a constructor, and objects built from them.

The constructor is read from source, before anything heavy loads.
"""

import functools
import importlib
import re
from collections.abc import Sequence

from qtlrun.plan import annotation as annotations
from qtlrun.plan import contract, plugin, schema
from qtlrun.plan.plugin import Module
from qtlrun.plan.refusal import Refused, nearest, text
from qtlrun.plan.schema import Parameters

SPACE = "space"  # key of what tuning draws a part's values from
# By group: objects that a constructor may name beside its values.
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
# Begins a message that names its whole key.
KEY_PREFIX = re.compile(
    r"\w+\.[\w.]+=|(dataset|backbone|freeze|recipe|circuit|head|parametrization|device)[=:]"
)


def check_part(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse values that a part's constructor does not take, and a lack of those that it needs."""
    key = key or group
    takes = parameters(group, part.get("_target_"), tuple(plugins), key)
    offered = OFFERED.get(group, ())
    names = [name for name in takes if name not in offered]
    apart = ("_target_", "space", *(("pretrain",) if group == "backbone" else ()))
    values = {name: value for name, value in part.items() if name not in apart}
    for name in values:
        if name not in names:
            raise Refused(f"{key}.{name}: there is no such key; {nearest(name, names)}")
    for name in names:
        annotation, required = takes[name]
        if name in values:
            annotations.check(f"{key}.{name}", values[name], annotation)
        elif required:
            raise Refused(f"{key}.{name}: {part['_target_']} needs it and it is not given.")


def build(group: str, part: dict, plugins: Sequence[str] = (), key: str = "", **offered):
    """Build a part from its values and from the offered objects that its constructor names."""
    key = key or group
    check_part(group, part, list(plugins), key)
    target = part["_target_"]
    module, _, name = target.rpartition(".")
    takes = parameters(group, target, tuple(plugins), key)
    values = {name: value for name, value in part.items() if name in takes}
    values |= {name: value for name, value in offered.items() if name in takes}
    names = set(takes) - set(offered)
    if not is_own(target):
        return _construct(load_class(target), values, key, names)
    kind = getattr(plugin.load(module, tuple(plugins)), name)
    with plugin.blamed(f"{key}: {target}"):
        part = _construct(kind, values, key, names)
        return contract.circuit(part, key, target) if group == "circuit" else part


def load_class(target: str) -> type:
    """Class of this package by its dotted name."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_group(key: str, part: object) -> None:
    """Refuse a value where a group of values stands."""
    if not isinstance(part, dict):
        raise Refused(
            f"{key}={text(part)}: a group of values stands here, each given as {key}.KEY=VALUE."
        )


def bare(part: dict) -> dict:
    """Values of a part without its space."""
    return {name: value for name, value in part.items() if name != SPACE}


def is_own(target: str) -> bool:
    """Whether a class is the user's, of a file named in `plugins`."""
    return not target.startswith("qtlrun.")


def parameters(
    group: str, target: str | None, plugins: tuple[str, ...] = (), key: str = ""
) -> Parameters:
    """Parameters of a part's constructor, read from source."""
    module = (target or "").rpartition(".")[0]
    contents = tuple(plugin.closure(plugins).values()) if plugin.file(module, plugins) else ()
    return _parameters(group, target, plugins, contents, key)


@functools.cache
def _parameters(
    group: str, target: str | None, plugins: tuple[str, ...], _contents: tuple[bytes, ...], key: str
) -> Parameters:
    """Parameters of a constructor, read again where the bytes of a plugin are others."""
    module, _, name = (target or "").rpartition(".")
    source = _source(group, module, plugins)
    reader = schema.Reader(plugins)
    if source is None:
        raise Refused(
            f"{key or group}._target_={text(target)}: a part is a class of qtlrun.{group}, or of a"
            " file named in plugins=[FILE.py]."
        )
    kind = reader.find(source, name)
    # A class that a module of the package imports is no part of its group.
    if kind is None or (not is_own(target) and kind.module != source):
        raise Refused(
            f"{key or group}._target_={target}: {module} has no class {name};"
            f" {nearest(name, reader.classes(source))}"
        )
    try:
        return reader.parameters(kind)
    except schema.UnreadableConstructor as error:
        raise Refused(f"{key or group}: of {target} the values are not known: {error}.") from error


def _construct(kind: type, values: dict, key: str, names: set[str]):
    """Object of a class; `names` are the values that a message of its constructor may name."""
    try:
        return kind(**values)
    except ValueError as error:  # `Absent` remains its cause
        where = plugin.location(error)
        message = _name_key(str(error), key, names)
        raise Refused(f"{message.rstrip('.')} ({where})." if where else message) from error


def _name_key(message: str, key: str, names: set[str]) -> str:
    """Message of a constructor with its whole key: `circuit.qubits=0: ...` of `qubits=0: ...`."""
    if KEY_PREFIX.match(message):
        return message
    first = re.match(r"(\w+)[=:]", message)
    return f"{key}.{message}" if first and first[1] in names else f"{key}: {message}"


def _source(group: str, module: str, plugins: tuple[str, ...]) -> Module | None:
    """Module of a part: one of its group's folder in the package, or a plugin."""
    room = f"qtlrun.{group}"  # the module or folder of a group
    if (path := plugin.file(module, plugins)) is not None:
        return plugin.begin(path) if path.is_file() else None
    path = plugin.PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    inside = module == room or module.startswith(room + ".")
    return Module(module, path, None) if inside and path.is_file() else None
