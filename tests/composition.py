"""Plans as the command line composes them, without the command line."""

from pathlib import Path

import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from qtlrun import plan as plans

CONF = Path(__file__).parents[1] / "conf"
SHORT = (
    "backbone=identity",
    "recipe.epochs=1",
    "recipe.batch_size=32",
    "dataset.train=6",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=1",
    "seeds=3",
)


def job(*words):
    """The composed plan of a command line's overrides."""
    with initialize_config_module("qtlrun.conf", version_base="1.3"):
        made = OmegaConf.to_container(
            compose("config", list(words)), resolve=True, throw_on_missing=True
        )
    return made | {"name": "test", "overrides": list(words)}


def rows(*words):
    """The plans of the composed row, called `composed`, and of its references, by name."""
    made = job(*words)
    return {"composed": plans.row_plan(made)} | plans.references(made)[0]


def part(group, option):
    """The values of one option that has no defaults of its own."""
    return yaml.safe_load((CONF / group / f"{option}.yaml").read_text())


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def plan_of(place, *words, **study):
    """The plan of these words, each in place of a short one of its key; `study` are values of the
    study.
    """
    keys = {word.partition("=")[0] for word in words}
    short = (word for word in SHORT if word.partition("=")[0] not in keys)
    made = job(f"home={place}", *short, *words) | {
        "command": ["qtlrun", *words],
        "overrides": list(words),
    }
    made["study"] |= study
    return made
