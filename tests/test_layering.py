import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import qtlrun

PACKAGE = Path(qtlrun.__file__).parent
CONF = PACKAGE.parent / "conf"
# Imports go down only, and not between the rooms of one line.
ORDER = [
    {"__main__", "__init__"},
    {"compose"},
    {"study"},
    {"lens", "diagnosis"},
    {"credit", "derivative", "robustness", "shot_budget"},
    {"experiment", "report"},
    {"contract"},
    {"train"},
    {"batch", "checkpoint"},
    {"backbone", "head", "dataset", "freeze", "optimizer", "recipe", "parametrization"},
    {"surrogate"},
    {"device"},
    {"simulator"},
    {"tape"},
    {"layer", "statefile", "memory", "download", "package"},
    {"circuit", "fock"},
    {"comparison"},
    {"ledger", "plan", "runfolder", "source", "store"},
    {"statistic", "disk", "mode"},
    {"temporary"},
    {"process", "error"},
]
# What a report may read: rows and their statistics, plans, files, and a circuit's inputs.
SHOWN = {
    "comparison",
    "disk",
    "error",
    "ledger",
    "plan",
    "runfolder",
    "source",
    "statistic",
    "store",
    "tape",
}
HOMES = {  # where else a library may not be imported
    "hydra": {"compose"},
    "omegaconf": {"compose"},
    "pennylane": {
        "circuit",
        "device",
        "diagnosis",
        "lens",
        "report",
        "simulator",
        "study",
        "surrogate",
        "tape",
    },
}
BARRED = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def modules():
    """The dotted name of every module of the package, with its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts), path


def imports(path):
    """Every module that a file imports, wherever in it; `from a import b` is a.b where that is a
    module, else a.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                yield (
                    f"{node.module}.{alias.name}"
                    if inner.is_dir() or inner.with_suffix(".py").is_file()
                    else node.module
                )


def room(module):
    return module.split(".")[1] if "." in module else "__init__"


def height(name):
    return next(-number for number, names in enumerate(ORDER) if name in names)


def named():
    """The modules that the options of each group name as `_target_`."""
    groups = {}
    for path in CONF.glob("*/*.yaml"):
        target = (yaml.safe_load(path.read_text()) or {}).get("_target_")
        if target:
            groups.setdefault(path.parent.name, set()).add(target.rpartition(".")[0])
    return groups


def test_every_module_has_a_place_in_the_order():
    assert {room(name) for name, _ in modules()} <= set.union(*ORDER)


def test_imports_go_down_only():
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in imports(path)
        if other.split(".")[0] == "qtlrun"
        and room(other) != room(name)
        and height(room(other)) >= height(room(name))
    ]
    assert not wrong


def test_a_report_is_made_of_what_it_is_given():
    """It is high in the order, beside what trains, and builds no part all the same."""
    read = {
        room(other)
        for name, path in modules()
        for other in imports(path)
        if room(name) == "report" and other.split(".")[0] == "qtlrun"
    }
    assert read <= SHOWN | {"report"}


def test_parts_of_one_group_do_not_import_one_another():
    parts = named()
    assert len(parts["head"]) > 1 and len(parts["backbone"]) > 2  # it finds something to compare
    files = dict(modules())
    wrong = [
        f"{name} imports {other}"
        for group in parts.values()
        for name in group
        for other in imports(files[name])
        if other in group - {name}
    ]
    assert not wrong


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_where_it_belongs(library):
    where = {
        room(name)
        for name, path in modules()
        if any(other.split(".")[0] == library for other in imports(path))
    }
    assert where and where <= HOMES[library]


def test_nothing_is_pickled():
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in imports(path)
        if other.split(".")[0] in BARRED
    ]
    assert not wrong


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield (
                ast.unparse(node.func),
                {word.arg: ast.unparse(word.value) for word in node.keywords},
            )


