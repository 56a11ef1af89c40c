import io

import numpy as np
import pandas as pd
import pytest

from qtlrun.plan.override import number
from qtlrun.report.frame import text

NAMES = ["ants, red", 'the "queen"', "two\nlines", "plain", "1", "é", " spaced ", "a|b"]
FORMULAS = ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\ttab", "-", "="]


def back(frame):
    return pd.read_csv(io.StringIO(text.csv(frame)), dtype={"class": str}, keep_default_na=False)


def test_a_csv_comes_back_as_it_was():
    frame = pd.DataFrame(
        {"class": NAMES, "p(a,b)": np.linspace(0, 1, len(NAMES)) / 3, "seed": range(len(NAMES))}
    )
    pd.testing.assert_frame_equal(back(frame), frame, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(name):
    frame = back(pd.DataFrame({"class": [name], "seed": [-1]}))
    assert frame.loc[0, "class"] == "'" + name and frame.loc[0, "seed"] == -1


HARD = [
    "NA",
    "nan",
    "NaN",
    "null",
    "None",
    "N/A",
    "n/a",
    "<NA>",
    "#N/A",
    "-nan",
    "007",
    "1e3",
    "1.50",
    "+1",
    " 1",
    "1 ",
    "true",
    "False",
    "TRUE",
    "0x10",
    "1_000",
    "Infinity",
    "-1",
    "3",
    "1.5",
    "inf",
    "plain",
    "NA ",
    "nanny",
    "none",
    "1,5",
    " ",
    "nil",
    "2**3",
    "1.",
    ".5",
    "1e-400",
    "99999999999999999999",
    "9223372036854775807",
    "é",
    "1,000",
    "12:30",
    "2024-01-01",
    "T",
    "yes",
    "off",
    '"',
    "'",
    "''",
    "\\N",
    "1j",
]


def test_every_name_survives_pandas_default_reading_of_a_csv():
    """As itself, as the number that is written so, or behind an apostrophe; two names are never
    one.
    """
    read = {}
    for name in HARD:
        (value,) = pd.read_csv(io.StringIO(text.csv(pd.DataFrame({"class": [name], "seed": [0]}))))[
            "class"
        ]
        assert not pd.isna(value) and str(value) in (name, "'" + name), (name, value)
        read[name] = str(value)
    assert len(set(read.values())) == len(HARD)
    assert (
        read["plain"] == "plain"
        and read["3"] == "3"
        and read["none"] == "none"
        and read["NA"] == "'NA"
    )


def test_the_words_that_pandas_takes_for_missing_are_all_known():
    from pandas._libs.parsers import STR_NA_VALUES

    assert STR_NA_VALUES - {""} <= text.MISSING_VALUES


@pytest.mark.parametrize("name", ["-1", "-0.5", "-inf"])
def test_a_class_that_is_a_signed_number_stays_as_it_is(name):
    assert back(pd.DataFrame({"class": [name]})).loc[0, "class"] == name


def test_a_return_in_a_text_does_not_end_its_line():
    assert text.csv(pd.DataFrame({"class": ["a\rb"], "seed": [1]})) == "class,seed\na\\rb,1\n"


def test_numbers_truths_and_gaps_of_a_csv_are_plain():
    frame = pd.DataFrame(
        {
            "a": [-1.5, np.nan],
            "b": pd.array([-3, None], dtype="Int64"),
            "c": [True, None],
            "d": ["x", None],
        }
    )
    assert text.csv(frame) == "a,b,c,d\n-1.5,-3,True,x\n,,,\n"


def test_markdown_is_a_table_with_three_places():
    frame = pd.DataFrame(
        {"row": ["A", "B"], "NLL": [0.51949, np.nan], "seeds": [5, 0], "stored": [True, False]}
    )
    assert text.markdown(frame).splitlines() == [
        "| row | NLL | seeds | stored |",
        "| --- | --- | --- | --- |",
        "| A | 0.519 | 5 | yes |",
        "| B |  | 0 |  |",
    ]


def test_markdown_escapes_what_would_break_its_cells():
    frame = pd.DataFrame({"a|b": ["c|d\ne", "|"]})
    assert text.markdown(frame).splitlines() == ["| a\\|b |", "| --- |", "| c\\|d e |", "| \\| |"]


def test_swept_values_are_shown_as_they_are_and_figures_to_three_places():
    frame = pd.DataFrame(
        {"recipe.lr": [0.00125, 1e-05], "layer": ["null", "layer1"], "NLL": [0.00125, 1.0]}
    )
    exact = text.cells(frame, exact=("recipe.lr", "layer"))
    assert exact == [["0.00125", "null", "0.001"], ["1e-05", "layer1", "1.000"]]


def test_what_is_absent_infinite_or_large_has_a_cell():
    frame = pd.DataFrame(
        {
            "a": [np.inf],
            "b": pd.array([None], dtype="Int64"),
            "c": [None],
            "d": [10**12],
            "e": [np.float64(1e12)],
        }
    )
    assert text.cells(frame) == [["inf", "", "", "1000000000000", "1000000000000.000"]]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-3", 0.001),
        ("0.50", 0.5),
        ("true", "true"),
        ("'3'", "3"),
        ('"a b"', "a b"),
        ("[1,2]", "[1,2]"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_a_word_of_the_command_line_is_a_number_where_it_is_one(words, value):
    found = number(words)
    assert found == value and type(found) is type(value)
