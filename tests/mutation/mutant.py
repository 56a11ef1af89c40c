"""Mutants: the package with one change each, drawn at random from what its functions execute."""

import ast
import gc
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

from change import variants

ROOT = Path(__file__).parents[2]
ROOMS = ("plan", "experiment", "report", "comparison", "simulator", "statistic")
# Fields that are executed each time, where that is not all; a message's words are no behaviour.
EXECUTED = {
    ast.FunctionDef: ("body",),
    ast.Lambda: ("body",),
    ast.AnnAssign: ("value",),
    ast.JoinedStr: (),
    ast.Raise: (),
    ast.Import: (),
    ast.ImportFrom: (),
}


@dataclass(frozen=True)
class Mutant:
    """One change of a function, or of a value that a module names.

    path: file, from the root of the checkout
    line: line of the change
    change: its kind
    before, after: the code, without and with it
    lines: path and line of what a test has to run to reach it
    owner: qualified name of the function, or the name of the module's value
    code: compiled function with the change, or the statement that gives the value
    """

    path: str
    line: int
    change: str
    before: str
    after: str
    lines: frozenset[tuple[str, int]]
    owner: str
    code: CodeType

    def apply(self, functions: dict[tuple[str, str], list[FunctionType]]) -> None:
        """Change what is loaded of the package in this process."""
        if self.code.co_name == "<module>":
            self._rebind()
            return
        for function in functions[str(ROOT / self.path), self.owner]:
            function.__code__ = self.code

    def _rebind(self) -> None:
        module = sys.modules[module_name(self.path)]
        namespace, value = dict(vars(module)), vars(module)[self.owner]
        exec(self.code, namespace)
        for holder in list(sys.modules.values()):
            if getattr(holder, "__dict__", {}).get(self.owner) is value:
                setattr(holder, self.owner, namespace[self.owner])


def draw_mutants(count: int, seed: int) -> list[Mutant]:
    """Mutants of different lines, each line of the rooms that can be changed as likely as another.

    One whose function would close over other variables cannot be applied, and is drawn anew.
    """
    generator = random.Random(seed)
    sites = defaultdict(list)
    for site in read_sites():
        sites[site.path, site.node.lineno].append(site)
    places = sorted(sites)
    generator.shuffle(places)
    mutants = []
    for place in places:
        site = generator.choice(sites[place])
        mutant = site.mutate(*generator.choice(list(variants(site.node))))
        if mutant:
            mutants.append(mutant)
        if len(mutants) == count:
            break
    return mutants


def loaded_functions() -> dict[tuple[str, str], list[FunctionType]]:
    """Functions of the package in this process, by file and qualified name."""
    functions = defaultdict(list)
    for value in gc.get_objects():
        if type(value) is FunctionType and value.__code__.co_filename.startswith(str(ROOT)):
            code = value.__code__
            functions[code.co_filename, code.co_qualname].append(value)
    return functions


def module_name(path: str) -> str:
    """Dotted name of a file of the package."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


@dataclass(frozen=True)
class Site:
    """A node that can be changed, and where it stands.

    path: file, from the root of the checkout
    tree: the file's tree, which holds the node
    owner: function or assignment at the top of a module or class
    name: qualified name of the owner
    statement: the innermost one around the node
    parent, field, index: the place that holds the node; the index is None where that is no list
    node: the node
    """

    path: str
    tree: ast.Module
    owner: ast.stmt
    name: str
    statement: ast.stmt
    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST

    def mutate(self, change: str, replacement: ast.AST) -> Mutant | None:
        """The mutant with this node replaced; none where its function closes over other names."""
        before = self._compile()
        self._put(ast.fix_missing_locations(ast.copy_location(replacement, self.node)))
        try:
            after = self._compile()
        finally:
            self._put(self.node)
        if before.co_freevars != after.co_freevars:
            return None
        return Mutant(
            self.path,
            self.node.lineno,
            change,
            _shorten(self.node),
            _shorten(replacement),
            frozenset(self._lines()),
            self.name,
            after,
        )

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def _compile(self) -> CodeType:
        file = str(ROOT / self.path)
        if not isinstance(self.owner, ast.FunctionDef):
            return compile(ast.Module([self.owner], []), file, "exec")
        return next(
            code
            for code in _codes(compile(self.tree, file, "exec"))
            if code.co_qualname == self.name
            and self.owner.lineno <= code.co_firstlineno + len(self.owner.decorator_list)
            and code.co_firstlineno <= self.owner.end_lineno
        )

    def _lines(self) -> Iterator[tuple[str, int]]:
        """Lines of the statement, of a compound one those of its head; those that read a value."""
        if not isinstance(self.owner, ast.FunctionDef):
            yield from _readers(self.name)
            return
        body = getattr(self.statement, "body", None)
        last = body[0].lineno - 1 if body else self.statement.end_lineno
        for line in range(self.statement.lineno, max(last, self.statement.lineno) + 1):
            yield self.path, line
        yield self.path, self.node.lineno


def read_sites() -> Iterator[Site]:
    """Every place of the rooms that can be changed."""
    for path, tree in package().items():
        if Path(path).parts[1] in ROOMS:
            yield from _sites_of_body(path, tree, tree.body, "")


def package() -> dict[str, ast.Module]:
    """Trees of the package's files, by path."""
    if not _TREES:
        for file in sorted((ROOT / "qtlrun").rglob("*.py")):
            _TREES[file.relative_to(ROOT).as_posix()] = ast.parse(file.read_text())
    return _TREES


_TREES: dict[str, ast.Module] = {}


def _sites_of_body(
    path: str, tree: ast.Module, body: list[ast.stmt], prefix: str
) -> Iterator[Site]:
    """Sites of a module or a class; the values of a class are made once, and are left out."""
    for statement in body:
        name = prefix + _name(statement)
        if isinstance(statement, ast.ClassDef):
            yield from _sites_of_body(path, tree, statement.body, f"{name}.")
        elif isinstance(statement, ast.FunctionDef) or (name and not prefix):
            for statement_inside, parent, field, index, node in _descend(statement, statement):
                yield Site(
                    path, tree, statement, name, statement_inside, parent, field, index, node
                )


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def _descend(node: ast.AST, statement: ast.stmt) -> Iterator[tuple]:
    """Statement, parent, field, index and node of everything below a node that can be changed."""
    for field in EXECUTED.get(type(node), node._fields):
        value = getattr(node, field, None)
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            around = child if isinstance(child, ast.stmt) else statement
            if any(True for _ in variants(child)):
                yield around, node, field, index, child
            yield from _descend(child, around)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _readers(name: str) -> Iterator[tuple[str, int]]:
    """Lines of the package that read a name, as a variable or of a module."""
    for path, tree in package().items():
        for node in ast.walk(tree):
            read = getattr(node, "id", None) or getattr(node, "attr", None)
            if read == name and isinstance(node.ctx, ast.Load):
                yield path, node.lineno


def _shorten(node: ast.AST) -> str:
    """First line of a node's code."""
    return ast.unparse(node).partition("\n")[0]
