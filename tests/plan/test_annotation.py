"""Annotations of constructors as the words of a refusal."""

import ast

import pytest

from qtlrun.error import UsageError
from qtlrun.plan import annotation


def refusal(value, words):
    with pytest.raises(UsageError) as error:
        annotation.check("dataset.classes", value, ast.parse(words, mode="eval").body)
    return str(error.value)


@pytest.mark.parametrize("words", ["list[str] | None", "None | list[str]"])
def test_the_wrong_item_of_a_list_is_named_whichever_side_of_a_union_allows_lists(words):
    assert refusal(["cat", 3], words).endswith(
        "this is a list in which 3 is a whole number; texts are written in quotes, ['cat','3']."
    )


def test_a_list_where_none_is_allowed_has_no_wrong_item():
    assert refusal([3], "str | None").endswith("and this is a list.")
