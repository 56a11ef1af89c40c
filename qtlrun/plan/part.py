"""A part of a plan: its constructor, read from source before anything heavy loads, is the schema of its values."""
import ast
import functools
import importlib
import importlib.util
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from qtlrun.plan import kind
from qtlrun.plan.refusal import Refused, nearest, text

PACKAGE = Path(__file__).parents[1]
OFFERED = {"dataset": ("data",), "backbone": ("state", "data", "numbers"), "parametrization": ("device",),
           "head": ("features", "classes", "circuit", "device", "start", "qubits", "depth", "circuit_angles")}
KEYED = re.compile(r"\w+\.[\w.]+=|(dataset|backbone|freeze|recipe|circuit|head|parametrization|device)[=:]")  # words that open with a key


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
            kind.check(f"{key}.{name}", values[name], annotation)
        elif required:
            raise Refused(f"{key}.{name}: {part['_target_']} needs it and it is not given.")


def check_plugins(paths: list[str]) -> None:
    """Refuse a file of the user's that is not there, is not Python, or would stand in another module's place."""
    for path in paths:
        name = _stem(path)
        if not Path(path).is_file() or Path(path).suffix != ".py":
            raise Refused(f"plugins=[{path}]: there is no such Python file.")
        found = PathFinder.find_spec(name) if name.isidentifier() else None
        other = found is not None and found.origin is not None and Path(found.origin).resolve() != Path(path).resolve()
        if other or name in (*sys.builtin_module_names, "qtlrun") or not name.isidentifier():
            raise Refused(f"plugins=[{path}]: {name} is {'the name of an installed' if name.isidentifier() else 'no name of a'} "
                          "module; rename the file.")
        try:
            ast.parse(Path(path).read_bytes())
        except SyntaxError as error:
            raise Refused(f"plugins=[{path}]: line {error.lineno}: {error.msg}.") from error


def build(group: str, part: dict, plugins: list[str] = (), key: str = "", **offered):
    """Make a part: its class with its values and with those offered objects that its constructor names."""
    key = key or group
    check_part(group, part, list(plugins), key)
    module, _, name = part["_target_"].rpartition(".")
    takes = parameters(group, part["_target_"], tuple(plugins), key)
    values = {name: value for name, value in part.items() if name in takes}
    values |= {name: value for name, value in offered.items() if name in takes}
    made = getattr(_load(module, tuple(plugins), _bytes(plugins)), name)
    try:
        return made(**values)
    except ValueError as error:  # what is absent remains that in the cause
        raise Refused(_keyed(str(error), key, set(takes) - set(offered))) from error


def parameters(group: str, target: str | None, plugins: tuple[str, ...] = (), key: str = "") -> dict:
    """The names that a part's constructor takes, each with its annotation and whether it is required, read from source."""
    return _parameters(group, target, plugins, _bytes(plugins), key)


@functools.cache
def _parameters(group: str, target: str | None, plugins: tuple[str, ...], _: tuple[bytes, ...], key: str) -> dict:
    room = f"qtlrun.{group}"  # the module or folder of a group
    module, _, name = (target or "").rpartition(".")
    path = _source(module, plugins)
    if path is None or not (module == room or module.startswith(room + ".") or module in map(_stem, plugins)):
        raise Refused(f"{key or group}._target_={text(target)}: a part is a class of {room}, or of a file named in plugins=[FILE.py].")
    classes = {node.name: node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        raise Refused(f"{key or group}._target_={target}: {module} has no class {name}; {nearest(name, classes)}")
    return _signature(classes[name])


def _keyed(words: str, key: str, names: set[str]) -> str:
    """A constructor's words after the key that the user knows: `qubits=0: ...` is `circuit.qubits=0: ...`."""
    if KEYED.match(words):
        return words
    first = re.match(r"(\w+)[=:]", words)
    return f"{key}.{words}" if first and first[1] in names else f"{key}: {words}"


def _signature(node: ast.ClassDef) -> dict[str, tuple[ast.expr, bool]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            args = item.args.args[1:]
            first = len(args) - len(item.args.defaults)
            named = {arg.arg: (arg.annotation, place < first) for place, arg in enumerate(args)}
            return named | {arg.arg: (arg.annotation, default is None) for arg, default in
                            zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)}
    return {item.target.id: (item.annotation, item.value is None) for item in node.body if isinstance(item, ast.AnnAssign)}


def _source(module: str, plugins: tuple[str, ...]) -> Path | None:
    for path in plugins:
        if _stem(path) == module and Path(path).is_file():
            return Path(path)
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    return path if module.startswith("qtlrun.") and path.is_file() else None


@functools.cache
def _load(module: str, plugins: tuple[str, ...], _: tuple[bytes, ...]):
    for path in plugins:
        if _stem(path) == module:
            spec = importlib.util.spec_from_file_location(module, path)
            sys.modules[module] = loaded = importlib.util.module_from_spec(spec)
            before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a file edited within a second would be mistaken for it
            try:
                spec.loader.exec_module(loaded)
            except Exception as error:  # whatever the user's file does wrong
                raise Refused(f"plugins=[{path}]: it does not load ({type(error).__name__}: {error}).") from error
            finally:
                sys.dont_write_bytecode = before
            return loaded
    return importlib.import_module(module)


def _bytes(plugins) -> tuple[bytes, ...]:
    """What the user's files hold now: one that was edited is read and loaded anew."""
    return tuple(Path(path).read_bytes() for path in plugins)


def _stem(path: str) -> str:
    return Path(path).stem
