"""The rows of a plan: the composed one and its references, trained on every split, as a point of
the table.
"""

import json

from qtlrun import disk
from qtlrun import plan as plans
from qtlrun.comparison.comparison import Point
from qtlrun.experiment import Experiment
from qtlrun.report import sentence
from qtlrun.report.progress import Progress


def begin(job: dict, keys: dict[str, object]) -> Point:
    """A point without its rows."""
    return Point(keys, name(job), sentence.held(job, rows(job)))


def fill(point: Point, job: dict, experiment: Experiment, progress: Progress) -> None:
    """Train a point's rows on each of its splits; equal plans are one row, and a row that fails
    costs that row.
    """
    point.notes.extend(plans.references(job)[1])
    labels = _labels(point, job)
    made = rows(job)
    draws = plans.draws(list(made.values()), job["tune"])
    key = reader(job)
    redraws = plans.redraws(job)
    seeds = plans.seeds(job)
    known = {}
    for number, change in enumerate(redraws):
        point.splits.append({})
        for name, label in labels.items():
            where = f"{label}, split {number + 1} of {len(redraws)}" if len(redraws) > 1 else label
            row = made[name] | {"dataset": made[name]["dataset"] | change}
            try:
                known[name] = point.splits[-1][label] = experiment.row(
                    where, row, plans.apart(seeds, number), key, draws
                )
                point.held = sentence.held(job, made, known)
            except KeyboardInterrupt:
                if number:  # a split that lacks rows is no split
                    point.splits.pop()
                    point.notes.append(
                        f"Stopped in split {number + 1} of {len(redraws)}; the table has those"
                        " before it."
                    )
                raise
            except (
                Exception
            ) as error:  # the border of a row: what fails here costs this row and no other
                if isinstance(error, OSError) and (
                    isinstance(error, disk.Unwritable) or error.errno in disk.FULL
                ):
                    raise
                point.errors[label, number] = f"{type(error).__name__}: {error}"
                progress.trace()


def check_one(
    jobs: list[dict], study: str, idle: tuple = (("tune", 0), ("splits", 1), ("folds", None))
) -> None:
    """Refuse a sweep where a study makes a grid of its own, and settings that it would not heed:
    `idle`, with their defaults.
    """
    if len(jobs) > 1:
        raise plans.Refused(
            f"study={study}: it takes one point, and this sweep has {len(jobs)}; leave out -m."
        )
    for key, unset in idle:
        if jobs[0][key] != unset:
            raise plans.Refused(
                f"{key}={jobs[0][key]}: study={study} does not use it; leave it out."
            )


def claims(job: dict) -> dict[str, str]:
    """Claim of each reference that is no other row, by name."""
    point = begin(job, {})
    labels = _labels(point, job)
    return {name: point.isolates[label] for name, label in labels.items() if name != point.composed}


def name(job: dict) -> str:
    """The composed row's letter, where it has one that no other row goes by."""
    row = plans.row_plan(job)
    letter, _ = plans.letter(row)
    other = plans.references(job)[0].get(letter, row)
    return letter if letter and _identity(other) == _identity(row) else "composed"


def rows(job: dict) -> dict[str, dict]:
    """The plans of a point's rows by name, the composed one first."""
    return {name(job): plans.row_plan(job)} | plans.references(job)[0]


def reader(job: dict) -> str:
    """Identity of a plan among readers of a test split: all values its figures depend on."""
    made = list(rows(job).values())
    said = {
        "rows": sorted(map(_identity, made)),
        "seeds": plans.seeds(job),
        "splits": plans.redraws(job),
        "draws": plans.draws(made, job["tune"]),
    }
    return disk.digest(json.dumps(said, sort_keys=True).encode())


def _labels(point: Point, job: dict) -> dict[str, str]:
    """The label of each row by its name; says beside the point which are one, and which are not
    what their letter means.
    """
    composed = plans.row_plan(job)
    seen = {}
    labels = {}
    for name, row in rows(job).items():
        if same := seen.get(_identity(row)):
            point.notes.extend(
                [f"{name} is the same model as {same}: one row."] if name != same else []
            )
            continue
        seen[_identity(row)] = name
        labels[name], reason = name, ""
        if name in plans.LETTERS.values():
            letter, reason = plans.letter(row)
            labels[name] = name if letter == name else f"{name}*"
            reason = reason or f"it is {letter}"
        if labels[name] != name:
            point.notes.append(
                f"{labels[name]} is not {name} in the sense of the literature: {reason}."
            )
        alike = labels[name] == name or plans.likeness(row) == name
        claims = row != composed and alike
        changed = [
            override.change.removeprefix(f"compare.{name}.")
            for override in plans.overrides(job)
            if override.is_below(f"compare.{name}")
        ]
        claim = plans.claim(job["compare"][name], composed) if claims else ""
        if claim and changed:  # what was typed for one row is no part of what its name claims
            claim = f"{claim}, and {', '.join(changed)}"
        point.isolates[labels[name]] = claim or plans.differences(composed, row)
    return labels


def _identity(row: dict) -> str:
    return json.dumps([plans.identity(row), row["dataset"]], sort_keys=True)
