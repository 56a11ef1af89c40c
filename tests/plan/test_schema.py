"""A constructor read from source, against what Python itself says of the loaded class."""

import dataclasses
import inspect
import textwrap

import pytest

from qtlrun.error import UsageError
from qtlrun.plan import build, check_part, plugin
from qtlrun.plan.part import OFFERED, parameters

BESIDE = """
    from dataclasses import dataclass, field
    from qtlrun.circuit.chain import Chain

    class Base:
        def __init__(self, qubits: int, depth: int = 2): ...

    class Wide(Base):
        def __init__(self, width: float, *, tall: bool = True, **rest):
            super().__init__(**rest)

    class Late(Chain): ...

    @dataclass
    class Sizes:
        qubits: int
        names: list = field(default_factory=list)

    def give(width: int, depth: int = 2): ...
"""
CLASSES = {
    "of a class in the same file": (
        "class Base:\n    def __init__(self, qubits: int, depth: int = 1): ...\nclass"
        " Head(Base): ..."
    ),
    "of a grandparent": (
        "class A:\n    def __init__(self, a): ...\nclass B(A): ...\nclass Head(B): ..."
    ),
    "of a part of ours": "from qtlrun.circuit.chain import Chain\nclass Head(Chain): ...",
    "of a part of ours under another name": (
        "from qtlrun.circuit.chain import Chain as D\nclass Head(D): ..."
    ),
    "of a part of ours through its module": (
        "import qtlrun.circuit.chain\nclass Head(qtlrun.circuit.chain.Chain): ..."
    ),
    "of a part of ours through its renamed module": (
        "from qtlrun.circuit import chain as d\nclass Head(d.Chain): ..."
    ),
    "of a class beside": "from beside import Base\nclass Head(Base): ...",
    "of a class beside by a star": "from beside import *\nclass Head(Late): ...",
    "of a class beside, relative": "from .beside import Late\nclass Head(Late): ...",
    "of the first of two": (
        "class A:\n    def __init__(self, a): ...\nclass B:\n    def __init__(self, b): ...\nclass"
        " Head(A, B): ..."
    ),
    "of the second of two": (
        "class A: ...\nclass B:\n    def __init__(self, b): ...\nclass Head(A, B): ..."
    ),
    "of a diamond": (
        "class O:\n    def __init__(self, o): ...\nclass A(O): ...\nclass B(O):\n    def"
        " __init__(self, b): ...\nclass Head(A, B): ..."
    ),
    "of one that is generic": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    def"
        " __init__(self, a): ...\nclass Head(A[int]): ..."
    ),
    "of an abstract one": (
        "from abc import ABC\nclass A(ABC):\n    def __init__(self, a, *, b=1): ...\nclass"
        " Head(A): ..."
    ),
    "of torch's module": "from torch import nn\nclass Head(nn.Module): ...",
    "of nothing": "class Head: ...",
    "of a base that is another name": (
        "class A:\n    def __init__(self, a): ...\nB = A\nclass Head(B): ..."
    ),
    "under another name": "class A:\n    def __init__(self, a): ...\nHead = A",
    "imported": "from beside import Base as Head",
    "imported from ours": "from qtlrun.circuit.chain import Chain as Head",
    "given in part": (
        "from functools import partial\nfrom beside import Base\nHead = partial(Base, depth=3)"
    ),
    "given in part, whole name": (
        "import functools\nimport beside\nHead = functools.partial(beside.Base, qubits=3)"
    ),
    "defined twice": (
        "class Head:\n    def __init__(self, a): ...\nclass Head:\n    def __init__(self, b): ..."
    ),
    "under a condition": (
        "try:\n    import nowhere_at_all\nexcept ImportError:\n    class Head:\n        def"
        " __init__(self, a, b=2): ..."
    ),
    "of __new__": "class Head:\n    def __new__(cls, a, b=2):\n        return object.__new__(cls)",
    "with names after a slash": "class Head:\n    def __init__(self, /, a, *, b=2): ...",
    "of a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Head:\n    a: int\n    b: float = 1."
    ),
    "of a dataclass with a call": (
        "import dataclasses as d\n@d.dataclass(frozen=True)\nclass Head:\n    a: int\n    e: int ="
        " d.field()\n    b: list = d.field(default_factory=list)\n    c: int = d.field(init=False,"
        " default=3)"
    ),
    "of a dataclass with class variables": (
        "from dataclasses import dataclass, KW_ONLY\nfrom typing import ClassVar\n@dataclass\nclass"
        " Head:\n    x: ClassVar[int] = 3\n    a: int\n    _: KW_ONLY\n    b: int = 2"
    ),
    "of a dataclass that inherits": (
        "from dataclasses import dataclass\nfrom beside import Sizes\n@dataclass\nclass"
        " Head(Sizes):\n    depth: int = 1"
    ),
    "of a child of a dataclass": "from beside import Sizes\nclass Head(Sizes):\n    depth: int = 1",
    "of a dataclass with a constructor": (
        "from dataclasses import dataclass\n@dataclass\nclass Head:\n    a: int\n    def"
        " __init__(self, b): ..."
    ),
    "of a dataclass without": (
        "from dataclasses import dataclass\nclass A:\n    def __init__(self, a):"
        " ...\n@dataclass(init=False)\nclass Head(A):\n    b: int"
    ),
    "of annotations alone": "class Head:\n    a: int\n    b: int = 1",
    "of a function": "def Head(a: int, b=1, *, c, d=2): ...",
    "of a function imported": "from beside import give as Head",
    "of a function given in part": (
        "from functools import partial\nfrom beside import give\nHead = partial(give, width=3)"
    ),
    "of a named tuple": (
        "from typing import NamedTuple\nclass Head(NamedTuple):\n    a: int\n    b: int = 2"
    ),
}
# A frozen dataclass, whose fields a constructor takes in its place.
FIELDS = """
from dataclasses import dataclass

from qtlrun.error import BadValue

@dataclass(frozen=True)
class Size:
    width: int
    depth: int = 2

    def __post_init__(self):
        if self.width < 1:
            raise BadValue("width", self.width, "from 1 up")

"""
PASSED_ON = {
    "to a class beside": (
        "from beside import Wide\nclass Head(Wide): ...",
        {"width": True, "tall": False, "qubits": True, "depth": False},
    ),
    "with places": (
        (
            "from beside import Base\nclass Head(Base):\n    def __init__(self, *args, more: int ="
            " 1, **kwargs):\n        super().__init__(*args, **kwargs)"
        ),
        {"more": False, "qubits": True, "depth": False},
    ),
    "to a part of ours": (
        (
            "from qtlrun.circuit.chain import Chain\nclass Head(Chain):\n    def"
            " __init__(self, depth: int = 1, **rest):\n        super().__init__(depth=depth,"
            " **rest)"
        ),
        {"depth": False, "qubits": True},
    ),
}


