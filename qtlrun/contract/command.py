"""Contracts of what a command does with its rows: studies, and lenses."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Study(Protocol):
    """Use of the plans of a command: it trains them and reports.

    run: trains them and writes a report; gives the rows, and whether all went well
    check: refuses plans that it cannot run, before anything is trained
    excuses: whether a plan whose weights or data cannot be had is left out, and not an error
    heeds_seal: whether its table marks the contrasts that a sealed plan did not declare
    trains: whether it trains the rows of its plans
    surrogates: whether its rows have figures of the classical surrogates of their circuits
    takes_lenses: whether it looks at its rows through lenses, or describes a command that does
    takes_run: whether it takes a finished run, by `experiment.finished(plan)`
    takes_runs: whether it reads the folders that `runs` names
    loads: whether it needs the parts of its plans, which are checked first
    downloads: whether it downloads weights and data that are absent; else their plan is left out
    """

    check: Callable[[list, Any], None] | None = None
    excuses: bool = False
    heeds_seal: bool = False
    trains: bool = True
    surrogates: bool = False
    takes_lenses: bool = False
    takes_run: bool = False
    takes_runs: bool = False
    loads: bool = True
    downloads: bool = True

    def run(self, plans: list, experiment: Any, report: Any) -> tuple: ...


@runtime_checkable
class Lens(Protocol):
    """Way of looking into trained rows.

    view: what it shows of the rows of a `qtlrun.lens.scene.Scene`: a `qtlrun.lens.view.View`
    check: refuses values that it cannot have for a dataset of these classes
    """

    check: Callable[[Sequence[str]], None] | None = None

    def view(self, scene: Any) -> Any: ...
