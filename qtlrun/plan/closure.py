"""Import closure of plugins: the user's modules that they import, read from source."""

import ast
import functools
import importlib.util
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from qtlrun.error import UsageError
from qtlrun.plan.blame import shown
from qtlrun.plan.installed import find_any, is_installed, lies_installed
from qtlrun.plan.module import PACKAGE, Module, begin, file

IMPORT_CALLS = ("__import__", "import_module", "importlib.import_module")


def closure(paths: tuple[str, ...]) -> dict[Module, bytes]:
    """Plugins and all that they import from outside the installed packages, with their bytes.

    Read from source, at any depth of it, so that an import within a function counts. Raises
    UsageError for source that is no Python, and for a module that hides an installed one.
    """
    contents = {}
    waiting = [(begin(Path(path).expanduser().resolve()), path) for path in paths]
    while waiting:
        module, path = waiting.pop()
        if module not in contents and module.path.is_file():
            contents[module] = module.path.read_bytes()
            for name in imports(module, contents[module], path):
                waiting += [(other, path) for other in find(module, name, paths, path)]
    return contents


def find(module: Module, name: str, paths: tuple[str, ...], importer: str = "") -> list[Module]:
    """User's modules that importing a dotted name loads, its packages first.

    `importer` is the plugin that a refusal names.
    """
    top, *rest = name.split(".")
    if top == "qtlrun":
        return _find_within_package(rest)
    if module.folder is None or (spec := find_spec(module.folder, top, paths, importer)) is None:
        return []
    names = [top]
    modules = []
    while True:
        if spec.origin is not None and spec.has_location:
            path = Path(spec.origin).resolve()
            # The imports of a plugin lie beside itself.
            is_plugin = len(names) == 1 and path == file(top, paths)
            modules.append(
                begin(path) if is_plugin else Module(".".join(names), path, module.folder)
            )
        if not rest or spec.submodule_search_locations is None:
            return modules
        names.append(rest.pop(0))
        spec = PathFinder.find_spec(".".join(names), list(spec.submodule_search_locations))
        if spec is None:
            return modules


def find_spec(
    folder: Path, top: str, paths: tuple[str, ...], importer: str = ""
) -> ModuleSpec | None:
    """User's module of this name: beside the plugin, a plugin, or elsewhere on the path.

    None for an installed one.
    """
    beside = PathFinder.find_spec(top, [str(folder)])
    installed = is_installed(top)
    if beside is not None and beside.has_location:
        if installed and not lies_installed(Path(beside.origin)):
            raise UsageError(
                (
                    f"it imports {top}, an installed module,"
                    f" which {shown(Path(beside.origin))} would hide"
                ),
                "rename that file",
                key="plugins",
                value=f"[{importer}]",
            )
        return None if installed else beside
    if installed:
        return None
    if (path := file(top, paths)) is not None:
        return importlib.util.spec_from_file_location(top, path)
    return find_any(top) or beside  # beside: a folder without __init__.py, or nothing


@functools.cache
def imports(module: Module, content: bytes, importer: str) -> tuple[str, ...]:
    """Dotted names that a module imports; `from a import b` may mean the module a.b."""
    if module.path.suffix != ".py":
        return ()
    names = []
    for node in ast.walk(parse_module(content, module.path, importer)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = import_base(module, node)
            names += [
                f"{base}.{alias.name}".strip(".") for alias in node.names if alias.name != "*"
            ] or [base]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORT_CALLS:
            names += [
                argument.value
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            ]
    return tuple(dict.fromkeys(name for name in names if name and not name.startswith(".")))


def import_base(module: Module, node: ast.ImportFrom) -> str:
    """Absolute name of the module that `from ... import` names."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".") if module.package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module or ""]).strip(".")


@functools.cache
def parse_module(content: bytes, path: Path, importer: str) -> ast.Module:
    """Parse a module; a refusal of what is no Python names the plugin that imports it."""
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError) as error:  # the second for null bytes
        line = (
            f"line {error.lineno}: {error.msg}"
            if isinstance(error, SyntaxError) and error.lineno
            else str(error)
        )
        beside = "" if Path(importer or path).expanduser().resolve() == path else f"{shown(path)}, "
        raise UsageError(f"{beside}{line}", key="plugins", value=f"[{importer}]") from error


def _find_within_package(rest: list[str]) -> list[Module]:
    """Module of qtlrun's that a dotted name below the package lies in.

    The package itself is left out: it computes nothing.
    """
    for length in range(len(rest), 0, -1):
        folder = PACKAGE.joinpath(*rest[:length])
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            if path.is_file():
                return [Module(".".join(["qtlrun", *rest[:length]]), path, None)]
    return []
