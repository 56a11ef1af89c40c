import pytest

from qtlrun.error import UsageError
from qtlrun.plan import code

SOURCE = "import layers\n\n\nclass Net:\n    width = layers.WIDTH\n\n\ndef small():\n    return 3\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers.py").write_text("WIDTH = 8\n")
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path / "mine.py"


def refusal(call, *values):
    with pytest.raises(UsageError) as error:
        call(*values)
    return error.value


def test_a_class_and_a_function_are_loaded_with_what_their_file_imports(file):
    assert code.load("mine.py:Net").width == 8
    assert code.load(f"{file}:small")() == 3


def test_the_identity_is_the_name_and_the_bytes_of_the_file_and_of_its_imports(file, tmp_path):
    first = code.identity("mine.py:Net")
    assert first == code.identity(f"{file}:Net")  # wherever it lies
    assert first != code.identity("mine.py:small")
    (tmp_path / "layers.py").write_text("WIDTH = 9\n")
    assert code.identity("mine.py:Net") != first
    assert code.load("mine.py:Net").width == 9


@pytest.mark.parametrize("value", ["mine.py", "mine.py:", ":Net", "mine.py:3"])
def test_what_is_no_file_and_name_is_refused_with_the_form(value):
    error = refusal(code.check, "circuit.path", value)
    assert (error.key, error.value) == ("circuit.path", value)
    assert "FILE.py:NAME" in error.reason


@pytest.mark.parametrize(
    "value, reason",
    [
        ("absent.py:Net", "there is no such Python file"),
        ("notes.txt:Net", "there is no such Python file"),
        ("torch.py:Net", "torch is the name of an installed module"),
        ("broken.py:Net", "line 2: "),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_by_the_key_before_it_is_run(file, value, reason):
    (file.parent / "torch.py").write_text("")
    (file.parent / "notes.txt").write_text("")
    (file.parent / "broken.py").write_text("a = 1\nclass :\n")
    error = refusal(code.check, "backbone.path", value)
    assert (error.key, error.value) == ("backbone.path", value)
    assert error.reason.startswith(reason)


def test_a_wrong_name_is_refused_with_the_nearest(file):
    error = refusal(code.load, "mine.py:Nett")
    assert error.fix == "did you mean Net? It is one of Net, small"
    assert "mine.py" in error.reason


def test_an_error_while_the_file_loads_is_told_with_its_line(file):
    file.write_text("a = 1\nb = a / 0\n")
    error = refusal(code.load, "mine.py:Net")
    assert "mine.py, line 2: ZeroDivisionError: division by zero" in error.reason
