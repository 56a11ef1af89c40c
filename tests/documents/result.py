"""Write outputs/results/NAME.md from the commands of `make NAME`.

    python tests/documents/result.py NAME TITLE COMMAND ...

A command is one word: `qtlrun ...`, whose folder gives the tables, or `python SCRIPT ...`, which
prints them as Markdown. The file is written when the last command has ended: title, commands, date,
machine, versions, tables. What stands below its marker line is a reading, written by hand and left
as it is. Values of VARIABLES, the user's own folders and files, are replaced by their names.
Figures that the tables link to are kept beside the file, smaller.
"""

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from PIL import Image

RESULTS = Path("outputs/results")
VARIABLES = {"QTLRUN_DATA": "FOLDER", "WEIGHTS": "FILE", "RESNET18": "FILE"}
PACKAGES = ("torch", "torchvision", "pennylane", "pennylane-lightning", "numpy", "scipy")
FAILED = 1  # exit code of a run that wrote its tables and lacks something in them
FIGURES = "figures"  # folder of the figures among the results
MAX_FIGURE_WIDTH = 900  # pixels
FIGURE_COLOURS = 128
MARKER = "<!-- The reading below this line is written by hand; make keeps it. -->"
# Columns of a table of rows by their titles; the others, some twenty, are in table.csv.
COLUMNS = {
    "row": "row",
    "what it is": "what it is",
    "seeds": "seeds",
    "failed": "failed",
    "accuracy": "accuracy, 95 %",
    "gap": "gap",
    "NLL": "NLL, 95 %",
    "trained": "trained",
    "seconds": "seconds per seed",
    "difference": "composed - row, nats, 95 %",
    "accuracy difference": "composed - row, accuracy, 95 %",
    "verdict": "verdict",
}
TRAINED = (
    "parameters_circuit",
    "parameters_mapping",
    "parameters_head",
    "parameters_backbone",
)

Line = dict[str, str]


def write_result(name: str, title: str, commands: list[str]) -> int:
    """Run the commands, write the file, and return the highest exit code."""
    sections = []
    codes = []
    for number, command in enumerate(commands):
        code, text = run_command(shlex.split(command), f"{name}-{number}")
        if code not in (0, FAILED) or not text:
            return code or FAILED
        codes.append(code)
        sections.append(f"```sh\n{command}\n```\n\n{text.strip()}")
    path = RESULTS / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    generated = hide_paths("\n\n".join([_heading(name, title), *sections]))
    path.write_text(f"{generated}\n\n{MARKER}\n{read_reading(path)}")
    print(f"Written to {path}")
    return max(codes)


def run_command(words: list[str], stem: str) -> tuple[int, str]:
    """Exit code of a command, and its tables as Markdown; `stem` begins its figures' names."""
    if words[0] == "python":
        return _run_script([sys.executable, *words[1:]])
    before = set(_folders())
    code = subprocess.run([Path(sys.executable).parent / words[0], *words[1:]]).returncode
    folders = [each for each in _folders() if each not in before and _command(each) == words]
    if code not in (0, FAILED) or not folders:
        return code, ""
    return code, compact(keep_figures((folders[0] / "table.md").read_text(), folders[0], stem))


def keep_figures(text: str, folder: Path, stem: str) -> str:
    """Text whose links lead to smaller copies of a run's figures among the results."""

    def copy(link: re.Match) -> str:
        source = folder / link[2]
        name = f"{stem}-{source.name}"
        (RESULTS / FIGURES).mkdir(parents=True, exist_ok=True)
        with Image.open(source) as picture:
            small = picture.convert("RGB")
            small.thumbnail((MAX_FIGURE_WIDTH, small.height))
            small.quantize(FIGURE_COLOURS).save(RESULTS / FIGURES / name, optimize=True)
        return f"![{link[1]}]({FIGURES}/{name})"

    return re.sub(r"!\[([^]]*)\]\((figures/[^)]+)\)", copy, text)


def read_reading(path: Path) -> str:
    """Part of a file below its marker line; nothing of a file that is not there."""
    return path.read_text().partition(f"{MARKER}\n")[2] if path.is_file() else ""


