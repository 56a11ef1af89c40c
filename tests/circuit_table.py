"""Print every circuit of the library beside its twin and its frozen angles, a line each.

    python tests/circuit_table.py QUBITS WORD ...

The words are those of one command of qtlrun, to which each circuit is added at its own size.
QUBITS are those of the amplitude circuit, 2**QUBITS being no fewer than there are features.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

CIRCUITS = (
    "dressed",
    "strong",
    "basic",
    "reupload",
    "iqp",
    "brickwork",
    "tree",
    "qcnn",
    "amplitude",
)
REFERENCES = ("twin", "frozen_circuit")
TITLES = (
    "circuit",
    "weights",
    "effective",
    "accuracy",
    *REFERENCES,
    *(
        f"circuit - {reference}, {unit}"
        for reference in REFERENCES
        for unit in ("nats", "accuracy")
    ),
    "seconds per seed",
)


def main(qubits: str, words: list[str]) -> None:
    """Print a Markdown table, a line per circuit."""
    print(f"| {' | '.join(TITLES)} |\n|{' --- |' * len(TITLES)}", flush=True)
    for circuit in CIRCUITS:
        sizes = [f"circuit.qubits={qubits}"] if circuit == "amplitude" else []
        rows, contrasts = run([*words, f"circuit={circuit}", *sizes])
        print(f"| {circuit} | {' | '.join(cells(rows, contrasts))} |", flush=True)
    print(
        "\nMeans over seeds; differences with 95 % intervals, in NLL below 0 and in accuracy above"
        " 0 in favour of the circuit. Weights: of the circuit; effective: directions of them that"
        " move its outputs. No circuit is chosen by this table: each line has comparisons of its"
        " own."
    )


def run(words: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and contrasts of one command, whose own output goes to standard error."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).parent / "qtlrun"
        subprocess.run([program, *words, f"outputs={folder}"], stdout=sys.stderr, check=True)
        (place,) = Path(folder).glob("*/*")
        return pd.read_csv(place / "rows.csv"), pd.read_csv(place / "contrasts.csv")


def cells(rows: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    """Cells of a line, after the circuit's name."""
    means = rows.groupby(["row", "metric"]).value.mean()
    composed = rows.row.iloc[0]
    counts = [f"{means[composed, name]:.0f}" for name in ("parameters_circuit", "angles_effective")]
    accuracies = [f"{means[row, 'test_accuracy']:.3f}" for row in (composed, *REFERENCES)]
    return [
        *counts,
        *accuracies,
        *(
            difference(contrasts, reference, metric)
            for reference in REFERENCES
            for metric in ("test_nll", "test_accuracy")
        ),
        f"{means[composed, 'seconds']:.2g}",
    ]


def difference(contrasts: pd.DataFrame, reference: str, metric: str) -> str:
    """Difference with its interval, and the verdict where there is one."""
    wanted = (contrasts.reference == reference) & (contrasts.metric == metric)
    (line,) = contrasts[wanted].itertuples()
    verdict = f", {line.verdict}" if isinstance(line.verdict, str) else ""
    return f"{line.difference:+.3f} [{line.low:+.3f}, {line.high:+.3f}]{verdict}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
