"""A plan is a plain dict, one part a group: what may stand in it, its references, its letter, what its key is made of."""
import ast
import difflib
import functools
import importlib
import importlib.util
import math
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
PARTS = ("dataset", "backbone", "freeze", "recipe", "circuit", "head", "device")
ROOMS = {"recipe": "qtlrun.train"}  # the module or folder that a group's `_target_` lies in, where its name differs
OFFERED = {"dataset": ("data",), "backbone": ("state",),
           "head": ("features", "classes", "circuit", "device", "start", "qubits", "depth")}
SETTINGS = {"seeds": "int | list[int]", "dtype": "Literal['float32', 'float64']", "home": "str", "outputs": "str",
            "accelerator": "Literal['cpu', 'cuda', 'mps']", "fresh": "bool", "plugins": "list[str]"}
LETTERS = {("backbone", "circuit"): "A", ("none", "linear"): "B", ("backbone", "linear"): "C", ("none", "circuit"): "D"}


class Refused(ValueError):
    """What the user gave cannot be; the message says what was given, why not, and what would be right."""


def check(plan: dict) -> None:
    """Refuse unknown names, missing ones and wrong types in every part, from the constructors' source alone."""
    for name, annotation in SETTINGS.items():
        _check_type(name, plan[name], ast.parse(annotation, mode="eval").body)
    seeds(plan)
    for group in (*PARTS, "study"):
        check_part(group, plan[group], plan["plugins"])
    pretrain = plan["backbone"].get("pretrain")
    for group in ("dataset", "recipe") if pretrain else ():
        check_part(group, pretrain[group], plan["plugins"], f"backbone.pretrain.{group}")
    for name, change in (plan.get("compare") or {}).items():
        for group in set(change) & set(PARTS):
            if "_target_" in change[group]:
                check_part(group, change[group], plan["plugins"], f"compare.{name}.{group}")


def check_part(group: str, part: dict, plugins: list[str], key: str = "") -> None:
    """Refuse what a part's constructor does not take."""
    key = key or group
    known = parameters(group, part.get("_target_"), tuple(plugins), key)
    offered = OFFERED.get(group, ())
    mine = [name for name in known if name not in offered]
    values = {name: value for name, value in part.items() if name not in ("_target_", "pretrain")}
    for name in values:
        if name not in mine:
            raise Refused(f"{key}.{name}: there is no such key; {nearest(name, mine)}")
    for name in mine:
        annotation, required = known[name]
        if name in values:
            _check_type(f"{key}.{name}", values[name], annotation)
        elif required:
            raise Refused(f"{key}.{name}: {part['_target_']} needs it and it is not given.")


def build(group: str, part: dict, plugins: list[str] = (), key: str = "", **offered):
    """Make a part: its class with its values and with those offered objects that its constructor names."""
    key = key or group
    check_part(group, part, list(plugins), key)
    module, _, name = part["_target_"].rpartition(".")
    takes = parameters(group, part["_target_"], tuple(plugins), key)
    values = {name: value for name, value in part.items() if name in takes}
    values |= {name: value for name, value in offered.items() if name in takes}
    try:
        return getattr(_load(module, tuple(plugins)), name)(**values)
    except ValueError as error:
        words = str(error)
        dotted = "." in words.partition("=")[0]
        raise Refused(words if dotted else f"{key}.{words}") from error


@functools.cache
def parameters(group: str, target: str | None, plugins: tuple[str, ...] = (), key: str = "") -> dict:
    """The names that a part's constructor takes, each with its annotation and whether it is required, read from source."""
    room = ROOMS.get(group, f"qtlrun.{group}")
    module, _, name = (target or "").rpartition(".")
    path = _source(module, plugins)
    if path is None or not (module == room or module.startswith(room + ".") or module in map(_stem, plugins)):
        raise Refused(f"{key or group}._target_={target}: a part is a class of {room}, or of a file named in plugins=[FILE.py].")
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _signature(node)
    raise Refused(f"{key or group}._target_={target}: {module} has no class {name}.")


def references(plan: dict) -> tuple[dict[str, dict], list[str]]:
    """The plans that a composed plan is compared with, by name, and a line for each that does not apply to it.

    A part of a reference that has a `_target_` replaces the composed part; one without is merged into it. A reference
    whose keys the composed part lacks is refused where it was typed, and left out where a default or preset asked for it.
    """
    made, left_out = {}, []
    typed = any(word.lstrip("+").startswith("compare=") for word in plan.get("overrides", ()))
    for name, change in (plan.get("compare") or {}).items():
        if "isolates" not in change:
            left_out.append(f"compare.{name} is changed, but {name} is not among the references.")
            continue
        row = row_plan(plan)
        lacking = [f"{group}.{key}" for group in PARTS for key in change.get(group, ())
                   if "_target_" not in change[group] and key not in row[group]]
        if lacking:
            words = f"compare={name}: it changes {', '.join(lacking)}, which the composed model does not have"
            if typed:
                raise Refused(words + "; leave it out.")
            left_out.append(words + ".")
            continue
        for group in PARTS:
            new = change.get(group, {})
            row[group] = dict(new) if "_target_" in new else row[group] | new
        made[name] = row
    return made, left_out


def row_plan(plan: dict) -> dict:
    """The part of a plan that one row is trained from: no names, no references, no study."""
    return {name: plan[name] for name in (*PARTS, "dtype", "accelerator", "plugins")}


