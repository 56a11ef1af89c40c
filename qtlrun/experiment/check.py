"""What cannot be of one row is refused here, before anything large is loaded."""
import torch

from qtlrun.experiment import source
from qtlrun.experiment.item import kind
from qtlrun.parametrization.generated import BACKBONE
from qtlrun.plan import Refused

TAKERS = {"pictures": "small or resnet18", "vectors": "identity or perceptron", "states": "photonic or heterodyne"}


def check(parts) -> None:
    """Build all that needs no weights, cheapest first; refuse what cannot be."""
    if parts.accelerator != "cpu" and not getattr(torch, parts.accelerator).is_available():
        raise Refused(f"accelerator={parts.accelerator}: torch finds none on this machine; use cpu.")
    for name in ("circuit", "device", "recipe", "freeze", "dataset"):
        getattr(parts, name)
    if len(parts.dataset.test) < 2:
        raise Refused(f"dataset: its test split has {len(parts.dataset.test)} item, and an interval needs two or more.")
    try:
        parts.freeze.check(len(parts.bare.stages))
    except ValueError as error:
        raise Refused(str(error)) from error
    _check_items(parts.dataset, parts.bare, parts.recipe)
    _check_head(parts.head(parts.bare.features, [0]), parts.bare, parts.recipe)
    if parts.solved and parts.dataset.validation is parts.dataset.test:
        raise Refused("head: validation chooses its penalty, and dataset.validation=test would let the test split do so.")
    if parts.solved and not (parts.freeze.fixed(parts.bare) and not parts.recipe.augment):
        raise Refused("head: this one is solved for on features that do not change; use freeze=backbone and recipe.augment=false.")
    if parts.generated:
        _check_generated(parts)
    if source.wanted(parts.plan):
        source.check(parts)


@torch.no_grad()
def check_loaded(parts) -> None:
    """Refuse a backbone that does not take the dataset's items; asked of one item and no weights."""
    first = parts.dataset.train.batch([0], parts.bare.preprocess)
    place = next((one.device for one in parts.bare.parameters()), first.device)
    try:
        parts.bare.eval()(first.to(place))
    except ValueError as error:
        raise Refused(str(error)) from error


def _check_items(dataset, backbone, recipe) -> None:
    """Refuse a backbone that takes items of another kind, or states of other modes, and pictures' augmentation of what is none."""
    takes, gives = getattr(backbone, "takes", ("pictures",)), kind(dataset)
    if gives not in takes:
        raise Refused(f"backbone: it takes {' or '.join(takes)}, and the dataset's items are {gives}; use backbone={TAKERS[gives]}.")
    if gives != "pictures" and recipe.augment:
        raise Refused(f"recipe.augment=true: the dataset's items are {gives}, which are neither cropped nor mirrored; use false.")
    if "vectors" in takes and recipe.augment:
        raise Refused("recipe.augment=true: this backbone takes pixels in a row and augments no picture; use false, or backbone=convolution.")
    if gives == "states" and backbone.modes != dataset.modes:
        raise Refused(f"backbone.modes={backbone.modes}: the dataset's states have {dataset.modes}; use backbone.modes={dataset.modes}.")


def _check_head(head, backbone, recipe) -> None:
    """Refuse features that are no amplitudes of one mode, for a head that takes them as such."""
    if not getattr(head, "amplitudes", False):
        return
    if getattr(backbone, "output", "") != "state" or backbone.modes != 1:
        raise Refused("head: this one takes the amplitudes of one mode; use backbone=photonic_mode.")
    if recipe.scale == "standard":
        raise Refused(f"recipe.scale={recipe.scale}: scaled amplitudes are no state; use none.")


def _check_generated(parts) -> None:
    """Refuse weights that cannot be generated."""
    if parts.solved:
        raise Refused("parametrization: this head is solved for, not trained; use parametrization=direct.")
    if not parts.exact:
        raise Refused("device.shots: a generator is trained on exact probabilities, and its row has the accuracy at 1000 to 10^8 shots; leave it null.")
    _check_frozen(parts)
    try:
        parts.parametrization.check(parts.generated)
    except ValueError as error:
        raise Refused(f"parametrization.{error}") from error


def _check_frozen(parts) -> None:
    """Refuse to replace weights that are frozen, or that scale a norm: their values are not what a generator begins with."""
    if parts.parametrization.added:
        return
    frozen = parts.freeze.count(len(parts.bare.stages), parts.recipe.epochs - 1)
    held = {id(weight) for stage in parts.bare.stages[:frozen] for weight in stage.parameters}
    for name, weight in parts.bare.named_parameters():
        if f"{BACKBONE}{name}" not in parts.generated:
            continue
        if id(weight) in held:
            raise Refused(f"parametrization.weights: {BACKBONE}{name} is frozen, and would be replaced; use freeze=none, or "
                          "parametrization.added=true, which adds to it.")
        if weight.dim() == 1 and name.endswith("weight"):
            raise Refused(f"parametrization.weights: {BACKBONE}{name} scales a norm and begins at 1, and what is generated has the mean 0; leave it "
                          "out, or set parametrization.added=true.")
