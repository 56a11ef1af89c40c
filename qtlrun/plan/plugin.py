"""Plugins: the user's Python files, found without loading, loaded apart, named in errors."""

import hashlib
from pathlib import Path

from qtlrun.error import UsageError
from qtlrun.plan.blame import blamed, location, worded
from qtlrun.plan.closure import closure, find, import_base, imports, parse_module
from qtlrun.plan.installed import is_installed, versions
from qtlrun.plan.loader import load
from qtlrun.plan.module import PACKAGE, Module, begin, file, stem

__all__ = [
    "PACKAGE",
    "Module",
    "begin",
    "blamed",
    "check",
    "closure",
    "file",
    "find",
    "identity",
    "import_base",
    "load",
    "location",
    "parse_module",
    "stem",
    "worded",
]


def check(paths: list[str]) -> None:
    """Refuse files that are not there, are no Python, or have the name of another module."""
    for number, typed in enumerate(paths):
        path = Path(typed).expanduser()
        name = stem(typed)
        if not path.is_file() or path.suffix != ".py":
            raise UsageError("there is no such Python file", key="plugins", value=f"[{typed}]")
        if not name.isidentifier():
            raise UsageError(
                f"{name} is no name of a module",
                "rename the file",
                key="plugins",
                value=f"[{typed}]",
            )
        if name == "qtlrun" or is_installed(name):
            raise UsageError(
                f"{name} is the name of an installed module",
                "rename the file",
                key="plugins",
                value=f"[{typed}]",
            )
        others = [
            other
            for other in paths[:number]
            if stem(other) == name and not path.samefile(Path(other).expanduser())
        ]
        if others:
            raise UsageError(
                f"a part is found by its file's name, and both are called {name}",
                "rename one",
                key="plugins",
                value=f"[{others[0]},{typed}]",
            )
    closure(tuple(paths))


def identity(paths: list[str]) -> list:
    """Names and hashes of plugins and the user's modules, versions of installed packages."""
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
    return [list(pair) for pair in (*files, *versions(installed))]
