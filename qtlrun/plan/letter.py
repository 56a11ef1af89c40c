"""What a row is: its letter in the literature, and a few words."""
from qtlrun.plan.part import parameters
from qtlrun.plan.refusal import text

LETTERS = {("backbone", "circuit"): "A", ("none", "linear"): "B", ("backbone", "linear"): "C", ("none", "circuit"): "D"}


def letter(row: dict) -> tuple[str, str]:
    """The row's letter in the literature, A to D, or an empty one and the reason why it has none."""
    backbone, freeze, head = row["backbone"], row["freeze"], row["head"]
    if backbone.get("weights") in (None, "none"):
        return "", "its backbone is not pre-trained"
    froze = {("all", 0): "backbone", (0, 0): "none"}.get((freeze["frozen"], freeze.get("every", 0)))
    if froze is None:
        return "", "it freezes neither exactly the backbone nor nothing"
    if head["_target_"] == "qtlrun.head.classical.Classical":
        return LETTERS[froze, "linear"], ""
    if _circuit(row):
        if head.get("angles", "trained") == "trained" and head.get("entangle", True):
            return LETTERS[froze, "circuit"], ""
        return "", "its circuit is not trained, or has no entangler"
    return "", "its head is neither one linear layer nor a circuit"


def describe(row: dict) -> str:
    """What a row is, in a few words."""
    backbone, freeze, head = row["backbone"], row["freeze"], row["head"]
    name = backbone.get("name") or _last(backbone).lower()
    layer = f".{backbone['layer']}" if backbone.get("layer") else ""
    weights = ", random" if backbone.get("weights", "") in (None, "none") else ""
    froze = {("all", 0): "frozen", (0, 0): "fine-tuned"}.get(
        (freeze["frozen"], freeze.get("every", 0)), f"{freeze['frozen']} stages frozen" if not freeze.get("every", 0) else "unfrozen by epoch")
    if _circuit(row):
        circuit = row["circuit"]
        size = "x".join(str(circuit[name]) for name in ("qubits", "depth") if name in circuit)
        angles = f", angles {head['angles']}" if head.get("angles", "trained") != "trained" else ""
        words = f"{_last(circuit).lower()} circuit {size}{angles}{'' if head.get('entangle', True) else ', unentangled'}"
    else:
        words = {"Classical": "one linear layer"}.get(_last(head), _last(head).lower())
    return f"{name}{layer}{weights}, {froze} + {words}"


def differences(one: dict, other: dict) -> str:
    """Where two rows differ, in words: `head quantum against twin`, `freeze.frozen all against 0`."""
    words = []
    for group in ("dataset", "backbone", "freeze", "recipe", "circuit", "head", "device"):
        mine, theirs = one[group], other[group]
        if mine["_target_"] != theirs["_target_"]:
            words.append(f"{group} {_last(mine).lower()} against {_last(theirs).lower()}")
        else:
            words += [f"{group}.{name} {text(mine.get(name))} against {text(theirs.get(name))}"
                      for name in dict.fromkeys((*mine, *theirs)) if name != "space" and mine.get(name) != theirs.get(name)]
    return ", ".join(words)


def _circuit(row: dict) -> bool:
    return "circuit" in parameters("head", row["head"]["_target_"], tuple(row["plugins"]))


def _last(part: dict) -> str:
    return part["_target_"].rpartition(".")[2]
