"""Planted faults of tests/diagnosis/plants, as words of a command."""

import re
from pathlib import Path

from qtlrun.plan import plugin

FOLDER = Path(__file__).parent / "diagnosis" / "plants"
CODE_LENGTH = 4  # of Q201 in q201_in_a_loop, another shape of the same fault
# A source task of a second, on which no check depends
QUICK = (
    "dataset=moons",
    "backbone=identity",
    "recipe.epochs=5",
)


def load(path):
    """Module of a file of plants, as qtlrun loads it."""
    return plugin.load(path.stem, (str(path),))


def find():
    """Words of a command by a name that begins with the code."""
    for path in sorted(FOLDER.glob("*.py")):
        module = load(path)
        for name in vars(module):
            if re.fullmatch(r"q\d{3}(_\w+)?", name):
                yield name, [f"module={path}:{name}"]
        for name, words in getattr(module, "COMPOSED", {}).items():
            yield f"{name} composed", complete([word.replace("FILE", str(path)) for word in words])


def complete(words):
    """Words of a composed model, with those that make it quick where they are free."""
    typed = " ".join(words)
    if "experiment=" in typed:
        return list(words)
    return [*(word for word in QUICK if word.partition("=")[0] not in typed), *words]


def code_of(name):
    """Code of a plant, which begins its name."""
    return name[:CODE_LENGTH].upper()


PLANTS = list(find())
