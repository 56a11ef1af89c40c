"""Source and libraries that compute an artifact: the import closure of modules, read from files."""

import functools
import re
import sys
from importlib import metadata
from pathlib import Path

from qtlrun import disk

PACKAGE = Path(__file__).parent
ROOT = "qtlrun"
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([\w.]+))",
    re.MULTILINE,
)
# Distributions whose name is not that of their package; others are looked up, which takes longer.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}
LOADED = {"pennylane": ("pennylane-lightning",)}  # by entry points, in no import


def closure(*modules: str) -> list[Path]:
    """The files of modules and of all that they import of this package, wherever in the code."""
    return [_file(module) for module in _reached(modules)[0]]


@functools.cache
def digest(*modules: str) -> str:
    """The hash of the source of modules and of all that they import of this package."""
    parts = [
        part
        for file in sorted(closure(*modules))
        for part in (file.relative_to(PACKAGE).as_posix().encode(), file.read_bytes())
    ]
    return disk.digest(b"".join(parts))


@functools.cache
def versions(*modules: str) -> dict[str, str]:
    """The versions of the libraries that modules import, or what they import of this package."""
    distributions = {
        distribution
        for library in _reached(modules)[1]
        for distribution in (*_distributions(library), *LOADED.get(library, ()))
    }
    return {name: metadata.version(name) for name in sorted(distributions)}


def _reached(modules: tuple[str, ...]) -> tuple[list[str], set[str]]:
    """The modules of this package that are reached, and the libraries."""
    reached, libraries = set(), set()
    waiting = [module for module in modules if _file(module) is not None]
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        for name in _imports(_file(module)):
            if name.partition(".")[0] != ROOT:
                libraries.add(name.partition(".")[0])
            elif name != ROOT and _file(name) is not None:
                waiting.append(name)
    return sorted(reached), libraries - sys.stdlib_module_names


def _imports(file: Path) -> set[str]:
    """Names that a file imports, dotted; of `from a import b` both a and a.b."""
    names = set()
    for source, members, module in IMPORT.findall(file.read_text()):
        names.add(source or module)
        names.update(f"{source}.{member}" for member in re.findall(r"\w+", members) if source)
    return names


def _file(module: str) -> Path | None:
    """The file of a module of this package; None where there is none."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    if module.partition(".")[0] != ROOT:
        return None
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _distributions(library: str) -> list[str]:
    """The installed distributions that have a package of this name."""
    name = DISTRIBUTIONS.get(library, library)
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return metadata.packages_distributions().get(library, [])
    return [name]
