"""Write conf/README.md: every group with its options, from the first comment of each YAML."""

from pathlib import Path

from qtlrun.plan import option

CONF = Path(__file__).parents[2] / "conf"
OPENING = """# Options

Each folder here is a group, each YAML in it an option: `GROUP=OPTION` on the command line chooses
it, `GROUP.KEY=VALUE` changes a value. The YAML gives units, ranges and sources. Defaults are bold.

`make options` writes this file from the first comment of each YAML.
"""


def list_options() -> str:
    """Content of conf/README.md."""
    sections = [
        f"## {group}\n\n{about}\n\n{_table(group)}" for group, about in option.GROUPS.items()
    ]
    return "\n".join([OPENING, "\n\n".join(sections), ""])


def describe_option(path: Path) -> str:
    """First comment of an option's YAML, as a cell of a table."""
    return option.describe(path).replace("|", r"\|").replace("<", "&lt;")


def _table(group: str) -> str:
    """Markdown table of a group's options; the default's name is bold."""
    lines = ["| option | what it is |", "| --- | --- |"]
    default = option.defaults()[group]
    for path in sorted((CONF / group).glob("*.yaml")):
        mark = "**" if path.stem in default else ""
        lines.append(f"| {mark}`{path.stem}`{mark} | {describe_option(path)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    (CONF / "README.md").write_text(list_options())
