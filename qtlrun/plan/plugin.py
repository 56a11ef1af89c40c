"""The user's Python files: found without loading, loaded apart, named in errors."""

import ast
import builtins
import contextlib
import functools
import hashlib
import importlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType

from qtlrun.plan.refusal import Refused

SCOPE = "qtlrun_plugin_"  # begins the names of the user's modules in sys.modules
PACKAGE = Path(__file__).parents[1]
INSTALLED = {"site-packages", "dist-packages"}  # folders of installed packages
LOADERS = (
    SourceFileLoader,
    SourcelessFileLoader,
    ExtensionFileLoader,
)  # of modules that are loaded apart
STANDARD = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]


@dataclass(frozen=True)
class Module:
    """A module of the user's or of qtlrun: its name, its file, the folder of its imports."""

    name: str
    path: Path
    folder: Path | None  # None: a module of qtlrun's

    @property
    def package(self) -> str:
        """The package that its relative imports begin in."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def check(paths: list[str]) -> None:
    """Refuse files that are not there, are no Python, or would stand in another module's place."""
    for number, given in enumerate(paths):
        path = Path(given).expanduser()
        name = stem(given)
        if not path.is_file() or path.suffix != ".py":
            raise Refused(f"plugins=[{given}]: there is no such Python file.")
        if not name.isidentifier():
            raise Refused(f"plugins=[{given}]: {name} is no name of a module; rename the file.")
        if name == "qtlrun" or _is_installed(name):
            raise Refused(
                f"plugins=[{given}]: {name} is the name of an installed module; rename the file."
            )
        others = [
            other
            for other in paths[:number]
            if stem(other) == name and not path.samefile(Path(other).expanduser())
        ]
        if others:
            raise Refused(
                f"plugins=[{others[0]},{given}]: a part is found by its file's name, and both are "
                f"called {name}; rename one."
            )
    closure(tuple(paths))


def stem(path: str) -> str:
    """The name of a plugin as a module."""
    return Path(path).stem


def file(name: str, paths: tuple[str, ...]) -> Path | None:
    """The plugin of this name."""
    return next((Path(path).expanduser().resolve() for path in paths if stem(path) == name), None)


def begin(path: Path) -> Module:
    """A plugin as a module: what it imports lies beside it first, as for a script."""
    return Module(path.stem, path, path.parent)


def closure(paths: tuple[str, ...]) -> dict[Module, bytes]:
    """Plugins and all that they import from outside the installed packages, with the bytes.

    Read from source, at any depth of it, so that an import within a function counts. Raises Refused
    for source that is no Python, and for a module that hides an installed one.
    """
    found = {}
    waiting = [(begin(Path(path).expanduser().resolve()), path) for path in paths]
    while waiting:
        module, given = waiting.pop()
        if module not in found and module.path.is_file():
            found[module] = module.path.read_bytes()
            for name in imports(module, found[module], given):
                waiting += [(other, given) for other in find(module, name, paths, given)]
    return found


def identity(paths: list[str]) -> list:
    """Names and bytes of plugins and the user's modules, versions of installed ones."""
    modules = closure(tuple(paths))
    installed = set()
    for module, content in modules.items():
        names = imports(module, content, "") if module.folder else ()
        installed |= {
            name.partition(".")[0] for name in names if not find(module, name, tuple(paths))
        }
    files = sorted(
        (module.name, hashlib.sha256(content).hexdigest()) for module, content in modules.items()
    )
    return [list(one) for one in (*files, *_versions(installed))]


def find(module: Module, name: str, paths: tuple[str, ...], given: str = "") -> list[Module]:
    """The user's modules that importing a dotted name loads, its packages first."""
    top, *rest = name.split(".")
    if top == "qtlrun":
        return _within_qtlrun(rest)
    if module.folder is None or (spec := _spec(module.folder, top, paths, given)) is None:
        return []
    names = [top]
    found = []
    while True:
        if spec.origin is not None and spec.has_location:
            path = Path(spec.origin).resolve()
            plugin = len(names) == 1 and path == file(
                top, paths
            )  # what it imports lies beside itself
            found.append(begin(path) if plugin else Module(".".join(names), path, module.folder))
        if not rest or spec.submodule_search_locations is None:
            return found
        names.append(rest.pop(0))
        spec = PathFinder.find_spec(".".join(names), list(spec.submodule_search_locations))
        if spec is None:
            return found


