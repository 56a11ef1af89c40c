"""Print the coverage of accuracies' intervals: `python tests/accuracy_coverage.py [DRAWS]`."""

import itertools
import sys

import numpy as np
import pandas as pd
from accuracies import PICTURES, answers, coverage, pairs

from qtlrun.statistic import crossed, proportion, proportion_difference

ACCURACIES = 0.5, 0.75, 0.9, 0.967, 0.99, 0.995
SIZES = (3, 20), (3, 153), (3, 2000), (5, 40), (5, 153), (5, 600), (10, 153), (20, 40), (20, 600)
SEEDS = 0.0, 0.3, 0.5  # deviation of the seeds' effect, in logits
DIFFERENCES = (0.9, 0.9), (0.99, 0.99), (0.97, 0.9), (0.995, 0.98), (0.9999, 0.97)


def table(draws: int = 1000) -> pd.DataFrame:
    """Coverage of `proportion` and of Student's interval by accuracy, size and correlation."""
    lines = []
    for accuracy, size, kind, of_seeds in itertools.product(ACCURACIES, SIZES, PICTURES, SEEDS):
        seeds, pictures = size
        generator = np.random.default_rng([round(1000 * accuracy), seeds, pictures])
        covered = np.zeros(2)
        for _ in range(parts := max(1, draws * seeds * pictures // 2_000_000)):
            values = answers(
                generator, accuracy, pictures, seeds, PICTURES[kind], of_seeds, draws // parts
            )
            covered += [coverage(judge, values, accuracy) for judge in (proportion, crossed)]
        lines.append([accuracy, pictures, seeds, kind, of_seeds, *covered / parts])
    return pd.DataFrame(
        lines, columns=["accuracy", "pictures", "seeds", "kind", "of seeds", "coverage", "t"]
    )


def differences(draws: int = 1000) -> pd.DataFrame:
    """The same for paired differences of two accuracies."""
    lines = []
    for accuracies, kind, of_seeds in itertools.product(DIFFERENCES, PICTURES, SEEDS):
        for seeds, pictures in ((3, 20), (3, 153), (5, 40), (10, 153)):
            generator = np.random.default_rng([seeds, pictures])
            values = pairs(generator, accuracies, pictures, seeds, PICTURES[kind], of_seeds, draws)
            truth = accuracies[0] - accuracies[1]
            covered = [coverage(judge, values, truth) for judge in (proportion_difference, crossed)]
            lines.append([f"{accuracies[0]:g} - {accuracies[1]:g}", pictures, seeds, *covered])
    return pd.DataFrame(lines, columns=["accuracies", "pictures", "seeds", "coverage", "t"])


def summary(frame: pd.DataFrame, first: str) -> str:
    """Lowest and mean coverage of each accuracy and size, over all correlations, as Markdown."""
    grouped = frame.groupby([first, "pictures", "seeds"])[["coverage", "t"]].agg(["min", "mean"])
    lines = [
        f"| {first} | pictures | seeds | lowest | mean | t, lowest | t, mean |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key, values in grouped.iterrows():
        lines.append(
            f"| {' | '.join(map(str, key))} | {' | '.join(f'{value:.3f}' for value in values)} |"
        )
    return "\n".join(lines)


def main(draws: int) -> None:
    accuracies, gaps = table(draws), differences(draws)
    print(
        f"Coverage of 95 % intervals of an accuracy, {draws} draws a cell, {len(accuracies)}"
        " cells.\n"
    )
    print(summary(accuracies, "accuracy"))
    print(f"\nPaired differences of two accuracies, {draws} draws a cell, {len(gaps)} cells.\n")
    print(summary(gaps, "accuracies"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
