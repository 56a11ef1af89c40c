"""Files of results: how they are written, and that each has a target of the Makefile."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from documents import result
from documents.result import MARKER, compact, hide_paths, read_reading, write_result
from PIL import Image

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "outputs/results").glob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text()
COLUMNS = (
    "row, what it is, seeds, failed, accuracy, accuracy low, accuracy high, NLL,"
    " parameters_circuit, parameters_head, parameters_backbone, executions, seconds per seed,"
    " from the store, difference, difference low, difference high, verdict"
)
LINES = (
    r"A, a \| b, 5, 0, 0.8, 0.7, 0.9, 0.5, 24, 280, 0, 9, 0.1, , , , ,",
    "C, linear, 5, 0, 0.9, 0.8, 0.95, 0.4, , 260, 0, 0, 0.2, True, 0.1, -0.1, 0.3, undecided",
)
TABLE = "\n".join(
    f"| {line.replace(',', ' |')} |" for line in (COLUMNS, ", ".join(["---"] * 18), *LINES)
)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder to run in, with a program that prints its words as Markdown."""
    monkeypatch.chdir(tmp_path)
    for name in result.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    Path("say.py").write_text(
        "import sys\nprint('|', *sys.argv[2:], '|')\nsys.exit(int(sys.argv[1]))\n"
    )
    return tmp_path


def test_a_table_of_rows_has_an_interval_in_one_cell():
    head, _, first, second, *rest = compact(
        f"{TABLE}\n\nA sentence with |tanh| > .99."
    ).splitlines()
    assert head == (
        "| row | what it is | seeds | accuracy, 95 % | NLL, 95 % | trained | seconds per seed"
        " | composed - row, nats, 95 % | verdict |"
    )
    assert first == r"| A | a \| b | 5 | 0.8 [0.7, 0.9] | 0.5 | 24 + 280 + 0 | 0.1 |  |  |"
    assert second == (
        "| C† | linear | 5 | 0.9 [0.8, 0.95] | 0.4 | 0 + 260 + 0 | 0.2 | 0.1 [-0.1, 0.3]"
        " | undecided |"
    )
    assert rest == ["", "A sentence with |tanh| > .99."]


def test_another_table_stays_as_it_is():
    table = "| row | paper |\n| --- | --- |\n| spirals | .970 |"
    assert compact(table) == table


@pytest.mark.parametrize(
    "text, hidden",
    [
        ("root={data}/cifar", "root=$QTLRUN_DATA/cifar"),
        ("weights={weights}.", "weights=$WEIGHTS."),
        ("{data}x and x{data}", "{data}x and x{data}"),
    ],
)
def test_the_user_s_paths_are_hidden_behind_their_variables(tmp_path, monkeypatch, text, hidden):
    paths = {"data": tmp_path / "data", "weights": tmp_path / "data" / "net.pth"}
    monkeypatch.setenv("QTLRUN_DATA", str(paths["data"]))
    monkeypatch.setenv("WEIGHTS", str(paths["weights"]))
    assert hide_paths(text.format(**paths)) == hidden.format(**paths)


def test_a_link_is_hidden_as_what_it_leads_to(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("QTLRUN_DATA", str(tmp_path / "link"))
    assert hide_paths(f"in {tmp_path}/real") == "in $QTLRUN_DATA"


def test_a_file_is_written_anew_and_its_reading_stays(checkout):
    assert write_result("test", "A title", ["python say.py 0 one"]) == 0
    path = Path("outputs/results/test.md")
    path.write_text(path.read_text() + "By hand.\n")
    assert write_result("test", "A title", ["python say.py 0 two", "python say.py 1 three"]) == 1
    text = path.read_text()
    assert text.startswith("# A title\n\n    make test\n\n- Date: 20")
    assert "| two |" in text and "| three |" in text and "one" not in text
    assert text.endswith(f"{MARKER}\nBy hand.\n") and read_reading(path) == "By hand.\n"


def test_variables_of_the_user_s_stand_in_the_command(checkout, monkeypatch):
    monkeypatch.setenv("WEIGHTS", f"{checkout}/net.pth")
    write_result("test", "A title", [f"python say.py 0 {checkout}/net.pth"])
    text = Path("outputs/results/test.md").read_text()
    assert "    make test WEIGHTS=FILE\n" in text and "say.py 0 $WEIGHTS\n" in text
    assert str(checkout) not in text


def test_a_command_that_ends_early_writes_nothing(checkout):
    assert write_result("test", "A title", ["python say.py 0 one", "python say.py 2 two"]) == 2
    assert not Path("outputs/results/test.md").exists()


def test_the_tables_of_a_run_are_those_of_its_own_folder(checkout, monkeypatch):
    """One is there before, and another command writes beside it."""

    def write(name, command):
        folder = Path("outputs/2026-01-01", name)
        folder.mkdir(parents=True)
        (folder / "environment.json").write_text(json.dumps({"command": command}))
        (folder / "table.md").write_text(f"table of {name}\n")

    def run(words):
        write("beside", ["qtlrun", "seeds=2"])
        write("mine", ["qtlrun", "seeds=3"])
        return subprocess.CompletedProcess(words, 0)

    write("before", ["qtlrun", "seeds=3"])
    monkeypatch.setattr(result.subprocess, "run", run)
    assert result.run_command(["qtlrun", "seeds=3"], "test-0") == (0, "table of mine")


def test_figures_that_a_table_links_to_are_kept_beside_the_file(checkout):
    folder = Path("outputs/2026-01-01/mine")
    (folder / "figures").mkdir(parents=True)
    Image.new("RGBA", (1800, 600), (255, 0, 0, 255)).save(folder / "figures" / "tsne.png")
    text = result.keep_figures("![tsne](figures/tsne.png) and ![a](b.png)", folder, "test-0")
    assert text == "![tsne](figures/test-0-tsne.png) and ![a](b.png)"
    with Image.open("outputs/results/figures/test-0-tsne.png") as picture:
        assert picture.size == (900, 300) and picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_results_has_a_target_of_the_makefile(path):
    assert re.search(rf"^{path.stem}: .*##", MAKEFILE, re.MULTILINE)
    text = path.read_text()
    assert text.startswith("# ") and f"\n    make {path.stem}" in text
    assert text.count(MARKER) == 1 and read_reading(path).strip()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_results_names_no_folder_of_a_machine(path):
    assert not re.search(r"(?<![\w.~$}/-])/(home|root|tmp|work|usr|Users|mnt)\b", path.read_text())


def test_every_target_of_results_is_listed_and_linked():
    (names,) = re.findall(r"^RESULTS := ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    targets = set(names.replace("\\", "").split())
    written = set(re.findall(r"^([\w-]+): .*##.*\n\t.*\$\(RESULT\)", MAKEFILE, re.MULTILINE))
    assert targets == written and {path.stem for path in FILES} <= targets
    index = (ROOT / "outputs/README.md").read_text()
    assert all(f"(results/{path.name})" in index for path in FILES)
