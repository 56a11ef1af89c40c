"""Groups of trainings that are computed together, as one ensemble each."""

import json
import math

from qtlrun import recipe
from qtlrun.experiment.ensemble import Training, build_head
from qtlrun.experiment.parts import Parts
from qtlrun.plan import bare, is_plugin

# Trained numbers of one ensemble, which caches hold; more are slower together than in turn
MAX_ENSEMBLE_NUMBERS = 2**18
# Numbers of one division's features; larger ones are not copied together with others
MAX_DIVISION_NUMBERS = 2**22
# Values of a head and of a device in which the trainings of one ensemble may differ
OWN_HEAD = ("spread",)
OWN_DEVICE = ("shots",)  # where none has any, all are exact


def group_trainings(trainings: list[Training]) -> list[list[Training]]:
    """Trainings that can be ensembles: they differ in their own values and items alone."""
    groups: dict[tuple, list[Training]] = {}
    for training in trainings:
        parts = training.parts
        number = "" if is_stackable(parts) and not parts.solved else len(groups)
        groups.setdefault((shared_key(parts), _items_key(parts), number), []).append(training)
    ensembles = []
    for group in groups.values():
        size = _count_numbers(group[0]) if len(group) > 1 else 0
        most = max(1, MAX_ENSEMBLE_NUMBERS // max(1, size))
        # Runs of one scaling can share their items in memory
        group.sort(key=lambda training: training.parts.recipe.scale)
        ensembles += [group[at : at + most] for at in range(0, len(group), most)]
    return ensembles


def is_stackable(parts: Parts) -> bool:
    """Whether trainings of a variant can be one ensemble.

    They can on features that do not change, with no chance but that of their seeds.
    """
    return parts.fixed and (parts.exact or _draws_apart(parts)) and parts.stacked


def _draws_apart(parts: Parts) -> bool:
    """Whether the runs of one program draw their shots apart, each as it would alone."""
    is_builtin = not is_plugin(parts.variant.target("head"))
    return is_builtin and parts.device.drawing_each is not None


def shared_key(parts: Parts) -> str:
    """Identity of what the trainings of one ensemble have in common, beside their items."""
    variant = parts.variant
    values = {}
    differing = {
        "recipe": recipe.OWN,
        "head": _differing_values(parts),
        "device": OWN_DEVICE,
    }
    for group, part in variant.parts.items():
        if group != "dataset":
            names = differing.get(group, ())
            values[group] = {name: value for name, value in bare(part).items() if name not in names}
    computed = [variant.dtype, variant.accelerator, variant.plugins, parts.exact]
    return json.dumps([values, *computed], sort_keys=True)


def _differing_values(parts: Parts) -> tuple[str, ...]:
    """Values of a head in which the trainings of one ensemble may differ.

    Which of its parts are trained is among them, where no weight of the head is generated or the
    user's.
    """
    variant = parts.variant
    if variant.runs_code("head") or variant.parametrization.get("weights"):
        return OWN_HEAD
    return (*OWN_HEAD, *variant.head_parts)


def _items_key(parts: Parts) -> tuple:
    """Identity of the items of one ensemble, or their numbers where divisions can be stacked.

    Features of several divisions are stacked, unless an order of their own or a backbone's loss
    tells them apart, or they are large.
    """
    dataset = parts.dataset
    sizes = tuple(map(len, dataset.splits.values()))
    if not is_stackable(parts) or dataset.sequence or parts.backbone.retention:
        return (id(dataset),)
    if sum(sizes) * parts.bare.features > MAX_DIVISION_NUMBERS:
        return (id(dataset),)
    return (dataset.classes, parts.numbers, *sizes)


def _count_numbers(training: Training) -> int:
    """Numbers that one run works on in a step, a generator's weights and amplitudes among them."""
    generated = sum(map(math.prod, training.parts.generated.values()))
    head, _ = build_head([training])
    return sum(weight.numel() for weight in head.parameters()) + 4 * generated
