"""Loading of plugins apart: each in a scope, whose imports begin in the plugin's folder."""

import builtins
import contextlib
import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from qtlrun.error import UsageError
from qtlrun.plan.blame import location, worded
from qtlrun.plan.closure import closure, find_spec
from qtlrun.plan.module import SCOPE, begin, file, stem


def load(name: str, paths: tuple[str, ...]) -> ModuleType:
    """Plugin of this name, loaded anew where it or anything that it imports was edited."""
    contents = b"".join(hashlib.sha256(content).digest() for content in closure(paths).values())
    path = file(name, paths)
    module = begin(path)
    digest = hashlib.sha256(contents + str([module.folder, *paths]).encode()).hexdigest()
    scope = _make_scope(SCOPE + digest[:16], module.folder, paths)
    with _blamed_loading(next(each for each in paths if stem(each) == name)):
        return importlib.import_module(f"{scope}.{module.name}")


@contextlib.contextmanager
def _blamed_loading(path: str) -> Iterator[None]:
    """Refuse, by file and line, whatever a plugin raises while it loads within."""
    try:
        yield
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's file does wrong
        where = location(error)
        raise UsageError(
            f"it does not load; {f'{where}: ' if where else ''}{worded(error)}",
            key="plugins",
            value=f"[{path}]",
        ) from error


def _make_scope(name: str, folder: Path, paths: tuple[str, ...]) -> str:
    """Make a package for what a plugin imports: two folders do not share their names."""
    if name not in sys.modules:
        sys.modules[name] = _Scope(name, folder, paths)
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    return name


class _Scope(ModuleType):
    """Package whose modules are those of a folder, beside these plugins."""

    def __init__(self, name: str, folder: Path, plugins: tuple[str, ...]):
        super().__init__(name)
        self.__path__ = [str(folder)]
        self.folder = folder
        self.plugins = plugins


@functools.cache
def _find_within(scope: str, top: str) -> ModuleSpec | None:
    """Module of this name in a scope; None for an installed one."""
    package: Any = sys.modules[scope]
    return find_spec(package.folder, top, package.plugins)


@functools.cache
def _load_other(scope: str, top: str) -> ModuleType:
    """Another plugin, in the scope of its own folder."""
    package: Any = sys.modules[scope]
    return load(top, package.plugins)


class _Finder:
    """Finder of the user's modules within their scope."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        scope, _, inner = name.partition(".")
        if not scope.startswith(SCOPE) or not inner:
            return None
        spec = PathFinder.find_spec(name, path) if "." in inner else _find_within(scope, inner)
        if spec is None:
            return None
        folders = spec.submodule_search_locations and list(spec.submodule_search_locations)
        if not spec.has_location:  # a folder without __init__.py
            bare = ModuleSpec(name, None, is_package=True)
            bare.submodule_search_locations = folders
            return bare
        kind: Any = _Loader if isinstance(spec.loader, SourceFileLoader) else type(spec.loader)
        return importlib.util.spec_from_file_location(
            name, spec.origin, loader=kind(name, spec.origin), submodule_search_locations=folders
        )


class _Loader(SourceFileLoader):
    """Loader of a module of the user's, whose imports begin in its scope, never from byte code."""

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
    if level or _find_within(scope, top) is None:
        return builtins.__import__(name, globals, locals, fromlist, level)
    package = sys.modules[scope]
    plugin = file(top, package.plugins)
    if plugin is not None and plugin == Path(_find_within(scope, top).origin or "").resolve():
        return _load_other(scope, top)
    module = builtins.__import__(f"{scope}.{name}", globals, locals, fromlist, 0)
    return module if fromlist else sys.modules[f"{scope}.{top}"]
