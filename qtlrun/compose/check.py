"""Checks of every plan before anything starts."""

import contextlib
import dataclasses
import itertools
import json
import os
from pathlib import Path
from typing import Any

from qtlrun.error import UsageError
from qtlrun.plan import EACH, Plan, Variant, check_noise, check_plan, check_same
from qtlrun.plan.seal import MAX_DIFFERENCES, NAME_DIGITS

# Keys whose values all points of a sweep share.
SHARED_KEYS = (
    "study",
    "lens",
    "home",
    "outputs",
    "fresh",
    "plugins",
    "splits",
    "folds",
    "seal",
    "plan",
    "run",
    "runs",
)


class Unfit(UsageError):
    """Error of a value that a reference sets, and that the composed parts cannot have."""

    def __init__(self, error: UsageError, reference: str):
        key = f"compare.{reference}.{error.key}"
        super().__init__(error.reason, error.fix, key=key, value=error.value, missing=error.missing)
        self.reference = reference


def check_words(plans: list[Plan]) -> None:
    """Refuse wrong names and types, from source alone, and a home that cannot be written."""
    for plan in plans:
        check_plan(plan)
    _check_points(plans)
    _check_home(plans[0].settings.home)


def check_models(plans: list[Plan], study, experiment) -> list[Plan]:
    """Refuse models that cannot be built, then weights and data that cannot be had.

    Returns the plans; where the study excuses it, or downloads nothing, a plan whose weights or
    data are absent is left out and has the refusal.
    """
    from qtlrun.download import withheld

    _check_heeded(plans[0], study)
    _check_taken(plans[0], study)
    if plans[0].lenses:
        from qtlrun.lens import build_lenses

        build_lenses(plans[0])
    if study.check is not None:
        study.check(plans, experiment)
    if not study.loads:
        return plans
    if study.trains:
        experiment.check_remote(plans)
    plans = list(plans)
    if plans[0].settings.run is not None:
        return plans  # what it was trained on may be gone
    checks = (_check_parts, _check_backbone, _load, _check_sealed)
    with contextlib.nullcontext() if study.downloads else withheld():
        for check, number in itertools.product(checks, range(len(plans))):
            if not plans[number].refusal:
                plans[number] = _pass(check, plans[number], experiment, study.excuses)
    return plans


def _pass(check, plan: Plan, experiment, excuses: bool) -> Plan:
    """Plan that a check lets pass; with its refusal, where what is absent is excused.

    A reference that nobody typed and whose values the composed parts cannot have is left out.
    """
    from qtlrun.download import Withheld

    try:
        check(plan, experiment)
    except Withheld as file:
        return dataclasses.replace(plan, refusal=f"{file} would be downloaded.")
    except UsageError as error:
        if excuses and error.missing:
            return dataclasses.replace(plan, refusal=str(error))
        if not isinstance(error, Unfit) or error.missing or plan.types(error.reference):
            raise
        shorter = plan.without(error.reference, str(error))
        return _pass(check, shorter, experiment, excuses)
    return plan


def _check_parts(plan: Plan, experiment) -> None:
    """Refuse a plan whose variants cannot be built; nothing large is loaded.

    Nothing is built of variants that have passed before.
    """
    _check_redraws(plan, experiment)
    check_noise(plan)
    variants = _checked_variants(plan)
    if experiment.has_passed([variant for _, variant in variants]):
        return
    for name, variant in variants:
        with _named(name, plan.changes.get(name, {})):
            experiment.check(variant)


def _checked_variants(plan: Plan) -> list[tuple[str, Variant]]:
    """Variants of a plan on each split, and with each draw of the first; "" is the composed one."""
    variants = []
    for name, variant in {"": plan.model, **plan.references}.items():
        variants += [(name, variant.redrawn(redraw.change)) for redraw in plan.redraws]
        for redraw in plan.redraws:
            for draw in redraw.draws:
                check_same(variant, draw, "tune")
        variants += [(name, variant.changed(draw)) for draw in plan.redraws[0].draws]
    return variants


def _load(plan: Plan, experiment) -> None:
    """Refuse a plan whose weights or data cannot be had."""
    for variant in (plan.model, *plan.references.values()):
        experiment.load(variant)
    if plan.lenses:
        from qtlrun.lens import build_lenses, check_classes

        check_classes(build_lenses(plan), experiment.dataset(plan.model).classes)
    experiment.note_passed([variant for _, variant in _checked_variants(plan)])


def _check_heeded(plan: Plan, study) -> None:
    """Refuse a seal, lenses, or folders of runs, for a study that heeds none."""
    if plan.settings.runs and not study.takes_runs:
        raise UsageError(
            "this study reads no folders of runs",
            "study=join puts them into one table",
            key="runs",
            value=plan.settings.runs,
        )
    if plan.lenses and not study.takes_lenses:
        raise UsageError(
            "this study looks at no rows through lenses",
            "study=compare and study=interpret do; lens=[] chooses none",
            key="lens",
            value=f"[{','.join(plan.lenses)}]",
        )
    if plan.sealed and not study.heeds_seal:
        raise UsageError(
            "this study has no table of the contrasts that were declared",
            "study=compare has it",
            key="seal",
            value=plan.sealed.hash[:NAME_DIGITS],
        )


