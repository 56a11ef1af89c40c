"""Definitions of classes and functions, found by name in source, through imports and bases."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qtlrun.plan import plugin
from qtlrun.plan.plugin import Module


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
class Finder:
    """Finder of definitions in modules and in what these import, with these plugins."""

    plugins: tuple[str, ...] = ()

    def definitions(self, module: Module) -> list[Definition]:
        """Classes and functions that a module defines."""
        return [
            Definition(node.name, node, module)
            for node in statements(self._tree(module).body)
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        ]

    def find(self, module: Module, name: str, seen: frozenset = frozenset()) -> Definition | None:
        """Definition by its name in a module: its own, imported, renamed or partly applied."""
        if (module, name) in seen:
            return None
        kind = None
        seen = seen | {(module, name)}
        for node in statements(self._tree(module).body):  # the last one counts
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
                kind = Definition(name, node, module)
            elif isinstance(node, ast.ImportFrom):
                kind = self._find_import(module, node, name, seen) or kind
            elif isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                kind = self._find_assignment(module, node.value, seen)
        return kind

    def order(self, kind: Definition) -> list[Definition]:
        """Classes in the order in which Python looks for a method, after C3."""
        if not isinstance(kind.node, ast.ClassDef):
            return [kind]
        bases = [self._base(kind.module, node) for node in kind.node.bases]
        chains = [*map(self.order, bases), bases]
        order = [kind]
        while chains := [chain for chain in chains if chain]:
            heads = [chain[0] for chain in chains]
            tails = {each.key for chain in chains for each in chain[1:]}
            # Python refuses classes that have no order.
            head = next((each for each in heads if each.key not in tails), heads[0])
            order.append(head)
            chains = [_without(chain, head) for chain in chains]
        return order

    def find_reference(
        self, module: Module, node: ast.expr, seen: frozenset = frozenset()
    ) -> Definition | None:
        """Definition that `Name` or `module.Name` means in a module."""
        if isinstance(node, ast.Name):
            return self.find(module, node.id, seen)
        if not isinstance(node, ast.Attribute):
            return None
        others = plugin.find(module, self.name_of(module, node.value), self.plugins)
        return self.find(others[-1], node.attr, seen) if others else None

    def name_of(self, module: Module, node: ast.expr) -> str:
        """Dotted name that an expression means, its first word as the module imports it."""
        first, *rest = ast.unparse(node).split(".")
        for statement in statements(self._tree(module).body):
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

    def _base(self, module: Module, node: ast.expr) -> Definition:
        """Base class of a class; its dotted name alone where no source of it is read."""
        node = node.value if isinstance(node, ast.Subscript) else node  # Generic[T]
        return self.find_reference(module, node) or Definition(self.name_of(module, node))

    def _find_assignment(
        self, module: Module, value: ast.expr, seen: frozenset
    ) -> Definition | None:
        """Definition that `Name = Other` or `Name = functools.partial(Other, key=...)` names."""
        if not isinstance(value, ast.Call):
            return self.find_reference(module, value, seen)
        if self.name_of(module, value.func) != "functools.partial" or len(value.args) != 1:
            return None
        kind = self.find_reference(module, value.args[0], seen)
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

    def _tree(self, module: Module) -> ast.Module:
        """Syntax tree of a module."""
        return plugin.parse_module(module.path.read_bytes(), module.path, "")


def statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Statements of a body, those under `if`, `try` and `with` included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
            yield from statements(
                [
                    child
                    for child in ast.iter_child_nodes(node)
                    if isinstance(child, (ast.stmt, ast.ExceptHandler))
                ]
            )


def _without(chain: list[Definition], kind: Definition) -> list[Definition]:
    """Classes of a chain but for one."""
    return [each for each in chain if each.key != kind.key]
