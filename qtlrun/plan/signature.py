"""Parameters of one signature, or of the annotated fields of one class, read from source."""

import ast
from typing import Any, NamedTuple


class UnreadableConstructor(Exception):
    """Constructor whose parameters source does not tell; the message says why."""


class Parameter(NamedTuple):
    """Parameter of a constructor, or a field of the dataclass that its parameter `owner` takes."""

    annotation: ast.expr | None
    required: bool
    owner: str = ""


Parameters = dict[str, Parameter]


def read_signature(node: ast.FunctionDef, bound: bool) -> Parameters:
    """Parameters that a function names; the first of a `bound` one is self."""
    args = [*node.args.posonlyargs, *node.args.args]
    names = [arg.arg for arg in args]
    positional = node.args.posonlyargs[bound:]
    if positional:
        raise UnreadableConstructor(
            f"it takes {positional[0].arg} by position alone, and values come by name; leave out"
            " the /"
        )
    first = len(args) - len(node.args.defaults)
    parameters = {
        arg.arg: Parameter(arg.annotation, index < first) for index, arg in enumerate(args)
    }
    for name in names[:bound]:
        del parameters[name]
    return parameters | {
        arg.arg: Parameter(arg.annotation, default is None)
        for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    }


def read_fields(node: ast.ClassDef) -> Parameters:
    """Parameters that the annotated fields of a class are."""
    fields = {}
    for statement in node.body:
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and not _is_no_parameter(statement)
        ):
            required = not _has_default(statement.value)
            fields[statement.target.id] = Parameter(statement.annotation, required)
    return fields


def truth(words: list[ast.keyword], name: str) -> bool | None:
    """Truth value that a keyword of a call has; None where it has none or is not there."""
    for word in words:
        constant = word.value.value if isinstance(word.value, ast.Constant) else None
        if word.arg == name and isinstance(constant, bool):
            return constant
    return None


def _is_no_parameter(node: ast.AnnAssign) -> bool:
    """Whether an annotated name of a dataclass is no parameter of its constructor."""
    annotation = ast.unparse(node.annotation)
    if "ClassVar" in annotation or annotation.rpartition(".")[2] == "KW_ONLY":
        return True
    return truth(_field_options(node.value), "init") is False


def _has_default(value: ast.expr | None) -> bool:
    """Whether what is assigned to a field gives it a default."""
    if _is_field(value):
        return any(word.arg in ("default", "default_factory") for word in _field_options(value))
    return value is not None


def _field_options(value: Any) -> list[ast.keyword]:
    """Keywords of a call of `field`; none of any other value."""
    return value.keywords if _is_field(value) else []


def _is_field(value: ast.expr | None) -> bool:
    """Whether an expression is a call of dataclasses' `field`."""
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "field"
