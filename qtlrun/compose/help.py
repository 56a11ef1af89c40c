"""Help of the command line, printed without Hydra, which would read every option first."""

import textwrap
from pathlib import Path

from qtlrun.plan import option

WIDTH = 100  # characters of a line
TEXT = """\
qtlrun - what do the quantum parameters buy, and what do they cost?

Does the circuit help? The default: A beside B, C and controls, offline, in a minute:
  qtlrun
The same on another simulator, larger, with more seeds and another control:
  qtlrun device=lightning.qubit circuit.qubits=6 seeds=20 compare=[C,twin,unentangled]
A published experiment, every row tuned with the same 16 draws:
  qtlrun experiment=ants_bees tune=16
Your own pictures, a folder per class, on ImageNet's features:
  qtlrun dataset=folder dataset.root=DIR backbone=efficientnet_lite0
A sweep, with one table and one heat map; first what it would take, without running it:
  qtlrun -m circuit.qubits=2,4,6 circuit.depth=1,2 study=plan
A run again from its folder, on more seeds; its rows come from the store:
  qtlrun plan=outputs/DATE/TIME-NAME seeds=20

Groups and their options:

{groups}

Options of a group: GROUP=OPTION; a value: GROUP.KEY=VALUE; a sweep: -m and several values.
study=list says a line of each option. --cfg job prints the composed values, --config-dir DIR adds
options of yours, --shell-completion install=SHELL prints what bash, zsh or fish complete words by.
Exit codes: 0 done, 1 something failed, 2 your error and nothing started, 3 a bug, 4 disk or memory,
130 stopped."""


def text(folders: list[Path]) -> str:
    """Text of the help, with the options shipped and those in added folders."""
    groups = sorted(option.group_names(folders))
    return TEXT.format(groups="\n".join(_line(group, folders) for group in groups))


def _line(group: str, folders: list[Path]) -> str:
    """A group with its options, wrapped."""
    return textwrap.fill(
        f"{group}: {', '.join(option.options(group, folders))}",
        WIDTH,
        subsequent_indent="  ",
        break_on_hyphens=False,
    )