@pytest.fixture
def source(tmp_path):
    def write(text):
        (tmp_path / "beside.py").write_text(textwrap.dedent(BESIDE))
        path = tmp_path / "mine.py"
        path.write_text(text + "\n")
        return str(path)

    return write


@pytest.mark.parametrize("text", CLASSES.values(), ids=CLASSES)
def test_the_constructor_is_the_one_that_python_would_call(source, text):
    path = source(text)
    kind = plugin.load("mine", (path,)).Head
    bound = set(getattr(kind, "keywords", ()))  # of functools.partial
    signature = inspect.signature(kind).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    right = {
        one.name: one.default is one.empty and one.name not in bound
        for one in signature
        if one.kind not in variadic
    }
    assert {
        name: required
        for name, (_, required, _) in parameters("head", "mine.Head", (path,)).items()
    } == right


@pytest.mark.parametrize(("text", "takes"), PASSED_ON.values(), ids=PASSED_ON)
def test_what_a_constructor_passes_on_is_what_the_next_one_takes(source, text, takes):
    path = source(text)
    assert {
        name: required
        for name, (_, required, _) in parameters("head", "mine.Head", (path,)).items()
    } == takes
    build(
        "device",
        {"_target_": "mine.Head"}
        | {name: 2 for name, required in takes.items() if required and name != "width"}
        | ({"width": 1.0} if "width" in takes else {}),
        [path],
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "from rich.text import Text\nclass Head(Text): ...",
            (
                "it inherits its constructor from rich.text.Text, whose source is not read; "
                "write an __init__ that names what it takes."
            ),
        ),
        (
            "class Head:\n    def __init__(self, **options): ...",
            (
                "it takes **options, and a part's constructor names what it takes; write the "
                "names out."
            ),
        ),
        (
            "def Head(**options): ...",
            (
                "it takes **options, and a function that gives a part names what it takes; write"
                " the names out."
            ),
        ),
        (
            "def Head(width, /, depth): ...",
            "it takes width by position alone, and values come by name; leave out the /.",
        ),
        (
            FIELDS + "def Head(size: Size, depth: int): ...",
            "it takes depth twice, once as a field of size; rename one.",
        ),
        (
            FIELDS + "@dataclass(frozen=True)\nclass Box:\n    size: Size\ndef Head(box: Box): ...",
            "a field of box has fields of its own; let it be a parameter beside box.",
        ),
        (
            "class Head:\n    def __init__(self, width, /, depth): ...",
            "it takes width by position alone, and values come by name; leave out the /.",
        ),
    ],
)
def test_a_constructor_that_source_does_not_tell_is_refused_with_what_to_write(source, text, words):
    with pytest.raises(UsageError) as error:
        parameters("head", "mine.Head", (source(text),))
    assert str(error.value) == f"head: of mine.Head the values are not known: {words}"


