"""The catalogue of checks: stable codes, words that are there, a paragraph and a plant each."""

import re
from pathlib import Path

import plants
import pytest

import qtlrun
from qtlrun.diagnosis import CHECKS

PAGE = Path(qtlrun.__file__).parent / "diagnosis" / "README.md"
# Of the page, with the first digit of their codes
SECTIONS = {
    "Circuits": "1",
    "The pass back": "2",
    "Boundaries": "2",
    "Training": "3",
    "Data": "4",
    "The first steps": "5",
}
CODES = [check.code for check in CHECKS]


def test_codes_are_distinct_and_of_one_form():
    assert len(set(CODES)) == len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(re.fullmatch(r"Q[1-5]\d\d", code) for code in CODES)


@pytest.mark.parametrize("check", CHECKS, ids=CODES)
def test_a_check_has_a_name_in_capitals_and_a_reason_without_a_stop(check):
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", check.name)
    assert check.reason and not check.reason.endswith(".")


def test_every_check_has_a_paragraph_and_every_paragraph_a_check():
    headings = re.findall(r"^### (Q\d{3}) (\w+)$", PAGE.read_text(), re.M)
    assert sorted(headings) == sorted((check.code, check.name) for check in CHECKS)


def test_the_sections_of_the_page_stand_in_the_order_of_the_codes():
    lines = re.findall(r"^(?:## (.+)|### Q(\d)\d\d .+)$", PAGE.read_text(), re.M)
    assert [title for title, _ in lines if title] == list(SECTIONS)
    section = ""
    for title, digit in lines:
        section = title or section
        assert title or digit == SECTIONS[section]


def test_every_check_has_a_plant():
    assert {plants.code_of(name) for name, _ in plants.PLANTS} == set(CODES)
