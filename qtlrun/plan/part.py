"""Parts of a plan: values checked against a constructor, and objects built from them.

The constructor, a class or a function, is read from source, before anything heavy loads.
"""

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Sequence

from qtlrun.error import BadValue, UsageError, nearest, text
from qtlrun.plan import annotation as annotations
from qtlrun.plan import plugin, schema
from qtlrun.plan.definition import Definition, Finder
from qtlrun.plan.fact import Facts
from qtlrun.plan.plugin import Module
from qtlrun.plan.signature import Parameters, UnreadableConstructor

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
        "circuit_inputs",
        "circuit_outputs",
        "circuit_frequencies",
    ),
}
# By group: annotation of a function of the package that gives a part; other functions give none.
RESULTS = {"dataset": "Dataset"}


def check_part(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse values that a part's constructor does not take, and a lack of those that it needs."""
    key = key or group
    takes = parameters(group, part.get("_target_"), tuple(plugins), key)
    offered = OFFERED.get(group, ())
    names = [name for name in takes if name not in offered]
    apart = ("_target_", SPACE, *(("pretrain",) if group == "backbone" else ()))
    values = {name: value for name, value in part.items() if name not in apart}
    for name in values:
        if name not in names:
            raise UsageError("there is no such key", nearest(name, names), key=f"{key}.{name}")
    for name in names:
        if name in values:
            annotations.check(f"{key}.{name}", values[name], takes[name].annotation)
        elif takes[name].required:
            raise UsageError(
                f"{part['_target_']} needs it and it is not given", key=f"{key}.{name}"
            )


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
    if not is_plugin(target):
        return _construct(load_class(target), values, takes, key, names)
    make = getattr(plugin.load(module, tuple(plugins)), name)
    with plugin.blamed(key, target):
        return _construct(make, values, takes, key, names)


def load_class(target: str) -> Callable:
    """Class or function of this package by its dotted name."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_group(key: str, part: object) -> None:
    """Refuse a value where a group of values stands."""
    if not isinstance(part, dict):
        raise UsageError(
            f"a group of values stands here, each given as {key}.KEY=VALUE", key=key, value=part
        )


def bare(part: dict) -> dict:
    """Values of a part without its space."""
    return {name: value for name, value in part.items() if name != SPACE}


def is_plugin(target: str) -> bool:
    """Whether a part is the user's, of a file named in `plugins`."""
    return not target.startswith("qtlrun.")


def parameters(
    group: str, target: str | None, plugins: tuple[str, ...] = (), key: str = ""
) -> Parameters:
    """Parameters of a part's constructor, read from source."""
    return _parameters(group, target, plugins, _contents(target or "", plugins), key)


def facts_of(group: str, target: str, plugins: tuple[str, ...] = ()) -> Facts:
    """Facts that a part declares, read from source."""
    return _facts(group, target, plugins, _contents(target, plugins))


def _contents(target: str, plugins: tuple[str, ...]) -> tuple[bytes, ...]:
    """Bytes of the plugins and what they import, for a part of theirs; none for one of ours."""
    module = target.rpartition(".")[0]
    return tuple(plugin.closure(plugins).values()) if plugin.file(module, plugins) else ()


@functools.cache
def _facts(
    group: str, target: str, plugins: tuple[str, ...], _contents: tuple[bytes, ...]
) -> Facts:
    """Facts of a part, read again where the bytes of a plugin are others."""
    kind, reader = _find(group, target, plugins, group)
    declared = [Facts(**words) for words in reader.decorations(kind, "qtlrun.plan.facts")]
    return functools.reduce(Facts.joined, declared, Facts())


@functools.cache
def _parameters(
    group: str, target: str | None, plugins: tuple[str, ...], _contents: tuple[bytes, ...], key: str
) -> Parameters:
    """Parameters of a constructor, read again where the bytes of a plugin are others."""
    kind, reader = _find(group, target, plugins, key)
    try:
        return reader.parameters(kind)
    except UnreadableConstructor as error:
        raise UsageError(
            f"of {target} the values are not known: {error}", key=key or group
        ) from error


def _find(
    group: str, target: str | None, plugins: tuple[str, ...], key: str
) -> tuple[Definition, schema.Reader]:
    """Definition that a part names, and the reader of its parameters."""
    module, _, name = (target or "").rpartition(".")
    source = _source(group, module, plugins)
    finder = Finder(plugins)
    if source is None:
        raise UsageError(
            f"a part is a class or function of qtlrun.{group}, or of a file named in"
            " plugins=[FILE.py]",
            key=f"{key or group}._target_",
            value=target,
        )
    kind = finder.find(source, name)
    # What a module of the package imports is no part of its group.
    if kind is None or (not is_plugin(target) and kind.module != source) or not _gives(kind, group):
        names = [each.name for each in finder.definitions(source) if _gives(each, group)]
        raise UsageError(
            f"{module} has no part {name}",
            nearest(name, names),
            key=f"{key or group}._target_",
            value=target,
        )
    return kind, schema.Reader(finder, OFFERED.get(group, ()))


def _gives(kind: Definition, group: str) -> bool:
    """Whether a definition gives a part: a class, a user's function, one annotated to give it."""
    if not isinstance(kind.node, ast.FunctionDef) or kind.module.folder is not None:
        return True
    result = kind.node.returns
    return isinstance(result, ast.Name) and result.id == RESULTS.get(group)


def _construct(make: Callable, values: dict, takes: Parameters, key: str, names: set[str]):
    """Object of a class or function; an error of it is given the part's key."""
    try:
        return make(**_arguments(make, values, takes))
    except ValueError as error:
        named = UsageError.of(error, key)
        # Of an object that is offered
        if isinstance(error, BadValue) and error.key.partition(".")[0] not in names:
            reason = f"{error.key}={text(error.value)}: {error.reason}"
            named = UsageError(reason, error.fix, key=key, missing=error.missing)
        raise named.located(plugin.location(error)) from error


def _arguments(make: Callable, values: dict, takes: Parameters) -> dict:
    """Arguments of a constructor: values, and the dataclasses whose fields are among them."""
    arguments: dict = {}
    fields: dict[str, dict] = {each.owner: {} for each in takes.values() if each.owner}
    for name, value in values.items():
        owner = takes[name].owner
        (fields[owner] if owner else arguments)[name] = value
    for owner, inner in fields.items():
        parameter = _parameter(make, owner)
        if inner or parameter.default is parameter.empty:
            arguments[owner] = parameter.annotation(**inner)
    return arguments


def _parameter(make: Callable, name: str) -> inspect.Parameter:
    """Parameter of a function, or of the first constructor of a class that names it."""
    makers = make.__mro__ if isinstance(make, type) else (make,)
    signatures = (inspect.signature(each, eval_str=True) for each in makers)
    return next(each.parameters[name] for each in signatures if name in each.parameters)


def _source(group: str, module: str, plugins: tuple[str, ...]) -> Module | None:
    """Module of a part: one of its group's folder in the package, or a plugin."""
    room = f"qtlrun.{group}"  # the module or folder of a group
    if (path := plugin.file(module, plugins)) is not None:
        return plugin.begin(path) if path.is_file() else None
    path = plugin.PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    inside = module == room or module.startswith(room + ".")
    return Module(module, path, None) if inside and path.is_file() else None
