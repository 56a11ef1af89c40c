"""Letter of a row in the literature, and its description."""

from qtlrun.plan.part import parameters
from qtlrun.plan.refusal import text

LETTERS = {
    ("backbone", "circuit"): "A",
    ("none", "linear"): "B",
    ("backbone", "linear"): "C",
    ("none", "circuit"): "D",
}
PHOTONIC = "qtlrun.backbone.photonic.Photonic"


def simulates(row: dict) -> bool:
    """Whether a circuit is part of the row's network, not only of what generates its weights."""
    return _circuit(row) or row["backbone"]["_target_"] == PHOTONIC


def letter(row: dict) -> tuple[str, str]:
    """The row's letter in the literature, A to D; or an empty one and the reason."""
    if row["backbone"].get("weights") in (None, "none"):
        return "", "its backbone is not pre-trained"
    return _likeness(row)


def likeness(row: dict) -> str:
    """The letter that head and freezing alone would give a row, were its backbone pre-trained."""
    return _likeness(row)[0]


def trains_circuit(row: dict) -> bool:
    """Whether the row's head is a circuit with an entangler, its angles trained."""
    head = row["head"]
    trained = head.get("angles", "trained") == "trained" and head.get("entangle", True)
    return _circuit(row) and not _product(row) and trained


def _likeness(row: dict) -> tuple[str, str]:
    freeze = row["freeze"]
    head = row["head"]
    if row["backbone"]["_target_"] == PHOTONIC:
        return "", "its backbone is a circuit itself"
    if _generated(row):
        return "", "its weights are generated"
    froze = {("all", 0): "backbone", (0, 0): "none"}.get((freeze["frozen"], freeze.get("every", 0)))
    if froze is None:
        return "", "it freezes neither exactly the backbone nor nothing"
    if head["_target_"] == "qtlrun.head.classical.Classical":
        return LETTERS[froze, "linear"], ""
    if trains_circuit(row):
        return LETTERS[froze, "circuit"], ""
    if not _circuit(row):
        return "", "its head is neither one linear layer nor a circuit"
    if _product(row):
        return "", "its circuit is a product"
    return "", "its circuit is not trained, or has no entangler"


def describe(row: dict) -> str:
    """Description of a row in a few words."""
    backbone = row["backbone"]
    freeze = row["freeze"]
    head = row["head"]
    name = backbone.get("name") or _last(backbone).lower()
    layer = f".{backbone['layer']}" if backbone.get("layer") else ""
    random = backbone.get("weights", "") in (None, "none")
    weights = ", random" if random and freeze["frozen"] else ""
    froze = {("all", 0): "frozen", (0, 0): "from scratch" if random else "fine-tuned"}.get(
        (freeze["frozen"], freeze.get("every", 0)),
        f"{freeze['frozen']} stages frozen" if not freeze.get("every", 0) else "unfrozen by epoch",
    )
    if _circuit(row):
        circuit = row["circuit"]
        size = "x".join(str(circuit[name]) for name in ("qubits", "depth") if name in circuit)
        angles = f", angles {head['angles']}" if head.get("angles", "trained") != "trained" else ""
        kind = _last(circuit).lower()
        kind = f"product circuit sized as {kind}" if head.get("product") else f"{kind} circuit"
        words = f"{kind} {size}{angles}{'' if head.get('entangle', True) else ', unentangled'}"
    else:
        words = {"Classical": "one linear layer"}.get(_last(head), _last(head).lower())
    words += _generated(row)
    if backbone["_target_"] == "qtlrun.backbone.identity.Identity":
        return words
    sizes = (
        f", {backbone['shots']} outcome{'s' * (backbone['shots'] != 1)}"
        if "shots" in backbone
        else f" x {backbone['layers']}, cutoff {backbone['cutoff']}"
        if "cutoff" in backbone
        else ""
    )
    return f"{name}{layer}{sizes}{weights}, {froze} + {words}"


def differences(one: dict, other: dict) -> str:
    """Differences of two rows, as `head quantum against twin`, `freeze.frozen all against 0`."""
    words = []
    for group in (
        "dataset",
        "backbone",
        "freeze",
        "recipe",
        "circuit",
        "head",
        "parametrization",
        "device",
    ):
        mine = one[group]
        theirs = other[group]
        if mine["_target_"] != theirs["_target_"]:
            words.append(f"{group} {_last(mine).lower()} against {_last(theirs).lower()}")
        else:
            words += [
                f"{group}.{name} {text(mine.get(name))} against {text(theirs.get(name))}"
                for name in dict.fromkeys((*mine, *theirs))
                if name != "space" and mine.get(name) != theirs.get(name)
            ]
    return ", ".join(words)


def _generated(row: dict) -> str:
    """Generator of a row's weights, in words; nothing where there is none."""
    part = row["parametrization"]
    if part["_target_"] == "qtlrun.parametrization.direct.Direct":
        return ""
    which = "all" if part.get("weights") == ["*"] else ",".join(part.get("weights", ()))
    words = {
        "circuit": "a circuit",
        "frozen": "a frozen circuit",
        "constant": "their places alone",
        "low_rank": "a low rank",
    }
    return f", {which} from {words.get(part.get('source'), part.get('source'))}"


def _circuit(row: dict) -> bool:
    return "circuit" in parameters("head", row["head"]["_target_"], tuple(row["plugins"]))


def _product(row: dict) -> bool:
    """Whether no gate of the circuit is on two wires."""
    return (
        bool(row["head"].get("product"))
        or row["circuit"]["_target_"] == "qtlrun.circuit.product.Product"
    )


def _last(part: dict) -> str:
    return part["_target_"].rpartition(".")[2]
