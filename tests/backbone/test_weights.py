import pytest

from qtlrun.backbone.weights import is_file


@pytest.mark.parametrize("text", ["weights.pt", "./weights", "folder/weights", "folder\\weights"])
def test_weights_with_a_point_or_a_slash_are_a_file(text):
    assert is_file(text)


@pytest.mark.parametrize("text", ["IMAGENET1K_V1", "package", "none"])
def test_weights_of_a_word_are_a_public_name(text):
    assert not is_file(text)
