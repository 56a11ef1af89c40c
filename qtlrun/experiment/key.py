"""Keys of a row's artifacts: all that its figures depend on."""

from pathlib import Path
from typing import Any

from qtlrun import disk, source, store
from qtlrun.experiment.parts import Parts

COMPUTING = ("qtlrun.experiment.training", "qtlrun.experiment.evaluation")


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
        digest = disk.digest(Path(state).read_bytes())
        identity["head"] = identity["head"] | {"state": digest}
    return identity | {"data": parts.dataset.fingerprint}


def reading_key(parts: Parts) -> str:
    """Key of the readings of a test split: its items and labels, whatever their names and order."""
    test = parts.dataset.test
    return store.key(test=sorted(zip(test.items, test.labels.tolist(), strict=True)))


def _modules(parts: Parts) -> list[str]:
    """Modules that compute a row, without what they import."""
    identity = parts.variant.identity
    groups = ["dataset", "backbone", "freeze", "recipe", "head", "parametrization"]
    if "_target_" in identity["circuit"]:
        groups.append("circuit")
    if "device" in identity:
        groups.append("device")
    return [*COMPUTING, *parts.modules(*groups)]
