"""Types and shapes in the package's signatures, enforced as the package is imported.

`jaxtyping.install_import_hook` checks the same, but gives each function, also one without a shape
or a hint, the search for shapes: imports take 6 s more, trainings twice as long.
"""

import ast
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from inspect import isgeneratorfunction
from typing import TypeVar, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, jaxtyped

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a whole number may be a float
DECORATOR = ast.parse("__import__('signature').enforce", mode="eval").body
Decorated = TypeVar("Decorated", bound=Callable)


def install(package: str) -> None:
    """Enforce the signatures of a package that is imported from here on."""
    sys.meta_path.insert(0, Finder(package))


def enforce(decorated: Decorated) -> Decorated:
    """Check a function's arguments and result, a dataclass's fields; shapes where it has any."""
    if isinstance(decorated, type) and not is_dataclass(decorated):
        return decorated
    hints = getattr(decorated, "__annotations__", {}).values()
    if any(map(_has_shape, hints)) or isgeneratorfunction(decorated):  # beartype wants their items
        return jaxtyped(decorated, typechecker=checked)
    if isinstance(decorated, type):
        decorated.__init__ = checked(decorated.__init__)
        return decorated
    return checked(decorated) if hints else decorated


class Finder(MetaPathFinder):
    """Finds the modules of a package and has their functions and classes enforced."""

    def __init__(self, package: str):
        self.package = package

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != self.package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(fullname, spec.loader.path)
        return spec


class Loader(SourceFileLoader):
    """Decorates each function first and each class last; does not read compiled files."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and _hints(node):
                node.decorator_list.append(ast.copy_location(DECORATOR, node))
            elif isinstance(node, ast.ClassDef):
                node.decorator_list.insert(0, ast.copy_location(DECORATOR, node))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _hints(node: ast.FunctionDef) -> bool:
    return bool(node.returns) or any(
        isinstance(each, ast.arg) and each.annotation for each in ast.walk(node.args)
    )


def _has_shape(hint: object) -> bool:
    array = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return array or any(map(_has_shape, get_args(hint)))
