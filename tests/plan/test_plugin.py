"""Files of the user's: found as a script's are, apart from one another, all of them in the key."""

import copy
import os
import subprocess
import sys
import textwrap

import pytest

from qtlrun.compose import compose
from qtlrun.error import UsageError
from qtlrun.plan import Plan, Variant, build, check_plan, plugin
from qtlrun.plan.part import parameters


@pytest.fixture(scope="module")
def composed():
    return compose(["compare=[]"])[0].values


@pytest.fixture
def write(tmp_path):
    """Write files below the test's folder, by name; gives the path of the first."""

    def put(**files):
        paths = []
        for name, text in files.items():
            path = tmp_path / f"{name if '/' in name else name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            paths.append(str(path))
        return paths[0] if len(paths) == 1 else paths

    return put


def head(path, *others, name="Head", **values):
    stem = plugin.stem(path)
    return build("head", {"_target_": f"{stem}.{name}", **values}, [path, *others])


WING = """
    from gates import block

    class Head:
        def __init__(self, size: int = 1):
            self.got = block(size)
"""
BLOCK = "def block(size):\n    return 'first', size\n"


def test_what_lies_beside_a_plugin_is_found(write):
    wing, _ = write(wing=WING, gates=BLOCK)
    before = list(sys.path)
    assert head(wing).got == ("first", 1)
    assert sys.path == before and "gates" not in sys.modules and "wing" not in sys.modules


@pytest.mark.parametrize(
    "text",
    [
        "import gates\ngot = gates.block(1)",
        "import gates as other\ngot = other.block(1)",
        "from . import gates\ngot = gates.block(1)",
        "from .gates import block\ngot = block(1)",
        "from gates import *\ngot = block(1)",
        "import tools.gates\ngot = tools.gates.block(1)",
        "import tools.gates as other\ngot = other.block(1)",
        "from tools import gates\ngot = gates.block(1)",
        "from tools.gates import block\ngot = block(1)",
        "import whole.gates\ngot = whole.gates.block(1)",
        "from whole import block\ngot = block(1)",
        "def found():\n    from gates import block\n    return block(1)\ngot = found()",
        (
            "try:\n    import nowhere_at_all\nexcept ImportError:\n    from gates import block\ngot"
            " = block(1)"
        ),
    ],
)
def test_every_form_of_an_import_is_found_and_is_in_the_key(write, composed, text):
    plain = f"{text}\nclass Head:\n    def __init__(self):\n        self.got = got\n"
    wing, *_ = write(
        wing=plain,
        gates=BLOCK,
        tools__gates=BLOCK,
        whole__gates=BLOCK,
        **{"whole/__init__": "from .gates import block\n"},
    )
    assert head(wing).got == ("first", 1)
    plan = composed | {"plugins": [wing]}
    before = Variant.of(plan).identity
    for name in ("gates", "tools__gates", "whole__gates"):
        write(**{name: BLOCK.replace("first", "second")})
    assert Variant.of(plan).identity != before
    assert head(wing).got == ("second", 1)  # of what the key says


def test_an_import_of_an_import_is_in_the_key_and_a_file_beside_that_none_imports_is_not(
    write, composed
):
    wing, *_ = write(wing="import a", a="import b", b="import c", c="x = 1", idle="x = 1")
    plan = composed | {"plugins": [wing]}
    keys = [Variant.of(plan).identity]
    for name in ("c", "idle", "b"):
        write(**{name: "x = 2" if name != "b" else "import c  # edited"})
        keys.append(Variant.of(plan).identity)
    assert keys[0] != keys[1] and keys[1] == keys[2] and keys[2] != keys[3]


def test_an_import_within_a_function_is_found_when_it_is_called(write):
    wing, _ = write(
        wing="""
        class Head:
            def __call__(self):
                from gates import block
                return block(3)
    """,
        gates=BLOCK,
    )
    assert head(wing)() == ("first", 3)


def test_a_module_on_pythonpath_is_loaded_anew_after_an_edit_and_is_in_the_key(
    write, composed, tmp_path, monkeypatch
):
    wing, _ = write(wing=WING, elsewhere__gates=BLOCK)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    plan = composed | {"plugins": [wing]}
    before = Variant.of(plan).identity
    assert head(wing).got == ("first", 1)
    write(elsewhere__gates=BLOCK.replace("first", "second"))
    assert head(wing).got == ("second", 1) and Variant.of(plan).identity != before


