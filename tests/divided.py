"""Datasets by the values of their keys, without a plan."""

import dataclasses

from qtlrun.dataset.splitting import Splitting

# Datasets that take a Splitting, and what a fold of each is; a folder is here once for each way in
# which it comes by its test split.
DRAWN = dict.fromkeys(["spirals", "moons", "square", "iris", "alone"], "test") | dict.fromkeys(
    ["published", "hymenoptera", "mnist", "fashion_mnist", "cifar10", "textures"], "validation"
)
FIELDS = [field.name for field in dataclasses.fields(Splitting)]


def divided(make, *given, **values):
    """The dataset of a function that takes a Splitting, whose fields are among the values."""
    fields = {name: values.pop(name) for name in FIELDS if name in values}
    return make(*given, splitting=Splitting(**fields), **values)


def all_items(data):
    return data.train.items + data.validation.items + data.test.items
