"""Parameters of a class's constructor, read from source."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qtlrun.plan import plugin
from qtlrun.plan.plugin import Module

# By name: the annotation, and whether it is required.
Parameters = dict[str, tuple[ast.expr | None, bool]]
# Classes whose constructor takes no values.
EMPTY_CLASSES = {
    "object",
    "abc.ABC",
    "typing.Generic",
    "typing.Protocol",
    "torch.nn.Module",
    "torch.nn.modules.module.Module",
}
# Decorators and bases that make a constructor of annotated fields.
FIELD_MARKS = {"dataclasses.dataclass": "dataclass", "typing.NamedTuple": "tuple"}


class UnreadableConstructor(Exception):
    """Constructor whose parameters source does not tell; the message says why."""


@dataclass(frozen=True, eq=False)
class Class:
    """Class in its module; or, where no source is read, its name alone."""

    name: str
    node: ast.ClassDef | None = None
    module: Module | None = None
    bound: frozenset[str] = frozenset()  # parameters that functools.partial has given a value

    @property
    def key(self) -> tuple:
        return self.name, self.module


@dataclass(frozen=True)
class Reader:
    """Reader of the classes of modules and of what these import, with these plugins."""

    plugins: tuple[str, ...] = ()

    def classes(self, module: Module) -> list[str]:
        """Names of the classes that a module defines."""
        return [
            node.name
            for node in _statements(self._tree(module).body)
            if isinstance(node, ast.ClassDef)
        ]

    def find(self, module: Module, name: str, seen: frozenset = frozenset()) -> Class | None:
        """Class by its name in a module, which defines, imports, renames or partly applies it."""
        if (module, name) in seen:
            return None
        kind = None
        seen = seen | {(module, name)}
        for node in _statements(self._tree(module).body):  # the last one counts
            if isinstance(node, ast.ClassDef) and node.name == name:
                kind = Class(name, node, module)
            elif isinstance(node, ast.ImportFrom):
                kind = self._find_import(module, node, name, seen) or kind
            elif isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                kind = self._find_assignment(module, node.value, seen)
        return kind

    def parameters(self, kind: Class) -> Parameters:
        """Parameters of a class's constructor.

        Raises UnreadableConstructor where source does not tell them.
        """
        takes = self._constructor(self._order(kind))
        return {
            name: (annotation, required and name not in kind.bound)
            for name, (annotation, required) in takes.items()
        }

    def decorations(self, kind: Class, name: str) -> dict[str, Any]:
        """Keywords of a decorator, by its dotted name; literals."""
        for node in kind.node.decorator_list if kind.node and kind.module else []:
            if isinstance(node, ast.Call) and self._full(kind.module, node.func) == name:
                return {
                    word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg
                }
        return {}

    def _constructor(self, order: list[Class]) -> Parameters:
        """Parameters of the first constructor among classes in their order of resolution."""
        for index, kind in enumerate(order):
            if kind.node is None:
                if kind.name in EMPTY_CLASSES:
                    continue
                raise UnreadableConstructor(
                    f"it inherits its constructor from {kind.name}, whose source is not read; "
                    "write an __init__ that names what it takes"
                )
            methods = {
                node.name: node
                for node in _statements(kind.node.body)
                if isinstance(node, ast.FunctionDef)
            }
            if "__init__" not in methods and self._is_fields(kind, "dataclass"):
                return self._fields(
                    [each for each in order[index:] if self._is_fields(each, "dataclass")]
                )
            if self._is_fields(kind, "tuple"):
                return self._fields([kind])
            if (method := methods.get("__init__") or methods.get("__new__")) is not None:
                signature = _signature(method)
                rest = method.args.kwarg
                if rest is None:
                    return signature
                return self._add_inherited(signature, rest.arg, order[index + 1 :])
        return {}

    def _add_inherited(self, signature: Parameters, rest: str, order: list[Class]) -> Parameters:
        """Parameters of a constructor that passes the others on, `**rest`, to the next one."""
        if all(kind.node is None for kind in order):
            raise UnreadableConstructor(
                f"it takes **{rest}, and a part's constructor names what it takes; write the names "
                "out"
            )
        return signature | {
            name: parameter
            for name, parameter in self._constructor(order).items()
            if name not in signature
        }

    def _fields(self, order: list[Class]) -> Parameters:
        """Fields of dataclasses, of which the first inherits from the last."""
        fields = {}
        for kind in reversed(order):
            for node in kind.node.body:
                if (
                    isinstance(node, ast.AnnAssign)
                    and isinstance(node.target, ast.Name)
                    and not _is_no_parameter(node)
                ):
                    fields[node.target.id] = (node.annotation, not _has_default(node.value))
        return fields

    def _order(self, kind: Class) -> list[Class]:
        """Classes in the order in which Python looks for a method, after C3."""
        if kind.node is None:
            return [kind]
        bases = [self._base(kind.module, node) for node in kind.node.bases]
        chains = [*map(self._order, bases), bases]
        order = [kind]
        while chains := [chain for chain in chains if chain]:
            heads = [chain[0] for chain in chains]
            tails = {each.key for chain in chains for each in chain[1:]}
            # Python refuses classes that have no order.
            head = next((each for each in heads if each.key not in tails), heads[0])
            order.append(head)
            chains = [_without(chain, head) for chain in chains]
        return order

    def _base(self, module: Module, node: ast.expr) -> Class:
        """Base class of a class; its dotted name alone where no source of it is read."""
        node = node.value if isinstance(node, ast.Subscript) else node  # Generic[T]
        return self._find_reference(module, node, frozenset()) or Class(self._full(module, node))

    def _find_reference(self, module: Module, node: ast.expr, seen: frozenset) -> Class | None:
        """Class that `Name` or `module.Name` means in a module."""
        if isinstance(node, ast.Name):
            return self.find(module, node.id, seen)
        if not isinstance(node, ast.Attribute):
            return None
        others = plugin.find(module, self._full(module, node.value), self.plugins)
        return self.find(others[-1], node.attr, seen) if others else None

    def _find_assignment(self, module: Module, value: ast.expr, seen: frozenset) -> Class | None:
        """Class that `Name = Other` or `Name = functools.partial(Other, key=...)` names."""
        if not isinstance(value, ast.Call):
            return self._find_reference(module, value, seen)
        if self._full(module, value.func) != "functools.partial" or len(value.args) != 1:
            return None
        kind = self._find_reference(module, value.args[0], seen)
        return kind and replace(
            kind, bound=kind.bound | {word.arg for word in value.keywords if word.arg}
        )

    def _find_import(
        self, module: Module, node: ast.ImportFrom, name: str, seen: frozenset
    ) -> Class | None:
        """Class that `from ... import` brings into a module under a name."""
        base = plugin.import_base(module, node)
        for alias in node.names:
            if alias.name == "*" or (alias.asname or alias.name) == name:
                others = plugin.find(module, base, self.plugins)
                if others and others[-1].name == base:
                    return self.find(others[-1], name if alias.name == "*" else alias.name, seen)
        return None

    def _full(self, module: Module, node: ast.expr) -> str:
        """Dotted name that an expression means, its first word as the module imports it."""
        first, *rest = ast.unparse(node).split(".")
        for statement in _statements(self._tree(module).body):
            for alias in (
                statement.names if isinstance(statement, (ast.Import, ast.ImportFrom)) else ()
            ):
                if (alias.asname or alias.name) == first:
                    base = (
                        plugin.import_base(module, statement) + "."
                        if isinstance(statement, ast.ImportFrom)
                        else ""
                    )
                    return ".".join([base + alias.name, *rest])
        return ".".join([first, *rest])

    def _is_fields(self, kind: Class, how: str) -> bool:
        """Whether the constructor takes the class's annotated fields."""
        if kind.node is None:
            return False
        marks = kind.node.decorator_list if how == "dataclass" else kind.node.bases
        for mark in marks:
            call = mark if isinstance(mark, ast.Call) else None
            if (
                not _without_init(call.keywords if call else [])
                and FIELD_MARKS.get(self._full(kind.module, call.func if call else mark)) == how
            ):
                return True
        return False

    def _tree(self, module: Module) -> ast.Module:
        """Syntax tree of a module."""
        return plugin.parse_module(module.path.read_bytes(), module.path, "")


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Statements of a body, those under `if`, `try` and `with` included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
            yield from _statements(
                [
                    child
                    for child in ast.iter_child_nodes(node)
                    if isinstance(child, (ast.stmt, ast.ExceptHandler))
                ]
            )


