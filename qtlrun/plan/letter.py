"""Letter of a variant in the literature, A to D."""

from qtlrun.plan.variant import Variant

LETTERS = {
    ("backbone", "circuit"): "A",
    ("none", "linear"): "B",
    ("backbone", "linear"): "C",
    ("none", "circuit"): "D",
}


def letter_of(variant: Variant) -> tuple[str, str]:
    """Letter of a variant and an empty reason; an empty letter and the reason where it has none."""
    if variant.backbone.get("weights") in (None, "none"):
        return "", "its backbone is not pre-trained"
    return _likeness(variant)


def likeness(variant: Variant) -> str:
    """Letter by head and freezing alone, as if the backbone were pre-trained; empty for none."""
    return _likeness(variant)[0]


def simulates(variant: Variant) -> bool:
    """Whether a circuit is part of the network, not only of what generates its weights."""
    return has_circuit(variant) or variant.facts("backbone").simulates


def trains_circuit(variant: Variant) -> bool:
    """Whether the head is a circuit with an entangler, its angles trained."""
    head = variant.head
    trained = head.get("angles", "trained") == "trained" and head.get("entangle", True)
    if variant.facts("head").fixed:
        return False
    return has_circuit(variant) and not _is_product(variant) and trained


def has_circuit(variant: Variant) -> bool:
    """Whether the head takes a circuit."""
    return "circuit" in variant.takes("head")


def freezing(variant: Variant) -> str | None:
    """`backbone` or `none` where exactly that is frozen in every epoch."""
    freeze = variant.freeze
    return {("all", 0): "backbone", (0, 0): "none"}.get((freeze["frozen"], freeze.get("every", 0)))


def _likeness(variant: Variant) -> tuple[str, str]:
    if variant.facts("backbone").simulates:
        return "", "its backbone is a circuit itself"
    if variant.parametrization.get("weights"):
        return "", "its weights are generated"
    frozen = freezing(variant)
    if frozen is None:
        return "", "it freezes neither exactly the backbone nor nothing"
    if variant.facts("head").linear:
        return LETTERS[frozen, "linear"], ""
    if {variant.head.get("pre"), variant.head.get("post")} & {"frozen"}:
        return "", "a layer of its head is not trained"
    if trains_circuit(variant):
        return LETTERS[frozen, "circuit"], ""
    if not has_circuit(variant):
        return "", "its head is neither one linear layer nor a circuit"
    if _is_product(variant):
        return "", "its circuit is a product"
    return "", "its circuit is not trained, or has no entangler"


def _is_product(variant: Variant) -> bool:
    """Whether no gate of the circuit is on two wires."""
    return bool(variant.head.get("product")) or not variant.facts("circuit").entangles
