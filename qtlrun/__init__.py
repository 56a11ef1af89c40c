"""Experiments in hybrid quantum-classical transfer learning, compared with their controls."""


def run(*overrides: str):
    """Run one command line from Python.

    Returns its rows as a data frame, with a line per row, seed and metric.
    `qtlrun.run("experiment=ants_bees", "circuit.qubits=6")` is `qtlrun experiment=ants_bees
    circuit.qubits=6`. Raises `qtlrun.error.UsageError` where the command line would end with exit
    code 2.
    """
    from qtlrun.compose import frame

    return frame(overrides)
