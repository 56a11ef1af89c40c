"""Style of the package, as far as a program can read it; `python tests/test_style.py [PATH ...]`
prints each place that departs from it.
"""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "qtlrun"
MAX_SUMMARY, MAX_FUNCTION, MAX_PARAMETERS, MAX_NESTING = 90, 60, 8, 3
VAGUE = {
    "one",
    "made",
    "found",
    "said",
    "kept",
    "own",
    "mine",
    "some",
    "every",
    "place",
    "given",
    "known",
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
ASKING = ("getattr", "hasattr")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
BLOCKS = (ast.For, ast.While, ast.If, ast.With, ast.Try)

Fault = tuple[int, str]


def summaries(tree: ast.Module) -> Iterator[Fault]:
    """A docstring opens with one short line in the field's words, and names a function's arguments
    where there are many.
    """
    for node in ast.walk(tree):
        if not isinstance(node, DOCUMENTED) or not (text := ast.get_docstring(node)):
            continue
        line = getattr(node, "lineno", 1)
        summary = text.partition("\n\n")[0]
        if "\n" in summary or len(summary) > MAX_SUMMARY:
            yield line, f"its summary takes more than one line of {MAX_SUMMARY} characters"
        if summary.startswith(("What ", "Of ")):
            yield line, "its summary opens with What or Of"
        if not summary.endswith((".", "?")):
            yield line, "its summary ends without a full stop"


def signatures(tree: ast.Module) -> Iterator[Fault]:
    """A function of many parameters explains each of them in a list."""
    for owner in ast.walk(tree):
        for node in ast.iter_child_nodes(owner):
            if not isinstance(node, ast.FunctionDef):
                continue
            names = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
            names = [name for name in names if name not in ("self", "cls")]
            text = (ast.get_docstring(node) or "") + (
                (ast.get_docstring(owner) or "") if isinstance(owner, ast.ClassDef) else ""
            )
            lacking = [name for name in names if f"\n    {name}: " not in f"\n{text}"]
            if len(names) > MAX_PARAMETERS and lacking:
                yield node.lineno, f"{len(names)} parameters, {lacking[0]} is in no list of them"


def names(tree: ast.Module) -> Iterator[Fault]:
    """A name is a noun; pronouns and participles stand in comprehensions alone, and among the keys
    of a YAML, which are the user's.
    """
    inner = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (*COMPREHENSIONS, ast.Lambda))
        for child in ast.walk(node)
    }
    keys = {id(key) for node in ast.walk(tree) if _is_target(node) for key in _keys(node)}
    for node in ast.walk(tree):
        if id(node) in inner or id(node) in keys:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        else:
            continue
        if name.strip("_") in VAGUE:
            yield node.lineno, f"the name {name}"


def lengths(tree: ast.Module) -> Iterator[Fault]:
    """A function fits on a screen, and its blocks stand inside few others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            count = node.end_lineno - node.lineno + 1
            if count > MAX_FUNCTION:
                yield node.lineno, f"{node.name} has {count} lines"
            if (depth := _depth(node)) > MAX_NESTING:
                yield node.lineno, f"{node.name} nests {depth} blocks"


def statements(tree: ast.Module) -> Iterator[Fault]:
    """A statement does one thing: one comprehension with one condition, one assignment, one
    conditional.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        inside = list(_expressions(node))
        loops = [each for each in inside if isinstance(each, COMPREHENSIONS)]
        if len(loops) > 1:
            yield node.lineno, f"{len(loops)} comprehensions in one statement"
        if any(len(clause.ifs) > 1 for loop in loops for clause in loop.generators):
            yield node.lineno, "two conditions in a comprehension"
        if any(isinstance(each, ast.NamedExpr) for loop in loops for each in ast.walk(loop)):
            yield node.lineno, "an assignment inside a comprehension"
        choices = [each for each in inside if isinstance(each, ast.IfExp)]
        if any(sum(isinstance(each, ast.IfExp) for each in ast.walk(one)) > 1 for one in choices):
            yield node.lineno, "a conditional expression inside another"
        if isinstance(node, ast.Assign) and _packs(node):
            yield node.lineno, "several assignments packed into one"


RULES = (summaries, signatures, names, lengths, statements)


@functools.cache
def read_tree(path: Path) -> ast.Module:
    """Tree of a file."""
    return ast.parse(path.read_text())


@functools.cache
def targets() -> set[str]:
    """Dotted names of what the YAML files of `conf/` name by `_target_`."""
    parts = [yaml.safe_load(path.read_text()) for path in (ROOT / "conf").glob("*/*.yaml")]
    return {part["_target_"] for part in parts if part and "_target_" in part}


