"""What a dataset's items are, and who takes them."""
from torch import Tensor

from qtlrun.plan import Refused

TAKERS = {"pictures": "small or resnet18", "vectors": "identity", "states": "photonic or heterodyne"}
NOUNS = {"pictures": "picture", "vectors": "item", "states": "state"}


def kind(dataset) -> str:
    """States (of so many optical `modes`), vectors or pictures."""
    if hasattr(dataset, "modes"):
        return "states"
    inputs = dataset.train.inputs
    return "vectors" if isinstance(inputs, Tensor) and inputs.is_floating_point() else "pictures"


def noun(dataset) -> str:
    """What one item is called."""
    return NOUNS[kind(dataset)]


def check(dataset, backbone, recipe) -> None:
    """Refuse a backbone that takes items of another kind, or states of other modes, and pictures' augmentation of what is none."""
    takes, gives = getattr(backbone, "takes", ("pictures",)), kind(dataset)
    if gives not in takes:
        raise Refused(f"backbone: it takes {' or '.join(takes)}, and the dataset's items are {gives}; use backbone={TAKERS[gives]}.")
    if gives != "pictures" and recipe.augment:
        raise Refused(f"recipe.augment=true: the dataset's items are {gives}, which are neither cropped nor mirrored; use false.")
    if gives == "states" and backbone.modes != dataset.modes:
        raise Refused(f"backbone.modes={backbone.modes}: the dataset's states have {dataset.modes}; use backbone.modes={dataset.modes}.")


def check_head(head, backbone, recipe) -> None:
    """Refuse features that are no amplitudes of one mode, for a head that takes them as such."""
    if not getattr(head, "amplitudes", False):
        return
    if getattr(backbone, "output", "") != "state" or backbone.modes != 1:
        raise Refused("head: this one takes the amplitudes of one mode; use backbone=photonic_mode.")
    if recipe.scale != "none":
        raise Refused(f"recipe.scale={recipe.scale}: scaled amplitudes are no state; use none.")