def load(name: str, paths: tuple[str, ...]) -> ModuleType:
    """The plugin of this name, loaded anew where it or anything that it imports was edited."""
    contents = b"".join(hashlib.sha256(content).digest() for content in closure(paths).values())
    path = file(name, paths)
    module = begin(path)
    digest = hashlib.sha256(contents + str([module.folder, *paths]).encode()).hexdigest()
    scope = _scope(SCOPE + digest[:16], module.folder, paths)
    with _loading(next(one for one in paths if stem(one) == name)):
        return importlib.import_module(f"{scope}.{module.name}")


def place(error: BaseException) -> str | None:
    """The file and line of the user's that an error comes from; None where it comes from elsewhere.

    A ValueError that a part of qtlrun's raises where the user's code calls it words itself.
    """
    innermost = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.startswith(SCOPE):
            innermost = f"{shown(Path(trace.tb_frame.f_code.co_filename))}, line {trace.tb_lineno}"
        elif name.startswith("qtlrun.") and isinstance(error, ValueError):
            innermost = None
        trace = trace.tb_next
    return innermost


@contextlib.contextmanager
def blamed(what: str) -> Iterator[None]:
    """Refuse, by file and line, whatever the user's own code raises within; other errors pass."""
    try:
        yield
    except (Exception, SystemExit) as error:
        where = place(error)
        if where is None:
            raise
        raise Refused(f"{what} fails in {where}: {worded(error)}") from error


def worded(error: BaseException) -> str:
    """An error's kind and its first line."""
    lines = [line for line in re.sub(rf"{SCOPE}\w+\.", "", str(error)).splitlines() if line.strip()]
    return (
        f"{type(error).__name__}: {lines[0].strip().rstrip('.')}."
        if lines
        else f"{type(error).__name__}."
    )


