"""Every defensible protocol as one grid: how often each sign of a difference holds, and which
choice turns it.
"""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from qtlrun import disk, statistic
from qtlrun import plan as plans
from qtlrun.experiment import Experiment
from qtlrun.plan import Refused
from qtlrun.report import figure, output, sentence, terminal
from qtlrun.report.progress import Progress
from qtlrun.report.sentence import count
from qtlrun.study import table


@dataclass(frozen=True)
class Multiverse:
    """Trains the composed model and its references under every combination of `choices`, all seeds
    of each.

    A difference is composed minus reference in nats of test NLL, two-way over seeds and pictures
    within its protocol. Source: Steegen et al. 2016, doi:10.1177/1745691616658637; the
    specification curve of Simonsohn et al. 2020, doi:10.1038/s41562-020-0912-z. `margin` is that of
    the verdicts.
    """

    margin: float
    choices: dict

    def __post_init__(self):
        statistic.check_nats(self.margin)
        if not self.choices or not all(
            isinstance(part, dict) and part for part in self.choices.values()
        ):
            raise ValueError(
                "choices: groups of keys with the values to try, as"
                " study.choices.recipe.lr=[0.001,0.01]."
            )
        for group, part in self.choices.items():
            for name, values in part.items():
                if (
                    not isinstance(values, list)
                    or not values
                    or len({str(one) for one in values}) < len(values)
                ):
                    raise ValueError(
                        f"choices.{group}.{name}={values}: a list of different values is needed"
                        " here."
                    )

    def check(self, jobs: list[dict], experiment: Experiment) -> None:
        """Refuse several points, no reference, and protocols that cannot be."""
        table.check_one(jobs, "multiverse")
        if not plans.references(jobs[0])[0]:
            raise Refused(
                "compare=[]: a multiverse is one of differences; choose a reference, as"
                " compare=[twin]."
            )
        rows = table.rows(jobs[0])
        for key in self._keys():
            group = key.partition(".")[0]
            if group not in plans.PARTS:
                raise Refused(f"study.choices.{group}: {plans.nearest(group, plans.PARTS)}")
            if not any(plans.has(row, key) for row in rows.values()):
                names = [name for name in plans.bare(jobs[0][group]) if name != "_target_"]
                near = plans.nearest(key.partition(".")[2], names)
                raise Refused(f"study.choices.{key}: no row has such a value; {near}")
            if plans.typed(jobs[0], key):
                raise Refused(
                    f"{key}: study.choices.{key} has it too, so the value typed would not be"
                    f" heeded; ~study.choices.{key} takes it out of the grid."
                )
        for row in rows.values():
            for protocol in self._alone():
                plans.check_same(row, protocol, "study.choices")
                changed = plans.drawn(row, protocol)
                for group in self.choices:
                    plans.check_part(group, changed[group], changed["plugins"])
                experiment.check(changed)

    def run(
        self, jobs: list[dict], out: Path, experiment: Experiment, console: Console
    ) -> tuple[pd.DataFrame, bool]:
        """The difference to each reference under each protocol, a line each, and whether none
        failed.
        """
        job = jobs[0]
        protocols = self._protocols()
        claims = table.claims(job)
        seeds = plans.seeds(job)
        composed = table.name(job)
        made = table.rows(job)
        reader = table.reader(job)
        readers = [disk.digest(json.dumps([reader, protocol]).encode()) for protocol in protocols]
        with Progress(console, out / "log.txt") as progress:
            experiment.session.step = progress.step
            progress.say(f"{len(protocols)} protocols, {count(len(seeds), 'seed')} each:")
            found = {
                name: experiment.figures(
                    name,
                    [plans.drawn(made[name], protocol) for protocol in protocols],
                    seeds,
                    readers,
                )
                for name in (composed, *claims)
            }
        frame = self._frame(protocols, found, composed)
        lines = self._sentences(frame, composed, claims, len(seeds))
        lines.append(
            sentence.readers(max(one.reads for figures in found.values() for one in figures))
        )
        lines += sentence.described(
            [
                (name, experiment.describe(name, plans.drawn(row, protocol)))
                for name, row in made.items()
                if name in found
                for protocol in protocols
            ]
        )
        output.write_study(
            out,
            jobs,
            lines,
            {"multiverse": frame},
            {
                f"specification_curve-{name}": figure.specification_curve(
                    part, composed, name, self._keys()
                )
                for name, part in frame.groupby("reference", sort=False)
            },
        )
        terminal.say(console, lines)
        return frame, bool((frame["seeds"] == len(seeds)).all())

    def _keys(self) -> list[str]:
        return [f"{group}.{name}" for group, part in self.choices.items() for name in part]

    def _protocols(self) -> list[dict[str, object]]:
        values = [given for part in self.choices.values() for given in part.values()]
        return [dict(zip(self._keys(), one, strict=True)) for one in itertools.product(*values)]

    def _alone(self) -> list[dict[str, object]]:
        """Every value of every choice once, for the checks."""
        return [
            {f"{group}.{name}": value}
            for group, part in self.choices.items()
            for name, values in part.items()
            for value in values
        ]

    def _frame(self, protocols: list[dict], found: dict, composed: str) -> pd.DataFrame:
        lines = []
        for name in found.keys() - {composed}:
            for protocol, mine, other in zip(protocols, found[composed], found[name], strict=True):
                whole = np.isfinite(mine.nll + other.nll).all(1)
                line = {
                    "reference": name,
                    **{key: _plain(value) for key, value in protocol.items()},
                    "difference": np.nan,
                    "seeds": int(whole.sum()),
                }
                if whole.sum() >= min(len(whole), statistic.FEWEST):
                    verdict = statistic.verdict((mine.nll - other.nll)[whole], self.margin)
                    if not whole.all():
                        verdict = verdict.withheld()
                    gap = verdict.interval
                    line |= {
                        "difference": gap.mean,
                        "low": gap.low,
                        "high": gap.high,
                        "verdict": verdict.word,
                        "validation": float((mine.validation - other.validation)[whole].mean()),
                    }
                lines.append(line)
        columns = [
            "reference",
            *self._keys(),
            "seeds",
            "difference",
            "low",
            "high",
            "verdict",
            "validation",
        ]
        return pd.DataFrame(lines, columns=columns).sort_values(
            "reference",
            key=lambda names: names.map(list(found).index),
            kind="stable",
            ignore_index=True,
        )

    def _sentences(
        self, frame: pd.DataFrame, composed: str, claims: dict[str, str], seeds: int
    ) -> list[str]:
        """Sentences on each reference over the grid."""
        lines = []
        for name, part in frame.groupby("reference", sort=False):
            whole = part[np.isfinite(part["difference"])]
            if whole.empty:
                lines.append(f"{composed} - {name}: no protocol was finished.")
                continue
            lost = (part["seeds"] < seeds).sum()
            sure = whole["seeds"] == seeds
            gap = whole["difference"]
            choices = {key: whole[key] for key in self._keys() if whole[key].nunique() > 1}
            alone, total = (
                share(gap.to_numpy(), choices) for share in (statistic.explained, statistic.swayed)
            )
            below = (gap < 0).mean()
            above = (gap > 0).mean()
            order = sorted(total, key=total.get, reverse=True)
            said = [f"{key} {total[key]:.0%} ({alone[key]:.0%} alone)" for key in order]
            failed = (
                f" {count(int(lost), 'protocol')} had seeds that failed and no verdict; those with"
                " fewer than three are left out."
                if lost
                else ""
            )
            lines.append(
                f"{composed} - {name}, {claims[name]}: below 0 ({composed} better) in {below:.0%}"
                f" of {len(whole)} protocols of {count(seeds, 'seed')}, above 0 in {above:.0%};"
                f" median {gap.median():+z.3f} nats, from {gap.min():+z.3f} to {gap.max():+z.3f};"
                f" the 95 % interval lies below 0 in {(sure & (whole['high'] < 0)).mean():.0%} and"
                f" above 0 in {(sure & (whole['low'] > 0)).mean():.0%}. Of the variance between"
                f" protocols each choice has a part in: {', '.join(said)}.{failed}"
            )
        return lines


def _plain(value: object) -> object:
    """A choice as a cell: null and lists as the words that they are typed by."""
    return value if isinstance(value, (int, float, str)) else plans.text(value)
