"""Sentence on classical surrogates: counts, times, words, and rows that have none."""

import pytest
from rows import point

from qtlrun.comparison.obstacle import Obstacle
from qtlrun.report import frame, sentence

FIGURES = {
    "surrogate_products": 81,
    "surrogate_terms": 80,
    "surrogate_terms_99": 4,
    "surrogate_terms_100": 8,
    "surrogate_deviation": 0.0,
    "surrogate_words": 66,
    "surrogate_words_r2": 0.9,
    "surrogate_words_agreement": 0.98,
    "seconds_circuit": 2e-6,
    "seconds_surrogate": 1e-6,
}
POLYNOMIAL = {name: value for name, value in FIGURES.items() if "words" not in name}
WORDS = {name: value for name, value in FIGURES.items() if "words" in name}


def trained(figures, **counts):
    """A point whose rows have these figures; `counts` are those of each seed of A."""
    made = point(tuple(figures), seeds=3)
    for label, values in figures.items():
        for number, one in enumerate(made.splits[0][label].finished):
            one.figures.update(values)
            if label == "A":
                one.figures.update({name: value[number] for name, value in counts.items()})
    return made


def test_a_row_without_a_circuit_says_nothing():
    assert sentence.surrogates(point(("A", "B"))) == []


def test_the_line_has_the_median_terms_of_each_row_with_a_circuit():
    made = trained({"A": FIGURES, "B": {}, "twin": FIGURES}, surrogate_terms_99=[2, 7, 5])
    (note,) = sentence.surrogates(made)
    assert note.short == (
        "Sine and cosine terms that keep 99 % (all) of the predictions: A 5 (8) of 80, twin 4 (8)"
        " of 80."
    )
    for words in (
        "A has 80 of 81 terms: 5 (2 to 7) keep 99 % of the test predictions, 8 all of them;",
        "an item takes 1 microseconds, 2 in the circuit; twin has",
        "deviate by below 1e-12",
        "A 98.0 % with 66 words (R squared 0.900)",
    ):
        assert words in note.full
    assert "B has" not in note.full


def test_the_largest_deviation_is_told_where_it_is_more_than_rounding():
    made = trained({"A": FIGURES}, surrogate_deviation=[0.0, 3e-11, 1e-12])
    (note,) = sentence.surrogates(made)
    assert "deviate by at most 3e-11" in note.full


@pytest.mark.parametrize("obstacle", Obstacle)
def test_a_row_without_a_polynomial_says_why_and_words_stand_in_the_file(obstacle):
    notes = sentence.surrogates(trained({"A": WORDS | {"surrogate_obstacle": obstacle}, "B": {}}))
    assert notes[0].short == "" and "A 98.0 %" in notes[0].full
    assert notes[1].short == f"No polynomial as a classical surrogate of A: {obstacle.reason}."


def test_rows_with_one_reason_share_a_line():
    reason = {"surrogate_obstacle": Obstacle.LIGHT}
    (note,) = sentence.surrogates(trained({"A": reason, "twin": reason}))
    assert " of A, twin: " in note.full


def test_figures_stand_in_the_frame_of_rows_and_in_no_column_of_the_table():
    made = trained({"A": FIGURES, "B": {}})
    rows = frame.rows_frame([made], 1024)
    found = rows[(rows.row == "A") & (rows.seed == 0)].set_index("metric").value
    assert found[list(FIGURES)].to_dict() == FIGURES
    assert not any("surrogate" in metric for metric in rows[rows.row == "B"].metric)
    assert not any("surrogate" in column for column in frame.table(made, 0.05, 1024).columns)
