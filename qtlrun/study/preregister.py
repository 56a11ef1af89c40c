"""Seal of a plan before it is run: its values, its declared contrasts, a hash."""

import shlex
import time
from dataclasses import asdict, dataclass

import pandas as pd

from qtlrun import disk, statistic
from qtlrun.error import BadValue, UsageError, nearest
from qtlrun.experiment import Experiment
from qtlrun.experiment.registration import Registration
from qtlrun.ledger import Readings
from qtlrun.plan import Plan
from qtlrun.plan.seal import FILE, METRIC, Seal, sealed_command, sealed_values
from qtlrun.report import sentence, terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note
from qtlrun.store import Entry


@dataclass(frozen=True)
class Preregister:
    """Seal the plans of a command line: their values, their declared contrasts, and a hash.

    A run with seal=HASH must be the same plans on the same data; it marks every contrast that was
    not declared as exploratory. Source: Nosek et al. 2018, doi:10.1073/pnas.1708274114.

    margin: of the verdicts, nats of NLL or a percentage of the reference's
    contrasts: names of the references whose contrast is declared; None for all
    """

    margin: float | str
    contrasts: list[str] | None

    trains = False
    takes_lenses = True

    def __post_init__(self):
        _ = statistic.Margin.of(self.margin)
        names = self.contrasts
        if names is not None and (not names or len(set(names)) < len(names)):
            raise BadValue("contrasts", names, "one or more different references", "null for all")

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse plans without a contrast, and declared ones that no plan has."""
        names = self._claims(plans)
        if not names:
            raise UsageError(
                "a plan declares differences to references",
                "choose one, as compare=[twin]",
                key="compare",
                value="[]",
            )
        for name in self.contrasts or ():
            if name not in names:
                raise UsageError(
                    "no row of this plan is called so",
                    nearest(name, names),
                    key="study.contrasts",
                    value=name,
                )

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Contrasts, each declared or exploratory, as a data frame; and True."""
        seal = self._seal(plans, experiment)
        experiment.session.store.put("seals", seal.hash, Entry({"hash": seal.hash} | seal.content))
        disk.write(report.folder / FILE, seal.file)
        frame = pd.DataFrame(
            [
                {
                    "reference": name,
                    "isolates": claim,
                    "status": "declared" if name in seal.declared else "exploratory",
                }
                for name, claim in self._claims(plans).items()
            ]
        )
        noun = experiment.dataset(plans[0].model).noun
        report.finish(
            plans,
            self._notes(plans, seal, noun),
            {"declared": frame},
            show=lambda console: terminal.show_words(console, frame),
        )
        return frame, True

    def _claims(self, plans: list[Plan]) -> dict[str, str]:
        """Claims of the references of all plans that are rows of their own, by name."""
        return {name: claim for plan in plans for name, claim in plan.claims.items()}

    def _seal(self, plans: list[Plan], experiment: Experiment) -> Seal:
        """Seal of the plans as they are now."""
        registration = Registration(experiment.session)
        return Seal(
            date=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            command=["qtlrun", *sealed_command(plans[0].command[1:])],
            metric=METRIC,
            declared=list(self.contrasts or self._claims(plans)),
            margin=self.margin,
            readers=asdict(Readings.largest(map(registration.readings, plans))),
            fingerprints=list(map(registration.fingerprints, plans)),
            plans=[sealed_values(plan.values) for plan in plans],
        )

    def _notes(self, plans: list[Plan], seal: Seal, noun: str) -> list[Note]:
        """Sentences on what was sealed, and on how to run it."""
        plan = plans[0].under(seal.point(0))
        points = f"; {len(plans)} points" if len(plans) > 1 else ""
        margin = statistic.Margin.of(seal.margin).words()
        declared = f"Declared: differences in NLL, with a margin of {margin}{points}."
        return [
            *sentence.sealed(plan, noun),
            Note(
                f"{declared} Every other difference, and every other figure, is exploratory.",
                declared,
            ),
            Note(f"Run it: {shlex.join([*seal.command, f'seal={seal.name}'])}"),
            Note(
                "The hash covers the composed values, the declared contrasts, the data and the"
                " date, which is that of this machine's clock: publish the hash to have it dated by"
                " others. A seal does not show that nobody has seen the test items.",
                "Publish the hash, so that others can date it.",
            ),
        ]