def test_two_folders_with_a_module_of_one_name_have_each_their_own(write):
    left, right, *_ = write(
        left__one=WING,
        right__two=WING,
        left__gates=BLOCK,
        right__gates=BLOCK.replace("first", "second"),
    )
    for plugins in ([left, right], [right, left]):
        got = {
            plugin.stem(path): (
                build("head", {"_target_": f"{plugin.stem(path)}.Head"}, plugins).got[0]
            )
            for path in plugins
        }
        assert got == {"one": "first", "two": "second"}


def test_plugins_of_two_folders_find_one_another_and_each_what_lies_beside_it(write):
    left, right, *_ = write(
        left__one=(
            "from two import Head as Other\nfrom gates import block\nclass Head(Other):\n    left ="
            " block(1)\n"
        ),
        right__two=WING,
        left__gates=BLOCK,
        right__gates=BLOCK.replace("first", "second"),
    )
    made = build("head", {"_target_": "one.Head", "size": 5}, [left, right])
    assert made.left == ("first", 1) and made.got == ("second", 5)
    assert list(parameters("head", "one.Head", (left, right))) == ["size"]


def test_a_class_is_the_same_whichever_plugin_asks_for_it(write):
    one, two = write(one="from two import Kind\nclass Head(Kind): ...\n", two="class Kind: ...\n")
    base = type(build("head", {"_target_": "two.Kind"}, [one, two]))
    assert isinstance(build("head", {"_target_": "one.Head"}, [one, two]), base)


@pytest.mark.parametrize("name", ["json", "torch", "pennylane", "qtlrun"])
def test_a_file_that_would_hide_an_installed_module_is_named_only_where_it_is_imported(
    write, composed, name
):
    wing, idle, hidden = write(
        **{"wing": f"import {name}\n", "idle": "import math\n", name: "x = 1\n"}
    )
    if name == "qtlrun":  # which is never looked for beside
        check_plan(Plan(composed | {"plugins": [wing]}))
        return
    with pytest.raises(UsageError) as error:
        check_plan(Plan(composed | {"plugins": [wing]}))
    assert (
        str(error.value)
        == f"plugins=[{wing}]: it imports {name}, an installed module, which {hidden} would hide;"
        " rename that file."
    )
    check_plan(Plan(composed | {"plugins": [idle]}))
    __import__(name)
    assert sys.modules[name].__file__ != hidden


def test_two_plugins_of_one_name_are_refused(write, composed):
    left, right = write(left__wing="x = 1", right__wing="x = 2")
    with pytest.raises(
        UsageError, match="a part is found by its file's name, and both are called wing; rename one"
    ):
        check_plan(Plan(composed | {"plugins": [left, right]}))
    check_plan(Plan(composed | {"plugins": [left, left]}))


@pytest.mark.parametrize(
    "text, line",
    [
        ("x = 1\ndef f(:\n", "line 2: invalid syntax."),
        ("x = (\n", "line 1: '(' was never closed."),
        ("x = '\0'\n", "source code string cannot contain null bytes."),
    ],
)
def test_source_that_is_no_python_is_named_by_its_own_file_and_line(write, composed, text, line):
    wing, gates = write(wing="import gates\n", gates=text)
    for given, where in ((wing, f"{gates}, "), (gates, "")):
        with pytest.raises(UsageError) as error:
            check_plan(Plan(composed | {"plugins": [given]}))
        assert str(error.value) == f"plugins=[{given}]: {where}{line}"


@pytest.mark.parametrize(
    "text, words",
    [
        ("x = 1 / 0\n", "line 1: ZeroDivisionError: division by zero."),
        ("import sys\nsys.exit('stop')\n", "line 2: SystemExit: stop."),
        ("def f():\n    raise KeyError('k')\nf()\n", "line 2: KeyError: 'k'."),
        (
            "from math import nothing\n",
            "line 1: ImportError: cannot import name 'nothing' from 'math'",
        ),
    ],
)
def test_what_a_plugin_or_its_import_raises_while_it_loads_is_named_by_file_and_line(
    write, text, words
):
    wing, gates = write(wing="import gates\nclass Head: ...\n", gates=text)
    with pytest.raises(UsageError) as error:
        head(wing)
    assert str(error.value).startswith(f"plugins=[{wing}]: it does not load; {gates}, {words}")


