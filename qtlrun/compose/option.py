"""Options of the groups: those shipped, and those in folders that the command line adds."""

import contextlib
from pathlib import Path

import yaml


def shipped() -> Path:
    """Folder of the shipped options, of a checkout or of an installed wheel."""
    from importlib.resources import files

    return Path(str(files("qtlrun.conf")))


def group_names(folders: list[Path]) -> set[str]:
    """Names of the groups; Hydra's own is none."""
    return {path.name for folder in (shipped(), *folders) for path in folder.glob("[a-z]*/")} - {
        "hydra"
    }


def options(group: str, folders: list[Path]) -> list[str]:
    """Names of the options of a group."""
    return sorted(
        {
            path.name.removesuffix(".yaml")
            for folder in (shipped(), *folders)
            for path in (folder / group).glob("*.yaml")
        }
    )


def read_option(group: str, name: str, folders: list[Path]) -> dict:
    """Values in an option's file; none where it cannot be read."""
    for folder in (shipped(), *folders):
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            with contextlib.suppress(yaml.YAMLError):
                return yaml.safe_load(path.read_text()) or {}
    return {}
