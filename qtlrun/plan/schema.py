"""A class's constructor as Python would call it, read from source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from qtlrun.plan import plugin
from qtlrun.plan.plugin import Module

Parameters = dict[
    str, tuple[ast.expr | None, bool]
]  # by name: the annotation, and whether it is required
BARE = {
    "object",
    "abc.ABC",
    "typing.Generic",
    "typing.Protocol",
    "torch.nn.Module",
    "torch.nn.modules.module.Module",
}  # no values
FIELDS = {"dataclasses.dataclass": "dataclass", "typing.NamedTuple": "tuple"}


class Unread(Exception):
    """A constructor that source does not tell; the words say why."""


@dataclass(frozen=True, eq=False)
class Class:
    """A class in its module; or, where no source is read, the name alone."""

    name: str
    node: ast.ClassDef | None = None
    module: Module | None = None
    bound: frozenset[str] = frozenset()  # values that functools.partial gives already

    @property
    def key(self) -> tuple:
        return self.name, self.module


@dataclass(frozen=True)
class Reader:
    """Reads classes of modules and of what these import, with these plugins."""

    plugins: tuple[str, ...] = ()

    def classes(self, module: Module) -> list[str]:
        """The names of the classes that a module defines."""
        return [
            node.name
            for node in _statements(self._tree(module).body)
            if isinstance(node, ast.ClassDef)
        ]

    def find(self, module: Module, name: str, seen: frozenset = frozenset()) -> Class | None:
        """A class by its name in a module: defined, imported, renamed or partly given there."""
        if (module, name) in seen:
            return None
        found = None
        seen = seen | {(module, name)}
        for node in _statements(self._tree(module).body):  # the last one counts
            if isinstance(node, ast.ClassDef) and node.name == name:
                found = Class(name, node, module)
            elif isinstance(node, ast.ImportFrom):
                found = self._imported(module, node, name, seen) or found
            elif isinstance(node, ast.Assign) and any(
                isinstance(one, ast.Name) and one.id == name for one in node.targets
            ):
                found = self._assigned(module, node.value, seen)
        return found

    def parameters(self, found: Class) -> Parameters:
        """Parameters of a class's constructor. Raises `Unread` where source does not tell them."""
        takes = self._constructor(self._order(found))
        return {
            name: (annotation, required and name not in found.bound)
            for name, (annotation, required) in takes.items()
        }

    def _constructor(self, order: list[Class]) -> Parameters:
        for place, kind in enumerate(order):
            if kind.node is None:
                if kind.name in BARE:
                    continue
                raise Unread(
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
                    [one for one in order[place:] if self._is_fields(one, "dataclass")]
                )
            if self._is_fields(kind, "tuple"):
                return self._fields([kind])
            if (method := methods.get("__init__") or methods.get("__new__")) is not None:
                own = _signature(method)
                return (
                    own
                    if method.args.kwarg is None
                    else self._passed_on(own, method.args.kwarg.arg, order[place + 1 :])
                )
        return {}

    def _passed_on(self, own: Parameters, rest: str, order: list[Class]) -> Parameters:
        """The names of a constructor that passes the others on, `**rest`, to the next one."""
        if all(kind.node is None for kind in order):
            raise Unread(
                f"it takes **{rest}, and a part's constructor names what it takes; write the names "
                "out"
            )
        return own | {
            name: one for name, one in self._constructor(order).items() if name not in own
        }

    def _fields(self, order: list[Class]) -> Parameters:
        """The fields of dataclasses, the first inherited from the last."""
        fields = {}
        for kind in reversed(order):
            for node in kind.node.body:
                if (
                    isinstance(node, ast.AnnAssign)
                    and isinstance(node.target, ast.Name)
                    and not _is_apart(node)
                ):
                    fields[node.target.id] = (node.annotation, not _has_default(node.value))
        return fields

    def _order(self, kind: Class) -> list[Class]:
        """The classes in the order in which Python looks for a method, after C3."""
        if kind.node is None:
            return [kind]
        bases = [self._base(kind.module, node) for node in kind.node.bases]
        chains = [*map(self._order, bases), bases]
        order = [kind]
        while chains := [chain for chain in chains if chain]:
            heads = [chain[0] for chain in chains]
            tails = {one.key for chain in chains for one in chain[1:]}
            head = next(
                (one for one in heads if one.key not in tails), heads[0]
            )  # Python refuses what has no order
            order.append(head)
            chains = [[one for one in chain if one.key != head.key] for chain in chains]
        return order

    def _base(self, module: Module, node: ast.expr) -> Class:
        node = node.value if isinstance(node, ast.Subscript) else node  # Generic[T]
        return self._named(module, node, frozenset()) or Class(self._full(module, node))

    def _named(self, module: Module, node: ast.expr, seen: frozenset) -> Class | None:
        """The class that `Name` or `module.Name` means in a module."""
        if isinstance(node, ast.Name):
            return self.find(module, node.id, seen)
        if not isinstance(node, ast.Attribute):
            return None
        others = plugin.find(module, self._full(module, node.value), self.plugins)
        return self.find(others[-1], node.attr, seen) if others else None

    def _assigned(self, module: Module, value: ast.expr, seen: frozenset) -> Class | None:
        """Class that `Name = Other` gives; of functools.partial with some values given."""
        if not isinstance(value, ast.Call):
            return self._named(module, value, seen)
        if self._full(module, value.func) != "functools.partial" or len(value.args) != 1:
            return None
        found = self._named(module, value.args[0], seen)
        return found and replace(
            found, bound=found.bound | {word.arg for word in value.keywords if word.arg}
        )

    def _imported(
        self, module: Module, node: ast.ImportFrom, name: str, seen: frozenset
    ) -> Class | None:
        base = plugin.imported(module, node)
        for alias in node.names:
            if alias.name == "*" or (alias.asname or alias.name) == name:
                others = plugin.find(module, base, self.plugins)
                if others and others[-1].name == base:
                    return self.find(others[-1], name if alias.name == "*" else alias.name, seen)
        return None

    def _full(self, module: Module, node: ast.expr) -> str:
        """The dotted name that an expression means, its first word as the module imports it."""
        first, *rest = ast.unparse(node).split(".")
        for statement in _statements(self._tree(module).body):
            for alias in (
                statement.names if isinstance(statement, (ast.Import, ast.ImportFrom)) else ()
            ):
                if (alias.asname or alias.name) == first:
                    base = (
                        plugin.imported(module, statement) + "."
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
                and FIELDS.get(self._full(kind.module, call.func if call else mark)) == how
            ):
                return True
        return False

    def _tree(self, module: Module) -> ast.Module:
        return plugin.parsed(module.path.read_bytes(), module.path, "")


