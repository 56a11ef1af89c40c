"""Exploration of a composed model: trainability, expressibility, information, locality."""

import pandas as pd
import torch

from qtlrun.derivative.expressibility import describe_reach
from qtlrun.derivative.family import Family
from qtlrun.derivative.fisher import describe_information
from qtlrun.derivative.locality import Sets, describe_locality
from qtlrun.derivative.plateau import TITLE, describe_plateau
from qtlrun.error import UsageError
from qtlrun.experiment.ensemble import Ensemble, Training, build_ensemble
from qtlrun.experiment.local import local_variant
from qtlrun.experiment.network import has_inner_circuit
from qtlrun.experiment.parts import Parts
from qtlrun.layer import generator
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

ITEMS = 300  # of a split at most
HELD_OUT = 0.3  # of the training items, where validation is the test split


def explore(parts: Parts, seed: int, budget: float) -> list[Section]:
    """Sections on the composed model of a plan before it is trained; nothing is stored.

    Everything runs on the exact simulator, whatever the plan's device.

    seed: of random starts, and of the first start of the head
    budget: seconds of the processor for the plateau
    """
    local = Parts(local_variant(parts.variant), parts.session)
    if local.solved or local.generated:
        why = "is solved for, not trained" if local.solved else "takes generated weights"
        return [_refuse(f"the head {why}")]
    try:
        head = local.head(local.bare.features, [seed])
    except UsageError as error:
        return [_refuse(f"the exact simulator does not take it ({str(error).rstrip('.')})")]
    sets = draw_sets(build_ensemble([Training(local, seed)]), seed)
    has_circuit = has_inner_circuit(head)
    sections = []
    if has_circuit:
        family = Family(local, head)
        sections += [
            describe_plateau(family, parts.session.progress, seed, budget),
            describe_reach(family, seed),
            describe_locality(family, sets),
        ]
    else:
        sections.append(_refuse("no circuit stands between two layers of the head"))
    if local.form(local.bare.features).stacked:
        sections.append(
            describe_information(local, sets.features, has_circuit=has_circuit, seed=seed)
        )
    return sections


@torch.no_grad()
def draw_sets(ensemble: Ensemble, seed: int) -> Sets:
    """Items to fit and others, as the head sees them; no test item is read."""
    dataset = ensemble.parts.dataset
    draw = generator(seed, "exploration")
    order = torch.randperm(len(dataset.train), generator=draw)
    others = dataset.validation
    if dataset.validation is dataset.test:
        count = max(1, int(HELD_OUT * len(order)))
        chosen = order[:count][:ITEMS]
        order = order[count:]
        others = dataset.train
        name = "train"
    else:
        chosen = torch.randperm(len(others), generator=draw)[:ITEMS]
        name = "validation"
    train = order[:ITEMS]
    return Sets(
        ensemble.features("train", train).double().cpu(),
        dataset.train.labels[train].numpy(),
        ensemble.features(name, chosen).double().cpu(),
        others.labels[chosen].numpy(),
    )


def _refuse(why: str) -> Section:
    """Section that says why there is nothing to measure."""
    return Section(TITLE, pd.DataFrame(), [Note(f"{TITLE}: not measured, for {why}.")], {}, {})
