"""Experiments in hybrid quantum-classical transfer learning: one command line, one table, the
controls in it.
"""


def run(*overrides: str):
    """Run one command line from Python and return its rows as a data frame, one line a row, seed
    and metric.

    `qtlrun.run("experiment=ants_bees", "circuit.qubits=6")` is `qtlrun experiment=ants_bees
    circuit.qubits=6`. Raises `qtlrun.plan.Refused` where the command line would end with exit code
    2.
    """
    from qtlrun.compose import frame

    return frame(overrides)
