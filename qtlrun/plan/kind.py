"""The types of values, as a constructor's annotations say them."""
import ast

from qtlrun.plan.refusal import Refused, nearest, text

ONE = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}
MANY = {"float": "numbers", "int": "whole numbers", "str": "texts", "bool": "true or false"}
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list", type(None): "nothing (null)"}


def check(key: str, value: object, annotation: ast.expr) -> None:
    """Refuse a value that its annotation does not allow; true is no whole number, and a whole number is a number."""
    if accepts(annotation, value):
        return
    options = _options(annotation)
    if options and isinstance(value, str):
        raise Refused(f"{key}={value}: {nearest(value, options)}")
    raise Refused(f"{key}={text(value)}: {_words(annotation)} is needed here, and this is {_kind(value)}{_mend(annotation, value)}.")


def _mend(annotation: ast.expr, value: object) -> str:
    """Of a list which item is of the wrong kind, and the spelling that makes texts of numbers."""
    item = _item(annotation)
    if item is None or not isinstance(value, list):
        return ""
    wrong = next(one for one in value if not accepts(item, one))
    plain = all(one is None or isinstance(one, (str, int, float)) for one in value)
    quoted = f"; texts are written in quotes, [{','.join(map(repr, map(text, value)))}]" if accepts(item, "") and plain else ""
    return f" in which {text(wrong)} is {_kind(wrong)}{quoted}"


def _item(node: ast.expr) -> ast.expr | None:
    """The annotation of the items where a list is allowed."""
    match node:
        case ast.BinOp(op=ast.BitOr()):
            return _item(node.left) or _item(node.right)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            return item.elts[0] if isinstance(item, ast.Tuple) else item
    return None


def accepts(node: ast.expr, value: object) -> bool:
    """Whether an annotation allows a value of a YAML file; one that is no plain type allows any."""
    match node:
        case ast.Name(id="float"):
            return type(value) in (int, float)
        case ast.Name(id="int" | "str" | "bool" as name):
            return type(value).__name__ == name
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(op=ast.BitOr()):
            return accepts(node.left, value) or accepts(node.right, value)
        case ast.Subscript(value=ast.Name(id="Literal")):
            return type(value) is not bool and value in _values(node)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            item = item.elts[0] if isinstance(item, ast.Tuple) else item
            return isinstance(value, list) and all(accepts(item, one) for one in value)
    return True


def _values(node: ast.expr) -> tuple:
    """The values of a Literal."""
    values = ast.literal_eval(node.slice)
    return values if isinstance(values, tuple) else (values,)


def _options(node: ast.expr) -> list[str]:
    """The values of a Literal as a YAML file has them; of any other annotation none."""
    literal = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
    return [text(value) for value in _values(node)] if literal else []


def _words(node: ast.expr) -> str:
    match node:
        case ast.BinOp(op=ast.BitOr()):
            words = [_words(one) for one in (node.left, node.right)]
            return "a number" if set(words) == {"a number", "a whole number"} else " or ".join(words)
        case ast.Name(id=name):
            return ONE.get(name, name)
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            names = ast.unparse(item.elts[0] if isinstance(item, ast.Tuple) else item).split(" | ")
            names = [name for name in names if name != "int" or "float" not in names]
            return f"a list of {' or '.join(MANY.get(name, name) for name in names)}"
    options = _options(node)
    return f"{'one of ' * (len(options) > 1)}{', '.join(options)}" if options else text(getattr(node, "value", ast.unparse(node)))


def _kind(value: object) -> str:
    return "an empty text" if value == "" else KINDS.get(type(value), "a group of values")
