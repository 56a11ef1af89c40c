"""Help of the command line, printed without Hydra, which would read every option first."""

import textwrap
from pathlib import Path

from qtlrun.compose import option

WIDTH = 100  # characters of a line
TEXT = """\
qtlrun - what do the quantum parameters buy, and what do they cost?

  qtlrun                                            the default: A beside B, C and controls, offline
  qtlrun head=quantum device=lightning.qubit        the same on PennyLane's C++ simulator
  qtlrun experiment=ants_bees                       ImageNet ResNet18 on ants and bees
  qtlrun circuit.qubits=6 circuit.depth=4 seeds=20 compare=[B,C,twin,unentangled]
  qtlrun compare=[]                                 the composed model alone
  qtlrun -m circuit.qubits=2,4,6 circuit.depth=1,2  a sweep: one table, one heat map

Groups and their options:

{groups}

Options of a group: GROUP=OPTION; a value: GROUP.KEY=VALUE; a sweep: -m and several values.
--cfg job prints the composed values, --config-dir DIR adds options of yours. Exit codes: 0 done,
1 something failed, 2 your error and nothing started, 3 a bug, 4 disk or memory, 130 stopped."""


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
