"""Parameters of what a part is built by, a class or a function, read from source."""

import ast
from dataclasses import dataclass
from typing import Any

from qtlrun.plan.definition import Definition, Finder, statements
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


@dataclass(frozen=True)
class Reader:
    """Reader of the parameters of definitions.

    Of a parameter that is `offered` an object, the type is not looked at.
    """

    finder: Finder
    offered: tuple[str, ...] = ()

    def parameters(self, kind: Definition) -> Parameters:
        """Parameters of a function or of a class's constructor, with the fields of dataclasses.

        Of a parameter that is annotated with a frozen dataclass its fields stand in its place.
        Raises UnreadableConstructor where source does not tell them.
        """
        takes = self._constructor(self.finder.order(kind))
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
            if isinstance(node, ast.Call) and self.finder.name_of(kind.module, node.func) == name:
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
                for node in statements(kind.node.body)
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
        fields = self._constructor(self.finder.order(kind))
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
        kind = self.finder.find_reference(module, parameter.annotation)
        return kind if kind and self._is_fields(kind, "dataclass", frozen=True) else None

    def _fields(self, order: list[Definition]) -> Parameters:
        """Fields of dataclasses, of which the first inherits from the last."""
        fields: Parameters = {}
        for kind in reversed(order):
            if isinstance(kind.node, ast.ClassDef):
                fields |= self._open(kind.module, read_fields(kind.node))
        return fields

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
                and FIELD_MARKS.get(self.finder.name_of(kind.module, call.func if call else mark))
                == how
            ):
                return True
        return False
