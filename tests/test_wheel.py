"""The package as it is installed: a wheel, away from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Only this folder goes before the libraries, and what the checkout's editable install left behind
# is taken away.
ALONE = """
import sys
sys.meta_path = [
    finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
sys.path[:] = [sys.argv[1], *(place for place in sys.path if place and place != sys.argv[2])]
sys.path_importer_cache.clear()
import qtlrun
from importlib.resources import files
from qtlrun.compose import main
code = main(sys.argv[3:])
print("from", qtlrun.__file__, files("qtlrun.conf"))
raise SystemExit(code)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the sources, without a network."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("qtlrun", "conf"):
        shutil.copytree(
            ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, place / "source")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            place,
            place / "source",
        ],
        check=True,
        capture_output=True,
    )
    (path,) = place.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_a_wheel_holds_every_module_and_every_option(installed):
    for folder, place in (("qtlrun", "qtlrun"), ("conf", "qtlrun/conf")):
        files = {
            path.relative_to(ROOT / folder)
            for kind in ("*.py", "*.yaml")
            for path in (ROOT / folder).rglob(kind)
        }
        mine = {
            path.relative_to(installed / place)
            for path in (installed / place).rglob("*")
            if path.is_file()
        }
        assert (
            len(files) > 30
            and {path for path in mine if path.parts[0] != "conf" or folder == "conf"} == files
        )


def test_a_wheel_holds_nothing_else_and_no_large_file(wheel, installed):
    """Its files are the modules and options, exactly; the README is its description."""
    folders = {path.name for path in installed.iterdir()}
    assert folders == {"qtlrun", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
    sizes = {path.name: path.stat().st_size for path in installed.rglob("*") if path.is_file()}
    assert sizes.pop("METADATA") < 25_000 and sizes.pop("RECORD") < 70_000
    assert max(sizes.values()) < 20_000
    assert (
        "qtlrun = qtlrun.compose:main"
        in next(installed.glob("*.dist-info/entry_points.txt")).read_text()
    )


def alone(installed, folder, *words):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, installed, ROOT, *words],
        cwd=folder,
        text=True,
        capture_output=True,
        env=os.environ | {"QTLRUN_HOME": str(folder / "home")},
    )
    assert done.returncode == 0, done.stderr
    *said, where = done.stdout.splitlines()
    assert where == f"from {installed}/qtlrun/__init__.py {installed}/qtlrun/conf"
    return said


def test_a_wheel_lists_its_options(installed, tmp_path):
    said = alone(installed, tmp_path, "--help")
    assert (
        "dataset: cifar10, coherent, csv, digits, fashion_mnist, folder, gaussian, hymenoptera,"
        " iris, mnist, moons, spirals, square, textures"
        in " ".join(" ".join(said).split())
        and not list(tmp_path.iterdir())
    )


def test_a_wheel_runs(installed, tmp_path):
    words = ("experiment=smoke", "compare=[]", "backbone=identity", "seeds=1", "recipe.epochs=1")
    said = alone(installed, tmp_path, *words)
    assert said[-1].startswith("Written to outputs/") and list(
        tmp_path.glob("outputs/*/*/table.md")
    )
