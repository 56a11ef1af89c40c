"""Installed modules: which names are theirs, and the versions of what brings them."""

import contextlib
import functools
import importlib.util
import sys
import sysconfig
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.metadata import packages_distributions, version
from pathlib import Path

SITE_FOLDERS = {"site-packages", "dist-packages"}  # of installed packages
STANDARD_FOLDERS = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
# Of modules that can be loaded apart, in a scope of their own.
LOADERS = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)

_installed: set[str] = set()  # names looked up before, which remain installed


def is_installed(top: str) -> bool:
    """Whether a name is that of a module of Python's or of an installed package.

    So is one that neither source, byte code nor a library holds: only its own finder loads it.
    """
    if top in sys.stdlib_module_names or top == "qtlrun" or top in _installed:
        return True
    spec = find_any(top)
    if spec is None:
        return False
    origin = (
        spec.origin
        if spec.has_location
        else next(iter(spec.submodule_search_locations or ()), None)
    )
    if (
        origin is None
        or (spec.has_location and not isinstance(spec.loader, LOADERS))
        or lies_installed(Path(origin))
    ):
        _installed.add(top)
    return top in _installed


def lies_installed(path: Path) -> bool:
    """Whether a file lies among installed packages or in the standard library."""
    path = path.resolve()
    return bool(SITE_FOLDERS & set(path.parts)) or any(
        root in path.parents for root in STANDARD_FOLDERS
    )


def find_any(top: str) -> ModuleSpec | None:
    """Module of this name that any program would import."""
    with contextlib.suppress(ValueError):  # __main__ has none
        return importlib.util.find_spec(top)
    return None


def versions(names: set[str]) -> list[tuple[str, str]]:
    """Versions of the distributions that bring these modules; the standard library has none."""
    pairs = set()
    for name in names - sys.stdlib_module_names - {"qtlrun"}:
        pairs |= {
            (distribution, version(distribution)) for distribution in _distributions().get(name, ())
        }
    return sorted(pairs)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    """Distributions by the top module that they bring."""
    return dict(packages_distributions())
