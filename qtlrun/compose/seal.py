"""Plans held against the seal that the command line names, before anything is loaded."""

import shlex
from pathlib import Path

from qtlrun.compose.check import folder
from qtlrun.error import UsageError
from qtlrun.plan import Plan
from qtlrun.plan.seal import (
    FILE,
    NAME_DIGITS,
    Difference,
    Seal,
    describe_differences,
    find_changes,
    find_differences,
    is_hash,
    load_seal,
    parse_seal,
)
from qtlrun.store import Store

MIN_DIGITS = 8  # of a hash
MAX_LISTED = 4  # seals that begin alike


def check_seal(plans: list[Plan], number: int | None = None) -> list[Plan]:
    """Plans with the point of the seal that each is, where the command line names a seal.

    `number` is that of a single plan within its sweep. Refuses a seal that is not there or was
    changed, and plans that differ from the sealed ones.
    """
    if plans[0].settings.seal is None:
        return plans
    seal = _find_seal(plans[0])
    numbers = list(range(len(plans))) if number is None else [number]
    if numbers[-1] >= len(seal.plans) or (number is None and len(plans) < len(seal.plans)):
        difference = Difference("the number of points", str(len(seal.plans)), str(len(plans)))
        raise _refusal(plans[0], seal, [difference])
    points = dict(zip(numbers, plans, strict=True))
    differences: list[Difference] = []
    for point, plan in points.items():
        where = f"point {point + 1}, " if len(seal.plans) > 1 else ""
        differences += [
            Difference(f"{where}{each.key}", each.before, each.after)
            for each in find_differences(seal.plans[point], plan.values)
        ]
    margin = plans[0].study.get("margin", seal.margin)
    if margin != seal.margin:
        differences.append(Difference("study.margin", str(seal.margin), str(margin)))
    if differences:
        raise _refusal(plans[0], seal, differences)
    return [plan.under(seal.point(point)) for point, plan in points.items()]


def _find_seal(plan: Plan) -> Seal:
    """Seal that a plan names, by its folder or by the beginning of its hash."""
    name = _typed_name(plan)
    path = folder("seal", name)
    store = Store(plan.settings.home)
    keys = store.keys("seals", name.lower()) if is_hash(name) else []
    if keys and len(name) >= MIN_DIGITS:
        return _load(name, store, keys)
    if path.exists():
        return _read(name, path, store)
    if not is_hash(name):
        reason = "there is no such folder, and a hash has the digits 0 to 9 and a to f alone"
    elif len(name) < MIN_DIGITS:
        reason = f"there is no such folder, and a hash is named by {MIN_DIGITS} digits or more"
    else:
        reason = f"no seal in {store.folder} begins so, and there is no such folder"
    raise _unusable(name, reason, "study=preregister seals a plan, and prints its hash")


def _typed_name(plan: Plan) -> str:
    """Name of the seal as typed: digits alone would be read as a number."""
    typed = [override.value for override in plan.overrides if override.key == "seal"]
    value = plan.settings.seal
    if isinstance(value, str) or not typed:
        return str(value)
    return str(typed[-1])


def _load(name: str, store: Store, keys: list[str]) -> Seal:
    """Seal of the store, of those whose hash begins with a name."""
    if len(keys) > 1:
        listed = ", ".join(key[:NAME_DIGITS] for key in keys[:MAX_LISTED])
        more = f" and {len(keys) - MAX_LISTED} more" if len(keys) > MAX_LISTED else ""
        raise _unusable(name, f"{len(keys)} seals begin so: {listed}{more}", "give more digits")
    entry = store.get("seals", keys[0])
    try:
        seal = load_seal(entry and entry.values)
        if seal.hash != keys[0]:
            raise ValueError("it holds another one")
        return seal
    except ValueError as error:
        reason = f"the seal in {store.folder} is damaged: {error}"
        raise _unusable(name, reason, "name the folder of a whole one with seal=FOLDER") from error


def _read(name: str, path: Path, store: Store) -> Seal:
    """Seal of a folder or of its file."""
    file = path / FILE if path.is_dir() else path
    values: object = None
    try:
        values = parse_seal(file.read_bytes())
        return load_seal(values)
    except FileNotFoundError as error:
        reason = f"there is no {FILE} in it, which study=preregister writes"
        raise _unusable(name, reason, "name the folder that it printed") from error
    except OSError as error:
        reason = f"{file} cannot be read ({error.strerror})"
        raise _unusable(name, reason, "let it be read, or name the seal by its hash") from error
    except ValueError as error:
        fix = "restore the file, name the seal by its hash, or seal the plan anew"
        raise _unusable(name, f"{error}{_describe_changes(values, store)}", fix) from error


def _describe_changes(values: object, store: Store) -> str:
    """Differences of a file to the seal of the store that it names; empty where there is none."""
    digest = values.get("hash") if isinstance(values, dict) else None
    entry = store.get("seals", digest) if isinstance(digest, str) and is_hash(digest) else None
    if entry is None:
        return ""
    changes = find_changes(load_seal(entry.values), values)
    return f": {describe_differences(changes)}" if changes else ""


def _unusable(name: str, reason: str, fix: str) -> UsageError:
    return UsageError(reason, fix, key="seal", value=name)


def _refusal(plan: Plan, seal: Seal, differences: list[Difference]) -> UsageError:
    """Error of a plan that is not the sealed one."""
    command = shlex.join([*seal.command, f"seal={seal.name}"])
    return _unusable(
        _typed_name(plan),
        f"this is not the plan that was sealed: {describe_differences(differences)}",
        f"its command is `{command}`; another plan needs a seal of its own",
    )
