"""Keys of a row's artifacts: all that its figures depend on."""

from typing import Any

from qtlrun import disk, memory, source, store
from qtlrun.error import UsageError
from qtlrun.experiment import pretraining
from qtlrun.experiment.parts import Parts

COMPUTING = ("qtlrun.experiment.training", "qtlrun.experiment.evaluation")
CHECKING = "qtlrun.experiment.check"


def row_key(parts: Parts, seed: int) -> str:
    """Key of a row's outcome for one seed."""
    modules = _modules(parts)
    return store.key(
        **row_identity(parts),
        seed=seed,
        versions=source.versions(*modules),
        sources=source.digest(*modules),
    )


def row_identity(parts: Parts) -> dict[str, Any]:
    """Identity of a variant, with the bytes of data and weights in place of their paths."""
    identity = parts.variant.identity | parts.backbone_identity()
    if state := identity["head"].get("state"):
        digest = disk.file_digest(state)
        identity["head"] = identity["head"] | {"state": digest}
    return identity | {"data": parts.dataset.key}


def row_keys(parts: Parts, seeds: list[int]) -> dict[int, str]:
    """Key of a row's outcome, by seed."""
    return {seed: row_key(parts, seed) for seed in seeds}


def figures_key(parts: Parts, seeds: list[int]) -> str:
    """Key of a variant's predictions, on planted features or those of the dataset."""
    keys = list(row_keys(parts, seeds).values())
    return store.key(figures=keys, given=parts.planted_key)


def checks_key(candidates: list[Parts]) -> str | None:
    """Key of the checks of variants; None where they depend on more than can be known.

    They do with parts of the user's and on an accelerator, and where data are absent.
    """
    if any(parts.variant.runs_any_code or parts.accelerator != "cpu" for parts in candidates):
        return None
    try:
        return store.key(checks=[_check_identity(parts) for parts in candidates])
    except (UsageError, OSError):  # of which the check itself will speak
        return None


def _check_identity(parts: Parts) -> dict[str, Any]:
    """All that the check of a variant depends on; weights of the backbone are not among it."""
    values: dict[str, Any] = {"variant": parts.variant.key, "data": parts.dataset.key}
    modules = [CHECKING, *_modules(parts)]
    if pretraining.is_wanted(parts.variant):
        values["source"] = pretraining.dataset(parts).key
        modules += pretraining.modules(parts.variant)
    if state := parts.variant.head.get("state"):
        values["state"] = disk.file_digest(state)
    return values | {
        "memory": memory.total(),
        "versions": source.versions(*modules),
        "sources": source.digest(*modules),
    }


def _modules(parts: Parts) -> list[str]:
    """Modules that compute a row, without what they import."""
    identity = parts.variant.identity
    groups = ["dataset", "backbone", "freeze", "recipe", "head", "parametrization"]
    if "_target_" in identity["circuit"]:
        groups.append("circuit")
    if "device" in identity:
        groups.append("device")
    return [*COMPUTING, *parts.modules(*groups)]
