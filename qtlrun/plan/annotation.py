"""Types of values, as a constructor's annotations give them."""

import ast
import contextlib
import functools

from qtlrun.error import UsageError, nearest, text
from qtlrun.plan.size import INTEGER_LIMIT

SINGULAR = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}
PLURAL = {"float": "numbers", "int": "whole numbers", "str": "texts", "bool": "true or false"}
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    type(None): "nothing (null)",
}


def check(key: str, value: object, annotation: ast.expr | None) -> None:
    """Refuse a value that its annotation does not allow.

    True is no whole number, and a whole number is a number.
    """
    annotation = _plain(annotation)
    for number in value if isinstance(value, list) else [value]:
        if type(number) is int and abs(number) >= INTEGER_LIMIT:
            raise UsageError("whole numbers lie below 2**63 here", key=key, value=_brief(number))
    if accepts(annotation, value):
        return
    options = _options(annotation)
    if options and isinstance(value, str):
        raise UsageError(nearest(value, options), key=key, value=value)
    raise UsageError(
        (
            f"{_phrase(annotation)} is needed here, and this is {_kind(value)}"
            f"{_mend(annotation, value)}"
        ),
        key=key,
        value=value,
    )


def _mend(annotation: ast.expr, value: object) -> str:
    """Words on the wrong item of a list, and on the quotes that make texts of numbers."""
    item = _item(annotation)
    if item is None or not isinstance(value, list):
        return ""
    wrong = next(one for one in value if not accepts(item, one))
    plain = all(one is None or isinstance(one, (str, int, float)) for one in value)
    quoted = (
        f"; texts are written in quotes, [{','.join(map(repr, map(text, value)))}]"
        if accepts(item, "") and plain
        else ""
    )
    return f" in which {text(wrong)} is {_kind(wrong)}{quoted}"


def _item(node: ast.expr) -> ast.expr | None:
    """Annotation of the items, where a list is allowed."""
    match node:
        case ast.BinOp(op=ast.BitOr()):
            return _item(node.left) or _item(node.right)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            return item.elts[0] if isinstance(item, ast.Tuple) else item
    return None


def _brief(number: int) -> str:
    """A number, by its length where it is longer than a line."""
    return (
        text(number)
        if number.bit_length() < 128
        else f"{str(number)[:6]}... ({len(str(number))} digits)"
    )


def accepts(node: ast.expr, value: object) -> bool:
    """Whether an annotation allows a value of a YAML file; one that is no plain type allows any."""
    match _plain(node):
        case ast.Name(id="list" | "tuple"):
            return isinstance(value, list)
        case ast.Name(id="dict") | ast.Subscript(value=ast.Name(id="dict")):
            return isinstance(value, dict)
        case ast.Name(id="float"):
            return type(value) in (int, float)
        case ast.Name(id="int" | "str" | "bool" as name):
            return type(value).__name__ == name
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return accepts(left, value) or accepts(right, value)
        case ast.Subscript(value=ast.Name(id="Literal")) as literal:
            return type(value) is not bool and value in _values(literal)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            return isinstance(value, list) and _accepts_items(item, value)
    return True


def is_switch(node: ast.expr | None) -> bool:
    """Whether an annotation allows some words alone, trained and frozen among them."""
    return node is not None and {"trained", "frozen"} <= set(_options(node))


def _accepts_items(item: ast.expr, values: list) -> bool:
    """Whether list[X] or tuple[X, ...] allows values, or tuple[X, Y] one of each."""
    if not isinstance(item, ast.Tuple):
        return all(accepts(item, value) for value in values)
    kinds = item.elts
    if isinstance(kinds[-1], ast.Constant) and kinds[-1].value is Ellipsis:
        return all(accepts(kinds[0], value) for value in values)
    return len(kinds) == len(values) and all(map(accepts, kinds, values))


def _plain(node: ast.expr | None) -> ast.expr | None:
    """Annotation in its plainest spelling.

    "int" becomes int, typing.Optional[X] becomes X | None, and typing.List becomes list.
    """
    match node:
        case ast.Constant(value=str(code)):
            with contextlib.suppress(SyntaxError):
                return _plain(ast.parse(code, mode="eval").body)
        case ast.Attribute(value=ast.Name(id="typing" | "t"), attr=name):
            return _plain(ast.Name(name))
        case ast.Name(id="List" | "Tuple" | "Dict" as name):
            return ast.Name(name.lower())
        case ast.Name(id="Sequence" | "Iterable"):
            return ast.Name("list")
        case ast.Subscript(value=head, slice=inner):
            head = _plain(head)
            if isinstance(head, ast.Name) and head.id == "Optional":
                return ast.BinOp(_plain(inner), ast.BitOr(), ast.Constant(None))
            if isinstance(head, ast.Name) and head.id == "Union":
                options = [
                    _plain(one) for one in (inner.elts if isinstance(inner, ast.Tuple) else [inner])
                ]
                return functools.reduce(
                    lambda left, right: ast.BinOp(left, ast.BitOr(), right), options
                )
            return ast.Subscript(head, inner)
    return node


def _values(node: ast.Subscript) -> tuple:
    """Values of a Literal."""
    values = ast.literal_eval(node.slice)
    return values if isinstance(values, tuple) else (values,)


def _options(node: ast.expr) -> list[str]:
    """Values of a Literal as a YAML file has them; none of any other annotation."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return [text(value) for value in _values(node)]
    return []


def _phrase(node: ast.expr) -> str:
    """Allowed values in words, as `a number or a text`."""
    node = _plain(node)
    match node:
        case ast.Name(id="list" | "tuple"):
            return "a list"
        case ast.Name(id="dict") | ast.Subscript(value=ast.Name(id="dict")):
            return "a group of values"
        case ast.BinOp(op=ast.BitOr()):
            phrases = [_phrase(side) for side in (node.left, node.right)]
            if set(phrases) == {"a number", "a whole number"}:
                return "a number"
            return " or ".join(phrases)
        case ast.Name(id=name):
            return SINGULAR.get(name, name)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            names = ast.unparse(
                _plain(item.elts[0] if isinstance(item, ast.Tuple) else item)
            ).split(" | ")
            names = [name for name in names if name != "int" or "float" not in names]
            return f"a list of {' or '.join(PLURAL.get(name, name) for name in names)}"
    options = _options(node)
    if options:
        return f"{'one of ' * (len(options) > 1)}{', '.join(options)}"
    return text(node.value if isinstance(node, ast.Constant) else ast.unparse(node))


def _kind(value: object) -> str:
    return "an empty text" if value == "" else KINDS.get(type(value), "a group of values")
