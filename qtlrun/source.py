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
    return _reached(modules)[0]


@functools.cache
def digest(*modules: str) -> str:
    """The hash of the source of modules and of all that they import of this package."""
    parts = [
        part
        for file in sorted(closure(*modules))
        for part in (file.relative_to(PACKAGE).as_posix().encode(), _content(file))
    ]
    return disk.digest(b"".join(parts))


@functools.cache
def versions(*modules: str) -> dict[str, str]:
    """The versions of the libraries that modules import, or what they import of this package."""
    libraries = _reached(modules)[1]
    found = [pair for library in sorted(libraries) for pair in _versions(library).items()]
    return dict(sorted(found))


def _reached(modules: tuple[str, ...]) -> tuple[list[Path], set[str]]:
    """The files of this package that are reached, and the libraries."""
    reached = set()
    libraries = set()
    waiting = [
        name for name in modules if name.partition(".")[0] == ROOT
    ]  # no plugin of the user's
    while waiting:
        name = waiting.pop()
        library = name.partition(".")[0]
        if library != ROOT:
            libraries.add(library)
            continue
        file = _file(name)
        if name != ROOT and file is not None and file not in reached:
            reached.add(file)
            waiting += _imports(_content(file))
    return sorted(reached), libraries - sys.stdlib_module_names


def _content(file: Path) -> bytes:
    """The bytes of a file, read once for as long as it stays as it is."""
    status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_size)


@functools.cache
def _read(file: Path, _changed: int, _size: int) -> bytes:
    return file.read_bytes()


@functools.cache
def _imports(content: bytes) -> set[str]:
    """Names that source imports, dotted; of `from a import b` both a and a.b."""
    names = set()
    for source, members, module in IMPORT.findall(content.decode()):
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


@functools.cache
def _versions(library: str) -> dict[str, str]:
    """The versions of the installed distributions that have a package of this name."""
    name = DISTRIBUTIONS.get(library, library)
    try:
        found = {name: metadata.version(name)}
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(library, [])
        found = {name: metadata.version(name) for name in names}
    return found | {name: metadata.version(name) for name in LOADED.get(library, ())}
