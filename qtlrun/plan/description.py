"""Descriptions of variants in words, and of how two differ."""

from qtlrun.plan.letter import DIRECT, freezing, has_circuit
from qtlrun.plan.refusal import text
from qtlrun.plan.variant import Part, Variant

IDENTITY = "qtlrun.backbone.identity.Identity"
# Of generated weights.
SOURCES = {
    "circuit": "a circuit",
    "frozen": "a frozen circuit",
    "constant": "their places alone",
    "low_rank": "a low rank",
}
# By class, where its name alone says little.
BACKBONES = {"Small": "small ResNet"}
ADJECTIVES = ("frozen", "fine-tuned")
HEADS = {"Classical": "one linear layer", "Twin": "classical block"}


def describe(variant: Variant) -> str:
    """Description of a variant in a few words, as `frozen resnet18 + one linear layer`."""
    head = _head(variant) + _generator(variant.parametrization)
    if variant.target("backbone") == IDENTITY:
        return head
    return f"{_backbone(variant)} + {head}"


def differences(variant: Variant, other: Variant) -> str:
    """Differences of two variants, as `head quantum against twin, recipe.lr 0.1 against 0.2`."""
    changes = []
    for group, part in variant.parts.items():
        theirs = other.part(group)
        if part["_target_"] != theirs["_target_"]:
            changes.append(f"{group} {_class(part).lower()} against {_class(theirs).lower()}")
            continue
        changes += [
            f"{group}.{name} {text(part.get(name))} against {text(theirs.get(name))}"
            for name in dict.fromkeys((*part, *theirs))
            if name != "space" and part.get(name) != theirs.get(name)
        ]
    return ", ".join(changes)


def _backbone(variant: Variant) -> str:
    """Backbone, its sizes and weights, and what of it is frozen."""
    backbone = variant.backbone
    name = backbone.get("name") or BACKBONES.get(_class(backbone), _class(backbone).lower())
    layer = f" up to {backbone['layer']}" if backbone.get("layer") else ""
    random = backbone.get("weights", "") in (None, "none")
    weights = ", random weights" if random and variant.freeze["frozen"] else ""
    text = f"{name}{layer}{_photonic_sizes(backbone)}{weights}"
    state = _freezing(variant, random)
    return f"{state} {text}" if state in ADJECTIVES else f"{text}, {state}"


def _photonic_sizes(backbone: Part) -> str:
    """Sizes of a backbone that measures or simulates states of light."""
    if "shots" in backbone:
        return f", {backbone['shots']} outcome{'s' * (backbone['shots'] != 1)}"
    if "cutoff" in backbone:
        return f" x {backbone['layers']}, cutoff {backbone['cutoff']}"
    return ""


def _freezing(variant: Variant, random: bool) -> str:
    """Frozen part of a backbone in words; `random` says that nothing of it is pre-trained."""
    exact = freezing(variant)
    if exact == "backbone":
        return "frozen"
    if exact == "none":
        return "from scratch" if random else "fine-tuned"
    if variant.freeze.get("every", 0):
        return "unfrozen by epoch"
    return f"{variant.freeze['frozen']} stages frozen"


def _head(variant: Variant) -> str:
    """Head, and its circuit."""
    head = variant.head
    if not has_circuit(variant):
        return HEADS.get(_class(head), _class(head).lower())
    circuit = variant.circuit
    name = _class(circuit).lower()
    kind = f"product circuit sized as {name}" if head.get("product") else f"{name} circuit"
    angles = f", angles {head['angles']}" if head.get("angles", "trained") != "trained" else ""
    entangler = "" if head.get("entangle", True) else ", unentangled"
    return f"{kind}{_circuit_sizes(circuit)}{angles}{entangler}"


def _circuit_sizes(circuit: Part) -> str:
    """Qubits and depth of a circuit, where it has them."""
    sizes = []
    if "qubits" in circuit:
        sizes.append(f"{circuit['qubits']} qubit{'s' * (circuit['qubits'] != 1)}")
    if "depth" in circuit:
        sizes.append(f"depth {circuit['depth']}")
    return f" ({', '.join(sizes)})" if sizes else ""


def _generator(part: Part) -> str:
    """Generator of weights, as `, all from a circuit`; nothing where there is none."""
    if part["_target_"] == DIRECT:
        return ""
    weights = "all" if part.get("weights") == ["*"] else ",".join(part.get("weights", ()))
    return f", {weights} from {SOURCES.get(part.get('source'), part.get('source'))}"


def _class(part: Part) -> str:
    return part["_target_"].rpartition(".")[2]
