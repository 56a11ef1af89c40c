"""Parts held against the contract of their group, and given the members that they left out."""

import inspect
import re
from collections.abc import Callable

from qtlrun.contract import CONTRACTS
from qtlrun.error import UsageError


def check_part(group: str, part, key: str, target: str) -> None:
    """Refuse a part that lacks what its group's contract requires."""
    names = required(group)
    if group == "parametrization" and not part.weights:  # it generates none
        names = names[:1]
    absent = [name for name in names if not _has(part, name)]
    if absent:
        about = described(group)
        members = [f"{name} ({about[name]})" if name in about else name for name in names]
        raise UsageError(
            f"{target} has no {' and no '.join(absent)}",
            (
                f"a {group} has {', '.join(members)};"
                f" qtlrun.contract.{CONTRACTS[group].__name__} says what it may have"
                " beside"
            ),
            key=key,
        )


def complete_part(group: str, part):
    """Give a part the default of each optional member that it lacks."""
    for name, default in optional(group).items():
        if not hasattr(part, name):
            object.__setattr__(part, name, default)  # a frozen dataclass has it too
    return part


def optional_members(group: str, part: object) -> dict[str, object]:
    """Optional members of a part by name, with their defaults where it lacks them."""
    defaults = optional(group)
    return {name: getattr(part, name, default) for name, default in defaults.items()}


def required(group: str) -> tuple[str, ...]:
    """Names of the members that a part of a group must have."""
    contract = CONTRACTS[group]
    methods = [name for name, value in vars(contract).items() if inspect.isfunction(value)]
    public = [name for name in methods if not name.startswith("_") or name == "__call__"]
    values = [name for name in contract.__annotations__ if name not in vars(contract)]
    return (*values, *public)


def optional(group: str) -> dict[str, object]:
    """Default of each member that a part of a group may leave out, by name."""
    contract = CONTRACTS[group]
    return {
        name: vars(contract)[name] for name in contract.__annotations__ if name in vars(contract)
    }


def described(group: str) -> dict[str, str]:
    """Description of each member, by name, from the contract's docstring."""
    lines = inspect.getdoc(CONTRACTS[group]) or ""
    entries = re.findall(r"^([\w, ]+): (.*(?:\n {4}.*)*)", lines, re.MULTILINE)
    descriptions = {}
    for names, about in entries:
        for name in names.split(", "):
            descriptions[name] = " ".join(about.split())
    return descriptions


def takes(function: Callable, count: int) -> bool:
    """Whether a function takes so many arguments by position; True where that cannot be told."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _has(part: object, name: str) -> bool:
    """Whether a part has a member of its contract."""
    if name == "__call__":
        return callable(part)
    value = getattr(part, name, None)
    # torch.nn.Module has this in place of a forward.
    unwritten = inspect.ismethod(value) and value.__func__.__name__ == "_forward_unimplemented"
    return value is not None and not unwritten
