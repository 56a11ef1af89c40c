"""Words of a command line in their parts."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from qtlrun.plan.override import Override, parse


@pytest.mark.parametrize(
    ("word", "prefix", "key", "value"),
    [
        ("seeds=3", "", "seeds", "3"),
        ("+circuit.depth=2", "+", "circuit.depth", "2"),
        ("++a=b=c", "++", "a", "b=c"),
        ("~head", "~", "head", None),
        ("~head=twin", "~", "head", "twin"),
        ("outputs=", "", "outputs", ""),
        ("/head@other.head=twin", "", "/head@other.head", "twin"),
        ("dataset.root=two\nlines", "", "dataset.root", "two\nlines"),
        ("", "", "", None),
        ("=", "", "", ""),
    ],
)
def test_a_word_is_a_prefix_a_key_and_a_value(word, prefix, key, value):
    override = Override.of(word)
    assert (override.prefix, override.key, override.value) == (prefix, key, value)
    assert override.text == word and override.sets is (value is not None)
    assert override.change == word.removeprefix(prefix)


@pytest.mark.parametrize("word", ["seeds=3", "+a.b=c", "++a.b=[1,2]", "~a=b", "x@y.z=w"])
def test_key_and_value_are_those_of_hydras_grammar(word):
    theirs, ours = OverridesParser.create().parse_overrides([word])[0], Override.of(word)
    assert ours.key == theirs.get_key_element().lstrip("+~")
    assert ours.value == (theirs.get_value_string() or None)


def test_a_word_gets_another_value_and_keeps_its_prefix():
    assert Override.of("+a.b=1").to("'2'") == "+a.b='2'"


@pytest.mark.parametrize(
    ("word", "below"),
    [("compare.B.lr=1", True), ("+compare.B.lr=1", True), ("compare.B=1", False), ("comp", False)],
)
def test_what_stands_below_a_key_is_told_from_the_key_itself(word, below):
    assert Override.of(word).is_below("compare.B") is below


@pytest.mark.parametrize("word", ["compare=[B,my-twin]", "+compare=[ B , my-twin ]"])
def test_a_value_names_options(word):
    assert parse([word])[0].options() == ["B", "my-twin"]
    assert Override.of("compare=B").options() == ["B"] and not Override.of("compare").options()
