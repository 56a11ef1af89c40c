"""Classes and functions of the user's files, which a value of a part names as FILE.py:NAME."""

from collections.abc import Callable
from typing import Any

from qtlrun.error import UsageError, nearest
from qtlrun.plan import plugin


def split(value: str) -> tuple[str, str]:
    """File and name of FILE.py:NAME; raises UsageError for a text of another form."""
    path, _, name = value.rpartition(":")
    if not path or not name.isidentifier():
        raise UsageError("a class or function in a Python file is named here, as FILE.py:NAME")
    return path, name


def check(key: str, value: str) -> None:
    """Refuse what is not FILE.py:NAME with a file that is there and is Python; nothing is run."""
    try:
        path, _ = split(value)
        plugin.check([path])
    except UsageError as error:
        raise error.about(key, value) from error


def load(value: str) -> Callable[..., Any]:
    """Class or function of FILE.py:NAME.

    Raises UsageError, of no key, with file and line where the file does not load, and with the
    nearest name where it has none of this one.
    """
    path, name = split(value)
    try:
        plugin.check([path])
        module = plugin.load(plugin.stem(path), (path,))
    except UsageError as error:
        raise UsageError(error.reason, error.fix) from error
    members = vars(module)
    if not callable(members.get(name)):
        defined = [
            each
            for each, member in members.items()
            if callable(member) and member.__module__ == module.__name__
        ]
        raise UsageError(f"{path} has no class or function {name}", nearest(name, defined))
    return members[name]


def identity(value: str) -> list:
    """Name of FILE.py:NAME, with names and hashes of the file and of all that it imports."""
    path, name = split(value)
    return [name, *plugin.identity([path])]