def hide_paths(text: str) -> str:
    """Text with the user's folders and files replaced by the names of their variables."""
    values = {f"${name}": os.environ.get(name) for name in (*VARIABLES, "QTLRUN_HOME")}
    values |= {".": str(Path.cwd()), "~": str(Path.home())}
    names = {}
    for name, value in values.items():
        if value:
            names |= {value: name, str(Path(value).expanduser().resolve()): name}
    paths = "|".join(re.escape(path) for path in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w.~/-])(?:{paths})(?![\w-])", lambda match: names[match[0]], text)


def compact(markdown: str) -> str:
    """Markdown whose tables of rows have a readable number of columns."""
    parts = [
        _compact_table(part) if part.startswith("| row |") else part
        for part in markdown.strip().split("\n\n")
    ]
    return "\n\n".join(parts)


def _compact_table(table: str) -> str:
    """Table of rows with its intervals and its trained numbers in one cell each."""
    names, _, *lines = map(_split_line, table.splitlines())
    if "what it is" not in names:
        return table
    rows = [_compact_line(dict(zip(names, line, strict=True))) for line in lines]
    shown = [name for name in COLUMNS if any(row.get(name, "").strip("0") for row in rows)]
    cells = [[row.get(name, "") for name in shown] for row in rows]
    titles = [[COLUMNS[name] for name in shown], ["---"] * len(shown)]
    return "\n".join(f"| {' | '.join(line)} |" for line in titles + cells)


def _split_line(line: str) -> list[str]:
    """Cells of a line of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _compact_line(line: Line) -> Line:
    """Cells of a row by the names of the shown columns."""
    cells = dict(line)
    for name in ("accuracy", "NLL", "difference", "accuracy difference"):
        if line.get(f"{name} low"):
            cells[name] = f"{line[name]} [{line[f'{name} low']}, {line[f'{name} high']}]"
    if line.get("from the store"):
        cells["row"] += "†"
    numbers = [line[name] or "0" for name in TRAINED if name in line]
    return cells | {"trained": " + ".join(numbers), "seconds": line.get("seconds per seed", "")}


def _heading(name: str, title: str) -> str:
    """Title, command, date, machine and versions."""
    values = [f" {key}={kind}" for key, kind in VARIABLES.items() if os.environ.get(key)]
    versions = ", ".join(f"{each} {metadata.version(each)}" for each in PACKAGES)
    return "\n".join(
        [
            f"# {title}",
            "",
            f"    make {name}{''.join(values)}",
            "",
            f"- Date: {time.strftime('%Y-%m-%d')}; commit {_commit()}.",
            f"- Machine: {_processor()}, {os.cpu_count()} cores, {_memory():.0f} GiB of memory.",
            f"- Versions: Python {platform.python_version()}, {versions}.",
        ]
    )


def _run_script(words: list[str]) -> tuple[int, str]:
    """Exit code and standard output of a script, which is printed as it comes."""
    lines = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def _folders() -> list[Path]:
    """Folders of finished runs."""
    return [path.parent for path in Path("outputs").glob("*/*/environment.json")]


def _command(folder: Path) -> list[str]:
    """Command line of a run."""
    return json.loads((folder / "environment.json").read_text())["command"]


def _commit() -> str:
    """Commit of the checkout, and whether files of it were changed."""
    status = ["git", "status", "--porcelain", "--", ".", f":!{RESULTS}"]
    commit, changes = (
        subprocess.run(command, capture_output=True, text=True).stdout.strip()
        for command in (["git", "rev-parse", "--short", "HEAD"], status)
    )
    return (commit or "unknown") + (" with changes" if changes else "")


def _processor() -> str:
    """Model of the processor, or its architecture where that is all that is known."""
    file = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", file.read_text()) if file.is_file() else []
    return models[0] if models else platform.processor() or platform.machine()


def _memory() -> float:
    """GiB of memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    sys.exit(write_result(sys.argv[1], sys.argv[2], sys.argv[3:]))
