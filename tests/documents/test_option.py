"""The list of options in conf/README.md."""

from documents.option import CONF, describe_option, list_options

from qtlrun.plan.option import GROUPS


def test_the_list_of_options_is_up_to_date():
    assert (CONF / "README.md").read_text() == list_options(), "make options writes it"


def test_every_group_is_listed_with_each_of_its_options_once():
    folders = {path.parent.name for path in CONF.glob("*/*.yaml")}
    assert set(GROUPS) == folders
    sections = dict(
        part.split("\n", 1) for part in (CONF / "README.md").read_text().split("\n## ")[1:]
    )
    for group in GROUPS:
        names = {path.stem for path in (CONF / group).glob("*.yaml")}
        assert all(sections[group].count(f"`{name}`") >= 1 for name in names)
        assert sections[group].count("\n| ") == len(names) + 2  # two lines of heading


def test_an_option_is_described_by_its_first_comment_alone(tmp_path):
    path = tmp_path / "ring.yaml"
    path.write_text(
        "# @package compare.ring\n# qtlrun experiment=ring\n# <Z> of a | b.\n# More.\nqubits: 4\n"
        "# no part of it\n"
    )
    assert describe_option(path) == r"&lt;Z> of a \| b. More."
