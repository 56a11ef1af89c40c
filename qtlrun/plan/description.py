"""Descriptions of variants in words, and of how two differ."""

from qtlrun.error import text
from qtlrun.plan.fact import Part, title
from qtlrun.plan.letter import freezing, has_circuit
from qtlrun.plan.variant import Variant

ADJECTIVES = ("frozen", "fine-tuned")


def describe(variant: Variant) -> str:
    """Description of a variant in a few words, as `frozen resnet18 + one linear layer`."""
    head = _head(variant) + _sequence(variant) + _generator(variant)
    backbone = _backbone(variant)
    return f"{backbone} + {head}" if backbone else head


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
    """Backbone, its sizes and weights, and what of it is frozen; empty for one without a title."""
    backbone = variant.backbone
    name = title(variant.facts("backbone"), backbone)
    if not name:
        return ""
    random = backbone.get("weights", "") in (None, "none")
    if random and variant.freeze["frozen"]:
        name += ", random weights"
    state = _freezing(variant, random)
    return f"{state} {name}" if state in ADJECTIVES else f"{name}, {state}"


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
    head = variant.facts("head")
    if not has_circuit(variant):
        return title(head, variant.head)
    circuit = variant.circuit
    words = f"{title(variant.facts('circuit'), circuit)} circuit{_circuit_sizes(circuit)}"
    return title(head, variant.head, circuit=words) if head.title else words


def _sequence(variant: Variant) -> str:
    """Training in sequence; nothing of a head without a circuit, which knows none."""
    in_sequence = bool(variant.recipe.get("sequential")) and has_circuit(variant)
    return ", first layer by a classical block" * in_sequence


def _circuit_sizes(circuit: Part) -> str:
    """Qubits and depth of a circuit, where it has them."""
    sizes = []
    if "qubits" in circuit:
        sizes.append(f"{circuit['qubits']} qubit{'s' * (circuit['qubits'] != 1)}")
    if circuit.get("depth") is not None:
        sizes.append(f"depth {circuit['depth']}")
    if circuit.get("readout", "z") != "z":
        sizes.append(f"readout {circuit['readout']}")
    if circuit.get("copies", 1) != 1:
        sizes.append(f"{circuit['copies']} copies")
    return f" ({', '.join(sizes)})" if sizes else ""


def _generator(variant: Variant) -> str:
    """Generator of weights, as `, all from a circuit`; nothing where there is none."""
    if not variant.parametrization.get("weights"):
        return ""
    return f", {title(variant.facts('parametrization'), variant.parametrization)}"


def _class(part: Part) -> str:
    return part["_target_"].rpartition(".")[2]
