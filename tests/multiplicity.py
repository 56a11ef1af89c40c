"""How many tables of identical references have a false verdict, plain and with Holm's correction.

    python tests/multiplicity.py [DRAWS]

One composed row against 4 and 14 references of its kind: all trainings of all rows are drawn from
one distribution, and all contrasts share the composed row. Seeds are normal, pictures are as
difficult for every row, and each cell has a residual. False is a verdict better or worse.
"""

import sys

import numpy as np

from qtlrun import statistic

PICTURES = 300
# Share of the residual in the squared error of a difference; the rest is the seeds'
RESIDUALS = {"seeds alone": 0.0, "half residual": 0.5, "residual alone": 1.0}


def main(draws: int) -> None:
    """Print a Markdown table, a line per noise, number of seeds and number of references."""
    print("| noise | seeds | references | tables with a false verdict | with Holm |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for noise, share in RESIDUALS.items():
        for seeds in (5, 10):
            for references in (4, 14):
                plain, holm = rates(draws, references, seeds, share)
                print(f"| {noise} | {seeds} | {references} | {plain:.3f} | {holm:.3f} |")
    error = 1.96 * np.sqrt(0.05 * 0.95 / draws)
    print(f"\n{draws} tables a line; a rate of .05 is measured to +-{error:.3f} (95 %).")


def rates(draws: int, references: int, seeds: int, share: float) -> tuple[float, float]:
    """Share of tables with a false verdict, by the plain p values and by Holm's."""
    generator = np.random.default_rng([references, seeds, round(100 * share)])
    plain = 0
    holm = 0
    for _ in range(draws):
        training = generator.normal(size=(references + 1, seeds, 1)) * np.sqrt(1 - share)
        residual = generator.normal(size=(references + 1, seeds, PICTURES))
        rows = training + residual * np.sqrt(share * PICTURES)
        p = [statistic.p_value(statistic.crossed(rows[0] - row)) for row in rows[1:]]
        plain += min(p) < statistic.ALPHA
        holm += statistic.holm(p).min() < statistic.ALPHA
    return plain / draws, holm / draws


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