@pytest.mark.parametrize(
    "head",
    [
        "class Head:\n    def __init__(self, size: Size, tall: bool = True):\n"
        "        self.size = size\n",
        "class Base:\n    def __init__(self, size: Size):\n        self.size = size\n"
        "class Head(Base):\n    def __init__(self, tall: bool = True, **rest):\n"
        "        super().__init__(**rest)\n",
        "from types import SimpleNamespace\n"
        "def Head(size: Size, tall: bool = True):\n    return SimpleNamespace(size=size)\n",
        "@dataclass\nclass Head:\n    size: Size\n    tall: bool = True\n",
    ],
    ids=["class", "inherited", "function", "dataclass"],
)
def test_the_fields_of_a_frozen_dataclass_are_values_of_the_part(source, head):
    path = source(FIELDS + head)
    part = {"_target_": "mine.Head"}
    takes = parameters("head", "mine.Head", (path,))
    assert {name: each.required for name, each in takes.items()} == {
        "width": True,
        "depth": False,
        "tall": False,
    }
    size = build("device", part | {"width": 3}, [path]).size
    assert (type(size).__name__, size.width, size.depth) == ("Size", 3, 2)
    assert build("device", part | {"width": 3, "depth": 5, "tall": False}, [path]).size.depth == 5
    for values, words in (
        ({"width": 0}, r"device.width=0: from 1 up \(.*mine.py, line \d+\)\.$"),
        ({"width": "x"}, "device.width=x: a whole number is needed here"),
        ({}, "device.width: mine.Head needs it and it is not given"),
        ({"size": 3}, "device.size: there is no such key"),
    ):
        with pytest.raises(UsageError, match=f"^{words}"):
            build("device", part | values, [path])


def test_fields_of_a_parameter_with_a_default_may_all_be_left_out(source):
    path = source(FIELDS + "def Head(size: Size = Size(7)):\n    return size\n")
    part = {"_target_": "mine.Head"}
    assert build("device", part, [path]).width == 7
    assert build("device", part | {"width": 3}, [path]).width == 3
    bare = (
        FIELDS.replace("width: int", "width: int = 4") + "def Head(size: Size):\n    return size\n"
    )
    assert build("device", part, [source(bare)]).width == 4


@pytest.mark.parametrize(
    "text",
    [
        FIELDS.replace("(frozen=True)", "") + "def Head(size: Size, features: int): ...",
        FIELDS + "def Head(size: int, features: Size): ...",
    ],
    ids=["not frozen", "offered"],
)
def test_a_dataclass_that_may_change_or_that_is_offered_is_one_value(source, text):
    assert list(parameters("head", "mine.Head", (source(text),))) == ["size", "features"]


def test_an_inherited_constructor_is_checked_by_its_types(source):
    path = source("from beside import Late\nclass Head(Late): ...")
    with pytest.raises(
        UsageError,
        match="^circuit.qubits=four: a whole number is needed here, and this is a text.$",
    ):
        check_part("circuit", {"_target_": "mine.Head", "qubits": "four", "depth": 1}, [path])


@pytest.mark.parametrize(
    ("annotation", "right", "wrong", "words"),
    [
        ("'int'", 3, "x", "a whole number"),
        ("Optional[int]", None, "x", "a whole number or null"),
        ("Union[int, str]", "x", 1.5, "a whole number or a text"),
        ("typing.Literal['a', 'b']", "a", "c", "it is one of a, b."),
        ("typing.List[int]", [1], ["x"], "a list of whole numbers"),
        ("list['int']", [1], ["x"], "a list of whole numbers"),
        ("typing.Optional['float']", 1, "x", "a number or null"),
        ("list", [1], 3, "a list"),
        ("dict", {"a": 1}, 3, "a group of values"),
    ],
)
def test_annotations_are_understood_in_all_their_spellings(source, annotation, right, wrong, words):
    path = source(
        "import typing\nfrom typing import *\nclass Head:\n    def __init__(self, a:"
        f" {annotation}): ..."
    )
    check_part("head", {"_target_": "mine.Head", "a": right}, [path])
    with pytest.raises(UsageError) as error:
        check_part("head", {"_target_": "mine.Head", "a": wrong}, [path])
    assert words in str(error.value)


def test_every_part_of_ours_is_read_as_python_reads_it():
    import importlib

    import yaml
    from test_layering import CONF

    targets = {
        (path.parent.name, target)
        for path in CONF.glob("*/*.yaml")
        if (target := (yaml.safe_load(path.read_text()) or {}).get("_target_"))
    }
    assert len(targets) >= 40
    for group, target in targets:
        module, _, name = target.rpartition(".")
        signature = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        required = {key: one.default is one.empty for key, one in signature.items()}
        for key, one in signature.items():
            if key not in OFFERED.get(group, ()) and dataclasses.is_dataclass(one.annotation):
                del required[key]
                for field in dataclasses.fields(one.annotation):
                    required[field.name] = field.default is dataclasses.MISSING
        takes = parameters(group, target)
        assert {key: each.required for key, each in takes.items()} == required, target