def test_files_of_weights_are_read_without_executing_them():
    loads = [
        (name, words)
        for name, path in modules()
        for function, words in calls(path)
        if function.endswith("torch.load")
    ]
    assert loads and all(words.get("weights_only") == "True" for _, words in loads), loads
    assert not [
        name
        for name, path in modules()
        for function, words in calls(path)
        if words.get("allow_pickle", "False") != "False"
        or function in ("torch.save", "eval", "exec")
    ]


def test_hydra_only_composes_and_builds_nothing():
    assert not [name for name, path in modules() if "instantiate" in path.read_text()]


def test_no_module_is_a_drawer_for_the_rest():
    drawers = {"util", "utils", "helper", "helpers", "common", "manager", "base", "misc", "core"}
    assert not [name for name, _ in modules() if drawers & set(name.split("."))]


def run(code, *words):
    """Run Python in a process of its own, away from the checkout; gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=PACKAGE.root
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "report.frame",
        "report.figure",
        "report.sentence",
        "comparison.comparison",
        "comparison.row",
        "statistic",
        "plan",
        "store",
        "disk",
    ],
)
def test_results_are_read_without_torch(module):
    loaded = run(f"import sys, qtlrun.{module}; print(*sys.modules)").split()
    assert f"qtlrun.{module}" in loaded and not {"torch", "pennylane", "hydra"} & set(loaded)


def test_importing_the_package_loads_nothing_else():
    loaded = run("import sys, qtlrun; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("qtlrun")] == ["qtlrun"]
    assert not {"torch", "pennylane", "hydra", "numpy"} & set(loaded)


HELP = """
import sys
from qtlrun.compose import main
code = main(sys.argv[1:])
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
raise SystemExit(code)
"""


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"], ["--version"]], ids=" ".join)
def test_help_loads_neither_torch_nor_pennylane_nor_pandas(words):
    loaded = run(HELP, *words).split("loaded:")[1].split()
    assert "qtlrun" in loaded and not {"torch", "pennylane", "pandas", "matplotlib", "numpy"} & set(
        loaded
    )


def test_help_takes_little_longer_than_hydra_takes_to_load():
    """CPU time beside that of the import: a busy machine stretches both alike.

    Measured alone it is .2 s.
    """

    def spent(*words):
        before = os.times()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return (
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system
        )

    bare, whole = (
        min(spent(*words) for _ in range(3))
        for words in (["-c", "import hydra.main, rich.console"], ["-m", "qtlrun", "--help"])
    )
    assert whole < 2 * bare


def test_a_mistake_is_found_before_torch_is_loaded():
    code = (
        "import sys; from qtlrun.compose import main; print(main(['circuit.qubits=four']), 'torch'"
        " in sys.modules)"
    )
    assert run(code).split() == ["2", "False"]


WORDS = re.compile(r"""partition\(["']=|split\(["']=|strip\(["'][+~]|prefix\(["'][+~]""")


def test_words_of_the_command_line_are_parted_in_one_place():
    wrong = [name for name, path in modules() if WORDS.search(path.read_text())]
    assert wrong in ([], ["qtlrun.plan.override"])


def test_a_failure_is_no_string():
    asked = re.compile(r"isinstance\((outcome|one|learned|entry), str\)")
    rooms = ("experiment", "comparison", "report")
    assert not [
        name for name, path in modules() if room(name) in rooms and asked.search(path.read_text())
    ]


def test_a_study_imports_no_other_and_no_other_module_stands_beside_them():
    studies = {name.split(".")[2] for name, _ in modules() if name.startswith("qtlrun.study.")}
    texts = [path.read_text() for path in CONF.glob("*/*.yaml")]
    targets = {module for text in texts for module in re.findall(r"qtlrun\.study\.(\w+)\.", text)}
    assert studies == targets and len(studies) > 5
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in imports(path)
        if name.startswith("qtlrun.study.") and other.startswith("qtlrun.study")
    ]
    assert not wrong
