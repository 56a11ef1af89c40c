"""Experiments in hybrid quantum-classical transfer learning, compared with their controls."""


def run(*overrides: str):
    """Run one command line from Python.

    Returns a `qtlrun.report.result.Result`: its `frame` has a line per row, seed and metric, its
    `verdicts` a line per reference, its `folder` all files; a notebook shows the table.
    `qtlrun.run("experiment=ants_bees", "circuit.qubits=6")` is `qtlrun experiment=ants_bees
    circuit.qubits=6`. Raises `qtlrun.error.UsageError` where the command line would end with exit
    code 2.
    """
    from qtlrun.compose import run_words

    return run_words(overrides)
