"""Mutants of a small module: which there are, and that each changes what the module does."""

import sys
from types import ModuleType

import mutant
import pytest
from change import variants

PATH = "qtlrun/plan/toy.py"
TOY = '''"""A module of 1 function."""

LIMIT = 3


class Sizes:
    """Sizes of up to 3."""

    def size(self, values: list[int], more: int = 2) -> int:
        """Size of a list, and 1."""
        if len(values) > LIMIT:
            raise ValueError(f"more than {LIMIT + 1}")
        return len(values) + 1
'''
CHANGES = {
    (3, "constant moved", "3", "4"),
    (3, "constant moved", "3", "2"),
    (11, "comparison flipped", "len(values) > LIMIT", "len(values) >= LIMIT"),
    (11, "comparison flipped", "len(values) > LIMIT", "len(values) <= LIMIT"),
    (11, "condition negated", "if len(values) > LIMIT:", "if not len(values) > LIMIT:"),
    (12, "statement removed", "raise ValueError(f'more than {LIMIT + 1}')", "pass"),
    (13, "returned value replaced", "return len(values) + 1", "return None"),
    (13, "arithmetic swapped", "len(values) + 1", "len(values) - 1"),
    (13, "constant moved", "1", "2"),
    (13, "constant moved", "1", "0"),
}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A checkout whose package is one module; loads it anew."""
    file = tmp_path / PATH
    file.parent.mkdir(parents=True)
    file.write_text(TOY)
    monkeypatch.setattr(mutant, "ROOT", tmp_path)
    monkeypatch.setattr(mutant, "_TREES", {})

    def load():
        module = ModuleType("qtlrun.plan.toy")
        exec(compile(TOY, str(file), "exec"), vars(module))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return load


def mutants():
    sites = list(mutant.read_sites())
    return [site.mutate(*variant) for site in sites for variant in variants(site.node)]


def behaviour(module):
    """What the module gives for a list that is just short enough, and for one more."""
    results = []
    for length in (3, 4):
        try:
            results.append(module.Sizes().size([0] * length))
        except ValueError:
            results.append("refused")
    return results


def test_code_is_changed_and_no_docstring_message_default_or_annotation(toy):
    assert {(one.line, one.change, one.before, one.after) for one in mutants()} == CHANGES


def test_each_mutant_changes_what_the_loaded_module_does(toy):
    module = toy()
    functions = mutant.loaded_functions()  # goes through all objects of the process
    ((size,),) = functions.values()
    whole = size.__code__, module.LIMIT
    for one in mutants():
        assert behaviour(module) == [4, "refused"]
        one.apply(functions)
        assert behaviour(module) != [4, "refused"], one
        size.__code__, module.LIMIT = whole


def test_a_mutant_is_reached_by_its_statement_and_that_of_a_value_by_what_reads_it(toy):
    lines = {one.line: {line for _, line in one.lines} for one in mutants()}
    assert lines == {3: {11, 12}, 11: {11}, 12: {12}, 13: {13}}


def test_the_same_seed_draws_the_same_mutants_of_different_lines(toy):
    first, second = (mutant.draw_mutants(3, 1) for _ in range(2))
    assert first == second and len({one.line for one in first}) == 3
    assert len(mutant.draw_mutants(100, 1)) == 4  # one a line