def _check_taken(plan: Plan, study) -> None:
    """Refuse a finished run for a study that takes none."""
    if plan.settings.run is not None and not study.takes_run:
        trains = "this study trains rows of its own"
        raise UsageError(
            trains if study.trains else "this study takes no finished run",
            "study=predict, export, interpret, gradients and robustness take a run;"
            " leave out run= here",
            key="run",
            value=plan.settings.run,
        )


def _check_sealed(plan: Plan, experiment) -> None:
    """Refuse a plan whose data, weights or plugins are not those that were sealed."""
    if plan.sealed is None:
        return
    from qtlrun.experiment.registration import Registration

    fingerprints = Registration(experiment.session).fingerprints(plan)
    sealed = plan.sealed.fingerprints
    names = dict.fromkeys([*sealed, "plugins"])
    changed = [name for name in names if fingerprints.get(name) != sealed.get(name)]
    if changed:
        listed = ", ".join(changed[:MAX_DIFFERENCES])
        more = f" and {len(changed) - MAX_DIFFERENCES} more" * (len(changed) > MAX_DIFFERENCES)
        raise UsageError(
            f"these have other bytes than when the plan was sealed: {listed}{more}",
            "restore them; another plan needs a seal of its own",
            key="seal",
            value=plan.sealed.hash[:NAME_DIGITS],
        )


def _check_backbone(plan: Plan, _experiment) -> None:
    """Refuse a dataset that the backbone is not pre-trained on, unless the backbone was typed."""
    backbone = plan.model.backbone
    if backbone.get("weights") != "pretrain" or plan.sets("backbone"):
        return
    target = plan.model.target("dataset")
    source = backbone["pretrain"]["dataset"]["_target_"]
    if source == target:
        return
    source, target = (name.rpartition(".")[2].lower() for name in (source, target))
    raise UsageError(
        f"its backbone learns on {source} of {backbone['size']} x {backbone['size']} pixels",
        (
            "choose one for these pictures, as backbone=efficientnet_lite0, or type backbone=small"
            " to keep it"
        ),
        key="dataset",
        value=target,
    )


@contextlib.contextmanager
def _named(reference: str, change: dict[str, Any]):
    """Name the reference that sets a bad value, or lacks the weights which others generate."""
    try:
        yield
    except UsageError as error:
        group, _, name = error.key.partition(".")
        if name in change.get(group, {}):
            raise Unfit(error, reference) from error
        if reference and error.key == "parametrization.weights":
            raise UsageError(str(error), key="compare", value=reference) from error
        raise


def _check_redraws(plan: Plan, experiment) -> None:
    """Refuse several splits of a dataset that comes with all its splits."""
    if len(plan.redraws) == 1 or plan.settings.splits == EACH:
        return
    variants = [plan.model.redrawn(redraw.change) for redraw in plan.redraws]
    fingerprints = {experiment.dataset(variant).fingerprint for variant in variants}
    if len(fingerprints) < len(plan.redraws):
        raise UsageError(
            "this dataset comes with all its splits, and nothing would be drawn anew",
            key="splits",
            value=plan.settings.splits,
        )


def _check_points(plans: list[Plan]) -> None:
    """Refuse a sweep over keys that all points share, and two points that are the same."""
    for key in SHARED_KEYS:
        if any(plan.values.get(key) != plans[0].values.get(key) for plan in plans):
            raise UsageError("all points of a sweep share it", "run one sweep for each", key=key)
    seen = set()
    for plan in plans:
        values = {key: value for key, value in plan.values.items() if key != "name"}
        values.pop("overrides", None)
        text = json.dumps(values, sort_keys=True)
        if text in seen:
            point = " ".join(override.text for override in plan.overrides)
            raise UsageError("this point stands twice in the sweep", key=point)
        seen.add(text)


def folder(key: str, value: str) -> Path:
    """Folder that a setting names, its ~ replaced.

    Refuses an empty name, and the home of a user who has none.
    """
    if not value.strip():
        raise UsageError(
            "a folder is needed here", ". is the one that the command runs in", key=key, value=value
        )
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        user = value.partition("/")[0]
        raise UsageError(
            f"no home folder is known for {user}",
            f"name a folder with {key}=FOLDER",
            key=key,
            value=value,
        ) from error


def _check_home(home: str) -> None:
    """Refuse a home that cannot be written, without leaving anything there."""
    path = folder("home", home).absolute()
    while not os.path.lexists(path):
        path = path.parent
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        why = "cannot be written" if path.is_dir() else "is no folder"
        raise UsageError(
            f"{path} {why}", "name another with home=FOLDER or QTLRUN_HOME", key="home", value=home
        )
