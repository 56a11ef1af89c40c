"""Source and libraries of an artifact: the import closure of modules, read from their files."""

import functools
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
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
# Distributions that a library loads by their entry points; no import names them.
PLUGINS = {"pennylane": ("pennylane-lightning",)}


def closure(*modules: str) -> list[Path]:
    """Files of modules and of all that they import of this package, wherever in the code."""
    return _walk_imports(modules)[0]


@functools.cache
def digest(*modules: str) -> str:
    """Hash of the source of modules and of all that they import of this package."""
    parts: list[bytes] = []
    for file in sorted(closure(*modules)):
        parts += (file.relative_to(PACKAGE).as_posix().encode(), _content(file))
    return disk.digest(b"".join(parts))


@functools.cache
def versions(*modules: str) -> dict[str, str]:
    """Versions of the libraries that modules import, or what they import of this package."""
    numbers: dict[str, str] = {}
    for library in sorted(_walk_imports(modules)[1]):
        numbers |= _versions(library)
    return dict(sorted(numbers.items()))


def _walk_imports(modules: tuple[str, ...]) -> tuple[list[Path], set[str]]:
    """Files of this package and libraries that modules import, directly or not."""
    reached = set()
    libraries = set()
    # No plugin of the user's.
    waiting = [name for name in modules if name.partition(".")[0] == ROOT]
    names = set(waiting)
    while waiting:
        name = _home(waiting.pop())
        library = name.partition(".")[0]
        if library != ROOT:
            libraries.add(library)
            continue
        file = _file(name)
        if name != ROOT and file is not None and file not in reached:
            reached.add(file)
            new = _imports(_content(file)) - names
            names |= new
            waiting += new
    return sorted(reached), libraries - sys.stdlib_module_names


def _content(file: Path) -> bytes:
    """Bytes of a file, read once for as long as it stays as it is."""
    status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_size)


@functools.cache
def _read(file: Path, _changed: int, _size: int) -> bytes:
    return file.read_bytes()


@functools.cache
def _imports(content: bytes) -> set[str]:
    """Names that source imports, dotted; of `from a import b` a.b."""
    names: set[str] = set()
    for source, members, module in IMPORT.findall(content.decode()):
        if module or members.strip(" ()") == "*":
            names.add(source or module)
        names.update(f"{source}.{member}" for member in _members(members))
    return names


def _members(text: str) -> list[str]:
    """Names that `from a import text` imports, without those that it gives them."""
    text = re.sub(r"#[^\n]*", "", text)
    return re.findall(r"(\w+)(?:\s+as\s+\w+)?", text)


def _home(name: str) -> str:
    """Module that a dotted name is from: itself, or where its package or module has it from.

    A package that only hands names on, as `qtlrun.plan` does, brings no more than what is asked of
    it.
    """
    module, _, member = name.rpartition(".")
    if not module.startswith(ROOT) or _file(name) is not None:
        return name
    file = _file(module)
    if file is None:
        return name
    passed_on = file.name == "__init__.py" and _origins(_content(file)).get(member)
    return _home(f"{passed_on}.{member}") if passed_on else module


@functools.cache
def _origins(content: bytes) -> dict[str, str]:
    """Modules that names of a package are imported from, by name."""
    return {
        member: source
        for source, members, _ in IMPORT.findall(content.decode())
        for member in _members(members)
    }


def _file(module: str) -> Path | None:
    """File of a module of this package; None where there is none."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    if module.partition(".")[0] != ROOT:
        return None
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@functools.cache
def _versions(library: str) -> dict[str, str]:
    """Versions of the installed distributions that have a package of this name."""
    name = DISTRIBUTIONS.get(library, library)
    try:
        numbers = {name: metadata.version(name)}
    except metadata.PackageNotFoundError:
        names = _packages().get(library, []) if find_spec(library) else []
        numbers = {name: metadata.version(name) for name in names}
    return numbers | {name: metadata.version(name) for name in PLUGINS.get(library, ())}


@functools.cache
def _packages() -> Mapping[str, list[str]]:
    """Distributions by the packages that they have; every one that is installed is read."""
    return metadata.packages_distributions()
