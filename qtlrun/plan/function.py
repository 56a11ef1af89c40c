"""Functions of the user's that a value names as FILE.py:NAME."""

import ast
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.plan import plugin


def file(value: str) -> str:
    """File that a value names."""
    return value.rpartition(":")[0]


def short(value: str) -> str:
    """Value without the folder of its file."""
    return Path(value).name


def check(name: str, value: str) -> None:
    """Refuse a value that names no Python file that can be read; it is not run.

    `name` is that of the value, for the refusal.
    """
    path, _, function = value.rpartition(":")
    if not path or not function.isidentifier():
        raise BadValue(name, value, "a function of a file is named here", "write FILE.py:NAME")
    with _renamed(name, value):
        plugin.check([path])


def load(name: str, value: str) -> Callable:
    """Function that a value names; its file is run."""
    check(name, value)
    path, _, function = value.rpartition(":")
    with _renamed(name, value):
        module = plugin.load(plugin.stem(path), (path,))
    callee = vars(module).get(function)
    if not callable(callee):
        reason = f"{path} has no function {function}"
        raise BadValue(name, value, reason, nearest(function, _functions(path)))
    return callee


def _functions(path: str) -> list[str]:
    """Names of the functions that a file defines."""
    source = Path(path).expanduser().read_bytes()
    tree = plugin.parse_module(source, Path(path), "")
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@contextlib.contextmanager
def _renamed(name: str, value: str) -> Iterator[None]:
    """Let refusals of a plugin that are raised within be about this value."""
    try:
        yield
    except UsageError as error:
        raise BadValue(name, value, error.reason, error.fix) from error