def _statements(body: list[ast.stmt | ast.ExceptHandler]) -> Iterator[ast.stmt]:
    """The statements of a body, those under `if`, `try` and `with` included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
            yield from _statements(
                [
                    one
                    for one in ast.iter_child_nodes(node)
                    if isinstance(one, (ast.stmt, ast.ExceptHandler))
                ]
            )


def _signature(node: ast.FunctionDef) -> Parameters:
    if node.args.posonlyargs[1:]:
        name = node.args.posonlyargs[1].arg
        raise Unread(f"it takes {name} by position alone, and values come by name; leave out the /")
    args = [*node.args.posonlyargs, *node.args.args]
    first = len(args) - len(node.args.defaults)
    named = {arg.arg: (arg.annotation, place < first) for place, arg in enumerate(args)}
    named.pop(args[0].arg if args else "", None)  # self
    return named | {
        arg.arg: (arg.annotation, default is None)
        for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    }


def _is_apart(node: ast.AnnAssign) -> bool:
    """Whether an annotated name of a dataclass is no value of its constructor."""
    annotation = ast.unparse(node.annotation)
    if "ClassVar" in annotation or annotation.rpartition(".")[2] == "KW_ONLY":
        return True
    return _without_init(_of_field(node.value))


def _without_init(words: list[ast.keyword]) -> bool:
    return any(
        word.arg == "init" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in words
    )


def _has_default(value: ast.expr | None) -> bool:
    if _is_field(value):
        return any(word.arg in ("default", "default_factory") for word in _of_field(value))
    return value is not None


def _of_field(value: ast.expr | None) -> list[ast.keyword]:
    return value.keywords if _is_field(value) else []


def _is_field(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "field"
