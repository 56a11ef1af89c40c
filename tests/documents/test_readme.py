"""The READMEs: limits, links, command lines, the map, figures that stand in a file of results."""

import re
import shlex
from pathlib import Path

import pytest
from test_layering import ORDER

from qtlrun.compose.command import compose

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "README.md"
READMES = [
    MAIN,
    *(ROOT / folder / "README.md" for folder in ("conf", "outputs", "qtlrun", "tests")),
]
TEXT = MAIN.read_text()
RESULTS = "outputs/results"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?!\w)")


def section(text, title):
    """What stands under a heading of the second level."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def numbers(text):
    """Numbers of a text; a sign counts where there are decimals."""
    values = set()
    for token in NUMBER.findall(text):
        value = float(token.replace(",", ""))
        values.add(value if "." in token else abs(value))
    return values


def keys_of(words):
    """Keys of the overrides of a command line."""
    return {word.partition("=")[0] for word in words}


def lines_of_results():
    """Bullets of the results, each with the file that it links to."""
    bullets = re.findall(r"^- (.*(?:\n  .*)*)", section(TEXT, "Results"), re.MULTILINE)
    for bullet in bullets:
        ((name, path),) = re.findall(rf"\[([\w-]+)\]\(({RESULTS}/[\w-]+\.md)\)", bullet)
        yield name, path, re.sub(r"\[.*?\]\(.*?\)|`.*?`", " ", bullet)


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) <= 300 and len(TEXT.encode()) <= 22_000


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_a_line_of_prose_has_at_most_120_columns(path):
    lines = path.read_text().splitlines()
    tables = () if path == MAIN else ("| ",)
    assert not [line for line in lines if len(line) > 120 and not line.startswith(tables)]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_a_link_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())
    assert all((path.parent / link).exists() for link in links)


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_a_target_of_make_that_is_named_exists(path):
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:`|^    )make ([a-z][\w-]*)", path.read_text(), re.MULTILINE))
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def test_each_line_of_results_has_its_figures_in_the_file_that_it_links_to():
    lines = list(lines_of_results())
    assert {path for _, path, _ in lines} == {
        str(path.relative_to(ROOT)) for path in (ROOT / RESULTS).glob("*.md")
    }
    for name, path, text in lines:
        assert Path(path).stem == name
        figures = numbers(text) - {95.0}
        assert figures
        assert not figures - numbers((ROOT / path).read_text()), f"{path}: {text}"


def test_another_figure_is_found_out():
    held = numbers("A - B -0.153 [-.200, +0.5]; 1,896 of 2000 and .970")
    assert numbers("-.153 [-0.2, 0.500], 1896, 0.97") <= held
    assert not {0.153} & held and not numbers("-0.154") & held


def test_the_printed_table_is_that_of_the_results():
    """Figures of three places are the same; a rounded end or a time of another run may differ."""
    block = re.search(r"```\n(.*?)```", TEXT, re.DOTALL)[1]
    figures = {float(token) for token in re.findall(r"(?<![\d.+-])\.\d{3}\b", block)}
    assert len(figures) >= 10
    assert not figures - numbers((ROOT / RESULTS / "default.md").read_text())


# Without what is said of them
LINES = [
    shlex.split(line, comments=True)[1:]
    for line in re.findall(r"^    (qtlrun .*)$", TEXT, re.MULTILINE)
]
# A run's folder, or a cluster, is needed for the others; their own tests have both
COMMANDS = [words for words in LINES if not {"plan", "hydra/launcher"} & keys_of(words)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_line_composes_or_prints(words, capsys, home):
    plans = compose([word.replace("DIR", str(ROOT)) for word in words])
    assert plans or (words[0].startswith("--") and "circuit:" in capsys.readouterr().out)


def test_every_group_has_a_line_with_options_that_exist():
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", section(TEXT, "Groups"), re.MULTILINE)
    groups = {path.name: path for path in (ROOT / "conf").glob("[a-z]*")}
    listed = {group: cell for group, cell in lines if group in groups}
    assert set(listed) == {name for name, path in groups.items() if path.is_dir()}
    for group, cell in listed.items():
        for option in re.findall(r"`([\w.]+)`", cell):
            known = (groups[group] / f"{option}.yaml").is_file()
            assert known or option in ("device.shots", "NAME", "NAME_paper"), f"{group}={option}"


def test_every_control_is_a_reference():
    lines = re.findall(r"^\| (`.*?`) \| .*\| .*\|$", section(TEXT, "Groups"), re.MULTILINE)
    controls = [
        name
        for cell in lines
        if "twin" in cell or "_circuit" in cell or "svm" in cell
        for name in re.findall(r"`(\w+)`", cell)
    ]
    assert len(controls) >= 6
    assert all((ROOT / f"conf/compare/{name}.yaml").is_file() for name in controls)


def test_the_map_names_every_room_and_the_order_is_that_which_is_tested():
    text = (ROOT / "qtlrun/README.md").read_text()
    rooms = {
        path.stem
        for path in (ROOT / "qtlrun").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem[:2] != "__"
    }
    the_map, order = re.findall(r"^\n((?:    .*\n)+)", section(text, "The map"), re.M)
    named = re.findall(r"(?<![\w/])(\w+)(?:/|\.py)(?![\w/])", the_map)
    assert rooms <= set(named)
    shown = [set(line.strip().split(", ")) for line in order.splitlines()]
    assert shown == [names & rooms for names in ORDER if names & rooms]