@pytest.mark.parametrize(
    "body, words",
    [
        (
            "return 1 / size",
            "head: wing.Head fails in {}, line 4: ZeroDivisionError: division by zero.",
        ),
        (
            "return [][size]",
            "head: wing.Head fails in {}, line 4: IndexError: list index out of range.",
        ),
        ("raise ValueError(f'size={size}: too few.')", "head: size=0: too few ({}, line 4)."),
        (
            "return int('four')",
            "head: invalid literal for int() with base 10: 'four' ({}, line 4).",
        ),
        ("raise SystemExit(3)", "head: wing.Head fails in {}, line 4: SystemExit: 3."),
        ("raise OSError", "head: wing.Head fails in {}, line 4: OSError."),
    ],
)
def test_what_a_constructor_raises_is_named_by_class_file_and_line(write, body, words):
    wing = write(wing=f"\nclass Head:\n    def __init__(self, size: int):\n        {body}\n")
    with pytest.raises(UsageError) as error:
        head(wing, size=0)
    assert str(error.value) == words.format(wing)


def test_what_a_constructor_of_ours_raises_where_a_plugin_calls_it_words_itself(write):
    ring = write(
        ring=(
            "from qtlrun.circuit.dressed import Dressed\nclass Ring(Dressed): ...\nclass"
            " Own(Dressed):\n    def __init__(self, depth: int):\n        super().__init__(0,"
            " depth)\n"
        )
    )
    for part in (
        {"_target_": "ring.Ring", "qubits": 0, "depth": 1},
        {"_target_": "ring.Own", "depth": 1},
    ):
        with pytest.raises(UsageError) as error:
            build("circuit", part, [ring])
        assert str(error.value).endswith(
            "qubits=0: a circuit needs at least one qubit; 4 is the published number."
        )


def test_a_module_loaded_elsewhere_under_the_same_name_stays_as_it_is(write, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    wing, *_ = write(wing=WING, gates=BLOCK, elsewhere__gates=BLOCK.replace("first", "notebook"))
    monkeypatch.delitem(sys.modules, "gates", raising=False)
    import gates

    assert (
        head(wing).got == ("first", 1)
        and gates.block(1) == ("notebook", 1)
        and sys.modules["gates"] is gates
    )
    monkeypatch.delitem(sys.modules, "gates")


def test_the_key_has_the_versions_of_packages_that_a_plugin_imports(write, composed):
    wing = write(wing="import rich.console\nimport math\n")
    said = Variant.of(composed | {"plugins": [wing]}).identity["plugins"]
    assert [one[0] for one in said] == ["wing", "rich"]


def test_an_edit_of_a_module_beside_is_trained_anew_by_the_command(tmp_path):
    """The default circuit's numbers by RY; after the edit of the module beside, those of RX."""
    (tmp_path / "mine/circuit").mkdir(parents=True)
    (tmp_path / "mine/circuit/wing.yaml").write_text("_target_: wing.Wing\nqubits: 2\ndepth: 1\n")
    (tmp_path / "wing.py").write_text(
        textwrap.dedent("""
        import pennylane as qml
        from gates import block

        class Wing:
            def __init__(self, qubits: int, depth: int):
                self.qubits, self.shape = qubits, (depth, qubits)

            def __call__(self, inputs, weights):
                block(inputs, weights)
                return [qml.expval(qml.PauliZ(wire)) for wire in range(self.qubits)]
    """)
    )
    gates = (
        "import pennylane as qml\ndef block(inputs, weights):\n    for wire in (0, 1):\n       "
        " qml.{}(inputs[wire] + weights[0, wire], wire)\n"
    )
    words = [
        "--config-dir",
        "mine",
        "plugins=[wing.py]",
        "circuit=wing",
        "compare=[]",
        "seeds=1",
        "recipe.epochs=1",
        "backbone=identity",
    ]
    code = (
        "import sys, qtlrun\nfor gate in ('RY', 'RX', 'RY'):\n    open('gates.py',"
        " 'w').write(sys.argv[1].format(gate))\n    frame = qtlrun.run(*sys.argv[2:],"
        " 'home=home').frame\n    print(gate,"
        " float(frame[frame.metric == 'test_nll'].value.iloc[0]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, gates, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    first, second, third = [
        line.split() for line in done.stdout.splitlines() if line[:3] in ("RY ", "RX ")
    ]
    assert first[1] == third[1] == second[1]  # RX and RY turn <Z> alike: cos(x + w)
    assert len(list((tmp_path / "home/store/row").glob("*/"))) == 2  # but each was trained


def test_a_plan_with_plugins_can_be_copied_and_checked_again(write, composed):
    wing, _ = write(wing=WING, gates=BLOCK)
    plan = copy.deepcopy(composed) | {"plugins": [wing]}
    check_plan(Plan(plan))
    assert Variant.of(plan).identity == Variant.of(copy.deepcopy(plan)).identity