def _without(chain: list[Class], kind: Class) -> list[Class]:
    """Classes of a chain but for one."""
    return [each for each in chain if each.key != kind.key]


def _signature(node: ast.FunctionDef) -> Parameters:
    """Parameters that a constructor names, without self."""
    if node.args.posonlyargs[1:]:
        name = node.args.posonlyargs[1].arg
        raise UnreadableConstructor(
            f"it takes {name} by position alone, and values come by name; leave out the /"
        )
    args = [*node.args.posonlyargs, *node.args.args]
    first = len(args) - len(node.args.defaults)
    named = {arg.arg: (arg.annotation, index < first) for index, arg in enumerate(args)}
    named.pop(args[0].arg if args else "", None)  # self
    return named | {
        arg.arg: (arg.annotation, default is None)
        for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    }


def _is_no_parameter(node: ast.AnnAssign) -> bool:
    """Whether an annotated name of a dataclass is no parameter of its constructor."""
    annotation = ast.unparse(node.annotation)
    if "ClassVar" in annotation or annotation.rpartition(".")[2] == "KW_ONLY":
        return True
    return _without_init(_field_options(node.value))


def _without_init(words: list[ast.keyword]) -> bool:
    """Whether keywords have `init=False`."""
    return any(
        word.arg == "init" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in words
    )


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