def shown(path: Path) -> str:
    """A file as the user would name it here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def called(kind: type) -> str:
    """The name of a class as a `_target_` has it."""
    module = kind.__module__
    return f"{module.partition('.')[2] if module.startswith(SCOPE) else module}.{kind.__qualname__}"


@contextlib.contextmanager
def _loading(given: str) -> Iterator[None]:
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's file does wrong
        where = place(error)
        raise Refused(
            f"plugins=[{given}]: it does not load; {f'{where}: ' if where else ''}{worded(error)}"
        ) from error


@functools.cache
def parsed(content: bytes, path: Path, given: str) -> ast.Module:
    """Parse a module; the plugin that it was imported for is named where it is no Python."""
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError) as error:  # the second for null bytes
        line = (
            f"line {error.lineno}: {error.msg}"
            if isinstance(error, SyntaxError) and error.lineno
            else str(error)
        )
        beside = "" if Path(given or path).expanduser().resolve() == path else f"{shown(path)}, "
        raise Refused(f"plugins=[{given}]: {beside}{line}.") from error


@functools.cache
def imports(module: Module, content: bytes, given: str) -> tuple[str, ...]:
    """The dotted names that a module imports; `from a import b` may mean the module a.b."""
    names = []
    for node in (
        ast.walk(parsed(content, module.path, given)) if module.path.suffix == ".py" else ()
    ):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = imported(module, node)
            names += [
                f"{base}.{alias.name}".strip(".") for alias in node.names if alias.name != "*"
            ] or [base]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "import_module",
            "importlib.import_module",
        ):
            names += [
                one.value
                for one in node.args[:1]
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
    return tuple(dict.fromkeys(name for name in names if name and not name.startswith(".")))


def imported(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name of the module that `from ... import` names."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".") if module.package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module or ""]).strip(".")


def _spec(folder: Path, top: str, paths: tuple[str, ...], given: str = "") -> ModuleSpec | None:
    """The user's module of this name: beside the plugin, a plugin, or elsewhere on the path.

    None for an installed one.
    """
    beside = PathFinder.find_spec(top, [str(folder)])
    installed = _is_installed(top)
    if beside is not None and beside.has_location:
        if installed and not _lies_in(Path(beside.origin)):
            raise Refused(
                f"plugins=[{given}]: it imports {top}, an installed module, which "
                f"{shown(Path(beside.origin))} would hide; "
                "rename that file."
            )
        return None if installed else beside
    if installed:
        return None
    if (path := file(top, paths)) is not None:
        return importlib.util.spec_from_file_location(top, path)
    return _elsewhere(top) or beside  # beside: a folder without __init__.py, or nothing


def _elsewhere(top: str) -> ModuleSpec | None:
    """The module of this name that any program would import."""
    with contextlib.suppress(ValueError):  # __main__ has none
        return importlib.util.find_spec(top)
    return None


_installed: set[str] = set()  # names looked up before; of them none becomes another


def _is_installed(top: str) -> bool:
    """Whether a name is that of a module of Python's or of an installed package.

    So is one that neither source, byte code nor a library holds: only its own finder loads it.
    """
    if top in sys.stdlib_module_names or top == "qtlrun" or top in _installed:
        return True
    spec = _elsewhere(top)
    if spec is None:
        return False
    place = (
        spec.origin
        if spec.has_location
        else next(iter(spec.submodule_search_locations or ()), None)
    )
    if (
        place is None
        or (spec.has_location and not isinstance(spec.loader, LOADERS))
        or _lies_in(Path(place))
    ):
        _installed.add(top)
    return top in _installed


def _lies_in(path: Path) -> bool:
    """Whether a file lies among installed packages."""
    path = path.resolve()
    return bool(INSTALLED & set(path.parts)) or any(root in path.parents for root in STANDARD)


def _within_qtlrun(rest: list[str]) -> list[Module]:
    for length in range(len(rest), 0, -1):  # of the package itself nothing is computed by
        folder = PACKAGE.joinpath(*rest[:length])
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            if path.is_file():
                return [Module(".".join(["qtlrun", *rest[:length]]), path, None)]
    return []


def _versions(names: set[str]) -> list[tuple[str, str]]:
    """The versions of the distributions that bring these modules; the standard library has none."""
    found = set()
    for name in names - sys.stdlib_module_names - {"qtlrun"}:
        found |= {(one, version(one)) for one in _distributions().get(name, ())}
    return sorted(found)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _scope(name: str, folder: Path, paths: tuple[str, ...]) -> str:
    """Make a package for what a plugin imports: two folders do not share their names."""
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        package.folder = folder
        package.plugins = paths
        sys.modules[name] = package
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    return name


@functools.cache
def _within(scope: str, top: str) -> ModuleSpec | None:
    """The module of this name in a scope; None for an installed one."""
    package = sys.modules[scope]
    return _spec(package.folder, top, package.plugins)


@functools.cache
def _plugin(scope: str, top: str) -> ModuleType:
    """Another plugin, in the scope of its own folder."""
    return load(top, sys.modules[scope].plugins)


class _Finder:
    """Finds the user's modules within their scope."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        scope, _, inner = name.partition(".")
        if not scope.startswith(SCOPE) or not inner:
            return None
        spec = PathFinder.find_spec(name, path) if "." in inner else _within(scope, inner)
        if spec is None:
            return None
        places = spec.submodule_search_locations and list(spec.submodule_search_locations)
        if not spec.has_location:  # a folder without __init__.py
            bare = ModuleSpec(name, None, is_package=True)
            bare.submodule_search_locations = places
            return bare
        kind = _Loader if isinstance(spec.loader, SourceFileLoader) else type(spec.loader)
        return importlib.util.spec_from_file_location(
            name, spec.origin, loader=kind(name, spec.origin), submodule_search_locations=places
        )


class _Loader(SourceFileLoader):
    """Loads a module of the user's, whose imports begin in its scope, never from byte code."""

    def get_code(self, fullname: str):
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        scope = module.__name__.partition(".")[0]
        module.__dict__["__builtins__"] = vars(builtins) | {
            "__import__": functools.partial(_import, scope)
        }
        super().exec_module(module)


def _import(scope: str, name: str, globals=None, locals=None, fromlist=(), level: int = 0):
    """Python's `__import__` for a module of the user's: names are looked up in its scope."""
    top = name.partition(".")[0]
    if level or _within(scope, top) is None:
        return builtins.__import__(name, globals, locals, fromlist, level)
    package = sys.modules[scope]
    plugin = file(top, package.plugins)
    if plugin is not None and plugin == Path(_within(scope, top).origin or "").resolve():
        return _plugin(scope, top)
    module = builtins.__import__(f"{scope}.{name}", globals, locals, fromlist, 0)
    return module if fromlist else sys.modules[f"{scope}.{top}"]