def identity(row: dict) -> dict:
    """The values that a row's constructors take: a head without a circuit has none of it in its key."""
    head = parameters("head", row["head"]["_target_"], tuple(row["plugins"]))
    said = {name: row[name] for name in ("backbone", "freeze", "recipe", "head", "dtype", "accelerator")}
    if "circuit" in head:
        said |= {"circuit": row["circuit"], "device": row["device"]}
    else:
        said["circuit"] = {name: value for name, value in row["circuit"].items() if name in head}
    said["plugins"] = [Path(path).read_text() for path in row["plugins"]]
    return said


def letter(row: dict) -> tuple[str, str]:
    """The row's letter in the literature, A to D, or an empty one and the reason why it has none."""
    backbone, freeze, head = row["backbone"], row["freeze"], row["head"]
    if backbone.get("weights") in (None, "none"):
        return "", "its backbone is not pre-trained"
    froze = {("all", 0): "backbone", (0, 0): "none"}.get((freeze["frozen"], freeze["every"]))
    if froze is None:
        return "", "it freezes neither exactly the backbone nor nothing"
    if head["_target_"] == "qtlrun.head.classical.Classical":
        return LETTERS[froze, "linear"], ""
    if "circuit" in parameters("head", head["_target_"], tuple(row["plugins"])):
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
        (freeze["frozen"], freeze["every"]), f"{freeze['frozen']} stages frozen" if not freeze["every"] else "unfrozen by epoch")
    if "circuit" in parameters("head", head["_target_"], tuple(row["plugins"])):
        circuit = row["circuit"]
        size = "x".join(str(circuit[name]) for name in ("qubits", "depth") if name in circuit)
        angles = f", angles {head['angles']}" if head.get("angles", "trained") != "trained" else ""
        words = f"{_last(circuit).lower()} circuit {size}{angles}{'' if head.get('entangle', True) else ', unentangled'}"
    else:
        words = {"Classical": "one linear layer"}.get(_last(head), _last(head).lower())
    return f"{name}{layer}{weights}, {froze} + {words}"


def seeds(plan: dict) -> list[int]:
    """`seeds: 5` is 0 to 4; a list names them."""
    given = plan["seeds"]
    named = list(range(given)) if isinstance(given, int) else given
    if not named or len(set(named)) < len(named) or min(named) < 0:
        raise Refused(f"seeds={given}: a number from 1 up (5 is seeds 0 to 4), or a list of different seeds from 0 up.")
    return named


def nearest(given: object, known) -> str:
    """The right names, the closest first where one is close."""
    known = [str(name) for name in known]
    near = difflib.get_close_matches(str(given), known, n=1, cutoff=.5)
    some = known if len(known) <= 20 else [*known[:12], f"{len(known) - 12} more"]
    return (f"did you mean {near[0]}? " if near else "") + (f"It is one of {', '.join(some)}." if known else "")


def _check_type(key: str, value: object, annotation: ast.expr) -> None:
    if not _accepts(annotation, value):
        raise Refused(f"{key}={value}: {_words(annotation)} is needed here, and this is {_kind(value)}.")


def _accepts(node: ast.expr, value: object) -> bool:
    match node:
        case ast.Name(id="float"):
            return type(value) in (int, float)
        case ast.Name(id="int" | "str" | "bool" as name):
            return type(value).__name__ == name
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(op=ast.BitOr()):
            return _accepts(node.left, value) or _accepts(node.right, value)
        case ast.Subscript(value=ast.Name(id="Literal")):
            options = ast.literal_eval(node.slice)
            return value in (options if isinstance(options, tuple) else (options,)) and type(value) is not bool
        case ast.Subscript(value=ast.Name(id="list" | "tuple"), slice=item):
            item = item.elts[0] if isinstance(item, ast.Tuple) else item
            return isinstance(value, list) and all(_accepts(item, one) for one in value)
    return True


def _words(node: ast.expr) -> str:
    return {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false",
            "float | None": "a number or null", "int | None": "a whole number or null"}.get(
        text := ast.unparse(node), text.replace("Literal", "one of ").replace("None", "null"))


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
    return "nothing (null)" if value is None else names.get(type(value), "a group of values")


def _signature(node: ast.ClassDef) -> dict[str, tuple[ast.expr, bool]]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            args = item.args.args[1:]
            first = len(args) - len(item.args.defaults)
            named = {arg.arg: (arg.annotation, place < first) for place, arg in enumerate(args)}
            return named | {arg.arg: (arg.annotation, default is None) for arg, default in
                            zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)}
    return {item.target.id: (item.annotation, item.value is None) for item in node.body if isinstance(item, ast.AnnAssign)}


def _source(module: str, plugins: tuple[str, ...]) -> Path | None:
    for path in plugins:
        if _stem(path) == module and Path(path).is_file():
            return Path(path)
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    return path if module.startswith("qtlrun.") and path.is_file() else None


@functools.cache
def _load(module: str, plugins: tuple[str, ...]):
    for path in plugins:
        if _stem(path) == module:
            spec = importlib.util.spec_from_file_location(module, path)
            sys.modules[module] = loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            return loaded
    return importlib.import_module(module)


def _stem(path: str) -> str:
    return Path(path).stem


def _last(part: dict) -> str:
    return part["_target_"].rpartition(".")[2]


def finite(**values: float) -> None:
    """Refuse a value that is no finite number of 0 or more; for constructors."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value}: a finite number of 0 or more is needed here.")