def _is_target(node: ast.AST) -> bool:
    """Whether a class has the name of one that a YAML names."""
    if not isinstance(node, ast.ClassDef):
        return False
    return node.name in {target.rpartition(".")[2] for target in targets()}


def _keys(node: ast.ClassDef) -> Iterator[ast.AST]:
    """Names of a class's fields and of its constructor's parameters."""
    for child in node.body:
        if isinstance(child, ast.AnnAssign):
            yield child.target
        elif isinstance(child, ast.FunctionDef) and child.name == "__init__":
            yield from (*child.args.args, *child.args.kwonlyargs)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement that are in no statement inside it."""
    waiting = list(ast.iter_child_nodes(statement))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.stmt):
            yield node
            waiting += ast.iter_child_nodes(node)


def _packs(node: ast.Assign) -> bool:
    """Whether values are assigned side by side that could stand on lines of their own."""
    if not (isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)):
        return False
    targets = {ast.unparse(each) for each in node.targets[0].elts}
    used = {ast.unparse(each) for each in ast.walk(node.value) if isinstance(each, ast.expr)}
    return not targets & used and all(not isinstance(each, ast.Starred) for each in node.value.elts)


def _depth(node: ast.AST) -> int:
    """How many blocks stand inside one another; an `elif` counts with its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            continue
        follows = isinstance(node, ast.If) and [child] == node.orelse and isinstance(child, ast.If)
        deepest = max(deepest, _depth(child) + (isinstance(child, BLOCKS) and not follows))
    return deepest


def faults(rule, paths: list[Path]) -> list[str]:
    """Each departure from a rule, as FILE:LINE: why."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {why}"
        for path in paths
        for line, why in sorted(rule(read_tree(path)))
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule):
    assert not faults(rule, sorted(PACKAGE.rglob("*.py")))


@pytest.mark.parametrize(
    "rule, code",
    [
        (summaries, '"""What a thing is."""'),
        (summaries, f'"""{"Long " * 20}."""'),
        (signatures, f'def f({",".join("abcdefghi")}):\n  """Sum."""'),
        (names, "made = 1"),
        (names, "def f(own): ..."),
        (names, "class Other:\n  every: int = 0"),
        (names, "class Freeze:\n  def check(self, every): ..."),
        (lengths, "def f():\n" + "  x = 1\n" * 61),
        (lengths, "def f():\n for a in b:\n  if a:\n   for c in a:\n    if c:\n     if d: ..."),
        (statements, "x = [a for a in [b for b in c]]"),
        (statements, "x = 1 if a else 2 if b else 3"),
        (statements, "a, b = 1, 2"),
        (statements, "x = [b for a in c if (b := a)]"),
    ],
)
def test_a_rule_sees_what_departs_from_it(rule, code):
    assert list(rule(ast.parse(code)))


@pytest.mark.parametrize("code", ["every: int = 0", "def __init__(self, *, every): ..."])
def test_a_key_of_a_yaml_is_the_user_s(code):
    assert not list(names(ast.parse(f"class Freeze:\n  {code}")))


def test_a_swap_packs_nothing():
    assert not list(statements(ast.parse("a, b = b, a")))


def test_only_contracts_ask_what_an_object_has():
    """Elsewhere a part has each member of its contract, and a name in quotes is plain access."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("contract/") or name == "device/pennylane.py":
            continue
        for node in ast.walk(read_tree(path)):
            is_asked = isinstance(node, ast.Call) and ast.unparse(node.func) in ASKING
            if is_asked and isinstance(node.args[1], ast.Constant):
                found.append(f"{name}:{node.lineno}")
    assert not found


def test_no_module_compares_what_a_yaml_names():
    """What only one part knows is asked of the part, by its facts or contract."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(read_tree(path)):
            if isinstance(node, ast.Compare):
                sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
                if any(f"'{target}'" in side for side in sides for target in targets()):
                    found.append(f"{path}:{node.lineno}")
    assert not found


def test_a_class_name_stands_once():
    """Those that a YAML names as well: a message has the name alone."""
    seen = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(read_tree(path)):
            if isinstance(node, ast.ClassDef):
                seen.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: files for name, files in seen.items() if len(files) > 1}


if __name__ == "__main__":
    chosen = [Path(word).resolve() for word in sys.argv[1:]] or [PACKAGE]
    files = [path for each in chosen for path in ([each] if each.is_file() else each.rglob("*.py"))]
    print("\n".join(sorted(fault for rule in RULES for fault in faults(rule, files))))
