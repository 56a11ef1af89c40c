"""Print the classical surrogates of each shipped quantum preset and circuit, a line each.

    python tests/surrogate_table.py

Presets on pictures are run on features that are here: QTLRUN_DATA names their folder, without which
they are left out.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import pandas as pd

import qtlrun
from qtlrun.comparison.obstacle import Obstacle

LITE = "backbone=efficientnet_lite0"
FOLDER = os.environ.get("QTLRUN_DATA", "")
PAIRS = f"backbone=efficientnet_lite0_64 dataset=folder dataset.root={FOLDER}/cifar10_pairs"
# Commands, without what they are run beside, and the words of their data or budget
PRESETS = {
    "": "",
    "experiment=moons": "",
    "experiment=square": "",
    "experiment=spirals": "",
    "experiment=spirals_hard": "",
    "experiment=spirals_paper": "",
    "experiment=spirals_hard_paper": "",
    "experiment=textures": "",
    "experiment=smoke": "",
}
PICTURES = {
    "experiment=ants_bees": LITE,
    "experiment=cifar_cat_dog": f"{PAIRS} dataset.classes=[cat,dog] dataset.train_size=400",
    "experiment=cifar_plane_car": (
        f"{PAIRS} dataset.classes=[airplane,automobile] dataset.train_size=400"
    ),
}
CIRCUITS = {
    "circuit=basic": "",
    "circuit=strong": "",
    "circuit=brickwork": "",
    "circuit=tree": "",
    "circuit=qcnn": "",
    "circuit=product": "",
    "circuit=iqp": "",
    "circuit=iqp circuit.qubits=2": "",
    "circuit=reupload": "",
    "circuit=reupload circuit.qubits=2": "",
    "circuit=amplitude circuit.qubits=6": "",
    "circuit.qubits=8": "",
}
ELSEWHERE = {
    "experiment=qt_iris": "",
    "experiment=qc_states": "",
    "experiment=qq_states": "",
}
COLUMNS = (
    "command",
    "trainings",
    "accuracy",
    "products",
    "terms",
    "keep 99 %",
    "keep all",
    "deviation",
    "us, circuit",
    "us, surrogate",
    "words",
    "words keep, %",
    "R squared",
)


def main() -> None:
    """Print three tables, and the presets that are not run."""
    home = Path(tempfile.mkdtemp())
    groups = {
        "Presets": PRESETS | (PICTURES if FOLDER else {}),
        "Circuits of the library, on the default": CIRCUITS,
        "Presets whose circuit is not between two layers": ELSEWHERE,
    }
    for title, commands in groups.items():
        print(f"## {title}\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
        for command, words in commands.items():
            rows = run([*command.split(), *words.split()], home)
            shown = command or "the default"
            print(f"| {' | '.join([shown, *cells(rows)])} |", flush=True)
        print()
    print(
        "Medians over trainings, with their range; deviation: the largest; us: microseconds of an"
        " item, batched, on one core. ants_bees and cifar_* are run on EfficientNet-Lite0, the"
        " latter at 64 pixels with 400 training pictures. Not run: nonlinearity, whose points are"
        " spirals, square and moons; ants_bees_paper, ants_bees_tutorial, cifar_*_paper and"
        " pytorch_tutorial, which need ResNet18's weights and have the circuits of ants_bees and"
        " cifar_*; the other presets of generated weights and of states of light, which have no"
        " surrogate for the reasons in the last table."
    )


def run(words: list[str], home: Path) -> pd.DataFrame:
    """Metrics of the composed row of a command; what it prints goes to standard error."""
    places = [f"home={home}", f"outputs={home / 'outputs'}"]
    with contextlib.redirect_stdout(sys.stderr):
        result = qtlrun.run(*words, "compare=[]", *places)
    return result.frame.pivot_table(index="seed", columns="metric", values="value")


def cells(rows: pd.DataFrame) -> list[str]:
    """Cells of a line, after the command."""
    line = [str(len(rows)), f"{rows.test_accuracy.mean():.3f}"]
    if "surrogate_terms" in rows:
        line += [f"{rows.surrogate_products.iloc[0]:,.0f}"]
        line += [median(rows[f"surrogate_{name}"]) for name in ("terms", "terms_99", "terms_100")]
        deviation = rows.surrogate_deviation.max()
        line += [f"{deviation:.0e}" if deviation else "< 1e-12"]
        line += [
            f"{1e6 * rows[f'seconds_{name}'].median():.2g}" for name in ("circuit", "surrogate")
        ]
    else:
        obstacle = Obstacle(int(rows.surrogate_obstacle.iloc[0]))
        line += [f"none: {obstacle.reason}", *[""] * 6]
    if "surrogate_words" not in rows:
        return [*line, "", "", ""]
    agreement = 100 * rows.surrogate_words_agreement
    return [
        *line,
        f"{rows.surrogate_words.iloc[0]:.0f}",
        f"{agreement.mean():.1f}",
        f"{rows.surrogate_words_r2.mean():.3f}",
    ]


def median(values: pd.Series) -> str:
    """Median, the higher of two, with the extremes where they differ."""
    middle = f"{values.quantile(0.5, interpolation='higher'):g}"
    if values.min() == values.max():
        return middle
    return f"{middle} ({values.min():g} to {values.max():g})"


if __name__ == "__main__":
    main()
