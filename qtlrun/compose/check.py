"""Checks of every plan before anything starts."""

import contextlib
import json
import os
from pathlib import Path

from qtlrun import plan as plans
from qtlrun.plan import Refused


def check(jobs: list[dict]):
    """Check names and types, then parts, then weights and data; gives the experiment that the rows
    are made by.
    """
    for job in jobs:
        plans.check(job)
    _check_points(jobs)
    _check_home(jobs[0]["home"])
    from qtlrun.experiment import Experiment

    experiment = Experiment(jobs[0]["home"], jobs[0]["fresh"])
    study = plans.build("study", jobs[0]["study"], jobs[0]["plugins"])
    if hasattr(study, "check"):
        study.check(jobs, experiment)
    for look in (_check_parts, _check_backbone, _load):
        for job in (job for job in jobs if "refused" not in job):
            try:
                look(job, experiment)
            except Refused as error:
                if not (
                    getattr(study, "excuses", False) and isinstance(error.__cause__, plans.Absent)
                ):
                    raise
                job["refused"] = str(error)
    return experiment


def _check_parts(job: dict, experiment) -> None:
    """Refuse a job whose rows cannot be built; nothing large is loaded."""
    _check_redraws(job, experiment)
    draws = plans.draws(rows(job), job["tune"])
    for name, row in named(job).items():
        for change in plans.redraws(job):
            with _of(name):
                experiment.check(row | {"dataset": row["dataset"] | change})
        for draw in draws:
            plans.check_same(row, draw, "tune")
            experiment.check(plans.drawn(row, draw))


def _load(job: dict, experiment) -> None:
    """Refuse a job whose weights or data cannot be had."""
    for row in rows(job):
        experiment.load(row)


def _check_backbone(job: dict, _experiment) -> None:
    """Refuse pictures for a backbone that learns on others; one that the command line names is
    taken as it is.
    """
    task = job["backbone"].get("pretrain")
    chosen = plans.typed(job, "backbone")
    if (
        chosen
        or job["backbone"].get("weights") != "pretrain"
        or task["dataset"]["_target_"] == job["dataset"]["_target_"]
    ):
        return
    source, target = (
        part["_target_"].rpartition(".")[2].lower() for part in (task["dataset"], job["dataset"])
    )
    raise Refused(
        f"dataset={target}: its backbone learns on {source} of {job['backbone']['size']} x"
        f" {job['backbone']['size']} pixels; choose one for these pictures, as backbone=resnet18,"
        " or type backbone=small to keep it."
    )


def rows(job: dict) -> list[dict]:
    """The plans of a job's rows, the composed one first."""
    return list(named(job).values())


def named(job: dict) -> dict[str, dict]:
    """The same by the reference's name, which the composed one has not."""
    return {"": plans.row_plan(job)} | plans.references(job)[0]


@contextlib.contextmanager
def _of(reference: str):
    """Name the reference that lacks the weights which the composed model generates."""
    try:
        yield
    except Refused as error:
        if reference and str(error).startswith("parametrization.weights="):
            raise Refused(f"compare={reference}: {error}") from error
        raise


def _check_redraws(job: dict, experiment) -> None:
    """Refuse to repeat a split that is the same each time."""
    row = plans.row_plan(job)
    changes = plans.redraws(job)
    if len(changes) > 1 and len(
        {
            experiment.dataset(row | {"dataset": row["dataset"] | change}).fingerprint
            for change in changes
        }
    ) < len(changes):
        raise Refused(
            f"splits={job['splits']}: this dataset comes with all its splits, and nothing would be"
            " drawn anew."
        )


def _check_points(jobs: list[dict]) -> None:
    """Refuse a sweep over what all its points share, and two points that are the same."""
    for key in ("study", "home", "outputs", "fresh", "plugins", "splits", "folds"):
        if any(job[key] != jobs[0][key] for job in jobs):
            raise Refused(f"{key}: all points of a sweep share it; run one sweep for each.")
    plain = [
        json.dumps(
            {name: value for name, value in job.items() if name not in ("name", "overrides")},
            sort_keys=True,
        )
        for job in jobs
    ]
    for number, one in enumerate(plain):
        if one in plain[:number]:
            raise Refused(
                f"{' '.join(jobs[number]['overrides'])}: this point stands twice in the sweep."
            )


def folder(key: str, value: str) -> Path:
    """The folder that a setting names, its ~ replaced; refuses an empty one, and that of a user who
    has none.
    """
    if not value.strip():
        raise Refused(
            f"{key}={value}: a folder is needed here; . is the one that the command runs in."
        )
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        user = value.partition("/")[0]
        raise Refused(
            f"{key}={value}: no home folder is known for {user}; name a folder with {key}=FOLDER."
        ) from error


def _check_home(home: str) -> None:
    """Refuse a place for the store that cannot be written, without leaving anything there."""
    place = folder("home", home).absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = "cannot be written" if place.is_dir() else "is no folder"
        raise Refused(f"home={home}: {place} {why}; name another with home=FOLDER or QTLRUN_HOME.")
