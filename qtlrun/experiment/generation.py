"""Checks of a row whose weights are generated, before anything is trained."""

import math

from qtlrun.error import UsageError
from qtlrun.experiment.seedwise import seeded
from qtlrun.layer import Start
from qtlrun.parametrization.generated import BACKBONE, HEAD
from qtlrun.plan import is_plugin, plugin


def check_generated(parts) -> None:
    """Refuse weights that cannot be generated."""
    if parts.solved:
        raise UsageError(
            "this head is solved for, not trained",
            "use parametrization=direct",
            key="parametrization",
        )
    if not parts.exact:
        raise UsageError(
            (
                "a generator is trained on exact probabilities, and its row has the"
                " accuracy at 1000 to 10^8 shots"
            ),
            "leave it null",
            key="device.shots",
        )
    _check_frozen(parts)
    _check_head(parts)
    if is_plugin(parts.variant.target("parametrization")):
        _check_generator(parts)
    try:
        parts.parametrization.check(parts.generated)
    except ValueError as error:
        raise UsageError.of(error, "parametrization") from error


def _check_head(parts) -> None:
    """Refuse generated weights of a head that has a circuit of its own."""
    is_generated = any(name.startswith(HEAD) for name in parts.generated)
    if is_generated and parts.head(parts.bare.features, [0]).executions is not None:
        raise UsageError(
            "this head has a circuit, and what is generated are weights of a classical one",
            "use head=classical, or parametrization.weights=[backbone.*]",
            key="parametrization.weights",
            value=parts.variant.parametrization.get("weights"),
        )


def _check_generator(parts) -> None:
    """Refuse a user's parametrization whose generator does not give every run its weights."""
    part = parts.parametrization
    target = parts.variant.target("parametrization")
    count = sum(map(math.prod, parts.generated.values()))
    for runs in (2, 3):
        with plugin.blamed("parametrization", target), seeded(0, "trial"):
            start = Start(list(range(runs)), parts.dtype)
            weight_generator = part.generator(parts.generated, start, parts.generated)
            values = weight_generator()
        shapes = {name: tuple(value.shape) for name, value in weight_generator.state_dict().items()}
        apart = [name for name, shape in shapes.items() if shape[:1] != (runs,)]
        if tuple(values.shape) != (runs, count) or apart:
            other = f", and {apart[0]} is {shapes[apart[0]]}" if apart else ""
            raise UsageError(
                (
                    f"{target}: of {runs} runs and {count} weights its generator gives"
                    f" {tuple(values.shape)}{other}"
                ),
                (
                    f"({runs}, {count}) is needed, and an axis of runs in front of all"
                    " that it trains or keeps"
                ),
                key="parametrization",
            )


def _check_frozen(parts) -> None:
    """Refuse to replace frozen weights, and scales of a norm.

    Their values are not those that a generator begins with.
    """
    if parts.parametrization.added:
        return
    frozen = parts.freeze.count(len(parts.bare.stages), parts.recipe.epochs - 1)
    held = {id(weight) for stage in parts.bare.stages[:frozen] for weight in stage.parameters}
    for name, weight in parts.bare.named_parameters():
        if f"{BACKBONE}{name}" not in parts.generated:
            continue
        if id(weight) in held:
            raise UsageError(
                f"{BACKBONE}{name} is frozen, and would be replaced",
                "use freeze=none, or parametrization.added=true, which adds to it",
                key="parametrization.weights",
            )
        if weight.dim() == 1 and name.endswith("weight"):
            raise UsageError(
                (
                    f"{BACKBONE}{name} scales a norm and begins at 1, and what is"
                    " generated has the mean 0"
                ),
                "leave it out, or set parametrization.added=true",
                key="parametrization.weights",
            )
