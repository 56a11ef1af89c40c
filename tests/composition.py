"""Plans as the command line composes them, without the command line."""

import copy
import functools
import os
from dataclasses import asdict
from pathlib import Path

import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from qtlrun.contract.part import build_part
from qtlrun.plan import Plan, Redraw, Variant

CONF = Path(__file__).parents[1] / "conf"
ANY = "any home"
SMALL = (
    "backbone=identity",
    "recipe.epochs=1",
    "recipe.batch_size=32",
    "dataset.train=6",
    "dataset.validation=4",
    "circuit.qubits=2",
    "circuit.depth=1",
)
SHORT = (*SMALL, "seeds=3", "splits=1")


def values(*words):
    """The values that a command line's overrides compose."""
    homes = [word for word in words if word.startswith("home=")]
    others = tuple(word for word in words if word not in homes)
    composed = copy.deepcopy(_compose(others, ANY if homes else os.environ.get("QTLRUN_HOME")))
    for word in homes:
        composed["home"] = word.partition("=")[2]
    return composed | {"name": "test", "overrides": list(words), "command": ["qtlrun", *words]}


@functools.cache
def _compose(words, home):
    """Values of words without a home; `home` is that of the environment, ANY if it is replaced."""
    with initialize_config_module("qtlrun.conf", version_base="1.3"):
        return OmegaConf.to_container(
            compose("config", list(words)), resolve=True, throw_on_missing=True
        )


def compose_plan(*words):
    """The plan of a command line's overrides."""
    return Plan(values(*words))


def variants(*words):
    """The composed model, called `composed`, and its references, by name."""
    composed = compose_plan(*words)
    return {"composed": composed.model} | composed.references


def changed(variant, key, value):
    """A variant with another value at a key, at whatever depth."""
    values = asdict(variant)
    *path, last = key.split(".")
    node = values
    for name in path:
        node = node[name]
    assert last in node and node[last] != value
    node[last] = value
    return Variant.of(values)


def part(group, option):
    """The values of one option that has no defaults of its own."""
    return yaml.safe_load((CONF / group / f"{option}.yaml").read_text())


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def short_plan(home, *words, **study):
    """The plan of these words, each in place of a short one of its key; `study` are values of the
    study.
    """
    keys = {word.partition("=")[0] for word in words}
    short = (word for word in SHORT if word.partition("=")[0] not in keys)
    composed = values(f"home={home}", *short, *words) | {
        "command": ["qtlrun", *words],
        "overrides": list(words),
    }
    composed["study"] |= study
    return Plan(composed)


def check(*plans):
    """Check plans as the command does before it trains; the experiment that would train them."""
    from qtlrun.compose.check import check_models, check_words
    from qtlrun.experiment import Experiment

    check_words(list(plans))
    experiment = Experiment(plans[0].settings.home, plans[0].settings.fresh)
    study = build_part("study", plans[0].study, plans[0].settings.plugins)
    check_models(list(plans), study, experiment)
    return experiment


def train_row(experiment, name, variant, seeds, *, draws=(), reader=""):
    """Row of a variant from these seeds, on its own division of the items."""
    redraw = Redraw({}, list(seeds), list(draws))
    (row,) = experiment.train(name, variant, [redraw], reader=reader)
    return row
