"""Parameters of what a part is built by, a class or a function, read from source."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qtlrun.plan import plugin
from qtlrun.plan.plugin import Module
from qtlrun.plan.signature import (
    Parameter,
    Parameters,
    UnreadableConstructor,
    read_fields,
    read_signature,
    truth,
)

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


@dataclass(frozen=True, eq=False)
class Definition:
    """Class or function in its module; or, where no source is read, its name alone."""

    name: str
    node: ast.ClassDef | ast.FunctionDef | None = None
    module: Module | None = None
    bound: frozenset[str] = frozenset()  # parameters that functools.partial has given a value

    @property
    def key(self) -> tuple:
        return self.name, self.module


@dataclass(frozen=True)
class Reader:
    """Reader of the definitions of modules and of what these import, with these plugins.

    Of a parameter that is `offered` an object, the type is not looked at.
    """

    plugins: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()

    def definitions(self, module: Module) -> list[Definition]:
        """Classes and functions that a module defines."""
        return [
            Definition(node.name, node, module)
            for node in _statements(self._tree(module).body)
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        ]

    def find(self, module: Module, name: str, seen: frozenset = frozenset()) -> Definition | None:
        """Definition by its name in a module: its own, imported, renamed or partly applied."""
        if (module, name) in seen:
            return None
        kind = None
        seen = seen | {(module, name)}
        for node in _statements(self._tree(module).body):  # the last one counts
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
                kind = Definition(name, node, module)
            elif isinstance(node, ast.ImportFrom):
                kind = self._find_import(module, node, name, seen) or kind
            elif isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                kind = self._find_assignment(module, node.value, seen)
        return kind

    def parameters(self, kind: Definition) -> Parameters:
        """Parameters of a function or of a class's constructor, with the fields of dataclasses.

        Of a parameter that is annotated with a frozen dataclass its fields stand in its place.
        Raises UnreadableConstructor where source does not tell them.
        """
        takes = self._constructor(self._order(kind))
        return {
            name: parameter._replace(required=parameter.required and name not in kind.bound)
            for name, parameter in takes.items()
        }

    def decorations(self, kind: Definition, name: str) -> list[dict[str, Any]]:
        """Keywords of a decorator by its dotted name, literals: of a definition and what it opens.

        What a function opens are the frozen dataclasses whose fields are among its parameters.
        """
        keywords = []
        for node in kind.node.decorator_list if kind.node and kind.module else []:
            if isinstance(node, ast.Call) and self._full(kind.module, node.func) == name:
                words = [word for word in node.keywords if word.arg]
                keywords.append({word.arg: ast.literal_eval(word.value) for word in words})
        if isinstance(kind.node, ast.FunctionDef):
            for parameter, each in read_signature(kind.node, False).items():
                opened = self._dataclass(kind.module, parameter, each)
                keywords += self.decorations(opened, name) if opened else []
        return keywords

    def _constructor(self, order: list[Definition]) -> Parameters:
        """Parameters of the first constructor among classes in their order of resolution."""
        for index, kind in enumerate(order):
            if kind.node is None:
                if kind.name in EMPTY_CLASSES:
                    continue
                raise UnreadableConstructor(
                    f"it inherits its constructor from {kind.name}, whose source is not read; "
                    "write an __init__ that names what it takes"
                )
            if isinstance(kind.node, ast.FunctionDef):
                return self._read(kind.node, kind.module, [])
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
                return self._read(method, kind.module, order[index + 1 :], bound=True)
        return {}

    def _read(
        self, node: ast.FunctionDef, module: Module, order: list[Definition], bound: bool = False
    ) -> Parameters:
        """Parameters of a function, and of the constructor in `order` that it passes others to."""
        signature = self._open(module, read_signature(node, bound))
        rest = node.args.kwarg
        if rest is None:
            return signature
        if all(kind.node is None for kind in order):
            what = "a part's constructor" if bound else "a function that gives a part"
            raise UnreadableConstructor(
                f"it takes **{rest.arg}, and {what} names what it takes; write the names out"
            )
        inherited = self._constructor(order)
        return signature | {name: inherited[name] for name in inherited if name not in signature}

    def _open(self, module: Module, parameters: Parameters) -> Parameters:
        """Parameters with the fields of each frozen dataclass in the place of its parameter."""
        opened: Parameters = {}
        for name, parameter in parameters.items():
            fields = self._open_one(module, name, parameter)
            for field in fields.keys() & opened:
                owner = fields[field].owner or opened[field].owner
                raise UnreadableConstructor(
                    f"it takes {field} twice, once as a field of {owner}; rename one"
                )
            opened |= fields
        return opened

    def _open_one(self, module: Module, name: str, parameter: Parameter) -> Parameters:
        """Fields of a parameter that is annotated with a frozen dataclass; else itself."""
        kind = self._dataclass(module, name, parameter)
        if kind is None:
            return {name: parameter}
        fields = self._constructor(self._order(kind))
        if any(each.owner for each in fields.values()):
            raise UnreadableConstructor(
                f"a field of {name} has fields of its own; let it be a parameter beside {name}"
            )
        return {
            field: each._replace(required=each.required and parameter.required, owner=name)
            for field, each in fields.items()
        }

    def _dataclass(self, module: Module, name: str, parameter: Parameter) -> Definition | None:
        """Frozen dataclass that a parameter is annotated with, if it is and is not offered."""
        if name in self.offered or parameter.annotation is None:
            return None
        kind = self._find_reference(module, parameter.annotation, frozenset())
        return kind if kind and self._is_fields(kind, "dataclass", frozen=True) else None

    def _fields(self, order: list[Definition]) -> Parameters:
        """Fields of dataclasses, of which the first inherits from the last."""
        fields: Parameters = {}
        for kind in reversed(order):
            if isinstance(kind.node, ast.ClassDef):
                fields |= self._open(kind.module, read_fields(kind.node))
        return fields

    def _order(self, kind: Definition) -> list[Definition]:
        """Classes in the order in which Python looks for a method, after C3."""
        if not isinstance(kind.node, ast.ClassDef):
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

    def _base(self, module: Module, node: ast.expr) -> Definition:
        """Base class of a class; its dotted name alone where no source of it is read."""
        node = node.value if isinstance(node, ast.Subscript) else node  # Generic[T]
        return self._find_reference(module, node, frozenset()) or Definition(
            self._full(module, node)
        )

    def _find_reference(self, module: Module, node: ast.expr, seen: frozenset) -> Definition | None:
        """Definition that `Name` or `module.Name` means in a module."""
        if isinstance(node, ast.Name):
            return self.find(module, node.id, seen)
        if not isinstance(node, ast.Attribute):
            return None
        others = plugin.find(module, self._full(module, node.value), self.plugins)
        return self.find(others[-1], node.attr, seen) if others else None

    def _find_assignment(
        self, module: Module, value: ast.expr, seen: frozenset
    ) -> Definition | None:
        """Definition that `Name = Other` or `Name = functools.partial(Other, key=...)` names."""
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
    ) -> Definition | None:
        """Definition that `from ... import` brings into a module under a name."""
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

    def _is_fields(self, kind: Definition, how: str, frozen: bool = False) -> bool:
        """Whether the constructor takes the class's annotated fields, which `frozen` ones keep."""
        if not isinstance(kind.node, ast.ClassDef):
            return False
        marks = kind.node.decorator_list if how == "dataclass" else kind.node.bases
        for mark in marks:
            call = mark if isinstance(mark, ast.Call) else None
            words = call.keywords if call else []
            if (
                truth(words, "init") is not False
                and (truth(words, "frozen") or not frozen)
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


def _without(chain: list[Definition], kind: Definition) -> list[Definition]:
    """Classes of a chain but for one."""
    return [each for each in chain if each.key != kind.key]
