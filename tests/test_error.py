"""Errors of what the user asks for: fields, worded last."""

import pytest

from qtlrun.error import BadValue, UsageError, about_values, check_finite, nearest


def test_an_error_words_key_value_reason_and_fix():
    error = UsageError("torch finds none here", "use cpu", key="accelerator", value="cuda")
    assert str(error) == "accelerator=cuda: torch finds none here; use cpu."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UsageError("nothing to train"), "nothing to train."),
        (UsageError("no item is left", key="dataset"), "dataset: no item is left."),
        (
            UsageError("it lacks weights", "is there a detach?"),
            "it lacks weights; is there a detach?",
        ),
        (BadValue("depth", None, "from 0 up"), "depth=null: from 0 up."),
        (BadValue("entangle", True, "use false"), "entangle=true: use false."),
        (UsageError("a sentence with its stop.", "another."), "a sentence with its stop; another."),
    ],
)
def test_a_sentence_has_what_there_is_and_one_stop(error, words):
    assert str(error) == words


def test_a_value_is_given_the_key_of_its_part_and_keeps_its_fields():
    error = BadValue("qubits", 0, "one at least", "4 is published", missing=True).under("circuit")
    assert (error.key, error.value, error.reason, error.fix, error.missing) == (
        "circuit.qubits",
        0,
        "one at least",
        "4 is published",
        True,
    )
    assert type(error) is UsageError and error.under("head") is error


def test_an_error_without_a_key_is_about_its_part():
    assert str(UsageError("too many numbers").under("head")) == "head: too many numbers."


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        ("", "rate=2: too large (mine.py, line 3)."),
        ("use 1", "rate=2: too large; use 1 (mine.py, line 3)."),
    ],
)
def test_file_and_line_of_the_users_code_stand_at_the_end(fix, words):
    error = UsageError("too large", fix, key="rate", value=2)
    assert str(error.located("mine.py, line 3")) == words
    assert error.located(None) is error


def test_an_error_of_others_is_about_the_part():
    assert UsageError.of(ValueError("bad luck."), "freeze").key == "freeze"
    assert UsageError.of(BadValue("frozen", 9, "2 at most"), "freeze").key == "freeze.frozen"


def test_an_error_within_is_about_the_first_value_and_names_the_others():
    with pytest.raises(BadValue) as caught, about_values(test=0.2, fold=None):
        raise UsageError("class 7 has 2 items", "take fewer", missing=True)
    error = caught.value
    assert (error.key, error.value, error.fix, error.missing) == ("test", 0.2, "take fewer", True)
    assert str(error) == "test=0.2: with fold=null, class 7 has 2 items; take fewer."


def test_an_error_within_that_has_a_key_keeps_its_words():
    with pytest.raises(BadValue) as caught, about_values(root="pictures"):
        raise BadValue("classes", "[ants]", "name two")
    assert str(caught.value) == "root=pictures: classes=[ants]: name two."


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_number_that_is_not_finite_or_below_0_is_refused_by_its_name(value):
    with pytest.raises(BadValue) as caught:
        check_finite(rate=0.0, noise=value)
    assert caught.value.key == "noise"


def test_many_names_are_listed_in_part():
    words = nearest("n17", [f"n{number}" for number in range(40)])
    assert words.startswith("did you mean n17? It is one of n0, n1") and words.endswith("28 more")
